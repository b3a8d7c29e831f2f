"""Play episodes for their frames: at random, by a task's script, or by trained policies."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from puckrl.agents.explore import random_action
from puckrl.agents.scripted import Scripted
from puckrl.agents.settings import ExploreCfg
from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.core.foreign import library_of
from puckrl.core.policy import Policy
from puckrl.core.rng import generator
from puckrl.core.runtime import torch_threads
from puckrl.core.types import Obs
from puckrl.envs.goal_env import GoalEnv
from puckrl.envs.play import policy_obs
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.settings import SamplingCfg
from puckrl.runner import run_folder
from puckrl.runner.build import make_replay
from puckrl.runner.snapshot import trained_agent
from puckrl.runner.worlds import make_training_env
from puckrl.training.collect import Collector

log = logging.getLogger(__name__)

RANDOM, SCRIPTED = "random", "scripted"
_NOISE = 0.3  # of scripted actions
_EVENLY = SamplingCfg(moving_share=0.0)  # what moved is a label


class Shares:
    """Divide the worlds among policies, in equal shares.

    Args:
        policies: at least one.
        device: device of observations and actions.
    """

    def __init__(self, policies: Sequence[Policy], device: torch.device) -> None:
        self._policies, self.device = policies, device

    def reset(self, done: Tensor) -> None:
        """Let every policy forget the worlds whose episode is over, (B,) bool."""
        for policy in self._policies:
            policy.reset(done.to(policy.device))

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Return the actions of each world's own policy, (B, action_dim)."""
        actions = [
            policy.act(policy_obs(obs, policy.device), explore=explore).to(self.device)
            for policy in self._policies
        ]
        parts = [action.tensor_split(len(actions)) for action in actions]
        return torch.cat([part[index] for index, part in enumerate(parts)])


def with_camera(cfg: RunCfg) -> RunCfg:
    """Return a configuration whose frames can be played.

    Raises:
        UserError: without a camera, or for an environment that is not ours.
    """
    if library_of(cfg.task):
        raise UserError(
            f"{cfg.task} has no cameras of ours, so there are no frames; use a preset from "
            "pixels: puck list"
        )
    if not cfg.pixels.viewpoints:
        raise UserError(
            f"{cfg.preset} has no camera; use a preset from pixels, puck list, or add "
            "--pixels.viewpoints side"
        )
    return cfg


def play_frames(
    cfg: RunCfg,
    device: torch.device,
    frames: int,
    sources: Sequence[str],
    root: Path,
    on_step: Callable[[int], None] | None = None,
) -> EpisodeReplayBuffer:
    """Play whole episodes and return the replay buffer that holds them.

    Args:
        cfg: task, cameras, physics.
        device: device of the frames.
        frames: minimum number of frames.
        sources: random, scripted, or runs; each plays in an equal share of the worlds.
        root: folder of run folders.
        on_step: called with the number of frames so far.

    Raises:
        UserError: for a source that does not exist or cannot play here.
    """
    env = make_training_env(with_camera(cfg), device)
    assert isinstance(env, GoalEnv)
    horizon, worlds = env.spaces.horizon, env.num_worlds
    rounds = -(-frames // (worlds * horizon))  # episodes of every world
    stored = replace(
        cfg.replay,
        capacity=rounds * worlds * horizon,
        sampling=_EVENLY,
        frames_on="device",
    )
    try:
        replay = make_replay(replace(cfg, replay=stored), env, device)
        assert isinstance(replay, EpisodeReplayBuffer)
        made = [_policy(name, cfg, env, root) for name in sources]
        collector = Collector(env, replay)
        collector.on_step = on_step
        with torch_threads(1):  # as training collects
            collector.collect(Shares(made, env.device), rounds * horizon)
    finally:
        env.close()
    return replay


def _policy(name: str, cfg: RunCfg, env: GoalEnv, root: Path) -> Policy:
    """Return what a source acts by."""
    rng = generator(cfg.seed, f"frames {name}", env.device)
    explore = ExploreCfg()

    def chance(obs: Obs) -> Tensor:
        count = len(obs["achieved_goal"])
        return random_action(explore, count, env.spaces.action_dim, rng)

    def noisy_script(obs: Obs) -> Tensor:
        action = env.task.expert(obs)
        assert action is not None
        return action + _NOISE * chance(obs)

    if name == RANDOM:
        return Scripted(chance, env.device)
    if name == SCRIPTED:
        if env.task.expert(env.reset()) is None:
            raise UserError(
                f"{cfg.task} has no scripted expert; use --frames-from random, or a run"
            )
        return Scripted(noisy_script, env.device)
    folder = run_folder.find(name, root)
    theirs = folder.config()
    if (theirs.task, theirs.pixels) != (cfg.task, cfg.pixels):
        raise UserError(
            f"{folder.path} is of another task or camera than {cfg.preset}; frames come "
            "from runs of the same: "
            + f"{cfg.task}, {', '.join(cfg.pixels.viewpoints)}"
        )
    agent = trained_agent(folder, theirs, env.spaces, env.device)
    return agent.averaged
