"""A run from beginning to end: start or resume, train, judge, tell its story."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from puckrl.config.bounds import check_bounds
from puckrl.config.facts import facts_of
from puckrl.config.run_cfg import RunCfg, config_hash
from puckrl.core import team
from puckrl.core.clock import Clock
from puckrl.core.errors import UserError, first_line
from puckrl.core.runtime import keep_memory, pick_device, torch_threads
from puckrl.monitor.regime import diagnose
from puckrl.monitor.table import from_rows
from puckrl.report.card import card, verdict, without_nan
from puckrl.report.figures import curve
from puckrl.report.rows import read_rows
from puckrl.runner import run_folder, snapshot
from puckrl.runner.build import EVAL_SEED_OFFSET, Parts, build, make_eval_env
from puckrl.runner.memory import allocated, announced, no_room_on_disk, taken_gb
from puckrl.runner.plan import admit
from puckrl.runner.policies import film, filmed_worlds
from puckrl.runner.run_folder import Lock, RunFolder
from puckrl.runner.shard import shard
from puckrl.sim.divergence import StateDump
from puckrl.training.checkpoint import Checkpoints
from puckrl.training.console import make_display
from puckrl.training.gauges import measure
from puckrl.training.judge import Evaluation, evaluate
from puckrl.training.live_doctor import LiveDoctor
from puckrl.training.loop import Limits, Progress, Stop, train
from puckrl.training.sinks import JsonLines, MultiSink, Sink, TensorBoard
from puckrl.training.status import Report, Status

log = logging.getLogger(__name__)


def start(cfg: RunCfg, root: Path, out: Path | None = None) -> RunFolder:
    """Make a folder for the run and run it.

    Args:
        cfg: what to run.
        root: folder of run folders.
        out: this very folder instead of one under ``root``.

    Raises:
        UserError: if the plan or the folder is refused, or the run fails for a reason
            outside it.
    """
    with team.together(pick_device(cfg.device)):
        part = shard(cfg)
        memory = admit(part)
        folder = team.from_first(
            lambda: (
                run_folder.create_at(out, cfg) if out else run_folder.create(root, cfg)
            )
        )
        for finding in no_room_on_disk(memory, folder.path):
            log.warning("%s", finding.text)
        with _only_writer(folder), announced(memory):
            _go(folder, cfg, part, resumed=False)
    return folder


def resume(folder: RunFolder, cfg: RunCfg) -> RunFolder:
    """Go on where a run stopped; only its limits may have changed.

    Raises:
        UserError: if another process writes it, the configuration or the task's file
            differs, its limits are reached, the folder holds foreign files, or no
            snapshot can be used.
    """
    if (
        config_hash(cfg) != config_hash(folder.config())
        or cfg.seed != folder.config().seed
    ):
        raise UserError(
            f"{folder.path} holds another configuration; a resumed run may change only "
            "--budget, --eval, --save and --device: start a new run for anything else"
        )
    if not folder.config().save.replay:
        raise UserError(
            f"{folder.path} kept no replay (--save.no-replay), so it cannot go on; "
            "it can be judged and filmed: puck eval, puck record"
        )
    check_bounds(cfg)
    _refuse_nothing_to_do(folder, cfg)
    with team.together(pick_device(cfg.device)):
        _refuse_other_team(folder)
        part = shard(cfg)
        memory = admit(part)
        with _only_writer(folder), announced(memory):
            team.from_first(lambda: run_folder.refuse_foreign_files(folder))
            team.from_first(lambda: run_folder.refuse_other_task(folder))
            if team.is_first():
                folder.write_config(cfg)
            _go(folder, cfg, part, resumed=True)
    return folder


def _only_writer(folder: RunFolder) -> AbstractContextManager[object]:
    """The lock, for the one process of a team that writes."""
    return Lock(folder.path) if team.is_first() else nullcontext()


def _refuse_other_team(folder: RunFolder) -> None:
    """A run goes on with as many processes as it was begun with."""
    processes = folder.manifest().get("processes", 1)
    if processes != team.size():
        raise UserError(
            f"{folder.path} was trained by {processes} processes, not {team.size()}; go on "
            f"with: torchrun --nproc-per-node {processes} -m puckrl train --resume ..."
        )


def _refuse_nothing_to_do(folder: RunFolder, cfg: RunCfg) -> None:
    """A run that ended by itself goes on only if its limits allow more."""
    told, limits = folder.manifest(), limits_of(cfg)
    if told.get("status") != "finished":
        return
    if told["stop"] == "success" and 0 < limits.success <= told.get("stopped_at", 0):
        raise UserError(
            f"{folder.path} is done: success {told['stopped_at']:g} twice in a row; to go "
            "on raise --budget.until-success, or set it to 0"
        )
    if limits.reached(Clock(**told["clock"]), []):
        raise UserError(
            f"{folder.path} has spent its budget; to go on raise --budget.env-steps or "
            "--budget.train-s"
        )


def _go(folder: RunFolder, cfg: RunCfg, part: RunCfg, *, resumed: bool) -> None:
    """Do everything that happens while the lock is held.

    Args:
        folder: the run's.
        cfg: the whole run.
        part: this process's part of it.
        resumed: go on from the newest snapshot.
    """
    go = _train_and_tell if team.is_first() else _train_along
    try:
        go(folder, cfg, part, resumed=resumed)
    except OSError as error:
        reason = f"{error.strerror or error}: {error.filename or folder.path}"
        _last_words(folder, f"failed: {reason}")
        go_on = f", go on with: puck train --resume {folder.path}"
        raise UserError(
            f"the run stopped: {reason}; its snapshots are intact"
            f"{go_on if cfg.save.replay else ''}"
        ) from error
    except BaseException as error:
        _last_words(folder, f"failed: {type(error).__name__}: {error}")
        raise


def _last_words(folder: RunFolder, status: str) -> None:
    """Write the status if that is still possible, and the run has not told its end."""
    if not team.is_first():
        return
    try:
        if folder.manifest().get("status") != "finished":
            folder.update_manifest(status=status)
    except (OSError, UserError) as error:
        log.warning("the manifest could not be updated: %s", error)


def _train_and_tell(
    folder: RunFolder, cfg: RunCfg, part: RunCfg, *, resumed: bool
) -> None:
    keep_memory()
    parts = build(part)
    allocated()
    run_folder.sign_in(folder, parts.device, parts.env.spaces)
    parts.env.guard = StateDump(folder.path / "diverged")
    checkpoints, progress = _begin(folder, cfg, parts, resumed=resumed)
    display = make_display(_title(folder, cfg, parts), limits_of(cfg))
    files = _files(folder, cfg, progress.clock if resumed else None)
    listeners = [*files, display]
    before = read_rows(folder.metrics)
    watch = LiveDoctor(facts_of(cfg), cfg.budget.stop, listeners, before)
    sink = MultiSink([*files, display, watch])
    try:
        with _interruptible(display.report) as interrupted:
            stop = _train(
                cfg,
                parts,
                progress,
                checkpoints,
                sink,
                display.report,
                lambda: "interrupted" if interrupted() else watch.stop(),
            )
        display.report(Status.SAVING)
        snapshot.save(checkpoints, parts, progress)
    finally:
        sink.close()
    _tell(folder, cfg, parts, progress, stop)


def _train(
    cfg: RunCfg,
    parts: Parts,
    progress: Progress,
    checkpoints: Checkpoints,
    sink: Sink,
    report: Report,
    asked_to_stop: Callable[[], Stop | None],
) -> Stop:
    """The loop with this run's nouns."""
    return train(
        progress=progress,
        limits=limits_of(cfg),
        schedule=parts.schedule,
        replay=parts.replay,
        evaluate=lambda: judge(parts, cfg.eval.episodes, progress.clock.env_steps),
        diagnose=lambda: measure(parts.gauges),
        evaluate_every=cfg.eval.every_env_steps,
        save=lambda: snapshot.save(checkpoints, parts, progress),
        save_every_s=cfg.save.every_s,
        sink=sink,
        report=report,
        asked_to_stop=asked_to_stop,
    )


def _train_along(
    folder: RunFolder, cfg: RunCfg, part: RunCfg, *, resumed: bool
) -> None:
    """What a process does that is not the first of its team: it has nothing to tell."""
    parts = build(part)
    allocated()
    parts.env.guard = StateDump(folder.path / "diverged" / f"process-{team.rank()}")
    checkpoints, progress = _begin(folder, cfg, parts, resumed=resumed)
    with _interruptible(lambda doing: None):  # the first process hears of it, too
        _train(
            cfg,
            parts,
            progress,
            checkpoints,
            MultiSink([]),
            lambda doing: None,
            lambda: None,
        )
    snapshot.save(checkpoints, parts, progress)


def _begin(
    folder: RunFolder, cfg: RunCfg, parts: Parts, *, resumed: bool
) -> tuple[Checkpoints, Progress]:
    """This process's snapshots, and where the run stands."""
    path = folder.checkpoints_of(team.rank())
    checkpoints = Checkpoints(path, replay=cfg.save.replay)
    if resumed and team.minimum(checkpoints.serial):
        return checkpoints, snapshot.restore(checkpoints, parts)
    if resumed:
        log.warning("it was ended before its first snapshot: beginning at 0 env steps")
        checkpoints.forget()
    return checkpoints, Progress(Clock(), evaluated_at=0, successes=[])


def limits_of(cfg: RunCfg) -> Limits:
    """When a run ends by itself; ``never`` switches every limit off."""
    if cfg.budget.stop == "never":
        return Limits(0, 0.0, 0.0)
    budget = cfg.budget
    return Limits(budget.env_steps, budget.train_s, budget.until_success)


def judge(parts: Parts, episodes: int, moment: int) -> Evaluation:
    """Deterministic episodes of the present policy in the evaluation worlds.

    The episodes depend on the run's seed and on ``moment`` only, so that a resumed
    run is judged on the same ones as an uninterrupted run.
    """
    parts.eval_env.reseed(EVAL_SEED_OFFSET + parts.env.seed + moment)
    return evaluate(parts.eval_env, parts.agent.averaged, episodes)


def _files(
    folder: RunFolder, cfg: RunCfg, resumed_at: Clock | None
) -> list[JsonLines | TensorBoard]:
    """The sinks that write files; rows beyond the snapshot are written anew."""
    at = None if resumed_at is None else resumed_at.env_steps
    sinks: list[JsonLines | TensorBoard] = [JsonLines(folder.metrics, keep_until=at)]
    if cfg.save.tensorboard:
        sinks.append(
            TensorBoard(folder.tensorboard, purge_from=None if at is None else at + 1)
        )
    return sinks


def _title(folder: RunFolder, cfg: RunCfg, parts: Parts) -> str:
    others = f" · {team.size()} processes" if team.size() > 1 else ""
    return (
        f"{folder.path.name} · {cfg.task}, {cfg.reward} reward · "
        f"{cfg.sim.num_worlds} worlds · {parts.device}{others}"
    )


@contextmanager
def _interruptible(report: Report) -> Iterator[Callable[[], bool]]:
    """End the run after this iteration at ctrl-C or SIGTERM; at once at the second."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        report(Status.STOPPING)

    in_main = threading.current_thread() is threading.main_thread()
    watched = (signal.SIGINT, signal.SIGTERM) if in_main else ()
    before = {number: signal.signal(number, ask) for number in watched}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(
    folder: RunFolder, cfg: RunCfg, parts: Parts, progress: Progress, stop: Stop
) -> None:
    """Final evaluation, curve, card, video; the manifest says how it ended."""
    # Whoever interrupts a run does not want to wait for its last word
    cut = stop == "interrupted"
    episodes = cfg.eval.episodes if cut else cfg.eval.final_episodes
    with torch_threads(1):
        final = judge(parts, episodes, progress.clock.env_steps + 1)
    rows = read_rows(folder.metrics)
    said = diagnose(from_rows(rows), facts_of(cfg))
    curve(rows, folder.path.name, folder.path / "curve.png", said)
    page = card(folder.path.name, cfg, final, rows, stop, said)
    (folder.path / "card.md").write_text(page)
    status = "interrupted" if cut else "finished"
    clock = progress.clock
    folder.update_manifest(
        status=status,
        stop=stop,
        stopped_at=cfg.budget.until_success,
        result=without_nan(asdict(final)),
        clock=asdict(clock),
        memory_gb=taken_gb(parts.device),
    )
    if cfg.save.video and not cut:
        _film(folder, cfg, parts)
    log.info("%s", verdict(cfg, final, rows, stop))


def _film(folder: RunFolder, cfg: RunCfg, parts: Parts) -> None:
    """The video, if it can be made: a run that has learned does not fail for its film."""
    try:
        stage = make_eval_env(cfg, filmed_worlds(cfg), EVAL_SEED_OFFSET + cfg.seed)
        film(cfg, parts.agent, stage, folder.path / "policy.mp4", episodes=1)
    except Exception as error:  # noqa: BLE001  a task of the user's may raise anything
        log.warning("no video: %s", first_line(error))
