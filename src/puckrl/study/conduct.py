"""Conduct a study: review it, forecast it, or run it to the end and say what is left."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from puckrl.core.errors import UserError
from puckrl.core.runtime import pick_device
from puckrl.report.provenance import provenance
from puckrl.runner.interrupt import caught
from puckrl.study import folder as folders
from puckrl.study.admission import (
    Admission,
    Demand,
    Machine,
    demands_of,
    is_exclusive,
    share,
    this_machine,
)
from puckrl.study.circumstances import here, unlike
from puckrl.study.design import Study
from puckrl.study.file import read_study
from puckrl.study.forecast import forecast, render
from puckrl.study.interim import asked_for, interim
from puckrl.study.jobs import FINISHED, Job, jobs_of
from puckrl.study.ledger import Ledger, read_states
from puckrl.study.local import LocalWorkers
from puckrl.study.progress import make_display
from puckrl.study.referee import review
from puckrl.study.report import sentences, write_report
from puckrl.study.schedule import Summary, Workers, run_jobs
from puckrl.training.status import report_nothing


@dataclass(frozen=True)
class Options:
    """Hold the command line of ``puck study``."""

    file: Path
    """The study file."""
    root: Path = Path("studies")
    """Folder of study folders."""
    dry_run: bool = False
    """Print the forecast; run nothing."""
    resume: bool = False
    """Continue a study that has begun."""
    amend: str | None = None
    """Accept a change of the file or the machine: digest of the study that is changed;
    empty: the only one of this name. None: refuse."""
    workers: Literal["local", "ray"] = "local"
    """Where runs take place."""
    address: str | None = None
    """Of the Ray cluster; None: one of this machine's own."""
    parallel: int | None = None
    """Most runs at a time; None: as many as fit."""


@dataclass(frozen=True)
class Conducted:
    """Say what has become of a study."""

    path: Path
    """Its folder, with ``report.md`` once nothing is left to run."""
    summary: Summary
    """How this session ended."""


@dataclass(frozen=True)
class _Prepared:
    """A way to run jobs."""

    admission: Admission
    make: Callable[[Ledger], Workers]
    close: Callable[[], None]


def conduct(options: Options, console: Console) -> Conducted | None:
    """Carry out ``puck study``; None after a dry run.

    Args:
        options: the command line.
        console: where to print.

    Raises:
        UserError: if the file, the design, the folder or the machine refuses it.
        RunFailed: if the study stops for an external reason; it can be resumed.
    """
    study = read_study(options.file)
    notes = _reviewed(study, console)
    jobs = jobs_of(study)
    if options.dry_run:
        admission, disk = _sharing(options, study, jobs)
        title = f"plan of study {study.name}-{study.digest}: {study.measure}"
        made = forecast(study, jobs, admission, disk)
        console.print(render(made, title), soft_wrap=True)
        return None
    now = _circumstances(study)
    path, reasons = _place(options, study, now)
    if path is None:
        admission, _ = _sharing(options, study, jobs)
        about = {
            "threads": admission.threads if admission else None,
            "notes": notes,
            "circumstances": now,
            "provenance": provenance(),
        }
        path = folders.create(options.root, study, about, options.file)
    with Ledger(path, study) as ledger:
        if reasons:
            folders.amend(path, study, options.file, reasons, now)
        ledger.settle()
        summary = _run(options, ledger, console)
        if summary.signal is None:
            _report(ledger, notes, console)
    return Conducted(path, summary)


def _report(ledger: Ledger, notes: Sequence[str], console: Console) -> None:
    """Write the report into the study's folder; print its three sentences."""
    changes = [
        f"{change['time']}: {', '.join(change['diff'])}"
        for change in folders.amendments(ledger.path)
    ]
    records = asked_for(ledger)
    found = write_report(ledger.study, records, ledger.path, notes, changes)
    for sentence in sentences(found, records):
        plain = sentence.replace("**", "").replace("`", "")
        console.print(plain, markup=False, soft_wrap=True)
    console.print(f"report: {ledger.path / 'report.md'}", markup=False, soft_wrap=True)


def _reviewed(study: Study, console: Console) -> tuple[str, ...]:
    """Print what the referee says; return its notes.

    Raises:
        UserError: if it refuses the study; with the reason, or the number of reasons.
    """
    found = review(study)
    for note in found.notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    if len(found.refusals) == 1:
        raise UserError(str(found.refusals[0]))
    if found.refusals:
        for refusal in found.refusals:
            console.print(f"refused: {refusal}", markup=False, soft_wrap=True)
        raise UserError(
            f"the study is refused for {len(found.refusals)} reasons, above"
        )
    return found.notes


def _circumstances(study: Study) -> dict[str, str]:
    """Return what surrounds the runs that this process would start."""
    cfg = study.base.cfg or next((a.cfg for a in study.arms if a.cfg), None)
    return here(pick_device(cfg.device if cfg else "cpu"))


def _place(
    options: Options, study: Study, now: Mapping[str, str]
) -> tuple[Path | None, list[str]]:
    """Return the study's folder, None for a new one, and what has changed since it began.

    Raises:
        UserError: if it has begun and is not to be resumed, has not begun and is, or has
            changed and is not to be amended.
    """
    path = folders.find(options.root, study)
    before = folders.earlier(options.root, study.name)
    if path is None and options.amend is not None:
        path = _to_amend(options, study, before)
        changed = _changed(path, study, now)
        return path, [f"the study file: {options.file}", *changed]
    if path is None and folders.folder_name(options.root, study).exists() and before:
        raise UserError(f"{folders.folder_name(options.root, study)} was amended since; to "
                        "go back to this file, add --amend")  # fmt: skip
    if path is None and options.resume:
        names = ", ".join(p.name for p in before)
        hint = (
            f"; {names} compares something else: --amend changes it" if before else ""
        )
        raise UserError(f"no study {study.name}-{study.digest} in {options.root} to "
                        f"resume{hint}; to begin it, leave --resume out")  # fmt: skip
    if path is None:
        return None, []
    if not options.resume and options.amend is None:
        raise UserError(f"{path} has begun ({_progress_of(path)}); continue it with "
                        "--resume")  # fmt: skip
    changed = _changed(path, study, now)
    if changed and options.amend is None:
        raise UserError(f"{path} began under other circumstances: {'; '.join(changed)}; "
                        "restore them, or add --amend, which the report shows")  # fmt: skip
    return path, changed


def _to_amend(options: Options, study: Study, before: Sequence[Path]) -> Path:
    """Return the folder of the study that is to be changed."""
    wanted = [path for path in before if path.name.endswith(options.amend or "")]
    if len(wanted) == 1:
        return wanted[0]
    listed = ", ".join(path.name for path in before) or "none"
    if not wanted:
        raise UserError(
            f"no study to amend; those of this name in {options.root}: {listed}"
        )
    digests = " or ".join(path.name[-8:] for path in wanted)
    raise UserError(f"--amend may mean {listed}; write --amend {digests}")


def _changed(path: Path, study: Study, now: Mapping[str, str]) -> list[str]:
    """Return in words how the circumstances differ from those that a study began under."""
    known = folders.circumstances_of(path)
    return unlike(known, now, in_seconds=is_exclusive(study))


def _progress_of(path: Path) -> str:
    """Return how many runs of a study have finished, in words."""
    states = [run.state for run in read_states(path).values()]
    return f"{sum(state in FINISHED for state in states)} runs have finished"


def _sharing(
    options: Options, study: Study, jobs: Sequence[Job]
) -> tuple[Admission | None, float]:
    """Return how the jobs share the machine or the cluster, and bytes of all snapshots."""
    if not jobs:
        return None, 0.0
    prepared = _prepare(options, study, jobs, None)
    prepared.close()
    return prepared.admission, prepared.admission.demand.disk


def _prepare(
    options: Options, study: Study, jobs: Sequence[Job], threads: int | None
) -> _Prepared:
    """Return how jobs share the machine or the cluster, and what runs them there.

    Args:
        options: the command line.
        study: what is compared.
        jobs: the runs that are still to finish.
        threads: of every run, where the study has begun with them; None: choose.
    """
    demands = list(demands_of(jobs).values())
    machine, exclusive = this_machine(options.root), is_exclusive(study)
    if options.workers == "ray":
        return _on_ray(options, demands, machine, exclusive, threads)
    admission = share(
        demands, machine, exclusive=exclusive, at_most=options.parallel, threads=threads
    )

    def make(ledger: Ledger) -> Workers:
        return LocalWorkers(ledger, admission, machine.gpus)

    return _Prepared(admission, make, lambda: None)


def _on_ray(
    options: Options,
    demands: Sequence[Demand],
    machine: Machine,
    exclusive: bool,
    threads: int | None,
) -> _Prepared:
    """Return how jobs share a Ray cluster, and what runs them there."""
    from puckrl.study import ray_workers

    cluster = ray_workers.connect(options.address)
    try:
        cluster.refuse_without(options.root)
        admission = cluster.share(
            demands,
            disk=machine.disk,
            exclusive=exclusive,
            at_most=options.parallel,
            threads=threads,
        )
    except BaseException:
        cluster.close()
        raise

    def make(ledger: Ledger) -> Workers:
        return ray_workers.RayWorkers(ledger, admission, cluster)

    return _Prepared(admission, make, cluster.close)


def _run(options: Options, ledger: Ledger, console: Console) -> Summary:
    """Run what is left of a study."""
    rule = interim(ledger)
    left = [job for job in ledger.jobs if ledger.states[job.name].state not in FINISHED]
    if not left:
        return Summary(ledger.counts(), None)
    threads = folders.described(ledger.path).get("threads")
    prepared = _prepare(options, ledger.study, left, threads)
    try:
        ledger.note("session", **_session(options, prepared.admission))
        workers = prepared.make(ledger)
        console.print(
            f"study {ledger.path}: {len(left)} runs to go, "
            f"{prepared.admission.slots} at a time",
            markup=False,
            soft_wrap=True,
        )
        display = make_display(ledger, prepared.admission.slots, rule.known, console)
        try:
            with caught() as signals, signals.patient(report_nothing):
                return run_jobs(ledger, workers, rule.next_runs, display, signals)
        finally:
            display.close()
    finally:
        prepared.close()


def _session(options: Options, admission: Admission) -> dict[str, Any]:
    """Return what the journal keeps of a session."""
    return {
        "process": os.getpid(),
        "host": platform.node(),
        "workers": options.workers,
        "admission": asdict(admission),
        "provenance": provenance(),
    }
