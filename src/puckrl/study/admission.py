"""Admit runs by memory, cores and GPUs: how many may run at a time, and with what.

Sizes of replay buffers and snapshots come from the plan of a run (``runner/memory.py``).
What a process takes beside its buffer is an allowance, from results/learning_*.csv.
"""

import math
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from puckrl.core.errors import UserError
from puckrl.core.runtime import pick_device, usable_cores
from puckrl.runner.memory import free_ram, gpu_uuid, other_runs, size_text
from puckrl.runner.plan import admit
from puckrl.study.design import Study
from puckrl.study.jobs import Job

_SAFETY = 0.9  # share of what is free that a study may take
_BESIDE_BUFFER = 1.0e9  # RAM of a process: 0.6 GB measured, 0.8 GB with pixels
_BESIDE_ON_GPU = 6.0e9  # RAM of a process with CUDA: 2.7 to 5.9 GB measured
_GPU_BESIDE = 6.0e9  # GPU: context, networks, batches: 2.4 to 5.7 GB measured
_BUSY_CORES = 0.5  # more than this of other programs disturbs a clock
_LOOK_S = 1.0


@dataclass(frozen=True)
class Demand:
    """Hold what one run takes."""

    ram: float
    """Bytes of RAM."""
    gpu: float
    """Bytes of GPU memory; 0: it uses no GPU."""
    disk: float
    """Bytes of its snapshots, which stay, and of frames that it keeps on disk."""
    threads: int = 0
    """Threads that the arm itself names; 0: an equal share."""

    def refuse_disk(self, free: float, runs: int) -> None:
        """Raise ``UserError`` if a disk cannot hold the snapshots of so many runs."""
        if self.disk > _SAFETY * free:
            raise UserError(f"the snapshots of {runs} runs take up to "
                            f"{size_text(self.disk)} and the disk has {size_text(free)} "
                            "free; lower replay.capacity in settings, or choose another "
                            "--root")  # fmt: skip


@dataclass(frozen=True)
class Gpu:
    """Hold what is known of a GPU."""

    name: str
    """UUID, or what ``CUDA_VISIBLE_DEVICES`` calls it."""
    free: float
    """Free bytes, less what other runs have announced."""


@dataclass(frozen=True)
class Machine:
    """Hold what this machine offers now."""

    cores: int
    """Cores that this process may use."""
    ram: float
    """Free bytes of RAM, less what other runs have announced."""
    disk: float
    """Free bytes of the disk that holds the study."""
    gpus: tuple[Gpu, ...] = ()
    """GPUs that this process may use."""


@dataclass(frozen=True)
class Admission:
    """Say how a study's runs share a machine."""

    slots: int
    """Runs at a time."""
    threads: int
    """Threads of every run, equal for all arms."""
    exclusive: bool
    """Whether a run has the machine to itself."""
    why: str
    """What limits the number of runs, in words."""
    demand: Demand
    """What the largest run takes."""


def demand_of(job: Job) -> Demand:
    """Return what a run takes.

    Raises:
        UserError: if its configuration is refused, or its buffer does not fit.
    """
    memory = admit(job.cfg)
    on_gpu = memory.where == "GPU" or _uses_gpu(job.cfg.device)
    ram = _BESIDE_ON_GPU if on_gpu else _BESIDE_BUFFER
    return Demand(
        ram=ram + (memory.replay if memory.where == "RAM" else 0),
        gpu=(_GPU_BESIDE + (memory.replay if memory.where == "GPU" else 0)) * on_gpu,
        disk=memory.snapshots + (memory.replay if memory.where == "disk" else 0),
        threads=job.cfg.sim.num_threads,
    )


def _uses_gpu(device: str) -> bool:
    """Return whether a device is a GPU, also one that this machine lacks."""
    return device.startswith("cuda") or pick_device(device).type == "cuda"


def demands_of(jobs: Iterable[Job]) -> dict[str, Demand]:
    """Return what each run takes, by its name; arms are planned once, not for every seed.

    Raises:
        UserError: as ``demand_of``, with the arm's name.
    """
    by_arm: dict[str, Demand] = {}
    found: dict[str, Demand] = {}
    for job in jobs:
        if job.arm not in by_arm:
            try:
                by_arm[job.arm] = demand_of(job)
            except UserError as error:
                raise UserError(f"arm {job.arm}: {error}") from error
        found[job.name] = by_arm[job.arm]
    return found


def this_machine(folder: Path) -> Machine:
    """Return what this machine offers now to a study in a folder, which need not exist."""
    there = next(p for p in (folder, *folder.absolute().parents) if p.is_dir())
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    devices = [torch.device("cuda", index) for index in range(count)]
    gpus = tuple(
        Gpu(f"GPU-{gpu_uuid(d)}", torch.cuda.mem_get_info(d)[0]) for d in devices
    )
    return Machine(usable_cores(), free_ram(), shutil.disk_usage(there).free, gpus)


def is_exclusive(study: Study) -> bool:
    """Return whether runs that share a machine would disturb what is measured.

    They do where the measure is in seconds, and where seconds end the runs.
    """
    cfgs = [arm.cfg for arm in study.every_arm if arm.cfg is not None]
    return study.measure.in_seconds or any(cfg.budget.train_s > 0 for cfg in cfgs)


def share(
    demands: Sequence[Demand],
    machine: Machine,
    *,
    exclusive: bool,
    at_most: int | None = None,
    threads: int | None = None,
) -> Admission:
    """Return how runs share a machine: as many at a time as fit, threads equal for all.

    Args:
        demands: of every run that is still to finish; at least one.
        machine: what is free now.
        exclusive: whether only one run may use the machine at a time.
        at_most: the user's own limit of runs at a time; None: none.
        threads: of every run, where the study has begun with them; None: choose.

    Raises:
        UserError: with the numbers, if a run alone does not fit, or the disk cannot hold
            the snapshots of all.
    """
    largest = largest_of(demands, threads)
    _refuse_what_never_fits(largest, machine)
    largest.refuse_disk(machine.disk, len(demands))
    limits = {
        "runs": len(demands),
        "cores": machine.cores // max(1, largest.threads) or 1,
        "RAM": int(_SAFETY * machine.ram / largest.ram),
    }
    if largest.gpu:
        limits["GPU memory"] = sum(
            int(_SAFETY * gpu.free / largest.gpu) for gpu in machine.gpus
        )
    if at_most is not None:
        limits["--parallel"] = at_most
    if exclusive:
        limits = {"seconds, which runs side by side would disturb": 1}
    slots = min(limits.values())
    why = next(name for name, count in limits.items() if count == slots)
    each = largest.threads or max(1, machine.cores // slots)
    return Admission(slots, each, exclusive, why, largest)


def largest_of(demands: Sequence[Demand], threads: int | None = None) -> Demand:
    """Return what the largest run takes, and the disk that all of them take together.

    Args:
        demands: of every run; at least one.
        threads: of every run, where the study has begun with them.
    """
    return Demand(
        ram=max(d.ram for d in demands),
        gpu=max(d.gpu for d in demands),
        disk=sum(d.disk for d in demands),
        threads=threads or max(d.threads for d in demands),
    )


def _refuse_what_never_fits(largest: Demand, machine: Machine) -> None:
    """Raise ``UserError`` if one run alone is too large."""
    if largest.ram > _SAFETY * machine.ram:
        raise UserError(f"a run needs {size_text(largest.ram)} of RAM and "
                        f"{size_text(machine.ram)} is free; lower replay.capacity in "
                        "settings, or stop other programs")  # fmt: skip
    if largest.gpu and not machine.gpus:
        raise UserError("a run needs a GPU and this machine has none; set device: cpu in "
                        "settings, or use --workers ray")  # fmt: skip
    most = max((gpu.free for gpu in machine.gpus), default=math.inf)
    if largest.gpu > _SAFETY * most:
        raise UserError(f"a run needs {size_text(largest.gpu)} of GPU memory and the GPU "
                        f"with the most has {size_text(most)} free; lower replay.capacity "
                        "in settings, or stop other programs")  # fmt: skip


def refuse_company(cores: int) -> None:
    """Raise ``UserError`` if other programs would disturb a measure in seconds.

    Args:
        cores: of this machine.
    """
    others = other_runs()
    if others:
        raise UserError("the study's clock is in seconds, and another run uses this "
                        f"machine (process {others[0]}); wait until it has ended, or "
                        "measure by env_steps or updates")  # fmt: skip
    busy = busy_cores()
    if busy > _BUSY_CORES:
        raise UserError(f"the study's clock is in seconds, and other programs keep "
                        f"{busy:.1f} of {cores} cores busy; stop them, or measure by "
                        "env_steps or updates")  # fmt: skip


def busy_cores(seconds: float = _LOOK_S) -> float:
    """Return how many cores all programs together keep busy, measured for a while.

    Where the system does not say (only Linux does), 0.
    """
    before = _busy_ticks()
    time.sleep(seconds)
    after = _busy_ticks()
    if before is None or after is None:
        return 0.0
    return (after - before) / os.sysconf("SC_CLK_TCK") / seconds


def _busy_ticks() -> int | None:
    """Return the ticks that all cores were busy for since the machine started."""
    try:
        with open("/proc/stat") as file:
            user, nice, system, _, _, irq, softirq, steal, *_ = map(
                int, file.readline().split()[1:]
            )
    except (OSError, ValueError):
        return None
    return user + nice + system + irq + softirq + steal
