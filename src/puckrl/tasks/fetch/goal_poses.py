"""Pose Fetch worlds as they look when a goal is reached, for goals that are images.

Reach: the hand is at the goal. With an object: the object is at the goal, and the hand is
anywhere else. Elsewhere, because a hand that is always at the object would tell the goal,
and a robot that has pushed the object there may have gone anywhere since.

The arm's poses come from physics: a mocap body pulls the hand to a point, as in an
episode. With an object they are computed once, a table of random hands.
"""

import math

import torch
from numpy.typing import NDArray
from torch import Tensor

from puckrl.core.rng import Draws
from puckrl.sim.backend import Sim
from puckrl.sim.cpu import CpuSim

_GRIP, _HAND = "robot0:grip", "robot0:gripper_link"
_SUBSTEPS, _STEPS = 20, 10
_TABLE = 256
# The corners of the box in which hands lie: the workspace above the table, meters.
_LOW_M, _HIGH_M = (1.15, 0.55, 0.43), (1.52, 0.95, 0.75)
_CANDIDATES = 16
_BESIDE_M, _ABOVE_M = 0.12, 0.08
"""A hand this far to the side of the object's center, or above it, does not touch it."""
_FINGER_M = 0.05
_AWAY_M = 5.0
# By the scene and its start: a run has three simulations that pose goals
_hands_of: dict[bytes, tuple[Tensor, Tensor]] = {}


class GoalPoses:
    """Poses of the worlds of one simulation.

    Args:
        sim: the simulation.
        start: settled positions of joints, (nq,).
        object_at: index of the object's free joint in them; None: there is no object.
        fingers: indices of the finger joints, (2,) int64.
    """

    def __init__(
        self,
        sim: Sim,
        start: NDArray,
        object_at: int | None,
        fingers: Tensor,
    ) -> None:
        self._sim, self._at, self._fingers = sim, object_at, fingers
        self._start = torch.as_tensor(start)
        self._qpos = sim.field("qpos")
        if object_at is not None:
            away = self._start.clone()
            away[object_at] += _AWAY_M
            key = sim.model.names + away.numpy().tobytes()
            if key not in _hands_of:
                _hands_of[key] = _random_hands(sim, away)
            self._arms, self._hands = _hands_of[key]

    def show(
        self, worlds: Tensor, goals: Tensor, draws: Draws, *, opened: bool
    ) -> None:
        """Pose worlds (n,) at goals (n, 3); ``opened``: fingers stand anyhow open."""
        if self._at is None:
            bring_hands(self._sim, worlds, self._start, goals)
            rows = self._qpos[worlds]
        else:
            rows = self._arms[self._elsewhere(goals, draws)]
            rows[:, self._at : self._at + 3] = goals
            rows[:, self._at + 3 : self._at + 7] = _turned(draws)
        width = draws.uniform(0.0, _FINGER_M, 1) if opened else torch.zeros(1, 1)
        rows[:, self._fingers] = width.to(rows).expand(len(rows), 2)
        self._qpos[worlds] = rows
        self._sim.forward(worlds)

    def _elsewhere(self, goals: Tensor, draws: Draws) -> Tensor:
        """Draw arms whose hands do not touch the object, indices (n,)."""
        drawn = draws.uniform(0.0, float(_TABLE), _CANDIDATES).long()
        apart = self._hands[drawn] - goals[:, None]
        beside = torch.linalg.vector_norm(apart[..., :2], dim=-1) > _BESIDE_M
        clear = beside | (apart[..., 2] > _ABOVE_M)
        first = clear.int().argmax(dim=1)
        return drawn[torch.arange(len(drawn)), first]


def _random_hands(sim: Sim, start: Tensor) -> tuple[Tensor, Tensor]:
    """Return arms, (256, nq), and where their hands are, (256, 3), all over the box."""
    table, every = CpuSim(sim.model, _TABLE), torch.arange(_TABLE)
    low, high = torch.tensor(_LOW_M), torch.tensor(_HIGH_M)
    points = Draws(0, every, torch.zeros_like(every)).uniform(low, high, 3)
    bring_hands(table, every, start, points)
    return table.field("qpos").clone(), _grip(table).clone()


def bring_hands(sim: Sim, worlds: Tensor, start: Tensor, points: Tensor) -> None:
    """Bring the hands of worlds (n,) from ``start`` (nq,) to points (n, 3), by physics."""
    sim.reset(worlds)
    qpos, mocap = sim.field("qpos"), sim.field("mocap_pos")
    qpos[worlds] = start.to(qpos)
    sim.forward(worlds)
    body = sim.model.body(_HAND).id
    offset = (sim.field("xpos")[worlds, body] - _grip(sim)[worlds]).clone()
    sim.field("mocap_quat")[worlds, 0] = torch.tensor([1.0, 0.0, 1.0, 0.0]).to(qpos)
    mocap[worlds, 0] = points + offset
    for _ in range(_STEPS):
        sim.step(_SUBSTEPS)
    # The hand hangs a little below the mocap body: a second pull takes that away
    mocap[worlds, 0] += points - _grip(sim)[worlds]
    for _ in range(_STEPS):
        sim.step(_SUBSTEPS)
    sim.field("qvel")[worlds] = 0.0


def _grip(sim: Sim) -> Tensor:
    """Return where the hands are, (num_worlds, 3), live."""
    return sim.field("site_xpos")[:, sim.model.site(_GRIP).id]


def _turned(draws: Draws) -> Tensor:
    """Draw turns of a cube about the vertical, quaternions (n, 4)."""
    half = draws.uniform(-math.pi / 8, math.pi / 8, 1)
    zero = torch.zeros_like(half)
    return torch.cat([half.cos(), zero, zero, half.sin()], dim=1)
