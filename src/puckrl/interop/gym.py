"""Offer the tasks as Gymnasium environments, one world or many.

    import gymnasium
    import puckrl.interop.gym

    gymnasium.register_envs(puckrl.interop.gym)  # says why the import is there
    env = gymnasium.make("puck/FetchPush-v4")
    envs = gymnasium.make_vec(
        "puck/FetchPush-v4", num_envs=64, vectorization_mode="vector_entry_point"
    )

Importing this module registers ``puck/Fetch{Reach,Push,Slide,PickAndPlace}[Dense]-v4``.
They replace gymnasium-robotics' environments number for number: the same spaces,
observations, rewards and ``info["is_success"]``. ``puck/FetchPushPixels[Dense]-v4`` and
its siblings show images in place of the object: `gym_pixels`.

Gymnasium's ``TimeLimit`` wrapper limits the episodes of one world, so that
``gymnasium.make(..., max_episode_steps=100)`` works; a vector environment counts its own
steps.
"""

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from puckrl.config.run_cfg import PixelsCfg, SimCfg
from puckrl.core.errors import UserError
from puckrl.envs.goal_env import GoalEnv
from puckrl.interop.arrays import (
    Action,
    Info,
    final_info,
    rewards_of,
    to_actions,
    worlds_of,
)
from puckrl.interop.view import Observation, View
from puckrl.runner.worlds import make_env
from puckrl.sim.viewpoints import default_name
from puckrl.tasks.catalog import make_task
from puckrl.tasks.task import RewardKind, Task

if TYPE_CHECKING:
    from puckrl.sim.film import Film

IDS = {
    "Reach": "reach",
    "Push": "push",
    "Slide": "slide",
    "PickAndPlace": "pick-place",
}
"""Our names of the Fetch tasks, by gymnasium-robotics' names."""

_NO_LIMIT = 2**62


class PuckEnv(gymnasium.Env[Observation, Action]):
    """Step one world of a task.

    It has no time limit: ``TimeLimit`` adds one. ``reset(seed=s)`` begins the same sequence
    of episodes each time.

    Args:
        task: name of the task, or ``path/to/file.py:ClassName``.
        reward: sparse or dense.
        render_mode: ``"rgb_array"`` or None.
        width: width of rendered images, in pixels.
        height: height of rendered images, in pixels.
        pixels: cameras whose images replace ``observation``; without viewpoints, the task's
            first one. None: no camera.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(
        self,
        task: str = "push",
        reward: RewardKind = "sparse",
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
        pixels: PixelsCfg | None = None,
    ) -> None:
        self.task, self.reward_type = make_task(task, reward), reward
        self._env = _goal_env(self.task, SimCfg(num_worlds=1), pixels, auto_reset=False)
        self.metadata = {**self.metadata, "render_fps": _fps(self._env)}
        self._view = View(self._env.spaces)
        self.observation_space, self.action_space = self._view.spaces()
        self.render_mode = render_mode
        self._size = (width, height)
        self._film: Film | None = None
        self._seeded = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Begin an episode; a seed begins a sequence of episodes anew."""
        super().reset(seed=seed)
        if seed is not None or not self._seeded:
            self._env.reseed(_draw_seed(self.np_random))
            self._seeded = True
        return self._view.observation(self._env.reset(), 0), {}

    def step(self, action: Action) -> tuple[Observation, float, bool, bool, Info]:
        """Take one control step; only failed physics truncates the episode."""
        batch = to_actions(np.asarray(action)[None], self._env)
        step = self._env.step(batch)
        return (
            self._view.observation(step.final_obs, 0),
            float(step.reward[0]),
            bool(step.terminated[0]),
            bool(step.diverged[0]),
            {"is_success": bool(step.success[0])},
        )

    def compute_reward(
        self, achieved_goal: ArrayLike, desired_goal: ArrayLike, info: object
    ) -> Any:
        """Return rewards of goals (..., goal_dim) as (...) float64; ``info`` is unused."""
        return rewards_of(self.task, achieved_goal, desired_goal)

    def render(self) -> NDArray[np.uint8] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Render the world with a green ball at the goal, (height, width, 3); no OpenGL."""
        if self.render_mode is None:
            return None
        if self._film is None:
            # mujoco_warp takes seconds to import: only for those who render
            from puckrl.sim.film import Film

            sim, task = self._env.sim, self.task
            radius_m = task.marker_radius_m
            self._film = Film(sim, task.scene(), task.film_view, self._size, radius_m)
        marker = self.task.marker_pos_m(self._env.goal)
        return self._film.render(marker)[0].numpy()

    def close(self) -> None:
        """Stop the threads of the cameras; safe to call twice."""
        if self._film is not None:
            self._film.close()
        self._env.close()
        super().close()


class PuckVectorEnv(VectorEnv[Observation, Action, NDArray[Any]]):
    """Step many worlds of a task together, on C threads.

    A world whose episode ends is reset within the same step
    (``AutoresetMode.SAME_STEP``): the observation is the first one of the new episode, and
    ``info["final_obs"]`` and ``info["final_info"]`` hold the last ones of the old episode.
    One seed decides all worlds; they differ by their index.

    Args:
        num_envs: worlds.
        task: name of the task, or ``path/to/file.py:ClassName``.
        reward: sparse or dense.
        max_episode_steps: steps of an episode; None: the task's horizon; -1: no limit.
        num_threads: C threads; 0: every core.
        pixels: cameras whose images replace ``observation``; without viewpoints, the task's
            first one. None: no camera.
        render_mode: None; ``puck record`` makes videos of many worlds.

    Raises:
        UserError: for an unknown task, or an illegal number of steps or render mode.
    """

    def __init__(
        self,
        num_envs: int = 1,
        task: str = "push",
        reward: RewardKind = "sparse",
        max_episode_steps: int | None = None,
        num_threads: int = 0,
        pixels: PixelsCfg | None = None,
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None:
            raise UserError(
                f"render_mode={render_mode!r}: a vector environment renders nothing; leave "
                "it out, or render one world with gymnasium.make"
            )
        self.num_envs = num_envs
        self.task, self.reward_type = make_task(task, reward), reward
        if max_episode_steps is not None:
            horizon = _horizon(max_episode_steps)
            self.task.spaces = replace(self.task.spaces, horizon=horizon)
        sim = SimCfg(num_worlds=num_envs, num_threads=num_threads)
        self._env = _goal_env(self.task, sim, pixels, auto_reset=True)
        self.metadata = {
            "render_modes": [],
            "render_fps": _fps(self._env),
            "autoreset_mode": AutoresetMode.SAME_STEP,
        }
        self._view = View(self._env.spaces)
        single = self._view.spaces()
        self.single_observation_space, self.single_action_space = single
        self.observation_space = batch_space(single[0], num_envs)
        self.action_space = batch_space(single[1], num_envs)
        self._seeded = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Begin an episode in every world.

        Args:
            seed: one number for all worlds; None: go on.
            options: ``{"reset_mask": (num_envs,) bool}`` resets only some worlds.

        Raises:
            UserError: for a list of seeds, or a mask of another shape or type.
        """
        if seed is not None and not isinstance(seed, int | np.integer):
            raise UserError(
                f"reset(seed={seed!r}): one int decides all worlds; pass an int or None"
            )
        mask = (options or {}).get("reset_mask")
        worlds = None if mask is None else worlds_of(mask, self.num_envs)
        super().reset(seed=None if seed is None else int(seed))
        if seed is not None or not self._seeded:
            self._env.reseed(_draw_seed(self.np_random))
            self._seeded = True
        return self._view.observation(self._env.reset(worlds), ...), {}

    def step(
        self, actions: Action
    ) -> tuple[Observation, NDArray[Any], NDArray[Any], NDArray[Any], Info]:
        """Take one control step in every world, actions (num_envs, action_dim)."""
        step = self._env.step(to_actions(np.asarray(actions), self._env))
        done, success = step.done.numpy(), step.success.numpy()
        info: Info = {}
        if not done.all():
            info |= {"is_success": success & ~done, "_is_success": ~done}
        if done.any():
            info |= final_info(self._view, step.final_obs, success, done)
        return (
            self._view.observation(step.obs, ...),
            step.reward.numpy(),
            step.terminated.numpy(),
            step.truncated.numpy(),
            info,
        )

    def compute_reward(
        self, achieved_goal: ArrayLike, desired_goal: ArrayLike, info: object
    ) -> Any:
        """Return rewards of goals (..., goal_dim) as (...) float64; ``info`` is unused."""
        return rewards_of(self.task, achieved_goal, desired_goal)

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the threads of the cameras; Gymnasium's ``close`` calls it once."""
        self._env.close()


def _goal_env(
    task: Task, sim: SimCfg, pixels: PixelsCfg | None, *, auto_reset: bool
) -> GoalEnv:
    """Make the batched environment on the CPU."""
    cameras = pixels or PixelsCfg()
    if pixels is not None and not pixels.viewpoints:
        cameras = replace(pixels, viewpoints=(default_name(task.viewpoints),))
    return make_env(task, sim, auto_reset=auto_reset, pixels=cameras)


def _fps(env: GoalEnv) -> float:
    """Return the control steps per second: at this rate a video runs in real time."""
    return 1.0 / env.control_dt_s


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


def _draw_seed(rng: np.random.Generator) -> int:
    """Draw a seed for the resets from Gymnasium's own generator."""
    return int(rng.integers(2**63))


def _register() -> None:
    """Register the ids with Gymnasium; importing this module does it."""
    rewards = (("", "sparse"), ("Dense", "dense"))
    classes = (
        ("", f"{__name__}:PuckEnv", f"{__name__}:PuckVectorEnv"),
        ("Pixels", f"{__name__}_pixels:PixelEnv", f"{__name__}_pixels:PixelVectorEnv"),
    )
    for (name, task), (modality, one, many), (suffix, reward) in product(
        IDS.items(), classes, rewards
    ):
        gymnasium.register(
            id=f"puck/Fetch{name}{modality}{suffix}-v4",
            entry_point=one,
            vector_entry_point=many,
            max_episode_steps=make_task(task).spaces.horizon,
            kwargs={"task": task, "reward": reward},
        )


_register()
