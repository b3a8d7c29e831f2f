"""Camera frames of a replay buffer: each is stored once; ``sample`` rebuilds the stacks.

    frame   (capacity, T + 1, channels, height, width) uint8

The stack before step t consists of frames max(t - k + 1, 0) ... t of the episode; the
first one repeats. The next stack is one frame later, so k + 1 frames serve both:

    k = 3, t = 4     frames 2 3 4 5     stack before: 2 3 4     after: 3 4 5
           t = 1     frames 0 0 1 2     stack before: 0 0 1     after: 0 1 2

The image of a hindsight goal is the frame of its moment. Only pictures of the goals that
episodes were played with are stored besides, one for each episode:

    goal_image   (capacity, channels, height, width) uint8

Frames are stored channels first: both stacks are then views of one gather of whole
frames. Measured on one CPU core, 256 stacks of 4 frames of 84 x 84 x 3: 4 ms.
Interleaving the frames into channels-last rows takes 70 ms more, and the encoder's
conversion to a channels-last float is no faster from there.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.types import Obs, PixelSpace, Spaces
from puckrl.replay.goals import GoalPlaces
from puckrl.replay.layout import frame_shapes
from puckrl.replay.settings import Place
from puckrl.replay.storage import allocate


class Frames(Protocol):
    """Storage for the images of episodes."""

    rows: dict[str, Tensor]
    """Storage by name, (capacity, ...) each, on any device."""
    per_episode: tuple[str, ...]
    """Names of observations that are stored once for each episode."""

    def staging(self, num_worlds: int, device: torch.device) -> dict[str, Tensor]:
        """Allocate storage for unfinished episodes, (num_worlds, ...) each, by name."""
        ...

    def stored(self, obs: Obs) -> Obs:
        """Return the part of an observation to store, by name, (B, ...) each."""
        ...

    def stacks(
        self, episode: Tensor, step: Tensor, *, needs_next_pixels: bool = True
    ) -> tuple[Obs, Obs]:
        """Return the pixels before and after ``step`` of ``episode``.

        Args:
            episode: slots of the episodes, (B,) int64.
            step: steps within them, (B,) int64.
            needs_next_pixels: whether to return pixels after the step; else none.
        """
        ...

    def later_pixels(self, episode: Tensor, step: Tensor) -> Obs:
        """Return the stacks before ``step`` as ``later_pixels``; {} without images."""
        ...

    def goal_images(self, places: GoalPlaces) -> Obs:
        """Return ``goal_image``, (B, channels, height, width); {} without goal images."""
        ...


class NoFrames:
    """Storage for a task without images."""

    per_episode: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.rows: dict[str, Tensor] = {}

    def staging(self, num_worlds: int, device: torch.device) -> dict[str, Tensor]:
        """Return nothing."""
        return {}

    def stored(self, obs: Obs) -> Obs:
        """Return nothing."""
        return {}

    def stacks(
        self, episode: Tensor, step: Tensor, *, needs_next_pixels: bool = True
    ) -> tuple[Obs, Obs]:
        """Return nothing."""
        return {}, {}

    def later_pixels(self, episode: Tensor, step: Tensor) -> Obs:
        """Return nothing."""
        return {}

    def goal_images(self, places: GoalPlaces) -> Obs:
        """Return nothing."""
        return {}


class FrameStore:
    """Stores every image once.

    Args:
        space: sizes of frames and stacks.
        rows: zeroed storage by name: ``frame`` (capacity, T + 1, channels, height, width)
            uint8 and, with goal images, ``goal_image`` (capacity, channels, height, width).
        device: device of indices and stacks.
    """

    def __init__(
        self, space: PixelSpace, rows: dict[str, Tensor], device: torch.device
    ) -> None:
        self.rows = rows
        self.per_episode = tuple(name for name in rows if name != "frame")
        self._space, self._device = space, device
        self._flat = rows["frame"].flatten(2).flatten(0, 1)
        # -k + 1 ... 1: the frames of both stacks, relative to the step
        self._window = torch.arange(1 - space.stack, 2, device=device)

    def staging(self, num_worlds: int, device: torch.device) -> dict[str, Tensor]:
        """Allocate storage for the images of unfinished episodes."""
        shapes = {name: tuple(rows.shape[1:]) for name, rows in self.rows.items()}
        return allocate(shapes, num_worlds, torch.uint8, device)

    def stored(self, obs: Obs) -> Obs:
        """Return ``frame`` (B, height, width, channels) with its channels first."""
        return {"frame": obs["frame"].permute(0, 3, 1, 2)}

    def stacks(
        self, episode: Tensor, step: Tensor, *, needs_next_pixels: bool = True
    ) -> tuple[Obs, Obs]:
        """Return stacks, (B, stack * channels, height, width) uint8, oldest frame first.

        Both are views of the same memory. Without next pixels, the first is contiguous
        and therefore faster to copy.
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

    def later_pixels(self, episode: Tensor, step: Tensor) -> Obs:
        """Return the stacks before ``step`` as ``later_pixels``."""
        pixels, _ = self.stacks(episode, step, needs_next_pixels=False)
        return {"later_pixels": pixels["pixels"]}

    def goal_images(self, places: GoalPlaces) -> Obs:
        """Return the frames at places of hindsight goals, and own goals' pictures."""
        own = self.rows.get("goal_image")
        if own is None:
            return {}
        frames = self.rows["frame"]
        episode, index, hindsight = (
            x.to(frames.device)
            for x in (places.episode, places.index, places.hindsight)
        )
        shown = frames[episode, index]
        pictures = own[episode.to(own.device)].to(frames.device)
        image = torch.where(hindsight[:, None, None, None], shown, pictures)
        return {"goal_image": image.to(self._device)}


def make_frames(
    spaces: Spaces, capacity: int, place: Place, device: torch.device, folder: str
) -> Frames:
    """Allocate storage for the images of ``capacity`` episodes, if the task has images.

    Args:
        spaces: sizes of observations.
        capacity: number of episodes.
        place: on ``device``, in main memory, or in a file.
        device: device of the sampled batches.
        folder: folder of the file; empty: the system's folder for temporary files.

    Raises:
        UserError: if the folder does not exist or its disk is too full.
    """
    if spaces.pixels is None:
        return NoFrames()
    shapes = frame_shapes(spaces)
    rows: dict[str, Tensor] = {}
    if place == "disk":
        rows["frame"] = _on_disk((capacity, *shapes.pop("frame")), folder)
    where = device if place == "device" else torch.device("cpu")
    rows |= allocate(shapes, capacity, torch.uint8, where)
    return FrameStore(spaces.pixels, rows, device)


def frames_folder(name: str) -> Path:
    """Return the folder for files of images; empty name: the system's temporary folder.

    Raises:
        UserError: if it does not exist.
    """
    folder = Path(name or tempfile.gettempdir())
    if not folder.is_dir():
        raise UserError(
            f"--replay.frames-folder {folder} is not a folder; create it first"
        )
    return folder


def _on_disk(shape: tuple[int, ...], folder: str) -> Tensor:
    """Map zeros in a sparse file that the system deletes once no process maps it."""
    size, parent = int(torch.Size(shape).numel()), frames_folder(folder)
    # Checked now: on a full disk, writing to a mapped file kills the process silently
    free = shutil.disk_usage(parent).free
    if free < size:
        raise UserError(
            f"frames need {size / 1e9:.1f} GB, {parent} has {free / 1e9:.1f} GB free; "
            "lower --replay.capacity or choose another --replay.frames-folder"
        )
    with tempfile.TemporaryDirectory(prefix="puck-frames-", dir=parent) as temporary:
        name = str(Path(temporary) / "frames")
        flat = torch.from_file(name, shared=True, size=size, dtype=torch.uint8)
    return flat.view(shape)
