"""Define the protocol that every task follows, ours and yours."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import torch
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.rng import Draws
from puckrl.core.spaces import RewardKind
from puckrl.core.spec import ActionNumber, Column, Description
from puckrl.core.types import Obs, Spaces
from puckrl.sim.backend import Sim
from puckrl.sim.viewpoints import FREE, FreeViewpoint, Viewpoint
from puckrl.tasks.sanity import Sanity

CONTACT_SETS = ("all", "touching")
"""Legal for every task: all pairs of geoms may collide; only the pairs that do collide in
the course of the task. A task that does not know which pairs these are keeps all."""


class Task(ABC):
    """Describe a goal-conditioned task on one scene.

    An instance serves one simulation: the environment calls ``bind`` once, then,
    for all worlds together,

        reset -> [apply -> (physics, substeps times) -> settle -> state] * horizon

    Worlds are the first axis of every tensor. Reward and success are pure functions of
    goals, because hindsight recomputes them for goals that the task never set.
    """

    spaces: Spaces
    """Sizes and named sensors."""
    substeps: int = 20
    """Physics steps per control step."""
    goal_tol_m: float = 0.05
    """Distance below which a goal is reached."""
    marker_radius_m: ClassVar[float] = 0.02
    """Radius of the goal marker in videos."""
    sanity: ClassVar[Sanity] = Sanity()
    """Bounds that ``puck check`` tests the task against."""
    film_view: ClassVar[Viewpoint | FreeViewpoint] = FREE
    """Where the camera of videos stands; by default MuJoCo's free camera."""
    viewpoints: ClassVar[Mapping[str, Viewpoint]] = {}
    """Where a policy's cameras may stand, by name; the first is Gymnasium's default.
    ``free``, MuJoCo's free camera, is legal besides."""
    contact_sets: ClassVar[tuple[str, ...]] = CONTACT_SETS
    """Names that ``limited_scene`` accepts."""
    params_type: ClassVar[type[Any] | None] = None
    """Dataclass of the task's own settings, ``--params``, which ``__init__`` takes after
    ``reward``; None: there are none."""
    varied: tuple[str, ...] = ()
    """Model fields that ``reset`` writes world by world; see ``Sim.model_field``."""
    seen_body: ClassVar[str] = ""
    """Body that a camera must show; ``puck plan`` measures its pixels. Empty: the first
    body with a free joint."""

    def __init__(self, reward: RewardKind = "sparse") -> None:
        self.reward_kind: RewardKind = reward

    @property
    def reward_bounds(self) -> tuple[float, float] | None:
        """Return the smallest and the largest reward; None if there are no bounds.

        Critics clip their targets to the values that follow. Override this together
        with ``reward``.
        """
        return (-1.0, 0.0) if self.reward_kind == "sparse" else None

    @property
    def success_reward(self) -> float | None:
        """Return the reward at the goal: the largest one; None without bounds."""
        return None if self.reward_bounds is None else self.reward_bounds[1]

    @abstractmethod
    def scene(self) -> mujoco.MjSpec:
        """Return a fresh, complete scene: make every edit of it here."""

    def limited_scene(self, contacts: str) -> mujoco.MjSpec:
        """Return the scene for engines that pay for every pair of geoms, touching or not.

        A task that knows which pairs can touch takes the others out; nothing else may
        differ from ``scene``.

        Args:
            contacts: one of ``contact_sets``.

        Raises:
            UserError: if the task has no contact set of this name.
        """
        self.check_contacts(contacts)
        return self.scene()

    def check_contacts(self, contacts: str) -> None:
        """Refuse a contact set that the task does not have.

        Raises:
            UserError: if ``contacts`` is none of ``contact_sets``.
        """
        if contacts not in self.contact_sets:
            legal = ", ".join(self.contact_sets)
            raise UserError(
                f"{type(self).__name__} has no contact set {contacts!r}; legal: {legal}; "
                "choose one with --sim.contacts"
            )

    @abstractmethod
    def bind(self, sim: Sim) -> None:
        """Keep the simulation and look up addresses; called once, before any reset."""

    @abstractmethod
    def reset(self, worlds: Tensor, draws: Draws) -> Tensor:
        """Put worlds into an initial state and draw their goals.

        Args:
            worlds: indices of the worlds that begin an episode, (n,) int64.
            draws: their random numbers, the only legal source of randomness.

        Returns:
            The desired goals, (n, goal_dim) float64.
        """

    @abstractmethod
    def apply(self, action: Tensor) -> None:
        """Write controls for an action in [-1, 1], (num_worlds, action_dim) float32."""

    def advance(self, sim: Sim) -> Tensor:
        """Step the physics for one control step; override this to measure in between.

        Returns:
            Worlds whose physics failed, (num_worlds,) bool.
        """
        return sim.step(self.substeps)

    def settle(self) -> None:
        """Correct the state after the physics steps, if the task needs it."""
        return

    @abstractmethod
    def state(self) -> Tensor:
        """Return the full state, (num_worlds, state_dim), columns as in ``spaces``."""

    @abstractmethod
    def achieved_goal(self) -> Tensor:
        """Return the achieved goal, (num_worlds, goal_dim)."""

    def distance(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return the distance between goals in meters, (..., goal_dim) x 2 -> (...)."""
        return torch.linalg.vector_norm(achieved - desired, dim=-1)

    def reward(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return the reward, (..., goal_dim) x 2 -> (...).

        Sparse: 0 within ``goal_tol_m``, else -1. Dense: minus the distance.
        """
        distance = self.distance(achieved, desired)
        if self.reward_kind == "dense":
            return -distance
        return (distance <= self.goal_tol_m).to(distance.dtype) - 1.0

    def success(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Tell whether the goal is reached, (..., goal_dim) x 2 -> (...) bool."""
        return self.distance(achieved, desired) < self.goal_tol_m

    def terminated(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Tell whether the episode ends for good: no bootstrapping, (...) bool."""
        return torch.zeros_like(achieved[..., 0], dtype=torch.bool)

    def failed(self) -> Tensor | None:
        """Tell which episodes end now, without success and whatever their goal.

        The cut is a truncation, as that of the horizon: hindsight cannot recompute it.

        Returns:
            (num_worlds,) bool; None if the task never ends an episode so.
        """
        return None

    def metrics(self) -> dict[str, Tensor]:
        """Return measurements of the episode so far by name, (num_worlds,) each.

        Evaluations report their means over episodes at the last step. A name ends with its
        unit: ``peak_force_n``.
        """
        return {}

    def pose_goal(self, worlds: Tensor, goals: Tensor, draws: Draws) -> None:
        """Pose worlds as they look when goals are reached, for goals that are images.

        What a goal leaves open is drawn: where the hand is, how the object is turned.
        Poses must be those of ``forward``. Only pictures are made of these worlds.

        Args:
            worlds: indices of the worlds, (n,) int64.
            goals: their goals, (n, goal_dim) float64.
            draws: their random numbers.

        Raises:
            UserError: if the task does not override this.
        """
        raise UserError(
            f"{type(self).__name__} does not say how a reached goal looks, so its goals "
            "cannot be images; implement pose_goal, or use --pixels.no-goal-images"
        )

    def hand_pos_m(self) -> Tensor | None:
        """Return where the hand is, (num_worlds, 3), where goals leave that open.

        Evaluations by goal image then tell whether the hand went where the picture shows
        it. None: goals do not leave it open, or there is no hand.
        """
        return None

    def expert(self, obs: Obs) -> Tensor | None:
        """Return scripted actions, (n, action_dim) in [-1, 1]; None without a script."""
        return None

    def describe(self) -> Description:
        """Say what the numbers of state, goal and action mean, for a policy's contract.

        By default they have numbers for names and unknown units; a task that is to leave
        the simulator overrides this.
        """
        of = self.spaces
        return Description(
            state=tuple(Column(f"state[{i}]") for i in range(of.state_dim)),
            goal=tuple(Column(f"goal[{i}]") for i in range(of.goal_dim)),
            action=tuple(ActionNumber(f"action[{i}]") for i in range(of.action_dim)),
        )

    def marker_pos_m(self, goal: Tensor) -> Tensor:
        """Return where a video shows the goal, (n, goal_dim) -> (n, 3).

        A planar goal lies just above the ground.
        """
        if goal.shape[-1] == 2:
            height = torch.full_like(goal[:, :1], self.marker_radius_m)
            return torch.cat([goal, height], dim=-1)
        return goal
