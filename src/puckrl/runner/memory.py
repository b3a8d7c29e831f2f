"""Compare the size of a replay buffer with the memory that is free for it.

A buffer in RAM takes its pages as it fills. Until then they look free, and the kernel
would kill one of two runs hours later. So every run announces what it will take, and
subtracts what other living runs have announced. GPUs are told apart by their UUIDs: their
numbers depend on ``CUDA_VISIBLE_DEVICES``.
"""

import contextlib
import json
import logging
import math
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from puckrl.config.notices import Notice
from puckrl.config.run_cfg import RunCfg
from puckrl.core.runtime import pick_device
from puckrl.core.types import Spaces
from puckrl.replay.frames import frames_folder
from puckrl.replay.layout import bytes_per_step, bytes_per_transition
from puckrl.replay.steps import rows_of

log = logging.getLogger(__name__)

_SAFETY = 0.9  # share of the free memory that a plan may use
_CGROUP, _PROC = Path("/sys/fs/cgroup"), Path("/proc")


@dataclass(frozen=True)
class Memory:
    """Hold the size of a replay buffer and the room for it; bytes."""

    per_transition: float
    """Bytes of one stored transition."""
    replay: int
    """Bytes of the whole buffer, including unfinished episodes."""
    where: str
    """Where the buffer lives: RAM, GPU or disk."""
    free: int | None
    """Free bytes there now, minus what other living runs will still take; None: this
    machine has no such GPU."""
    largest_capacity: int | None
    """Number of transitions that fit; None: this machine has no such GPU."""
    snapshots: int
    """Bytes of the snapshots on disk when the buffer holds all that the run collects."""
    gpu: str = ""
    """UUID of the GPU that holds the buffer; empty if it is elsewhere, or unknown."""

    @property
    def board_key(self) -> str:
        """Return the name under which runs announce memory there."""
        return f"GPU {self.gpu}" if self.gpu else self.where

    @property
    def fits(self) -> bool:
        """Whether the buffer fits; True if this machine has no such GPU."""
        return self.free is None or self.replay <= _SAFETY * self.free


def memory_of(cfg: RunCfg, spaces: Spaces) -> Memory:
    """Return the size of the replay buffer of a run and the room for it.

    Raises:
        UserError: if frames go to a folder that does not exist.
    """
    if cfg.stores_steps:
        each, worlds = float(bytes_per_step(spaces)), cfg.sim.num_worlds
        rows = rows_of(cfg.replay.capacity, worlds, cfg.replay.n_step)
        total = int(each) * rows * worlds
    else:
        each = bytes_per_transition(spaces)
        total = cfg.replay.bytes_total(spaces, cfg.sim.num_worlds)
    where, free, gpu = _free(cfg, images=spaces.pixels is not None)
    largest = None if free is None else int(_SAFETY * free / each)
    played = each * (cfg.budget.env_steps or math.inf)
    kept = int(min(total, played)) if cfg.save.replay else 0
    return Memory(each, total, where, free, largest, kept, gpu)


def too_large(memory: Memory) -> Notice:
    """Return the error for a buffer that does not fit."""
    assert memory.free is not None
    return Notice(
        "error",
        f"the replay needs {size_text(memory.replay)}, but {memory.where} has "
        f"{size_text(memory.free)} free; the maximum is --replay.capacity "
        f"{memory.largest_capacity}",
    )


def no_room_on_disk(memory: Memory, folder: Path) -> list[Notice]:
    """Return a warning if the snapshots do not fit on the disk of ``folder``."""
    free = shutil.disk_usage(folder).free
    if memory.snapshots <= _SAFETY * free:
        return []
    text = (
        f"snapshots take up to {size_text(memory.snapshots)}, but the disk has "
        f"{size_text(free)} free; lower --replay.capacity, or give up --resume with "
        "--save.no-replay"
    )
    return [Notice("warning", text)]


def size_text(count: float) -> str:
    """Return bytes as text with a unit."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count:.0f} B"


def _free(cfg: RunCfg, *, images: bool) -> tuple[str, int | None, str]:
    """Return where most of the buffer lives, the free bytes there, and which GPU it is."""
    if cfg.device.startswith("cuda") and not torch.cuda.is_available():
        return "GPU", None, ""
    device = pick_device(cfg.device)
    if images and cfg.replay.frames_on == "disk":
        folder = frames_folder(cfg.replay.frames_folder)
        return "disk", shutil.disk_usage(folder).free, ""
    if device.type == "cuda" and not (images and cfg.replay.frames_on == "cpu"):
        free, gpu = torch.cuda.mem_get_info(device)[0], gpu_uuid(device)
        return "GPU", max(0, free - _promised(f"GPU {gpu}")), gpu
    return "RAM", free_ram(), ""


def gpu_uuid(device: torch.device) -> str:
    """Return what tells a GPU from all others, in every process."""
    return str(torch.cuda.get_device_properties(device).uuid)


def free_ram() -> int:
    """Return the bytes of RAM that nobody uses and no other living run has announced."""
    return max(0, int(min(_free_ram(), _free_in_group())) - _promised("RAM"))


def _free_ram() -> int:
    """Return the bytes that programs on this machine can still take."""
    meminfo = _PROC / "meminfo"
    if meminfo.exists():
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        return int(fields["MemAvailable"].split()[0]) * 1024
    # Not Linux: free pages, or all pages where the system does not report those
    names = [n for n in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES") if n in os.sysconf_names]
    return os.sysconf(names[0]) * os.sysconf("SC_PAGE_SIZE")


def _free_in_group() -> float:
    """Return the bytes that this cgroup (v2) may still take; inf: no limit."""
    free = float("inf")
    with contextlib.suppress(OSError, ValueError):
        own = (_PROC / "self/cgroup").read_text().rpartition("::/")[2].strip()
        for group in {_CGROUP, _CGROUP / own}:
            most = (group / "memory.max").read_text().strip()
            if most == "max":
                continue
            stat = (group / "memory.stat").read_text().splitlines()
            idle = int(dict(line.split() for line in stat)["inactive_file"])
            taken = int((group / "memory.current").read_text()) - idle
            free = min(free, int(most) - taken)
    return free


def taken_gb(device: torch.device) -> dict[str, float]:
    """Return this process's peak RAM and the GPU memory in use by all; 1e9 bytes."""
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    ram = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    gpu = 0
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        gpu = total - free
    return {"ram": round(ram / 1e9, 2), "gpu": round(gpu / 1e9, 2)}


@contextmanager
def announced(memory: Memory) -> Generator[None]:
    """Announce to this user's other runs what this process will take, and where."""
    try:
        _board().mkdir(parents=True, exist_ok=True)
        _own_note().write_text(json.dumps({memory.board_key: memory.replay}))
    except OSError as error:  # no reason not to train
        log.warning("other runs cannot know of this one's memory: %s", error)
        yield
        return
    try:
        yield
    finally:
        _own_note().unlink(missing_ok=True)


def allocated() -> None:
    """Withdraw what this process announced for a GPU: from now on it counts as taken.

    A buffer on the GPU is allocated at once, one in RAM page by page as it fills.
    """
    with contextlib.suppress(OSError):  # nothing was announced
        promised = json.loads(_own_note().read_text())
        kept = {
            key: 0 if key.startswith("GPU") else count
            for key, count in promised.items()
        }
        _own_note().write_text(json.dumps(kept))


def _promised(where: str) -> int:
    """Return the bytes that other living runs have announced and not yet taken.

    Args:
        where: a ``Memory.board_key``.
    """
    return sum(_still_to_come(note, where) for note in _others())


def other_runs() -> list[int]:
    """Return the process ids of this user's other runs on this machine."""
    return sorted(int(note.name) for note in _others() if note.name.isdecimal())


def _others() -> list[Path]:
    """Return the notes of other living runs; remove those of dead ones."""
    notes = list(_board().glob("*")) if _board().is_dir() and _PROC.is_dir() else []
    living: list[Path] = []
    for note in notes:
        if (_PROC / note.name).exists():
            living.append(note)
        else:  # killed: its process id may be reused
            note.unlink(missing_ok=True)
    return [note for note in living if note != _own_note()]


def _still_to_come(note: Path, where: str) -> int:
    """Return the bytes that the writer of a note will still take; 0 if it has ended."""
    try:
        promised = json.loads(note.read_text()).get(where, 0)
        if where != "RAM":
            return promised
        pages = int((_PROC / note.name / "statm").read_text().split()[1])
        return max(0, promised - pages * os.sysconf("SC_PAGE_SIZE"))
    except (OSError, ValueError, AttributeError):  # a note of another version, too
        return 0


def _own_note() -> Path:
    """Return where this process announces itself."""
    return _board() / str(os.getpid())


def _board() -> Path:
    """Return the folder in which this user's runs announce themselves."""
    return Path(tempfile.gettempdir()) / f"puckrl-{os.getuid()}"
