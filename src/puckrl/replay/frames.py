"""Images in the ring: each stored once, stacks rebuilt when a batch is sampled.

    frame   (capacity, T + 1, channels, height, width) uint8

The stack before step t is frames max(t - k + 1, 0) ... t of the episode: the first
one repeats. The stack after it is one frame further, so k + 1 frames serve both:

    k = 3, t = 4     frames 2 3 4 5     stack before: 2 3 4     after: 3 4 5
           t = 1     frames 0 0 1 2     stack before: 0 0 1     after: 0 1 2

Planes, not pixels, lie side by side: both stacks are then views of one gather of
whole frames. Measured on one CPU core, 256 stacks of 4 frames of 84 x 84 x 3: 4 ms;
weaving the frames into channels-last rows takes 70 ms more, and the conversion to a
channels-last float, which the encoder does anyway, is no faster from there.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.types import Obs, PixelSpace, Spaces
from puckrl.replay.layout import allocate, frame_shapes

Place = Literal["device", "cpu", "disk"]


class Frames(Protocol):
    """What the ring keeps of images."""

    rows: dict[str, Tensor]
    """Storage by name, (capacity, ...) each, wherever it lives."""

    def staging(self, num_worlds: int, device: torch.device) -> dict[str, Tensor]:
        """Storage for the episodes under way, (num_worlds, ...) each."""
        ...

    def seen(self, obs: Obs) -> Obs:
        """What of an observation is to be stored, by name, (B, ...) each."""
        ...

    def stacks(
        self, episode: Tensor, step: Tensor, *, needs_next_pixels: bool = True
    ) -> tuple[Obs, Obs]:
        """What the policy sees before and after ``step`` of ``episode``, (B,) int64.

        Nothing of what comes after, unless it looks ahead.
        """
        ...


class NoFrames:
    """A task without images."""

    def __init__(self) -> None:
        self.rows: dict[str, Tensor] = {}

    def staging(self, num_worlds: int, device: torch.device) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def seen(self, obs: Obs) -> Obs:
        """Nothing."""
        return {}

    def stacks(
        self, episode: Tensor, step: Tensor, *, needs_next_pixels: bool = True
    ) -> tuple[Obs, Obs]:
        """Nothing."""
        return {}, {}


class FrameStore:
    """Every image once.

    Args:
        space: size of frames and stacks.
        rows: zeroed storage, (capacity, T + 1, channels, height, width) uint8.
        device: where batches are made; indices and stacks are there.
    """

    def __init__(self, space: PixelSpace, rows: Tensor, device: torch.device) -> None:
        self.rows = {"frame": rows}
        self._space, self._device = space, device
        self._flat = rows.flatten(2).flatten(0, 1)
        # -k + 1 ... 1: the frames of both stacks, relative to the step
        self._window = torch.arange(1 - space.stack, 2, device=device)

    def staging(self, num_worlds: int, device: torch.device) -> dict[str, Tensor]:
        """Frames of the episodes under way."""
        shape = tuple(self.rows["frame"].shape[1:])
        return allocate({"frame": shape}, num_worlds, torch.uint8, device)

    def seen(self, obs: Obs) -> Obs:
        """The newest frames as planes, from ``frame`` (B, height, width, channels)."""
        return {"frame": obs["frame"].permute(0, 3, 1, 2)}

    def stacks(
        self, episode: Tensor, step: Tensor, *, needs_next_pixels: bool = True
    ) -> tuple[Obs, Obs]:
        """Stacks, (B, stack * channels, height, width) uint8, the oldest frame first.

        Both are views of the same memory. Without looking ahead the first fills it, and is
        copied as memory, not element by element as a view with gaps.
        """
        space, length = self._space, self.rows["frame"].shape[1]
        window = self._window if needs_next_pixels else self._window[:-1]
        within = (step[:, None] + window).clamp_(min=0)
        index = (episode[:, None] * length + within).flatten()
        frames = self._flat.index_select(0, index.to(self._flat.device))
        planes = frames.view(len(step), -1, space.height, space.width)
        planes = planes.to(self._device)
        before = {"pixels": planes[:, : space.stacked_channels]}
        return before, {
            "pixels": planes[:, space.channels :]
        } if needs_next_pixels else {}


def make_frames(
    spaces: Spaces, capacity: int, place: Place, device: torch.device, folder: str
) -> Frames:
    """Storage for the images of ``capacity`` episodes, if there are images.

    Args:
        spaces: what the task emits.
        capacity: episodes that fit.
        place: on ``device``, in main memory, or in a file.
        device: where batches are made.
        folder: where the file lies; empty: where the system keeps temporary files.

    Raises:
        UserError: if the disk has too little room.
    """
    if spaces.pixels is None:
        return NoFrames()
    shapes = frame_shapes(spaces)
    if place == "disk":
        rows = _on_disk((capacity, *shapes["frame"]), folder)
    else:
        where = device if place == "device" else torch.device("cpu")
        rows = allocate(shapes, capacity, torch.uint8, where)["frame"]
    return FrameStore(spaces.pixels, rows, device)


def frames_folder(name: str) -> Path:
    """Where a file of images lies; empty: where the system keeps temporary files.

    Raises:
        UserError: if it does not exist.
    """
    folder = Path(name or tempfile.gettempdir())
    if not folder.is_dir():
        raise UserError(
            f"--replay.frames-folder {folder} is no folder; create it first"
        )
    return folder


def _on_disk(shape: tuple[int, ...], folder: str) -> Tensor:
    """Zeros in a sparse file that is gone as soon as nobody maps it, even if killed."""
    size, parent = int(torch.Size(shape).numel()), frames_folder(folder)
    # Checked now: a mapped file on a full disk ends the process without a word
    free = shutil.disk_usage(parent).free
    if free < size:
        raise UserError(
            f"frames need {size / 1e9:.1f} GB, {parent} has {free / 1e9:.1f} GB free; "
            "lower --replay.capacity or choose another --replay.frames-folder"
        )
    with tempfile.TemporaryDirectory(prefix="puck-frames-", dir=parent) as private:
        name = str(Path(private) / "frames")
        flat = torch.from_file(name, shared=True, size=size, dtype=torch.uint8)
    return flat.view(shape)
