"""Pictures of goals: what the cameras would show if the goal were reached.

    goal_image   one frame, (W, channels, height, width) uint8, the same all episode long

They are rendered in a simulation of their own, in which nothing is played: the task poses
it, and cameras like the policy's look at it. A picture in which the hand hides the object
is rendered again, with another hand. What hides the object is measured: the pixels that
change when the object goes, with the robot in the scene and without it.
"""

from typing import Protocol

import torch
from torch import Tensor

from puckrl.core.rng import Draws
from puckrl.core.types import Obs, PixelSpace
from puckrl.envs.cameras import Cameras
from puckrl.sim.backend import Sim
from puckrl.sim.scene import seen_body
from puckrl.tasks.task import Task

_ATTEMPTS = 20
_VISIBLE = 0.9
"""Share of the object's pixels that must be visible."""
_DIFFERENCE = 8  # of 255
_FAR_M = 50.0
_CPU = torch.device("cpu")


class GoalImages(Protocol):
    """Images of the goals of every world."""

    @property
    def space(self) -> PixelSpace | None:
        """Size of an image; None: there are none."""
        ...

    def begin(self, worlds: Tensor, goals: Tensor, draws: Draws) -> Tensor:
        """Make the images of new episodes in ``worlds``, (n,); return their goals.

        Args:
            worlds: indices of the worlds, (n,) int64.
            goals: goals that the task drew, (n, goal_dim).
            draws: random numbers of the worlds.
        """
        ...

    def observe(self) -> Obs:
        """Return ``goal_image``, which no later call changes."""
        ...

    def metrics(self, task: Task) -> Obs:
        """Return measurements of the present step by name, (W,) each."""
        ...

    def snapshot(self) -> Obs:
        """Return a copy of the state."""
        ...

    def restore(self, snapshot: Obs) -> None:
        """Go back to a snapshot."""
        ...

    def close(self) -> None:
        """Release threads."""
        ...


class _NothingKept:
    """Has no state to save, and no threads."""

    def snapshot(self) -> Obs:
        """Return nothing."""
        return {}

    def restore(self, snapshot: Obs) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class NoGoalImages(_NothingKept):
    """Stand in for the images of goals that are vectors only."""

    space: PixelSpace | None = None

    def begin(self, worlds: Tensor, goals: Tensor, draws: Draws) -> Tensor:
        """Return the goals."""
        return goals

    def observe(self) -> Obs:
        """Return nothing."""
        return {}

    def metrics(self, task: Task) -> Obs:
        """Return nothing."""
        return {}


class GivenGoal(_NothingKept):
    """The same picture in every world and episode, one that somebody made.

    Args:
        image: (channels, height, width) uint8.
        space: size of an image.
        num_worlds: number of worlds.
        goal: the goal that it shows, (goal_dim,); None: unknown, so the worlds keep the
            goals that the task draws, and what they say of success means nothing.
    """

    def __init__(
        self,
        image: Tensor,
        space: PixelSpace | None,
        num_worlds: int,
        goal: Tensor | None,
    ) -> None:
        self.space, self._goal = space, goal
        self._image = image.repeat(num_worlds, 1, 1, 1)

    def begin(self, worlds: Tensor, goals: Tensor, draws: Draws) -> Tensor:
        """Return the goal that the picture shows."""
        return goals if self._goal is None else self._goal.to(goals).expand_as(goals)

    def observe(self) -> Obs:
        """Return the picture for every world."""
        return {"goal_image": self._image}

    def metrics(self, task: Task) -> Obs:
        """Return nothing: where the picture shows the hand is not known."""
        return {}


class RenderedGoals:
    """Render pictures of goals.

    Args:
        task: a task of its own, which is bound to ``sim`` here.
        sim: a simulation of its own, on the CPU, with as many worlds as the environment.
        cameras: cameras of ``sim`` with a stack of one frame.

    Raises:
        UserError: at the first picture, if the task cannot pose goals.
    """

    def __init__(self, task: Task, sim: Sim, cameras: Cameras) -> None:
        task.bind(sim)
        self._task, self._sim, self._cameras = task, sim, cameras
        of = cameras.space
        assert of is not None
        self.space: PixelSpace | None = of
        """Size of an image."""
        self.rendered, self.rendered_again = 0, 0
        """Pictures made so far, and those among them that were made again."""
        model = sim.model
        owner = torch.as_tensor(model.geom_bodyid)
        moves = torch.as_tensor(model.body_weldid)[owner.long()] != 0
        body = seen_body(model, task.seen_body)
        self._object = None if body is None else owner == body
        self._robot = moves & (owner != body)
        self._image = torch.zeros(
            (sim.num_worlds, of.channels, of.height, of.width),
            dtype=torch.uint8,
            device=cameras.device,
        )
        self._again = torch.zeros(sim.num_worlds)
        self._hand: Tensor | None = None

    def begin(self, worlds: Tensor, goals: Tensor, draws: Draws) -> Tensor:
        """Render the goals of new episodes; see ``GoalImages``."""
        worlds, goals_cpu = worlds.to(_CPU), goals.to(_CPU, torch.float64)
        rows = torch.arange(len(worlds))
        draws = draws.of(rows, _CPU)
        again = torch.zeros(len(worlds))
        image = self._image.clone()  # who has the old one keeps it
        hand = self._hand
        for _ in range(_ATTEMPTS):
            self._task.pose_goal(worlds[rows], goals_cpu[rows], draws)
            self._cameras.begin(worlds[rows], draws)
            shown = self._cameras.observe()["frame"][worlds[rows]]
            image[worlds[rows]] = shown.permute(0, 3, 1, 2)
            if (at := self._task.hand_pos_m()) is not None:
                hand = torch.zeros_like(at) if hand is None else hand.clone()
                hand[worlds[rows]] = at[worlds[rows]]
            self.rendered += len(rows)
            hidden = self._hidden(worlds[rows]).nonzero()[:, 0]
            if not len(hidden):
                break
            self.rendered_again += len(hidden)
            draws = draws.of(hidden, _CPU)
            rows = rows[hidden]
            again[rows] += 1
        self._image, self._hand = image, hand
        self._again = self._again.index_copy(0, worlds, again)
        return goals

    def _hidden(self, worlds: Tensor) -> Tensor:
        """Return whether the robot hides the object in a picture, (n,) bool."""
        if self._object is None:
            return torch.zeros(len(worlds), dtype=torch.bool)
        pos = self._sim.field("geom_xpos")
        kept = pos.clone()
        seen = self._object_px(worlds)
        pos[:, self._robot] -= _FAR_M
        alone = self._object_px(worlds)
        pos.copy_(kept)
        return (seen < _VISIBLE * alone).any(dim=1)

    def _object_px(self, worlds: Tensor) -> Tensor:
        """Return the pixels that the object covers, (n, cameras)."""
        pos = self._sim.field("geom_xpos")
        present = self._cameras.render(worlds)
        pos[:, self._object] -= _FAR_M
        absent = self._cameras.render(worlds)
        pos[:, self._object] += _FAR_M
        apart = (present.short() - absent.short()).abs().unflatten(-1, (-1, 3))
        covered = (apart.amax(dim=-1) > _DIFFERENCE).sum(dim=(1, 2))
        return covered.float().to(_CPU)

    def observe(self) -> Obs:
        """Return the images; no later call changes them."""
        return {"goal_image": self._image}

    def metrics(self, task: Task) -> Obs:
        """Return whether the hand is where the picture shows it, and pictures redrawn.

        The hand is there within the task's tolerance of a goal. What the picture shows of
        the object is the goal itself, so success tells that apart.
        """
        now = task.hand_pos_m()
        if now is None or self._hand is None:
            return {}
        away = torch.linalg.vector_norm(now - self._hand.to(now), dim=-1)
        there = (away < task.goal_tol_m).to(now.dtype)
        redrawn = self._again.to(now)
        return {"hand_where_pictured": there, "goal_images_redrawn": redrawn}

    def snapshot(self) -> Obs:
        """Return a copy of the images, and of what is known of them."""
        own = {"goal_image": self._image, "again": self._again}
        if self._hand is not None:
            own["hand"] = self._hand
        return {f"goal.{name}": value.clone() for name, value in own.items()}

    def restore(self, snapshot: Obs) -> None:
        """Go back to a snapshot."""
        self._image = snapshot["goal.goal_image"].to(self._image)
        self._again = snapshot["goal.again"].to(self._again)
        hand = snapshot.get("goal.hand")
        self._hand = None if hand is None else hand.cpu().clone()

    def close(self) -> None:
        """Close the cameras; safe to call twice."""
        self._cameras.close()
