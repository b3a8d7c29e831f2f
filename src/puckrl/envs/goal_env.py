"""A batched goal environment: many worlds of one task, stepped together."""

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from puckrl.core.rng import Draws
from puckrl.core.types import Obs
from puckrl.envs.cameras import Cameras, NoCameras
from puckrl.sim.backend import Sim
from puckrl.sim.divergence import Guard, ignore
from puckrl.tasks.task import Task


class Step(NamedTuple):
    """What one control step of every world gives.

    ========== ==================================================== ==========
    field      meaning                                              shape
    ========== ==================================================== ==========
    obs        observation to act on next; of the new episode where (W, ...)
               the world was reset                                  each
    final_obs  observation that the step truly led to               (W, ...)
                                                                    each
    reward     reward of the step                                   (W,)
    success    goal reached after the step                          (W,) bool
    terminated the episode ended by itself: no bootstrap            (W,) bool
    truncated  the episode was cut by the horizon or by bad physics (W,) bool
    diverged   the physics failed; the step must not be learned     (W,) bool
    ========== ==================================================== ==========
    """

    obs: Obs
    final_obs: Obs
    reward: Tensor
    success: Tensor
    terminated: Tensor
    truncated: Tensor
    diverged: Tensor

    @property
    def done(self) -> Tensor:
        """Worlds whose episode is over, (W,) bool."""
        return self.terminated | self.truncated


class GoalEnv:
    """Worlds that reset themselves one by one.

    Observations are ``state`` (W, state_dim), ``achieved_goal`` and
    ``desired_goal`` (W, goal_dim), in the simulation's precision; with cameras
    ``frame`` and ``pixels`` besides, see ``cameras``.

    Args:
        task: the task; it is bound to ``sim`` here.
        sim: its simulation.
        seed: decides every reset, per world and episode.
        auto_reset: begin the next episode of a world as soon as one ends.
        cameras: what is seen of the worlds.
        first_world: number of the first world, where others have those before it.
    """

    def __init__(
        self,
        task: Task,
        sim: Sim,
        seed: int = 0,
        *,
        auto_reset: bool = True,
        cameras: Cameras | NoCameras | None = None,
        first_world: int = 0,
    ) -> None:
        task.bind(sim)
        self.task, self.sim, self.seed = task, sim, seed
        self.num_worlds = sim.num_worlds
        self._cameras = cameras or NoCameras()
        self.spaces = replace(task.spaces, pixels=self._cameras.space)
        self.auto_reset = auto_reset
        self.guard: Guard = ignore
        """Told of worlds whose physics failed, before they are reset."""
        self.control_dt_s = sim.model.opt.timestep * task.substeps
        """Duration of a control step."""
        self._first_world = first_world
        self._worlds = torch.arange(self.num_worlds, device=sim.device)
        self._begun = torch.zeros_like(self._worlds)
        self._elapsed = torch.zeros_like(self._worlds)
        goals = torch.zeros(self.num_worlds, self.spaces.goal_dim, dtype=torch.float64)
        self._goal = goals.to(sim.device)
        self._advance = sim.captured(self._control_step)
        self._launched: Step

    @property
    def goal(self) -> Tensor:
        """The desired goals of all worlds, (num_worlds, goal_dim)."""
        return self._goal

    def reseed(self, seed: int) -> None:
        """Begin the sequence of episodes of another seed with the next reset."""
        self.seed = seed
        self._begun.zero_()

    def reset(self, worlds: Tensor | None = None) -> Obs:
        """Begin an episode in ``worlds`` (all: None); the observation of all worlds."""
        worlds = self._worlds if worlds is None else worlds
        numbers = worlds + self._first_world
        draws = Draws(self.seed, numbers, self._begun[worlds])
        self._begun[worlds] += 1
        self._elapsed[worlds] = 0
        self._goal[worlds] = self.task.reset(worlds, draws).to(self._goal)
        self._cameras.begin(worlds, draws)
        return self.observe()

    def observe(self) -> Obs:
        """The observation of all worlds; fresh tensors, never views of the physics."""
        return {**self._felt(), **self._cameras.observe()}

    def _felt(self) -> Obs:
        """Everything but pictures."""
        return {
            "state": self.task.state(),
            "achieved_goal": self.task.achieved_goal(),
            "desired_goal": self._goal.clone(),
        }

    def step(self, action: Tensor) -> Step:
        """One control step of every world.

        Args:
            action: (num_worlds, action_dim); clipped to [-1, 1].
        """
        self.step_async(action)
        return self.step_wait()

    def step_async(self, action: Tensor) -> None:
        """Launch a control step; on a GPU it goes on by itself. See ``step``."""
        step: Step = self._advance(action)
        self._cameras.advance()
        obs = {**step.obs, **self._cameras.observe()}
        self._launched = step._replace(obs=obs, final_obs=obs)

    def step_wait(self) -> Step:
        """The launched control step; worlds whose episode is over begin anew."""
        step = self._launched
        # The only look at the GPU: nothing else is asked before an episode ends
        if not bool(step.done.any()):
            return step
        if bool(step.diverged.any()):
            self.guard(self.sim, step.diverged.nonzero()[:, 0])
        if not self.auto_reset:
            return step
        return step._replace(obs=self.reset(step.done.nonzero()[:, 0]))

    def _control_step(self, action: Tensor) -> Step:
        """Everything of a step that needs no decision: on a GPU it is one graph."""
        task = self.task
        task.apply(action.clamp(-1.0, 1.0))
        diverged = self.sim.step(task.substeps)
        task.settle()
        self._elapsed += 1
        obs = self._felt()
        achieved, desired = obs["achieved_goal"], obs["desired_goal"]
        return Step(
            obs=obs,
            final_obs={},
            reward=task.reward(achieved, desired),
            success=task.success(achieved, desired),
            terminated=task.terminated(achieved, desired) & ~diverged,
            truncated=(self._elapsed >= self.spaces.horizon) | diverged,
            diverged=diverged,
        )

    def close(self) -> None:
        """Stop the threads of the cameras; safe to call twice."""
        self._cameras.close()

    def snapshot(self) -> dict[str, Tensor]:
        """A copy of everything that decides the future, for a checkpoint."""
        own = {"begun": self._begun, "elapsed": self._elapsed, "goal": self._goal}
        sim = {f"sim.{name}": value for name, value in self.sim.snapshot().items()}
        seen = self._cameras.snapshot()
        return {**{name: value.clone() for name, value in own.items()}, **seen, **sim}

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        """Put back what ``snapshot`` returned."""
        self._begun.copy_(snapshot["begun"])
        self._elapsed.copy_(snapshot["elapsed"])
        self._goal.copy_(snapshot["goal"])
        self._cameras.restore(snapshot)
        prefix = "sim."
        sim = {
            k.removeprefix(prefix): v
            for k, v in snapshot.items()
            if k.startswith(prefix)
        }
        self.sim.restore(sim)
