"""Play a policy in many worlds at once, and take whole episodes with what cameras show.

observation t, images t  ->  action t  ->  reward, success t  ->  observation t + 1
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from puckrl.config.run_cfg import PixelsCfg
from puckrl.core.policy import Policy
from puckrl.core.rng import Draws, generator
from puckrl.core.runtime import torch_threads
from puckrl.core.types import Obs
from puckrl.dataset.settings import DatasetCfg
from puckrl.envs.cameras import Cameras, NoCameras
from puckrl.envs.goal_env import GoalEnv
from puckrl.envs.play import begin, play
from puckrl.runner.worlds import make_cameras

_APPEARANCE = 7_919  # to the seed, so that looks do not follow from positions
VECTORS = ("state", "achieved_goal", "desired_goal")
"""Names of the vectors of an observation."""


@dataclass(frozen=True)
class Episode:
    """One episode of T steps."""

    vectors: dict[str, NDArray[np.float32]]
    """State and goals, (T + 1, n) each."""
    images: dict[str, NDArray[np.uint8]]
    """What each camera shows, (T + 1, height, width, 3) each."""
    action: NDArray[np.float32]
    """Actions as they were executed, in [-1, 1], (T, action_dim)."""
    reward: NDArray[np.float32]
    """Rewards, (T,)."""
    success: NDArray[np.bool_]
    """Whether the goal is reached after the step, (T,)."""
    terminated: bool
    """Whether the episode truly ended; else its time was up."""
    seed: int
    """Seed of the worlds."""
    world: int
    """Number of its world; with seed and round it begins in the same way again."""
    round: int
    """Number of the episode in its world."""

    @property
    def won(self) -> bool:
        """Whether the goal is reached at the last step."""
        return bool(self.success[-1])

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.action)


class NoisyPolicy:
    """A policy whose actions are disturbed, so that data show how to come back.

    Source: Laskey et al. (2017), "DART: noise injection for robust imitation learning".

    Args:
        policy: acts.
        noise: standard deviation.
        seed: seeds the noise.
    """

    def __init__(self, policy: Policy, noise: float, seed: int) -> None:
        self.device, self._policy, self._noise = policy.device, policy, noise
        self._rng = generator(seed, "data set noise", policy.device)

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Return disturbed actions, (B, action_dim) in [-1, 1]."""
        action = self._policy.act(obs, explore=explore)
        noise = torch.randn(action.shape, generator=self._rng, device=action.device)
        return (action + self._noise * noise).clamp(-1.0, 1.0)

    def reset(self, done: Tensor) -> None:
        """Forget the worlds whose episode is over."""
        self._policy.reset(done)


def rounds(env: GoalEnv, policy: Policy, cfg: DatasetCfg) -> Iterator[list[Episode]]:
    """Yield the episodes of all worlds, round after round, without end.

    Episodes whose physics diverged are left out.

    Args:
        env: worlds without automatic resets.
        policy: acts without exploration.
        cfg: settings of the data set.
    """
    pixels = PixelsCfg(
        viewpoints=cfg.cameras,
        height=cfg.size,
        width=cfg.size,
        stack=1,
        randomize=cfg.randomize,
    )
    acting = NoisyPolicy(policy, cfg.noise, cfg.seed) if cfg.noise else policy
    env.reseed(cfg.seed)
    cameras = make_cameras(env.task, env.sim, pixels)
    with closing(cameras):
        number = 0
        while True:
            with torch.no_grad(), torch_threads(1):
                played = _round(env, acting, cameras, cfg, number)
            yield played
            number += 1


def _round(
    env: GoalEnv,
    policy: Policy,
    cameras: Cameras | NoCameras,
    cfg: DatasetCfg,
    number: int,
) -> list[Episode]:
    """Play one episode in every world."""
    worlds = torch.arange(env.num_worlds)
    obs = begin(env, policy)
    looks = Draws(cfg.seed + _APPEARANCE, worlds, torch.full_like(worlds, number))
    cameras.begin(worlds, looks)
    seen, frames = [_vectors(obs)], [_frames(cameras)]
    actions: list[Tensor] = []
    rewards: list[Tensor] = []
    wins: list[Tensor] = []
    alive = torch.ones(env.num_worlds, dtype=torch.bool)
    length, ended, broken = torch.zeros(3, env.num_worlds, dtype=torch.int64)
    for action, step in play(env, policy, env.spaces.horizon, explore=False, obs=obs):
        cameras.advance()
        seen.append(_vectors(step.final_obs))
        frames.append(_frames(cameras))
        actions.append(action.float())
        rewards.append(step.reward.float())
        wins.append(step.success)
        length += alive
        ended += alive & step.terminated
        broken += alive & step.diverged
        alive = alive & ~step.done
        if not bool(alive.any()):
            break
    return [
        Episode(
            vectors={
                name: _rows([one[name] for one in seen], world, int(length[world]) + 1)
                for name in VECTORS
            },
            images=_images(frames, cfg.cameras, world, int(length[world]) + 1),
            action=_rows(actions, world, int(length[world])),
            reward=_rows(rewards, world, int(length[world])),
            success=_rows(wins, world, int(length[world])),
            terminated=bool(ended[world]),
            seed=cfg.seed,
            world=world,
            round=number,
        )
        for world in range(env.num_worlds)
        if not broken[world]
    ]


def _vectors(obs: Obs) -> dict[str, Tensor]:
    return {name: obs[name].float().clone() for name in VECTORS}


def _frames(cameras: Cameras | NoCameras) -> Tensor | None:
    """Return the newest images of all worlds, (W, height, width, 3 cameras)."""
    return cameras.observe().get("frame")


def _rows(steps: list[Tensor], world: int, count: int) -> NDArray[Any]:
    """Return the first rows of one world."""
    return torch.stack([one[world] for one in steps[:count]]).numpy()


def _images(
    frames: list[Tensor | None], names: tuple[str, ...], world: int, count: int
) -> dict[str, NDArray[np.uint8]]:
    """Return the images of one world by camera."""
    shown = [frame[world] for frame in frames[:count] if frame is not None]
    if not shown:
        return {}
    parts = torch.stack(shown).split(3, dim=-1)
    return {
        name: part.contiguous().numpy() for name, part in zip(names, parts, strict=True)
    }
