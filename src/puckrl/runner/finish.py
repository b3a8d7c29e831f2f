"""The end of a run that finishes: the last evaluation, curve, card, manifest and video."""

import logging
from contextlib import closing
from dataclasses import asdict, replace

from puckrl.config.facts import facts_of
from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import first_line
from puckrl.core.timeline import span
from puckrl.monitor.regime import diagnose
from puckrl.monitor.table import from_rows
from puckrl.report.card import card, verdict, without_nan
from puckrl.report.figures import curve
from puckrl.report.rows import read_rows
from puckrl.runner.build import Parts
from puckrl.runner.interrupt import Signals
from puckrl.runner.kept_task import task_now
from puckrl.runner.memory import taken_gb
from puckrl.runner.policies import film, filmed_worlds
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.worlds import EVAL_SEED_OFFSET, make_eval_env
from puckrl.runner.writer import space_facts
from puckrl.training.callbacks import Hooks
from puckrl.training.judge import Episodes, Evaluation
from puckrl.training.loop import Stop
from puckrl.training.rows import clocks, evaluation_row
from puckrl.training.verdicts import Answer, Progress

log = logging.getLogger(__name__)


def ask_finally(cfg: RunCfg, parts: Parts, progress: Progress, stop: Stop) -> Answer:
    """Ask the judge about the final policy."""
    # A user who interrupts a run does not want to wait for a long evaluation
    short = stop == "interrupted"
    episodes = Episodes(cfg.eval.episodes if short else cfg.eval.final_episodes)
    return parts.judge.ask(episodes, progress.clock.env_steps + 1)


def finish(
    folder: RunFolder,
    cfg: RunCfg,
    parts: Parts,
    progress: Progress,
    stop: Stop,
    signals: Signals,
    hooks: Hooks,
    final: Evaluation,
) -> None:
    """Write curve, card, manifest and video.

    Raises:
        RunFailed: if a callback raises.
    """
    interrupted, env = stop == "interrupted", parts.env
    rows = read_rows(folder.metrics)
    why = f"{stop} ({hooks.reason})" if stop == "callback" else stop
    with span("curve and card"):
        table = from_rows(rows)
        diagnosis = diagnose(
            table, facts_of(cfg, space_facts(env.spaces, env.reward_bounds))
        )
        curve(table, folder.path.name, folder.path / "curve.png", diagnosis)
        total_s = progress.clock.total_s
        page = card(folder.path.name, cfg, final, rows, why, diagnosis, total_s)
        (folder.path / "card.md").write_text(page)
    hooks.end(clocks(progress.clock) | evaluation_row(final))
    folder.update_manifest(
        status="interrupted" if interrupted else "finished",
        stop=stop,
        stop_reason=hooks.reason,
        signal=signals.name if interrupted else None,
        stopped_at=cfg.budget.until_success,
        result=without_nan(asdict(final)),
        clock=progress.clock.as_dict(),
        memory_gb=taken_gb(parts.device),
    )
    log.info("%s", verdict(cfg, final, rows, stop, progress.clock.total_s))
    if cfg.save.video and not interrupted:  # after all that somebody waits for
        with span("video"):
            _film(folder, cfg, parts)
        folder.update_manifest(clock=progress.clock.as_dict())


def _film(folder: RunFolder, cfg: RunCfg, parts: Parts) -> None:
    """Write the video; a failure is only a warning, because the run itself succeeded."""
    try:
        seed = EVAL_SEED_OFFSET + cfg.seed
        cfg = replace(cfg, task=task_now(folder, cfg.task))
        env = make_eval_env(cfg, filmed_worlds(cfg), seed, draws=True)
        with closing(env):
            film(cfg, parts.agent, env, folder.path / "policy.mp4", episodes=1)
    except Exception as error:  # noqa: BLE001  a user's task may raise anything
        log.warning("no video: %s", first_line(error))
