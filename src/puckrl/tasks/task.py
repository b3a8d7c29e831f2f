"""The protocol that every task answers, ours and anybody's."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

import mujoco
import torch
from torch import Tensor

from puckrl.core.rng import Draws
from puckrl.core.types import Obs, Spaces
from puckrl.sim.backend import Sim
from puckrl.sim.viewpoints import VIEWPOINTS, Viewpoint
from puckrl.tasks.sanity import Sanity

RewardKind = Literal["sparse", "dense"]
Contacts = Literal["all", "touching", "hand"]
"""Which pairs of geoms may collide: every pair; those that do in the course of the task;
of these only such as concern the hand, not the robot's own body."""


class Task(ABC):
    """A goal-conditioned task on one scene.

    An instance serves one simulation: the environment calls ``bind`` once, then,
    for all worlds together,

        reset -> [apply -> (physics, substeps times) -> settle -> state] * horizon

    Worlds are the first axis of every tensor. Reward and success are pure
    functions of goals, because hindsight recomputes them for goals that were
    never asked for.
    """

    spaces: Spaces
    """Sizes and named sensors."""
    substeps: int = 20
    """Physics steps per control step."""
    goal_tol_m: float = 0.05
    """Distance below which a goal counts as reached."""
    marker_radius_m: ClassVar[float] = 0.02
    """Radius of the goal marker in videos."""
    sanity: ClassVar[Sanity] = Sanity()
    """What ``puck check`` holds the task to."""
    film_view: ClassVar[Viewpoint] = VIEWPOINTS["film"]
    """Where videos are seen from."""
    viewpoints: ClassVar[Mapping[str, Viewpoint]] = VIEWPOINTS
    """Where a policy's cameras may stand, by name; ours are made for the Fetch table."""

    def __init__(self, reward: RewardKind = "sparse") -> None:
        self.reward_kind: RewardKind = reward

    @abstractmethod
    def scene(self) -> mujoco.MjSpec:
        """The scene, complete: everything that must be edited is edited here."""

    def limited_scene(self, contacts: Contacts) -> mujoco.MjSpec:
        """The scene for engines that pay for every pair of geoms, touching or not.

        A task that knows which pairs can touch takes the others out; nothing else may
        differ from ``scene``.
        """
        return self.scene()

    @abstractmethod
    def bind(self, sim: Sim) -> None:
        """Look up addresses and keep the simulation; called once, before any reset."""

    @abstractmethod
    def reset(self, worlds: Tensor, draws: Draws) -> Tensor:
        """Put worlds into an initial state and draw their goals.

        Args:
            worlds: indices of the worlds that begin an episode, (n,) int64.
            draws: their random numbers; nothing else may be random.

        Returns:
            The desired goals, (n, goal_dim) float64.
        """

    @abstractmethod
    def apply(self, action: Tensor) -> None:
        """Write controls for an action in [-1, 1], (num_worlds, action_dim) float32."""

    def settle(self) -> None:
        """Correct the state after the physics steps, if the task needs it."""
        return

    @abstractmethod
    def state(self) -> Tensor:
        """The full state vector, (num_worlds, state_dim); columns as in ``spaces``."""

    @abstractmethod
    def achieved_goal(self) -> Tensor:
        """What has been achieved, (num_worlds, goal_dim)."""

    def distance(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """How far goals are apart, (..., goal_dim) x 2 -> (...); meters."""
        return torch.linalg.vector_norm(achieved - desired, dim=-1)

    @property
    def reward_bounds(self) -> tuple[float, float] | None:
        """Minimum and maximum reward of a step; None: unbounded."""
        return (-1.0, 0.0) if self.reward_kind == "sparse" else None

    def reward(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Sparse: 0 within ``goal_tol_m``, else -1. Dense: minus the distance."""
        distance = self.distance(achieved, desired)
        if self.reward_kind == "dense":
            return -distance
        return (distance <= self.goal_tol_m).to(distance.dtype) - 1.0

    def success(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Whether the goal is reached, (...) bool."""
        return self.distance(achieved, desired) < self.goal_tol_m

    def terminated(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Whether the episode truly ends here (no bootstrap), (...) bool."""
        return torch.zeros_like(achieved[..., 0], dtype=torch.bool)

    def expert(self, obs: Obs) -> Tensor | None:
        """A scripted action (n, action_dim) for observations, or None if there is none."""
        return None

    def marker_pos_m(self, goal: Tensor) -> Tensor:
        """Where a video shows the goal, (n, goal_dim) -> (n, 3).

        Goals in the plane are shown just above the ground.
        """
        if goal.shape[-1] == 2:
            height = torch.full_like(goal[:, :1], self.marker_radius_m)
            return torch.cat([goal, height], dim=-1)
        return goal
