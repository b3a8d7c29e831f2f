"""Looking at a finished run: how good is it, and what does it look like."""

from dataclasses import replace
from pathlib import Path

from puckrl.core.runtime import pick_device, torch_threads
from puckrl.lab import runs
from puckrl.lab.build import make_eval_env
from puckrl.lab.record import record
from puckrl.lab.state import trained_agent
from puckrl.tasks.catalog import make_task
from puckrl.train.rollout import Evaluation, evaluate


def judge_run(name: str, root: Path, episodes: int, seed: int) -> Evaluation:
    """Deterministic episodes of a run's newest policy, on seeds it was not trained on.

    Raises:
        UserError: if there is no such run, or it has no snapshot yet.
    """
    folder = runs.find(name, root)
    cfg = folder.config()
    device = pick_device("cpu")
    agent = trained_agent(folder, cfg, device)
    env = make_eval_env(
        replace(cfg, seed=seed, eval=replace(cfg.eval, episodes=episodes))
    )
    with torch_threads(1):
        return evaluate(env, agent, episodes, device)


def record_run(
    name: str, root: Path, output: Path | None, *, worlds: int, episodes: int, seed: int
) -> Path:
    """Film a run's newest policy; the film's path.

    Raises:
        UserError: no such run, no snapshot, or a file ending other than .mp4 and .gif.
    """
    folder = runs.find(name, root)
    cfg = folder.config()
    device = pick_device("cpu")
    agent = trained_agent(folder, cfg, device)
    path = output or folder.path / "policy.mp4"
    task = make_task(cfg.task, cfg.reward)
    record(
        task, agent, path, worlds=worlds, episodes=episodes, seed=seed, device=device
    )
    return path
