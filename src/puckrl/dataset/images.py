"""Encode images: PNG exactly, or H.264 video, and measure how far off that is."""

import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from puckrl.core.runtime import usable_cores

Images = NDArray[np.uint8]
_FASTEST = 1  # of zlib: images are small, and PNG is exact at every level
# Every other frame is a key frame, so that any frame can be read at once
_VIDEO = ("-crf", "18", "-g", "2")


def png(images: Iterable[Images]) -> list[bytes]:
    """Return each image (height, width, 3) as the bytes of a PNG file."""
    with ThreadPoolExecutor(usable_cores()) as pool:  # zlib works without the GIL
        return list(pool.map(_png, images))


def _png(image: Images) -> bytes:
    made = io.BytesIO()
    Image.fromarray(image).save(made, "PNG", compress_level=_FASTEST)
    return made.getvalue()


def write_video(path: Path, images: Images, fps: float) -> None:
    """Write images (n, height, width, 3) as H.264 in MP4; sides must be even."""
    height, width = images.shape[1:3]
    how: dict[str, Any] = {"fps": fps, "codec": "libx264", "quality": None}
    how |= {"pix_fmt_out": "yuv420p", "macro_block_size": 2}
    how |= {"output_params": list(_VIDEO)}
    writer = imageio_ffmpeg.write_frames(str(path), (width, height), **how)
    writer.send(None)
    for image in images:
        writer.send(np.ascontiguousarray(image))
    writer.close()


def read_video(path: Path) -> Images:
    """Return the images of a video, (n, height, width, 3)."""
    frames = imageio_ffmpeg.read_frames(str(path))
    about = next(frames)
    width, height = about["size"]
    return np.stack(
        [np.frombuffer(one, np.uint8).reshape(height, width, 3) for one in frames]
    )


def deviation(path: Path, images: Images) -> float:
    """Return how far a video is from its images, mean over numbers of 0 to 255."""
    return float(np.abs(read_video(path).astype(int) - images).mean())
