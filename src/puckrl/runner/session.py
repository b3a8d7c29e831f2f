"""A run from start to end: start or resume, train, evaluate, report."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from pathlib import Path

from puckrl.config.bounds import check_bounds
from puckrl.config.facts import facts_of
from puckrl.config.run_cfg import RunCfg, config_hash, pinned
from puckrl.core import team
from puckrl.core.arguments import check
from puckrl.core.clock import Clock
from puckrl.core.errors import UserError
from puckrl.core.runtime import keep_memory, pick_device
from puckrl.core.timeline import command, span
from puckrl.envs.goal_env import GoalEnv
from puckrl.report.rows import read_rows
from puckrl.runner import kept_task, run_folder, snapshot
from puckrl.runner.build import Parts, build, limits_of
from puckrl.runner.caches import kept_code
from puckrl.runner.contract import write_contract
from puckrl.runner.ending import recorded
from puckrl.runner.finish import ask_finally, finish
from puckrl.runner.foreign_files import refuse_foreign_files
from puckrl.runner.interrupt import Signals
from puckrl.runner.memory import allocated, announced, no_room_on_disk
from puckrl.runner.plan import admit
from puckrl.runner.plugins import keep_plugins, with_copies
from puckrl.runner.policies import live_policy
from puckrl.runner.run_folder import Lock, RunFolder
from puckrl.runner.shard import shard
from puckrl.runner.summaries import seconds_before
from puckrl.runner.versions import tell_other_versions
from puckrl.runner.writer import sign_in, space_facts
from puckrl.sim.divergence import StateDump
from puckrl.training.callbacks import Callback, Hooks
from puckrl.training.checkpoint import Checkpoints
from puckrl.training.console import make_display
from puckrl.training.gauges import measure
from puckrl.training.judge import Episodes
from puckrl.training.live_doctor import LiveDoctor
from puckrl.training.loop import Stop, train
from puckrl.training.sinks import JsonLines, MultiSink, NullSink, Sink, TensorBoard
from puckrl.training.status import Report, Status, report_nothing
from puckrl.training.verdicts import Progress

log = logging.getLogger(__name__)


def start(
    cfg: RunCfg,
    root: Path,
    out: Path | None = None,
    callbacks: Sequence[Callback] = (),
) -> RunFolder:
    """Make a folder for the run and run it.

    Args:
        cfg: configuration of the run.
        root: folder of run folders.
        out: the run's folder; None: a new one under ``root``.
        callbacks: watch the run.

    Raises:
        UserError: if the configuration or the folder is refused, or if the run fails for
            an external reason.
    """
    _check_arguments(cfg, callbacks)
    cfg = pinned(cfg)
    with command(), team.together(pick_device(cfg.device)):
        part = shard(cfg)
        memory = admit(part)
        folder = team.from_first(
            lambda: (
                run_folder.create_at(out, cfg) if out else run_folder.create(root, cfg)
            )
        )
        team.from_first(lambda: kept_task.keep(folder, cfg.task))
        team.from_first(lambda: keep_plugins(folder, cfg))
        for finding in no_room_on_disk(memory, folder.path):
            log.warning("%s", finding.text)
        with _only_writer(folder), announced(memory):
            _run(folder, cfg, part, callbacks, resumed=False)
    return folder


def resume(
    folder: RunFolder, cfg: RunCfg, callbacks: Sequence[Callback] = ()
) -> RunFolder:
    """Continue a stopped run; only its limits, and the place of its task, may have changed.

    Raises:
        UserError: if another process writes to the folder, the configuration or the task's
            file differs, a limit is reached, the folder holds foreign files, or no snapshot
            can be used.
    """
    _check_arguments(cfg, callbacks)
    stored = folder.config()
    elsewhere = None if cfg.task == stored.task else cfg.task
    cfg = replace(cfg, task=stored.task, expect=stored.expect)
    if config_hash(cfg) != config_hash(stored) or cfg.seed != stored.seed:
        raise UserError(
            f"{folder.path} holds another configuration; a resumed run may change only "
            "--budget, --eval, --save and --device: start a new run for anything else"
        )
    if not stored.save.replay:
        raise UserError(
            f"{folder.path} has no saved replay buffer (--save.no-replay), so it "
            "cannot be resumed; evaluate or film it: puck eval, puck record"
        )
    check_bounds(cfg)
    _refuse_nothing_to_do(folder, cfg)
    tell_other_versions(folder)
    place = kept_task.task_to_resume(folder, elsewhere)
    with command(), team.together(pick_device(cfg.device)):
        _refuse_other_team(folder)
        placed = with_copies(folder, replace(cfg, task=place))
        part = shard(placed)
        memory = admit(part)
        with _only_writer(folder), announced(memory):
            team.from_first(lambda: refuse_foreign_files(folder))
            if team.is_first():
                folder.write_config(cfg)
            _run(folder, placed, part, callbacks, resumed=True)
    return folder


def _check_arguments(cfg: object, callbacks: object) -> None:
    """Refuse what a type checker would have refused, before anything is made."""
    if not isinstance(cfg, RunCfg):
        raise UserError(f"cfg={cfg!r}; legal: a RunCfg, as from puckrl.preset('push')")
    check("callbacks", callbacks, Sequence[Callback])


def _only_writer(folder: RunFolder) -> AbstractContextManager[object]:
    """Return the folder's lock for the first process, which writes; else no lock."""
    return Lock(folder.path) if team.is_first() else nullcontext()


def _refuse_other_team(folder: RunFolder) -> None:
    """Raise ``UserError`` if the run was started with another number of processes."""
    processes = folder.manifest().get("processes", 1)
    if processes != team.size():
        raise UserError(
            f"{folder.path} was trained by {processes} processes, not {team.size()}; "
            f"resume with: torchrun --nproc-per-node {processes} -m puckrl train --resume ..."
        )


def _refuse_nothing_to_do(folder: RunFolder, cfg: RunCfg) -> None:
    """Raise ``UserError`` if a finished run has still reached one of its limits."""
    manifest, limits = folder.manifest(), limits_of(cfg)
    if manifest.get("status") != "finished":
        return
    stopped_at = manifest.get("stopped_at", 0)
    if manifest["stop"] == "success" and 0 < limits.success <= stopped_at:
        raise UserError(
            f"{folder.path} is done: success {stopped_at:g} twice in a row; to continue, "
            "raise --budget.until-success, or set it to 0"
        )
    if limits.reached(Clock.from_dict(manifest["clock"]), []):
        raise UserError(
            f"{folder.path} has spent its budget; to continue, raise --budget.env-steps "
            "or --budget.train-s"
        )


def _run(
    folder: RunFolder,
    cfg: RunCfg,
    part: RunCfg,
    callbacks: Sequence[Callback],
    *,
    resumed: bool,
) -> None:
    """Run this process's part; report a failure in the manifest.

    Args:
        folder: the run's folder, which is locked.
        cfg: configuration of the whole run.
        part: configuration of this process's part.
        callbacks: watch the run, in the first process.
        resumed: whether to continue from the newest snapshot.

    Raises:
        UserError: if the system refuses memory, or to read or write.
    """
    with recorded(folder) as signals, kept_code(part):
        keep_memory()
        with span("set-up"):
            task = kept_task.task_now(folder, part.task)
            made = build(replace(part, task=task), folder)
        with closing(made) as parts:
            allocated()
            if team.is_first():
                _run_first_process(
                    folder, cfg, parts, signals, callbacks, resumed=resumed
                )
            else:
                _run_other_process(folder, cfg, parts, signals, resumed=resumed)


def _run_first_process(
    folder: RunFolder,
    cfg: RunCfg,
    parts: Parts,
    signals: Signals,
    callbacks: Sequence[Callback],
    *,
    resumed: bool,
) -> None:
    """Train, write logs and display progress, then report; see ``_run``."""
    env = parts.env
    sign_in(folder, parts.device, env.spaces, env.reward_bounds)
    spec = write_contract(folder, cfg, env, parts.agent)
    if isinstance(env, GoalEnv):
        env.guard = StateDump(folder.path / "diverged")
    checkpoints, progress = _begin(folder, cfg, parts, resumed=resumed)
    hooks = Hooks(callbacks, progress.clock, folder.path, live_policy(spec, parts))
    parts.collector.on_step = hooks.step if hooks.watches_steps else None
    display = make_display(_title(folder, cfg, parts), limits_of(cfg))
    files = _files(folder, cfg, progress.clock if resumed else None)
    before = read_rows(folder.metrics)
    facts = facts_of(cfg, space_facts(env.spaces, env.reward_bounds))
    doctor = LiveDoctor(facts, cfg.budget.stop, [*files, display], before)
    sink = MultiSink([*files, display, doctor, hooks])

    def asked_to_stop() -> Stop | None:
        return "interrupted" if signals.number else hooks.stop() or doctor.stop()

    try:
        with signals.patient(display.report, alone=team.size() == 1) as report:
            stop = _train(
                cfg, parts, progress, checkpoints, sink, report, asked_to_stop
            )
            # A judge beside the learner makes the final evaluation while it saves
            final = None
            if parts.judge.beside:
                final = ask_finally(cfg, parts, progress, stop)
            display.report(Status.SAVING)
            with span("save"):
                snapshot.save(checkpoints, parts, progress)
    finally:
        sink.close()
    hooks.raise_failure()
    with span("final evaluation"):
        final = final or ask_finally(cfg, parts, progress, stop)
        judged = final.wait()
    finish(folder, cfg, parts, progress, stop, signals, hooks, judged)


def _train(
    cfg: RunCfg,
    parts: Parts,
    progress: Progress,
    checkpoints: Checkpoints,
    sink: Sink,
    report: Report,
    asked_to_stop: Callable[[], Stop | None],
) -> Stop:
    """Call the training loop with the parts of this run."""
    limits = limits_of(cfg)
    return train(
        progress=progress,
        limits=limits,
        schedule=parts.schedule,
        replay=parts.replay,
        judge=parts.judge,
        episodes=Episodes(cfg.eval.episodes, cfg.eval.at_least, limits.success),
        diagnose=lambda: measure(parts.gauges),
        evaluate_every=cfg.eval.every_env_steps,
        save=lambda: snapshot.save(checkpoints, parts, progress),
        save_every_s=cfg.save.every_s,
        sink=sink,
        report=report,
        asked_to_stop=asked_to_stop,
    )


def _run_other_process(
    folder: RunFolder, cfg: RunCfg, parts: Parts, signals: Signals, *, resumed: bool
) -> None:
    """Train without logs and display; see ``_run``."""
    if isinstance(parts.env, GoalEnv):
        dump = folder.path / "diverged" / f"process-{team.rank()}"
        parts.env.guard = StateDump(dump)
    checkpoints, progress = _begin(folder, cfg, parts, resumed=resumed)
    with signals.patient(report_nothing, alone=False) as report:  # the first reports it
        _train(cfg, parts, progress, checkpoints, NullSink(), report, lambda: None)
        snapshot.save(checkpoints, parts, progress)


def _begin(
    folder: RunFolder, cfg: RunCfg, parts: Parts, *, resumed: bool
) -> tuple[Checkpoints, Progress]:
    """Return this process's snapshots and the run's progress, restored if resumed."""
    path = folder.checkpoints_of(team.rank())
    checkpoints = Checkpoints(path, replay=cfg.save.replay)
    with command() as began:
        now = Clock(began=began)
    if resumed and team.is_first():
        now.earlier_s = seconds_before(folder)
    if resumed and team.minimum(checkpoints.serial):
        progress = snapshot.restore(checkpoints, parts)
        progress.clock.earlier_s = max(progress.clock.earlier_s, now.earlier_s)
        progress.clock.began = began
        if not parts.env.restorable and team.is_first():
            _record_fresh_episodes(folder, progress.clock)
        return checkpoints, progress
    if resumed:
        log.warning("the run has no snapshot yet: starting at 0 env steps")
        checkpoints.forget()
    return checkpoints, Progress(now, evaluated_at=0, successes=[])


def _record_fresh_episodes(folder: RunFolder, clock: Clock) -> None:
    """Record that a run goes on with fresh episodes, because its worlds cannot be restored."""
    log.warning(
        "the state of a foreign environment cannot be saved: the run goes on with fresh "
        "episodes at %s env steps, so it is not bit-equal to one that never stopped",
        f"{clock.env_steps:,}",
    )
    before = folder.manifest().get("fresh_episodes_at", [])
    folder.update_manifest(fresh_episodes_at=[*before, clock.env_steps])


def _files(
    folder: RunFolder, cfg: RunCfg, resumed_at: Clock | None
) -> list[JsonLines | TensorBoard]:
    """Return the sinks that write files, without rows later than the snapshot."""
    at = None if resumed_at is None else resumed_at.env_steps
    sinks: list[JsonLines | TensorBoard] = [JsonLines(folder.metrics, keep_until=at)]
    if cfg.save.tensorboard:
        sinks.append(
            TensorBoard(folder.tensorboard, purge_from=None if at is None else at + 1)
        )
    return sinks


def _title(folder: RunFolder, cfg: RunCfg, parts: Parts) -> str:
    """Return the title of the display."""
    others = f" · {team.size()} processes" if team.size() > 1 else ""
    return (
        f"{folder.path.name} · {cfg.task}, {cfg.reward} reward · "
        f"{cfg.sim.num_worlds} worlds · {parts.device}{others}"
    )
