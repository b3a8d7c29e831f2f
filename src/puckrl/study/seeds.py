"""Train a preset with several seeds, each a process of its own: `puck train PRESET --seeds 4`.

One run has a GPU to itself; on a CPU as many run at a time as cores and memory hold.
"""

import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.table import Table

from puckrl.config.run_cfg import RunCfg, config_hash
from puckrl.core.errors import Exit, UserError
from puckrl.core.words import duration
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.summaries import RunSummary, summary_of
from puckrl.study.admission import Gpu, demand_of, share, this_machine
from puckrl.study.jobs import Job
from puckrl.study.local import WORKER, LocalWorkers
from puckrl.study.schedule import Ended

_LOOK_S = 0.5
Say = Callable[[str], None]


@dataclass(frozen=True)
class _Places:
    """Where each run is, and what its process prints."""

    paths: dict[str, Path]
    outputs: Path

    def folder_of(self, job: Job) -> RunFolder:
        """Return the run's folder."""
        return RunFolder(self.paths[job.name])

    def output_of(self, job: Job) -> Path:
        """Return the file of what the run's process prints."""
        return self.outputs / f"{job.name}.txt"


def train_seeds(
    cfg: RunCfg,
    count: int,
    root: Path,
    devices: str,
    say: Say,
    program: Sequence[str] = WORKER,
) -> tuple[list[RunSummary], int]:
    """Train ``count`` runs that differ in their seed alone, from ``cfg.seed`` on.

    Args:
        cfg: the run of the first seed.
        count: number of seeds.
        root: folder of run folders.
        devices: "all", or numbers of GPUs with commas between them.
        say: prints a line.
        program: starts a worker.

    Returns:
        What became of each run, and an exit code.

    Raises:
        UserError: if the configuration or the devices are refused, or a run alone does not fit.
    """
    if ":" in cfg.device:
        raise UserError(
            f"--device {cfg.device} is one GPU; --devices chooses the GPUs of --seeds"
        )
    jobs = [_job(replace(cfg, seed=cfg.seed + i)) for i in range(count)]
    demand, machine = demand_of(jobs[0]), this_machine(root)
    gpus = chosen(machine.gpus, devices) if demand.gpu else ()
    if not demand.gpu and devices != "all":
        raise UserError(f"--devices {devices} names GPUs, and the run uses none")
    admission = share(
        [demand] * count,
        replace(machine, gpus=gpus) if gpus else machine,
        exclusive=not gpus and cfg.budget.train_s > 0,
        at_most=len(gpus) or None,
    )
    say(
        f"{count} seeds, {admission.slots} at a time"
        + (f" on {len(gpus)} GPUs" if gpus else f" (limited by {admission.why})")
    )
    with tempfile.TemporaryDirectory() as outputs:
        places = _Places(_free_places(jobs, root), Path(outputs))
        workers = LocalWorkers(places, admission, gpus, program)
        codes = _run_all(jobs, workers, places, say)
    runs = [summary_of(places.paths[job.name]) for job in jobs if job.name in codes]
    return runs, Exit.FAILED if any(codes.values()) else Exit.DONE


def chosen(gpus: Sequence[Gpu], devices: str) -> tuple[Gpu, ...]:
    """Return the GPUs that ``--devices`` names.

    Raises:
        UserError: for what is no number of a GPU of this machine.
    """
    if devices == "all":
        return tuple(gpus)
    numbers = [word.strip() for word in devices.split(",")]
    legal = [str(number) for number in range(len(gpus))]
    for number in numbers:
        if number not in legal:
            raise UserError(
                f"--devices {devices}: no GPU {number!r}; legal: all, or some of "
                f"{','.join(legal)}"
            )
    return tuple(gpus[int(number)] for number in dict.fromkeys(numbers))


def _job(cfg: RunCfg) -> Job:
    """Return the run of one seed as a job."""
    name = f"{cfg.preset}-{config_hash(cfg)}-s{cfg.seed}"
    return Job("seeds", cfg.seed, name, cfg)


def _free_places(jobs: Sequence[Job], root: Path) -> dict[str, Path]:
    """Return a new folder's path for each run, numbered where its name is taken."""
    found: dict[str, Path] = {}
    for job in jobs:
        names = (job.name, *(f"{job.name}-{n}" for n in range(2, 10_000)))
        found[job.name] = next(root / n for n in names if not (root / n).exists())
    return found


def _run_all(
    jobs: Sequence[Job], workers: LocalWorkers, places: _Places, say: Say
) -> dict[str, int]:
    """Run the jobs; return their exit codes. An interrupt ends them all, with snapshots."""
    waiting, codes = list(jobs), dict[str, int]()
    try:
        while waiting or workers.running:
            while waiting and workers.has_room():
                job = waiting.pop(0)
                workers.start(job)
                say(f"seed {job.seed} began: {places.paths[job.name]}")
            for ended in workers.ended(_LOOK_S):
                codes[ended.job.name] = ended.code
                say(_end_of(ended, places))
    except BaseException:
        workers.stop()
        try:
            while workers.running:
                for ended in workers.ended(_LOOK_S):
                    say(_end_of(ended, places))
        finally:
            workers.kill()
        raise
    return codes


def _end_of(ended: Ended, places: _Places) -> str:
    """Return a line that says how a run ended."""
    path = places.paths[ended.job.name]
    if ended.code:
        said = f": {ended.said}" if ended.said else ""
        return f"seed {ended.job.seed} ended with exit code {ended.code}{said}"
    run = summary_of(path)
    success = "-" if run.success is None else f"{run.success:.3f}"
    return f"seed {ended.job.seed} is {run.status}: success {success}, {_times(run)}"


def _times(run: RunSummary) -> str:
    train, total = _seconds(run.train_s), _seconds(run.total_s)
    return f"{train} of training, {total} in all"


def _seconds(value: float | None) -> str:
    return "-" if value is None else duration(value)


def render(runs: Sequence[RunSummary]) -> Table:
    """Return a row for each run, and the median and the worst of those that are done."""
    table = Table(box=None)
    table.add_column("seed")
    for heading in ("status", "success", "training", "in all"):
        table.add_column(heading, justify="right")
    table.add_column("run", overflow="fold")
    for run in runs:
        success = "-" if run.success is None else f"{run.success:.3f}"
        times = _seconds(run.train_s), _seconds(run.total_s)
        table.add_row(str(run.seed), run.status, success, *times, run.name)
    done = [run for run in runs if run.status == "done"]
    if len(done) > 1:
        table.add_section()
        table.add_row("median", f"{len(done)} done", *_over(done, statistics.median))
        table.add_row("worst", "", *_over(done, max))
    return table


def _over(
    runs: Sequence[RunSummary], of: Callable[[list[float]], float]
) -> tuple[str, str, str]:
    """Return success, training and whole time of several runs; of success, max is the least."""
    known = [run.success for run in runs if run.success is not None]
    success = f"{-of([-x for x in known]):.3f}" if known else "-"
    times = (
        [x for x in values if x is not None]
        for values in ([r.train_s for r in runs], [r.total_s for r in runs])
    )
    train, total = (duration(of(found)) if found else "-" for found in times)
    return success, train, total
