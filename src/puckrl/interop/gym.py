"""The tasks as Gymnasium environments, one world or many.

    import gymnasium
    import puckrl.interop.gym

    gymnasium.register_envs(puckrl.interop.gym)  # says why the import is there
    env = gymnasium.make("puck/FetchPush-v4")
    envs = gymnasium.make_vec(
        "puck/FetchPush-v4", num_envs=64, vectorization_mode="vector_entry_point"
    )

Importing this module registers ``puck/Fetch{Reach,Push,Slide,PickAndPlace}[Dense]-v4``.
They take gymnasium-robotics' place number for number: the same spaces, observations,
rewards and ``info["is_success"]``. ``puck/FetchPushPixels[Dense]-v4`` and siblings show
pictures in place of the object: `gym_pixels`.

The time limit of one world is Gymnasium's ``TimeLimit`` wrapper, so that
``gymnasium.make(..., max_episode_steps=100)`` works; many worlds count for themselves.
"""

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.types import Obs
from puckrl.envs.goal_env import GoalEnv
from puckrl.interop.view import Observation, View
from puckrl.sim.cpu import CpuSim
from puckrl.tasks.catalog import make_task
from puckrl.tasks.task import RewardKind, Task

if TYPE_CHECKING:
    from puckrl.config.run_cfg import PixelsCfg
    from puckrl.sim.film import Film

Action = NDArray[Any]
Info = dict[str, Any]

IDS = {
    "Reach": "reach",
    "Push": "push",
    "Slide": "slide",
    "PickAndPlace": "pick-place",
}
"""Our names of the Fetch tasks by the reference's."""

_HORIZON = 50
_NO_LIMIT = 2**62


class PuckEnv(gymnasium.Env[Observation, Action]):
    """One world of a task.

    It never ends by time itself; that is ``TimeLimit``'s part. ``reset(seed=s)``
    begins the same sequence of episodes each time.

    Args:
        task: name of the task, or ``path/to/file.py:ClassName``.
        reward: sparse or dense.
        render_mode: ``"rgb_array"`` or None.
        width: of rendered images, in pixels.
        height: of rendered images, in pixels.
        pixels: cameras that show what ``observation`` would tell; None: none.
    """

    metadata: ClassVar[dict[str, Any]] = {  # pyright: ignore[reportIncompatibleVariableOverride]
        "render_modes": ["rgb_array"],
        "render_fps": 25,
    }

    def __init__(
        self,
        task: str = "push",
        reward: RewardKind = "sparse",
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
        pixels: "PixelsCfg | None" = None,
    ) -> None:
        self.task, self.reward_type = make_task(task, reward), reward
        self._env = _goal_env(self.task, 1, pixels, auto_reset=False)
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
        """One control step; truncated only if the physics failed."""
        batch = _actions(np.asarray(action)[None], self._env)
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
        """Reward of goals (..., goal_dim), as (...) float64; ``info`` is not needed."""
        return _reward(self.task, achieved_goal, desired_goal)

    def render(self) -> NDArray[np.uint8] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The world as (height, width, 3), a green ball at the goal; no OpenGL."""
        if self.render_mode is None:
            return None
        if self._film is None:
            # half of this module's import time, for those who never look
            from puckrl.sim.film import Film

            sim, task = self._env.sim, self.task
            radius_m = task.marker_radius_m
            self._film = Film(sim, task.scene(), task.film_view, self._size, radius_m)
        marker = self.task.marker_pos_m(self._env.goal)
        return self._film.render(marker)[0].numpy()


class PuckVectorEnv(VectorEnv[Observation, Action, NDArray[Any]]):
    """Many worlds of a task, stepped together by C threads.

    A world whose episode ends is reset within the same step
    (``AutoresetMode.SAME_STEP``): the observation is the new episode's first, and
    ``info["final_obs"]`` and ``info["final_info"]`` hold where the step truly led.
    One seed decides all worlds; they differ by their index.

    Args:
        num_envs: worlds.
        task: name of the task, or ``path/to/file.py:ClassName``.
        reward: sparse or dense.
        max_episode_steps: steps of an episode; None: as the task says; -1: no limit.
        num_threads: C threads; 0: every core.
        pixels: cameras that show what ``observation`` would tell; None: none.
        render_mode: None; many worlds are filmed by ``puck record``.

    Raises:
        UserError: for an unknown task, or a number of steps or a render mode that is not legal.
    """

    def __init__(
        self,
        num_envs: int = 1,
        task: str = "push",
        reward: RewardKind = "sparse",
        max_episode_steps: int | None = None,
        num_threads: int = 0,
        pixels: "PixelsCfg | None" = None,
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None:
            raise UserError(
                f"render_mode={render_mode!r}: many worlds draw nothing; leave it out, or "
                "render one with gymnasium.make"
            )
        self.metadata = {
            "render_modes": [],
            "render_fps": 25,
            "autoreset_mode": AutoresetMode.SAME_STEP,
        }
        self.num_envs = num_envs
        self.task, self.reward_type = make_task(task, reward), reward
        if max_episode_steps is not None:
            horizon = _horizon(max_episode_steps)
            self.task.spaces = replace(self.task.spaces, horizon=horizon)
        self._env = _goal_env(self.task, num_envs, pixels, num_threads=num_threads)
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
            UserError: for a list of seeds, or a mask that is none of the worlds.
        """
        if seed is not None and not isinstance(seed, int | np.integer):
            raise UserError(
                f"reset(seed={seed!r}): one int decides all worlds; pass an int or None"
            )
        mask = (options or {}).get("reset_mask")
        worlds = None if mask is None else _masked(mask, self.num_envs)
        super().reset(seed=None if seed is None else int(seed))
        if seed is not None or not self._seeded:
            self._env.reseed(_draw_seed(self.np_random))
            self._seeded = True
        return self._view.observation(self._env.reset(worlds), ...), {}

    def step(
        self, actions: Action
    ) -> tuple[Observation, NDArray[Any], NDArray[Any], NDArray[Any], Info]:
        """One control step of every world, actions (num_envs, action_dim)."""
        step = self._env.step(_actions(np.asarray(actions), self._env))
        done, success = step.done.numpy(), step.success.numpy()
        info: Info = {}
        if not done.all():
            info |= {"is_success": success & ~done, "_is_success": ~done}
        if done.any():
            info |= _final(self._view, step.final_obs, success, done)
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
        """Reward of goals (..., goal_dim), as (...) float64; ``info`` is not needed."""
        return _reward(self.task, achieved_goal, desired_goal)


def _final(
    view: View, obs: Obs, success: NDArray[np.bool_], done: NDArray[np.bool_]
) -> Info:
    """Where the worlds that are done truly ended, as Gymnasium's own vectors say it."""
    final_obs = np.full(len(done), None, dtype=object)
    for world in np.flatnonzero(done):
        final_obs[world] = view.observation(obs, int(world))
    inner = {"is_success": success & done, "_is_success": done.copy()}
    return {
        "final_obs": final_obs,
        "_final_obs": done.copy(),
        "final_info": inner,
        "_final_info": done.copy(),
    }


def _goal_env(
    task: Task,
    num_worlds: int,
    pixels: "PixelsCfg | None",
    *,
    auto_reset: bool = True,
    num_threads: int = 0,
) -> GoalEnv:
    """The batched environment on the CPU."""
    sim = CpuSim(task.scene().compile(), num_worlds, num_threads)
    if pixels is None:
        return GoalEnv(task, sim, auto_reset=auto_reset)
    # longer to import than all the rest
    from puckrl.runner.build import make_cameras

    cameras = make_cameras(task, sim, pixels)
    return GoalEnv(task, sim, auto_reset=auto_reset, cameras=cameras)


def _actions(actions: NDArray[Any], env: GoalEnv) -> Tensor:
    """Actions as the environment takes them.

    Raises:
        UserError: for another shape.
    """
    wanted = (env.num_worlds, env.spaces.action_dim)
    if actions.shape != wanted:
        raise UserError(f"actions of shape {actions.shape}; wanted {wanted}")
    return torch.from_numpy(np.ascontiguousarray(actions, dtype=np.float32))


def _reward(task: Task, achieved: ArrayLike, desired: ArrayLike) -> Any:
    """Rewards of numpy goals; a plain number for a single pair."""
    pair = (
        torch.from_numpy(np.asarray(goal, np.float64)) for goal in (achieved, desired)
    )
    return task.reward(*pair).numpy()[()]


def _horizon(max_episode_steps: int) -> int:
    """Steps of an episode; Gymnasium's -1 is no limit."""
    if max_episode_steps == -1:
        return _NO_LIMIT
    if max_episode_steps < 1:
        raise UserError(
            f"max_episode_steps={max_episode_steps}: at least 1, or -1 for no limit"
        )
    return max_episode_steps


def _masked(mask: ArrayLike, worlds: int) -> Tensor:
    """Indices of the worlds that a mask names."""
    chosen = np.asarray(mask)
    if chosen.shape != (worlds,) or chosen.dtype != np.bool_ or not chosen.any():
        raise UserError(
            f"reset_mask of shape {chosen.shape} and type {chosen.dtype}: wanted "
            f"({worlds},) bool with at least one world to reset"
        )
    return torch.from_numpy(np.flatnonzero(chosen))


def _draw_seed(rng: np.random.Generator) -> int:
    """A seed for the resets from Gymnasium's own generator."""
    return int(rng.integers(2**63))


def _register() -> None:
    """Tell Gymnasium the ids; importing this module does it."""
    rewards = (("", "sparse"), ("Dense", "dense"))
    doors = (
        ("", f"{__name__}:PuckEnv", f"{__name__}:PuckVectorEnv"),
        ("Pixels", f"{__name__}_pixels:PixelEnv", f"{__name__}_pixels:PixelVectorEnv"),
    )
    for (reference, task), (seen, one, many), (suffix, reward) in product(
        IDS.items(), doors, rewards
    ):
        gymnasium.register(
            id=f"puck/Fetch{reference}{seen}{suffix}-v4",
            entry_point=one,
            vector_entry_point=many,
            max_episode_steps=_HORIZON,
            kwargs={"task": task, "reward": reward},
        )


_register()
