"""Offer many worlds of a task as one vector environment of Gymnasium's.

    mode         a world whose episode ends                         the next step of it
    SAME_STEP    shows the new episode; info has the last obs       a step of the new one
    NEXT_STEP    shows the last observation                         resets it, reward 0
    DISABLED     shows the last observation                         is refused until a reset

Source: Gymnasium's ``AutoresetMode``.
"""

from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from puckrl.config.run_cfg import PixelsCfg, SimCfg
from puckrl.core.arguments import checked
from puckrl.core.errors import UserError
from puckrl.core.settings import COUNT, NON_NEGATIVE
from puckrl.core.types import Obs
from puckrl.interop.arrays import (
    Action,
    Info,
    final_info,
    goals_of,
    options_of,
    to_actions,
    worlds_of,
)
from puckrl.interop.door import Door, draw_seed, fps
from puckrl.interop.view import Observation, View
from puckrl.tasks.catalog import make_task
from puckrl.tasks.task import RewardKind

Array = NDArray[Any]
_NO_LIMIT = 2**62


class PuckVectorEnv(Door, VectorEnv[Observation, Action, Array]):
    """Step many worlds of a task together, on C threads.

    One seed decides all worlds; they differ by their index. In ``SAME_STEP``,
    ``info["final_obs"]`` and ``info["final_info"]`` hold the end of an episode.

    Args:
        num_envs: worlds.
        task: name of the task, or ``path/to/file.py:ClassName``.
        reward: sparse or dense.
        max_episode_steps: steps of an episode; None: the task's horizon; -1: no limit.
        num_threads: C threads; 0: every core.
        pixels: cameras whose images replace ``observation``; without viewpoints, the task's
            first one. None: no camera.
        render_mode: None; ``puck record`` makes videos of many worlds.
        reward_type: gymnasium-robotics' name of ``reward``; None: as ``reward`` says.
        autoreset_mode: what happens to a world whose episode ends, or its name.

    Raises:
        UserError: for an argument that is not legal.
    """

    @checked
    def __init__(
        self,
        num_envs: Annotated[int, COUNT] = 1,
        task: str = "push",
        reward: RewardKind = "sparse",
        max_episode_steps: int | None = None,
        num_threads: Annotated[int, NON_NEGATIVE] = 0,
        pixels: PixelsCfg | None = None,
        render_mode: str | None = None,
        reward_type: RewardKind | None = None,
        autoreset_mode: AutoresetMode
        | Literal["SameStep", "NextStep", "Disabled"] = AutoresetMode.SAME_STEP,
    ) -> None:
        if render_mode is not None:
            raise UserError(
                f"render_mode={render_mode!r}: a vector environment renders nothing; leave "
                "it out, or render one world with gymnasium.make"
            )
        self.num_envs, self._mode = num_envs, AutoresetMode(autoreset_mode)
        made = make_task(task, reward_type or reward)
        if max_episode_steps is not None:
            horizon = _horizon(max_episode_steps)
            made.spaces = replace(made.spaces, horizon=horizon)
        sim = SimCfg(num_worlds=num_envs, num_threads=num_threads)
        same_step = self._mode is AutoresetMode.SAME_STEP
        self._open(made, sim, pixels, auto_reset=same_step)
        self.metadata = {
            "render_modes": [],
            "render_fps": fps(self._worlds),
            "autoreset_mode": self._mode,
        }
        self._view = View(self._worlds.spaces)
        single = self._view.spaces()
        self.single_observation_space, self.single_action_space = single
        self.observation_space = batch_space(single[0], num_envs)
        self.action_space = batch_space(single[1], num_envs)
        self._seeded = False
        self._over = np.zeros(num_envs, dtype=bool)

    @property
    def autoreset_mode(self) -> AutoresetMode:
        """What happens to a world whose episode ends; the constructor decides."""
        return self._mode

    @property
    def max_episode_steps(self) -> int | None:
        """Steps of the longest episode; None: no limit."""
        horizon = self._worlds.spaces.horizon
        return None if horizon == _NO_LIMIT else horizon

    @property
    def _goal_shape(self) -> tuple[int, ...]:
        return (self.num_envs, self._worlds.spaces.goal_dim)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Begin an episode in every world.

        Args:
            seed: one number for all worlds; None: go on.
            options: ``{"reset_mask": (num_envs,) bool}`` resets only some worlds;
                ``{"goal": (num_envs, goal_dim)}`` replaces the goals that are drawn, also
                by one goal for all, (goal_dim,).

        Raises:
            UserError: for a list of seeds, another option, or an array of another shape.
        """
        if seed is not None and not isinstance(seed, int | np.integer):
            raise UserError(
                f"reset(seed={seed!r}): one int decides all worlds; pass an int or None"
            )
        given = options_of(options, "goal", "reset_mask")
        goal, mask = given.get("goal"), given.get("reset_mask")
        goals = None if goal is None else goals_of(goal, self._goal_shape)
        worlds = None if mask is None else worlds_of(mask, self.num_envs)
        super().reset(seed=None if seed is None else int(seed))
        if seed is not None or not self._seeded:
            self._worlds.reseed(draw_seed(self.np_random))
            self._seeded = True
        obs = self._worlds.reset(worlds)
        rows = slice(None) if worlds is None else worlds
        self._over[rows] = False
        if goals is not None:
            self._worlds.goal[rows] = obs["desired_goal"][rows] = goals[rows]
        begun = np.zeros(self.num_envs, dtype=bool)
        begun[rows] = True
        return self._view.observation(obs, ...), self._success(obs, begun)

    def _success(self, obs: Obs, told: Array) -> Info:
        """Return the info of observations, for the worlds in a mask."""
        success = self._worlds.success(obs["achieved_goal"], obs["desired_goal"])
        return {"is_success": success.numpy() & told, "_is_success": told}

    def step(self, actions: Action) -> tuple[Observation, Array, Array, Array, Info]:
        """Take one control step in every world, actions (num_envs, action_dim).

        Raises:
            UserError: before the first reset; for another shape, NaN or infinity; for
                a world whose episode is over and that nothing resets.
        """
        over, same_step = self._over, self._mode is AutoresetMode.SAME_STEP
        if self._mode is AutoresetMode.DISABLED and over.any():
            raise UserError(
                f"the episodes of worlds {np.flatnonzero(over)} are over; begin others: "
                'reset(options={"reset_mask": terminated | truncated})'
            )
        step = self._worlds.step(to_actions(actions))
        reward, obs = step.reward.numpy(), step.obs
        if over.any():  # these worlds were stepped in vain
            reward[over] = 0.0
            obs = self._worlds.reset(torch.from_numpy(np.flatnonzero(over)))
        terminated, truncated = (
            ended.numpy() & ~over for ended in (step.terminated, step.truncated)
        )
        done = terminated | truncated
        info = self._success(obs, np.ones_like(done))
        if same_step and done.any():
            info |= final_info(self._view, step.final_obs, step.success.numpy(), done)
        self._over = done & (not same_step)
        shown = self._view.observation(obs, ...)
        return shown, reward, terminated, truncated, info

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the threads of the cameras; Gymnasium's ``close`` calls it once."""
        self._worlds.close()


def _horizon(max_episode_steps: int) -> int:
    """Return the steps of an episode; Gymnasium's -1 is no limit.

    Raises:
        UserError: for another number below 1.
    """
    if max_episode_steps == -1:
        return _NO_LIMIT
    if max_episode_steps < 1:
        raise UserError(
            f"max_episode_steps={max_episode_steps}: at least 1, or -1 for no limit"
        )
    return max_episode_steps
