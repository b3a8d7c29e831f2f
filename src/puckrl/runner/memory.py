"""What a replay takes, and what is free where it will lie: other living runs counted.

A replay on the CPU takes its pages as it fills. Until then they look free, and two runs
that each fit would be killed hours later: so every run announces what it will take.
"""

import contextlib
import json
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

from puckrl.config.conflicts import Notice
from puckrl.config.run_cfg import RunCfg
from puckrl.core.runtime import pick_device
from puckrl.core.types import Spaces
from puckrl.replay.frames import frames_folder
from puckrl.replay.layout import bytes_per_transition

_SAFETY = 0.9  # of what is free may be planned for
_CGROUP, _PROC = Path("/sys/fs/cgroup"), Path("/proc")


@dataclass(frozen=True)
class Memory:
    """What the replay takes; bytes."""

    per_transition: float
    """Of one stored transition."""
    replay: int
    """Of the whole replay, episodes under way included."""
    where: str
    """RAM, GPU or disk."""
    free: int | None
    """Free there now, less what other living runs have still to take; None: there is no
    such GPU here."""
    largest_capacity: int | None
    """Transitions that would fit."""
    snapshots: int
    """Of the episodes in the run's snapshots, on disk: of all that it will hold."""

    @property
    def fits(self) -> bool:
        """Whether there is room."""
        return self.free is None or self.replay <= _SAFETY * self.free


def memory_of(cfg: RunCfg, spaces: Spaces) -> Memory:
    """Bytes of the replay against what is free where it will lie.

    Raises:
        UserError: if that is a folder that does not exist.
    """
    each = bytes_per_transition(spaces)
    total = cfg.replay.bytes_total(spaces, cfg.sim.num_worlds)
    where, free = _free(cfg, pictures=spaces.pixels is not None)
    largest = None if free is None else int(_SAFETY * free / each)
    played = each * (cfg.budget.env_steps or math.inf)
    kept = int(min(total, played)) if cfg.save.replay else 0
    return Memory(each, total, where, free, largest, kept)


def too_large(memory: Memory) -> Notice:
    """The replay does not fit."""
    assert memory.free is not None
    return Notice(
        "error",
        f"the replay needs {size_text(memory.replay)}, {memory.where} has "
        f"{size_text(memory.free)} free; the largest that fits is --replay.capacity "
        f"{memory.largest_capacity}",
    )


def no_room_on_disk(memory: Memory, folder: Path) -> list[Notice]:
    """Snapshots that do not fit where ``folder`` is."""
    free = shutil.disk_usage(folder).free
    if memory.snapshots <= _SAFETY * free:
        return []
    text = (
        f"snapshots will take up to {size_text(memory.snapshots)}, the disk has "
        f"{size_text(free)} free; take a smaller --replay.capacity, or --save.no-replay "
        "and do without --resume"
    )
    return [Notice("warning", text)]


def size_text(count: float) -> str:
    """Bytes for people."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count:.0f} B"


def _free(cfg: RunCfg, *, pictures: bool) -> tuple[str, int | None]:
    """Where the bulk of the replay lies, and the bytes that are free there."""
    if cfg.device.startswith("cuda") and not torch.cuda.is_available():
        return "GPU", None
    device = pick_device(cfg.device)
    if pictures and cfg.replay.frames_on == "disk":
        return "disk", shutil.disk_usage(frames_folder(cfg.replay.frames_folder)).free
    if device.type == "cuda" and not (pictures and cfg.replay.frames_on == "cpu"):
        return "GPU", torch.cuda.mem_get_info(device)[0]
    return "RAM", max(0, int(min(_free_ram(), _free_in_group())) - _promised())


def _free_ram() -> int:
    """Bytes that programs on this machine can still take."""
    meminfo = _PROC / "meminfo"
    if meminfo.exists():
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        return int(fields["MemAvailable"].split()[0]) * 1024
    # No Linux: pages that nobody uses, or all there are where that is not told
    names = [n for n in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES") if n in os.sysconf_names]
    return os.sysconf(names[0]) * os.sysconf("SC_PAGE_SIZE")


def _free_in_group() -> float:
    """Bytes that this container or service may still take (cgroup v2); inf: no limit."""
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
    """The most RAM that this process had, and what all have of the GPU now; 1e9 bytes."""
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    ram = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    gpu = 0
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        gpu = total - free
    return {"ram": round(ram / 1e9, 2), "gpu": round(gpu / 1e9, 2)}


@contextmanager
def announced(memory: Memory) -> Generator[None]:
    """Tell this user's other runs what this process will take of the RAM."""
    total = memory.replay if memory.where == "RAM" else 0
    try:
        _board().mkdir(parents=True, exist_ok=True)
        note = _board() / str(os.getpid())
        note.write_text(json.dumps(total))
    except OSError:  # a full or foreign temporary folder is no reason not to train
        yield
        return
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def _promised() -> int:
    """Bytes that other living runs have announced and not taken yet."""
    notes = list(_board().glob("*")) if _board().is_dir() and _PROC.is_dir() else []
    for note in notes:
        if not (_PROC / note.name).exists():  # killed: the number may be given anew
            note.unlink(missing_ok=True)
    return sum(_still_to_come(note) for note in notes if note.name != str(os.getpid()))


def _still_to_come(note: Path) -> int:
    """What the writer of a note has yet to take; 0 if it has ended."""
    try:
        pages = int((_PROC / note.name / "statm").read_text().split()[1])
        return max(0, int(note.read_text()) - pages * os.sysconf("SC_PAGE_SIZE"))
    except (OSError, ValueError):
        return 0


def _board() -> Path:
    """Where this user's runs announce themselves."""
    return Path(tempfile.gettempdir()) / f"puckrl-{os.getuid()}"
