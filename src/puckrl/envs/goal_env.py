"""A batched goal environment: many worlds of one task, stepped together."""

import weakref
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, NoReturn, Self

import torch
from torch import Tensor

from puckrl.core.arguments import check
from puckrl.core.errors import UserError
from puckrl.core.rng import Draws
from puckrl.core.sections import section, under
from puckrl.core.types import Obs, Step
from puckrl.envs import gym_spaces
from puckrl.envs.cameras import Cameras, NoCameras
from puckrl.envs.finite import Alarm, NotFinite, all_finite, first_not_finite, refuse
from puckrl.envs.goal_images import GoalImages, NoGoalImages
from puckrl.envs.handover import check_action, check_goals, check_worlds, owned
from puckrl.sim.backend import Sim
from puckrl.sim.divergence import Guard, ignore
from puckrl.tasks.task import Task

if TYPE_CHECKING:
    from gymnasium import spaces

_DONE, _NOT_FINITE = 1, 2


class GoalEnv:
    """Worlds of a task that reset individually when their episodes end; see ``GoalWorlds``.

    Observations are ``state`` (W, state_dim), ``achieved_goal`` and
    ``desired_goal`` (W, goal_dim), in the simulation's precision; with cameras also
    ``frame`` and ``pixels``, see ``cameras``, and where goals are images ``goal_image``,
    see ``goal_images``. Spaces are Gymnasium's; ``reset`` and
    ``step`` are those of ``Worlds``, with tensors.

    Args:
        task: the task, which is bound to ``sim`` here.
        sim: the task's simulation.
        seed: determines every reset, per world and episode.
        auto_reset: whether a world begins its next episode as soon as one ends.
        cameras: render the worlds; None: no images.
        goal_images: make a picture of every episode's goal; None: goals are vectors only.
        first_world: number of the first world; other processes have those before it.
    """

    restorable = True
    """Whether ``snapshot`` holds the complete state."""

    def __init__(
        self,
        task: Task,
        sim: Sim,
        seed: int = 0,
        *,
        auto_reset: bool = True,
        cameras: Cameras | NoCameras | None = None,
        goal_images: GoalImages | None = None,
        first_world: int = 0,
    ) -> None:
        task.bind(sim)
        self.task, self.sim, self.seed = task, sim, seed
        self.num_worlds = sim.num_worlds
        self._cameras = cameras or NoCameras()
        self.goal_images: GoalImages = goal_images or NoGoalImages()
        """Makes the pictures of goals."""
        self.spaces = replace(
            task.spaces, pixels=self._cameras.space, goal_image=self.goal_images.space
        )
        self.auto_reset = auto_reset
        self.guard: Guard = ignore
        """Called with worlds whose physics diverged, before they are reset."""
        self.alarm: Alarm = refuse
        """Called with the first NaN or infinity that the task returns; refuses it."""
        self.control_dt_s = sim.model.opt.timestep * task.substeps
        """Duration of a control step."""
        self._first_world = first_world
        self._worlds = torch.arange(self.num_worlds, device=sim.device)
        self._begun = torch.zeros_like(self._worlds)
        self._elapsed = torch.zeros_like(self._worlds)
        goals = torch.zeros(self.num_worlds, self.spaces.goal_dim, dtype=torch.float64)
        self._goal = goals.to(sim.device)
        self.started = False
        """Whether every world has begun an episode."""
        # A method of ours kept by ourselves would be a cycle: threads would outlive us
        own = weakref.proxy(self)
        self._advance = sim.captured(partial(GoalEnv._control_step, own))
        self._launched: tuple[Step, Tensor]

    @property
    def device(self) -> torch.device:
        """Device of observations and actions."""
        return self.sim.device

    @cached_property
    def single_observation_space(self) -> "spaces.Dict":
        """Gymnasium's observation space of one world."""
        return gym_spaces.observation_space(self.spaces, self.sim.field("qpos").dtype)

    @cached_property
    def single_action_space(self) -> "spaces.Box":
        """Gymnasium's action space of one world."""
        return gym_spaces.action_space(self.spaces)

    @cached_property
    def observation_space(self) -> "spaces.Dict":
        """Gymnasium's observation space of all worlds, which are the first axis."""
        return gym_spaces.batched(self.single_observation_space, self.num_worlds)

    @cached_property
    def action_space(self) -> "spaces.Box":
        """Gymnasium's action space of all worlds, (num_worlds, action_dim)."""
        return gym_spaces.batched(self.single_action_space, self.num_worlds)

    @property
    def goal(self) -> Tensor:
        """Desired goals of all worlds, (num_worlds, goal_dim)."""
        return self._goal

    @property
    def reward_bounds(self) -> tuple[float, float] | None:
        """Return minimum and maximum reward of a step, None if unbounded."""
        return self.task.reward_bounds

    def reward(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return the task's reward of goals (..., goal_dim), (...)."""
        return self.task.reward(achieved, desired)

    def terminated(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return whether an episode truly ends at goals (..., goal_dim), (...) bool."""
        return self.task.terminated(achieved, desired)

    def distance(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return the task's distance of goals (..., goal_dim), (...)."""
        return self.task.distance(achieved, desired)

    def success(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return whether goals (..., goal_dim) are reached, (...) bool."""
        return self.task.success(achieved, desired)

    def reseed(self, seed: int) -> None:
        """Begin the sequence of episodes of another seed with the next reset.

        Raises:
            UserError: for anything but a whole number.
        """
        check("seed", seed, int)
        self.seed = seed
        self._begun.zero_()

    def reset(self, worlds: Tensor | None = None) -> Obs:
        """Begin an episode in some worlds; return observations of all worlds.

        Args:
            worlds: indices of these worlds, (n,) int64; None: all.

        Raises:
            UserError: for a mask, or anything but indices of worlds.
        """
        if worlds is not None:
            check_worlds(worlds, self.num_worlds)
        return self._begin(self._worlds if worlds is None else worlds)

    def _begin(self, worlds: Tensor) -> Obs:
        """Begin an episode in worlds that exist; see ``reset``."""
        numbers = worlds + self._first_world
        draws = Draws(self.seed, numbers, self._begun[worlds])
        self._begun[worlds] += 1
        self.started = self.started or bool(self._begun.all())
        self._elapsed[worlds] = 0
        goals = self.task.reset(worlds, draws)
        check_goals(self.task, goals, len(worlds))
        self._goal[worlds] = goals.to(self._goal)
        self._cameras.begin(worlds, draws)
        shown = self.goal_images.begin(worlds, goals, draws)
        self._goal[worlds] = shown.to(self._goal)
        obs = self.observe()
        if not bool(all_finite(obs["state"], obs["achieved_goal"], goals)):
            begun = torch.zeros_like(self._worlds, dtype=torch.bool)
            begun[worlds] = True
            self._look_for_nan(obs, begun)
        return obs

    def observe(self) -> Obs:
        """Return observations of all worlds, as tensors that no later step changes."""
        return {**self._vectors(), **self._images()}

    def _images(self) -> Obs:
        """Return the images, as tensors that no later step changes."""
        return self._cameras.observe() | self.goal_images.observe()

    def _vectors(self) -> Obs:
        """Return everything but images."""
        return owned(self.task, self.num_worlds) | {"desired_goal": self._goal.clone()}

    def step(self, action: Tensor) -> Step:
        """Make one control step of every world.

        Args:
            action: (num_worlds, action_dim); clipped to [-1, 1].

        Raises:
            UserError: before the first reset of all worlds, or for another shape.
        """
        self.step_async(action)
        return self.step_wait()

    def step_async(self, action: Tensor) -> None:
        """Launch a control step, see ``step``; on a GPU it runs asynchronously."""
        check_action(action, (self.num_worlds, self.spaces.action_dim))
        if not self.started:
            raise UserError(
                "step before reset: no episode has begun; call reset() first"
            )
        step, events = self._advance(action)
        self._cameras.advance()
        obs = {**step.obs, **self._images()}
        metrics = step.metrics | self.goal_images.metrics(self.task)
        step = step._replace(obs=obs, final_obs=obs, metrics=metrics)
        self._launched = step, events

    def step_wait(self) -> Step:
        """Return the launched control step; reset worlds whose episode is over.

        Raises:
            UserError: if the task returned NaN or infinity; names column, world and step.
        """
        step, events = self._launched
        # The only synchronization with the GPU until an episode ends
        happened = int(events)
        if happened & _NOT_FINITE:
            values = step.obs | {"reward": step.reward[:, None]}
            self._look_for_nan(values, ~step.diverged)
        if not happened & _DONE:
            return step
        if bool(step.diverged.any()):
            self.guard(self.sim, step.diverged.nonzero()[:, 0])
        if not self.auto_reset:
            return step
        return step._replace(obs=self._begin(step.done.nonzero()[:, 0]))

    def _look_for_nan(self, values: Obs, sound: Tensor) -> None:
        """Sound the alarm for the first value that is not finite, in worlds of ``sound``."""
        for name, value in values.items():
            spot = first_not_finite(value, sound) if value.is_floating_point() else None
            if spot is not None:
                world, column = spot
                self.alarm(
                    NotFinite(
                        type(self.task).__name__,
                        name,
                        column,
                        world + self._first_world,
                        int(self._elapsed[world]),
                        float(value[world, column]),
                    )
                )

    def _control_step(self, action: Tensor) -> tuple[Step, Tensor]:
        """Compute a control step without synchronization: on a GPU it is one graph.

        Returns:
            The step, and the bits of what needs a look: ``_DONE``, ``_NOT_FINITE``; () int.
        """
        task = self.task
        task.apply(action.clamp(-1.0, 1.0))
        diverged = task.advance(self.sim)
        task.settle()
        self._elapsed += 1
        obs = self._vectors()
        achieved, desired = obs["achieved_goal"], obs["desired_goal"]
        cut = (self._elapsed >= self.spaces.horizon) | diverged
        failed = task.failed()
        step = Step(
            obs=obs,
            final_obs={},
            reward=task.reward(achieved, desired).clone(),
            success=task.success(achieved, desired).clone(),
            terminated=task.terminated(achieved, desired) & ~diverged,
            truncated=cut if failed is None else cut | failed,
            diverged=diverged,
            metrics={name: value.clone() for name, value in task.metrics().items()},
        )
        finite = all_finite(obs["state"], achieved, step.reward)
        return step, _DONE * step.done.any() + _NOT_FINITE * ~finite

    def close(self) -> None:
        """Stop the threads of the cameras; safe to call twice."""
        self._cameras.close()
        self.goal_images.close()

    def __enter__(self) -> Self:
        """Return the environment, which the ``with`` block closes."""
        return self

    def __exit__(self, *ended: object) -> None:
        """Close the environment."""
        self.close()

    def __repr__(self) -> str:
        """Return the task, the worlds and the sizes in one line."""
        of, pixels = self.spaces, self.spaces.pixels
        seen = ""
        if pixels is not None:
            seen = f", pixels {pixels.stacked_channels}x{pixels.height}x{pixels.width}"
        return (
            f"<{type(self).__name__} of {type(self.task).__name__}: {self.num_worlds} "
            f"worlds on {self.device}, state {of.state_dim}{seen}, goal {of.goal_dim}, "
            f"action {of.action_dim}, {of.horizon} steps of {self.control_dt_s:g} s>"
        )

    def snapshot(self) -> dict[str, Tensor]:
        """Return a copy of the complete state, for a checkpoint."""
        own = {"begun": self._begun, "elapsed": self._elapsed, "goal": self._goal}
        return {
            **{name: value.clone() for name, value in own.items()},
            **self._cameras.snapshot(),
            **self.goal_images.snapshot(),
            **under("sim", self.sim.snapshot()),
        }

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        """Restore a ``snapshot``."""
        self.started = bool(snapshot["begun"].all())
        self._begun.copy_(snapshot["begun"])
        self._elapsed.copy_(snapshot["elapsed"])
        self._goal.copy_(snapshot["goal"])
        self._cameras.restore(snapshot)
        self.goal_images.restore(snapshot)
        self.sim.restore(section("sim", snapshot))

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied or pickled: the task is bound to this simulation."""
        raise UserError(
            "these worlds can be neither copied nor pickled; make others, and hand them "
            "the state: others.restore(worlds.snapshot())"
        )
