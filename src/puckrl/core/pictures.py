"""Read and write pictures of goals: PNG files that say which camera took them.

    one row of pixels a camera      several cameras lie side by side
    text "puckrl"                   JSON: cameras, and the goal where it is known

Any program may write the file; without the text, only its size can be checked.
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from puckrl.core.errors import UserError, first_line
from puckrl.core.spec import CameraSpec, ImageSpec, from_plain

_TEXT = "puckrl"
_NEAR = 1e-3  # meters, degrees: cameras that are nearer than this are one


@dataclass(frozen=True)
class Picture:
    """A picture of a goal."""

    image: NDArray[np.uint8]
    """(channels, height, width), the cameras one after the other."""
    goal: tuple[float, ...] | None = None
    """The goal that it shows; None: unknown."""


@dataclass(frozen=True)
class _Text:
    """What a picture's file says of it; None where it does not."""

    cameras: tuple[CameraSpec, ...] | None = None
    goal: tuple[float, ...] | None = None


def write_picture(path: Path, picture: Picture, of: ImageSpec) -> None:
    """Write a picture as PNG, with its cameras and its goal.

    Raises:
        UserError: if the file cannot be written.
    """
    from PIL import Image, PngImagePlugin

    said = {"cameras": [asdict(one) for one in of.cameras], "goal": picture.goal}
    text = PngImagePlugin.PngInfo()
    text.add_text(_TEXT, json.dumps(said))
    # (cameras * 3, H, W) -> (H, cameras * W, 3)
    views = picture.image.reshape(-1, 3, *picture.image.shape[1:])
    side_by_side = np.concatenate(list(views), axis=2).transpose(1, 2, 0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(side_by_side)).save(
            path, format="png", pnginfo=text
        )
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or first_line(error)}"
        ) from error


def read_picture(path: Path, of: ImageSpec) -> Picture:
    """Read a picture that a policy's cameras could have taken.

    Args:
        path: an image file, best a PNG.
        of: the policy's images.

    Raises:
        UserError: if it is no image, of another size, or of other cameras; if what its
            file says of it is damaged.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            _check_size(path, opened.width, opened.height, of)
            text = str(opened.info.get(_TEXT, ""))
            pixels = np.asarray(opened.convert("RGB"))
    except (UnidentifiedImageError, Image.DecompressionBombError, ValueError) as error:
        raise UserError(f"{path} is no image; wanted: a PNG file") from error
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror or first_line(error)}"
        ) from error
    known = _known(path, text)
    _check_cameras(path, known.cameras, of)
    views = np.split(pixels, len(of.cameras), axis=1)
    image = np.concatenate([view.transpose(2, 0, 1) for view in views])
    return Picture(image, known.goal)


def _check_size(path: Path, width: int, height: int, of: ImageSpec) -> None:
    """Refuse a picture of another size."""
    count = len(of.cameras)
    wanted = (count * of.width, of.height)
    if (width, height) != wanted:
        names = " and ".join(one.name for one in of.cameras)
        views = f"{names}, side by side" if count > 1 else names
        raise UserError(
            f"{path} has {width} x {height} pixels; the policy's cameras ({views}) make "
            f"{wanted[0]} x {wanted[1]}: take the picture with them"
        )


def _known(path: Path, text: str) -> _Text:
    """Return what a picture says of itself."""
    what = f"{path}: its text {_TEXT!r}"
    try:
        tree = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise UserError(f"{what} is damaged: {first_line(error)}") from error
    known = from_plain(_Text, tree, what)
    if not all(map(math.isfinite, known.goal or ())):
        raise UserError(f"{what} has a goal of {known.goal}; wanted: finite numbers")
    return known


def _check_cameras(
    path: Path, cameras: tuple[CameraSpec, ...] | None, of: ImageSpec
) -> None:
    """Refuse a picture whose cameras are known to be others."""
    if cameras is None:
        return
    names = [one.name for one in cameras]
    wanted = [one.name for one in of.cameras]
    if len(names) != len(wanted):
        raise UserError(
            f"{path} was taken by {len(names)} cameras ({', '.join(names)}); "
            f"the policy has {len(wanted)}: {', '.join(wanted)}"
        )
    for there, here in zip(cameras, of.cameras, strict=True):
        if apart := camera_difference(there, here):
            raise UserError(
                f"{path} was taken by another camera: {apart}; take the picture with the "
                "policy's own"
            )


def camera_difference(there: CameraSpec, here: CameraSpec) -> str:
    """Return how a camera differs from another, in words; empty if it does not."""
    for name, unit in (("pos_m", " m"), ("look_at_m", " m"), ("fovy_deg", " degrees")):
        one, two = np.asarray(getattr(there, name)), np.asarray(getattr(here, name))
        if one.shape != two.shape or not np.allclose(one, two, rtol=0.0, atol=_NEAR):
            return (
                f"{name} of {there.name} is {one.tolist()}{unit}, that of "
                f"{here.name} {two.tolist()}{unit}"
            )
    return ""
