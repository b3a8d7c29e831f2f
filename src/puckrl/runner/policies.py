"""Looking at a trained policy: how good is it, and what does it look like."""

from pathlib import Path

from puckrl.agents.actor_critic import ActorCritic
from puckrl.config.run_cfg import RunCfg
from puckrl.core.runtime import pick_device, torch_threads
from puckrl.envs.goal_env import GoalEnv
from puckrl.report.video import record
from puckrl.runner import run_folder
from puckrl.runner.build import EVAL_WORLDS, make_eval_env
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.snapshot import trained_agent
from puckrl.training.judge import Evaluation, evaluate

_FILMED_WORLDS, _FILMED_WITH_VIEW = 6, 4
_TILE_PX = (320, 240)


def judge_run(name: str, root: Path, episodes: int, seed: int) -> Evaluation:
    """Deterministic episodes of a run's newest policy, on seeds it was not trained on.

    Raises:
        UserError: if there is no such run, or it has no snapshot yet.
    """
    folder = run_folder.find(name, root)
    agent, env = _stage(folder, worlds_for(episodes), seed)
    with torch_threads(1):
        return evaluate(env, agent.averaged, episodes)


def worlds_for(episodes: int) -> int:
    """Worlds that play so many episodes and no more, if they are not very few."""
    most = min(EVAL_WORLDS, episodes)
    return next((n for n in range(most, most // 4, -1) if episodes % n == 0), most)


def record_run(
    name: str,
    root: Path,
    output: Path | None,
    *,
    worlds: int | None,
    episodes: int,
    seed: int,
) -> Path:
    """Film a run's newest policy in so many worlds (None: few); the film's path.

    Raises:
        UserError: no such run, no snapshot, or a file ending other than .mp4 and .gif.
    """
    folder = run_folder.find(name, root)
    cfg = folder.config()
    agent, env = _stage(folder, worlds or filmed_worlds(cfg), seed)
    path = output or folder.path / "policy.mp4"
    return film(cfg, agent, env, path, episodes)


def filmed_worlds(cfg: RunCfg) -> int:
    """Worlds that a video shows legibly."""
    seeing = "pixels" in cfg.agent.actor_sensors
    return _FILMED_WITH_VIEW if seeing else _FILMED_WORLDS


def film(
    cfg: RunCfg, agent: ActorCritic, env: GoalEnv, path: Path, episodes: int
) -> Path:
    """Film a policy, with what it sees if it sees pictures; the film's path."""
    width, height = _TILE_PX
    if "pixels" in cfg.agent.actor_sensors:
        # pixels of the policy are squares of equal size
        height = cfg.pixels.height * max(1, round(height / cfg.pixels.height))
        height += height % 2
    return record(
        env,
        agent.averaged,
        path,
        episodes=episodes,
        size=(width, height),
        keypoints=agent.averaged.keypoints,
    )


def _stage(folder: RunFolder, worlds: int, seed: int) -> tuple[ActorCritic, GoalEnv]:
    """A run's newest policy and worlds to show it in, on the CPU."""
    cfg = folder.config()
    env = make_eval_env(cfg, worlds, seed)
    return trained_agent(folder, cfg, env.spaces, pick_device("cpu")), env
