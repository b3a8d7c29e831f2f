"""Offer one world of a task as a Gymnasium environment."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import gymnasium
import numpy as np
from numpy.typing import NDArray

from puckrl.config.run_cfg import PixelsCfg, SimCfg
from puckrl.core.arguments import checked
from puckrl.core.settings import Bounds
from puckrl.interop.arrays import Action, Info, goals_of, options_of, to_actions
from puckrl.interop.door import Door, draw_seed, fps
from puckrl.interop.view import Observation, View
from puckrl.tasks.catalog import make_task
from puckrl.tasks.task import RewardKind

if TYPE_CHECKING:
    from puckrl.sim.film import Film

_SIDE_PX = Bounds(1, 8192, "1 to 8192 pixels")


class PuckEnv(Door, gymnasium.Env[Observation, Action]):
    """Step one world of a task.

    It has no time limit: ``TimeLimit`` adds one. ``reset(seed=s)`` begins the same sequence
    of episodes each time. Copies, also by ``pickle``, go on from where the original is.

    Args:
        task: name of the task, or ``path/to/file.py:ClassName``.
        reward: sparse or dense.
        render_mode: ``"rgb_array"`` or None.
        width: width of rendered images, in pixels.
        height: height of rendered images, in pixels.
        pixels: cameras whose images replace ``observation``; without viewpoints, the task's
            first one. None: no camera.
        reward_type: gymnasium-robotics' name of ``reward``; None: as ``reward`` says.

    Raises:
        UserError: for an argument that is not legal.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    @checked
    def __init__(
        self,
        task: str = "push",
        reward: RewardKind = "sparse",
        render_mode: Literal["rgb_array"] | None = None,
        width: Annotated[int, _SIDE_PX] = 480,
        height: Annotated[int, _SIDE_PX] = 480,
        pixels: PixelsCfg | None = None,
        reward_type: RewardKind | None = None,
    ) -> None:
        made = make_task(task, reward_type or reward)
        self._open(made, SimCfg(num_worlds=1), pixels, auto_reset=False)
        self.metadata = {**self.metadata, "render_fps": fps(self._worlds)}
        self._view = View(self._worlds.spaces)
        self.observation_space, self.action_space = self._view.spaces()
        self.render_mode = render_mode
        self._size = (width, height)
        self._film: Film | None = None
        self._seeded = False

    @property
    def _goal_shape(self) -> tuple[int, ...]:
        return (self._worlds.spaces.goal_dim,)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Begin an episode.

        Args:
            seed: begins a sequence of episodes anew; None: go on.
            options: ``{"goal": (goal_dim,)}`` replaces the goal that is drawn.

        Raises:
            UserError: for another option, or a goal of another shape.
        """
        goal = options_of(options, "goal").get("goal")
        goals = None if goal is None else goals_of(goal, self._goal_shape)
        super().reset(seed=seed)
        if seed is not None or not self._seeded:
            self._worlds.reseed(draw_seed(self.np_random))
            self._seeded = True
        obs = self._worlds.reset()
        if goals is not None:
            self._worlds.goal[0] = obs["desired_goal"][0] = goals
        success = self._worlds.success(obs["achieved_goal"], obs["desired_goal"])
        return self._view.observation(obs, 0), {"is_success": bool(success[0])}

    def step(self, action: Action) -> tuple[Observation, float, bool, bool, Info]:
        """Take one control step; only failed physics truncates the episode.

        Raises:
            UserError: before the first reset; for another shape, NaN or infinity.
        """
        step = self._worlds.step(to_actions([action]))
        return (
            self._view.observation(step.final_obs, 0),
            float(step.reward[0]),
            bool(step.terminated[0]),
            bool(step.diverged[0]),
            {"is_success": bool(step.success[0])},
        )

    def render(self) -> NDArray[np.uint8] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Render the world with a green ball at the goal, (height, width, 3); no OpenGL."""
        if self.render_mode is None:
            return None
        if self._film is None:
            # mujoco_warp takes seconds to import: only for those who render
            from puckrl.sim.film import Film

            sim, task = self._worlds.sim, self.task
            radius_m = task.marker_radius_m
            self._film = Film(sim, task.scene(), task.film_view, self._size, radius_m)
        marker = self.task.marker_pos_m(self._worlds.goal)
        return self._film.render(marker)[0].numpy()

    def close(self) -> None:
        """Stop the threads of the cameras; safe to call twice."""
        if self._film is not None:
            self._film.close()
        self._worlds.close()
        super().close()
