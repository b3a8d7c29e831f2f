"""The end of a run that finishes: the last evaluation, curve, card, manifest and video."""

import logging
from contextlib import closing
from dataclasses import asdict

from puckrl.config.facts import facts_of
from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import first_line
from puckrl.core.runtime import torch_threads
from puckrl.core.timeline import span
from puckrl.monitor.regime import diagnose
from puckrl.monitor.table import from_rows
from puckrl.report.card import card, verdict, without_nan
from puckrl.report.figures import curve
from puckrl.report.rows import read_rows
from puckrl.runner.build import Parts
from puckrl.runner.interrupt import Signals
from puckrl.runner.memory import taken_gb
from puckrl.runner.policies import film, filmed_worlds
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.worlds import EVAL_SEED_OFFSET, make_eval_env
from puckrl.runner.writer import space_facts
from puckrl.training.callbacks import Hooks
from puckrl.training.judge import Evaluation, evaluate
from puckrl.training.loop import Progress, Stop, clocks, evaluation_row

log = logging.getLogger(__name__)


def judge(parts: Parts, episodes: int, moment: int) -> Evaluation:
    """Evaluate the current policy over deterministic episodes.

    The episodes depend on the run's seed and on ``moment`` only, so that a resumed run
    and an uninterrupted one are evaluated on the same episodes.
    """
    parts.eval_env.reseed(EVAL_SEED_OFFSET + parts.env.seed + moment)
    return evaluate(parts.eval_env, parts.agent.averaged, episodes)


def finish(
    folder: RunFolder,
    cfg: RunCfg,
    parts: Parts,
    progress: Progress,
    stop: Stop,
    signals: Signals,
    hooks: Hooks,
) -> None:
    """Evaluate the final policy; write curve, card, manifest and video.

    Raises:
        RunFailed: if a callback raises.
    """
    # A user who interrupts a run does not want to wait for a long evaluation
    interrupted, env = stop == "interrupted", parts.env
    episodes = cfg.eval.episodes if interrupted else cfg.eval.final_episodes
    with span("final evaluation"), torch_threads(1):
        final = judge(parts, episodes, progress.clock.env_steps + 1)
    rows = read_rows(folder.metrics)
    why = f"{stop} ({hooks.reason})" if stop == "callback" else stop
    with span("curve and card"):
        table = from_rows(rows)
        diagnosis = diagnose(
            table, facts_of(cfg, space_facts(env.spaces, env.reward_bounds))
        )
        curve(table, folder.path.name, folder.path / "curve.png", diagnosis)
        page = card(folder.path.name, cfg, final, rows, why, diagnosis)
        (folder.path / "card.md").write_text(page)
    hooks.end(clocks(progress.clock) | evaluation_row(final))
    folder.update_manifest(
        status="interrupted" if interrupted else "finished",
        stop=stop,
        stop_reason=hooks.reason,
        signal=signals.name if interrupted else None,
        stopped_at=cfg.budget.until_success,
        result=without_nan(asdict(final)),
        clock=asdict(progress.clock),
        memory_gb=taken_gb(parts.device),
    )
    if cfg.save.video and not interrupted:
        with span("video"):
            _film(folder, cfg, parts)
    log.info("%s", verdict(cfg, final, rows, stop))


def _film(folder: RunFolder, cfg: RunCfg, parts: Parts) -> None:
    """Write the video; a failure is only a warning, because the run itself succeeded."""
    try:
        seed = EVAL_SEED_OFFSET + cfg.seed
        env = make_eval_env(cfg, filmed_worlds(cfg), seed, draws=True)
        with closing(env):
            film(cfg, parts.agent, env, folder.path / "policy.mp4", episodes=1)
    except Exception as error:  # noqa: BLE001  a user's task may raise anything
        log.warning("no video: %s", first_line(error))
