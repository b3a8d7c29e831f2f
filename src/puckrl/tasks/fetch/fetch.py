"""Implement what the four Fetch tasks share: arm, action mapping, observation, resets.

Semantics follow gymnasium-robotics 1.4.2 (MIT), ``envs/fetch/fetch_env.py``,
including its quirks; tests compare the two to 1e-9 over whole episodes. The
object's part of the state is absent in Reach.

state vector, in the reference's order (velocities are per control step: m/s x 0.04 s)

    0:3    gripper position            proprio      m
    3:6    object position             object       m
    6:9    object - gripper            object       m
    9:11   finger positions            proprio      m
    11:14  object rotation, Euler      object       rad
    14:17  object - gripper velocity   object       m/step
    17:20  object angular velocity     object       rad/step
    20:23  gripper velocity            proprio      m/step
    23:25  finger velocities           proprio      m/step
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import mujoco
import numpy as np
import torch
from torch import Tensor

from puckrl.core.maths import matrix_to_euler
from puckrl.core.rng import Draws
from puckrl.core.spec import Description
from puckrl.core.types import Sensor, Spaces
from puckrl.sim.backend import Sim
from puckrl.sim.scene import fetch_scene
from puckrl.tasks.fetch.contacts import FETCH_CONTACT_SETS, limit_contacts
from puckrl.tasks.fetch.description import describe_fetch
from puckrl.tasks.fetch.goal_poses import GoalPoses
from puckrl.tasks.fetch.viewpoints import VIEWPOINTS
from puckrl.tasks.task import RewardKind, Task

_ACTION_SCALE_M = 0.05
_MOCAP, _HAND, _GRIP, _OBJECT = (
    "robot0:mocap",
    "robot0:gripper_link",
    "robot0:grip",
    "object0",
)
_FINGERS = ("robot0:r_gripper_finger_joint", "robot0:l_gripper_finger_joint")
_MIN_OBJECT_OFFSET_M = 0.1
_MAX_LIFT_M = 0.45
# Object positions are drawn until one is far enough from the gripper. A fixed
# number of candidates keeps every world's stream independent of the others; in
# Slide, the worst case, a draw fails with p = 0.785: all 128 with p = 4e-14.
_CANDIDATES = 128


@dataclass(frozen=True)
class FetchCfg:
    """Configure one of the Fetch tasks; lengths in meters."""

    scene: str
    """Name of the scene file."""
    slide0: float
    """Initial position of the base along x."""
    extra_height: float
    """Height of the settled gripper above the common pose."""
    object_start: tuple[float, float, float] | None
    """Position of the object before settling; None: there is no object."""
    object_range: float
    """Half side of the square in which the object starts, around the gripper."""
    goal_range: float
    """Half side of the cube or square in which goals lie, around the gripper."""
    goal_offset_x: float = 0.0
    """Offset of the goal square from the gripper."""
    goals_in_air: bool = False
    """Lift half of the goals by up to 0.45 m."""
    driven_fingers: bool = False
    """The fourth action drives the fingers; otherwise they stay closed."""


@dataclass(frozen=True)
class _Settled:
    """Hold the state from which every episode starts."""

    time_s: float
    qpos: np.ndarray
    qvel: np.ndarray
    grip_pos_m: np.ndarray
    object_height_m: float


class FetchTask(Task):
    """Implement the Fetch task that a ``FetchCfg`` describes."""

    cfg: FetchCfg
    film_view = VIEWPOINTS["film"]
    viewpoints = VIEWPOINTS
    contact_sets = FETCH_CONTACT_SETS

    def __init__(self, reward: RewardKind = "sparse") -> None:
        super().__init__(reward)
        self.has_object = self.cfg.object_start is not None
        self.spaces = Spaces(
            state_dim=25 if self.has_object else 10,
            goal_dim=3,
            action_dim=4,
            horizon=50,
            sensors=_sensors(self.has_object),
        )

    def scene(self) -> mujoco.MjSpec:
        """Return the reference scene with welds reset and the mocap's boxes hidden."""
        spec = fetch_scene(self.cfg.scene)
        for weld in spec.equalities:
            # anchor (3), relative position (3), relative orientation (4). The pose
            # is 3:10; the reference's own write to 0:7 happens to mean the same.
            weld.data[:10] = [0, 0, 0, 0, 0, 0, 1, 0, 0, 0]
        for geom in spec.body(_MOCAP).geoms:
            geom.group = 5
        return spec

    def limited_scene(self, contacts: str) -> mujoco.MjSpec:
        """Return the scene with the pairs of one set; see ``Task.limited_scene``."""
        spec = super().limited_scene(contacts)
        limit_contacts(spec, contacts)
        return spec

    def bind(self, sim: Sim) -> None:
        """Look up addresses and settle the arm once, on the C engine."""
        model = self._model = sim.model
        self._sim = sim
        self._dt_s = model.opt.timestep * self.substeps
        self._hand = model.body(_HAND).id
        # index tensors: torch would convert a Python list at every use
        fingers = [model.joint(name) for name in _FINGERS]
        self._finger_qpos = _index([joint.qposadr[0] for joint in fingers], sim)
        self._finger_qvel = _index([joint.dofadr[0] for joint in fingers], sim)
        self._actuated = _index(model.jnt_qposadr[model.actuator_trnid[:, 0]], sim)
        self._sites = _Sites(sim, (_GRIP, _OBJECT) if self.has_object else (_GRIP,))
        self._qpos, self._qvel = sim.field("qpos"), sim.field("qvel")
        self._time, self._ctrl = sim.field("time"), sim.field("ctrl")
        self._mocap_pos, self._mocap_quat = (
            sim.field("mocap_pos"),
            sim.field("mocap_quat"),
        )
        self._xpos, self._xquat = sim.field("xpos"), sim.field("xquat")
        self._quat_step = torch.tensor([1.0, 0.0, 1.0, 0.0], device=sim.device)
        if self.has_object:
            self._object_qpos = int(model.joint("object0:joint").qposadr[0])

    @cached_property
    def _settled(self) -> _Settled:
        """Take ten control steps from the keyed pose to the start, as the reference does."""
        # In the full scene, even if the simulation has a limited one: on its way to the
        # start the arm brushes against the robot's body.
        model, cfg = self.scene().compile(), self.cfg
        data = mujoco.MjData(model)
        start = {
            "robot0:slide0": cfg.slide0,
            "robot0:slide1": 0.48,
            "robot0:slide2": 0.0,
        }
        for joint, value in start.items():
            data.joint(joint).qpos = value
        if cfg.object_start is not None:
            data.joint("object0:joint").qpos = [*cfg.object_start, 1.0, 0.0, 0.0, 0.0]
        mujoco.mj_forward(model, data)
        target = np.array([-0.498, 0.005, -0.431 + cfg.extra_height])
        data.mocap_pos[0] = target + data.site(_GRIP).xpos
        data.mocap_quat[0] = [1.0, 0.0, 1.0, 0.0]
        for _ in range(10):
            mujoco.mj_step(model, data, nstep=self.substeps)
        return _Settled(
            time_s=data.time,
            qpos=data.qpos.copy(),
            qvel=data.qvel.copy(),
            grip_pos_m=data.site(_GRIP).xpos.copy(),
            object_height_m=data.site(_OBJECT).xpos[2] if self.has_object else 0.0,
        )

    def reset(self, worlds: Tensor, draws: Draws) -> Tensor:
        """Settle the arm, place the object around the gripper and draw a goal."""
        settled, device = self._settled, worlds.device
        grip = torch.as_tensor(settled.grip_pos_m, device=device)
        self._sim.reset(worlds)
        self._time[worlds] = settled.time_s
        self._qpos[worlds] = torch.as_tensor(
            settled.qpos, device=device, dtype=self._qpos.dtype
        )
        self._qvel[worlds] = torch.as_tensor(
            settled.qvel, device=device, dtype=self._qvel.dtype
        )
        if self.has_object:
            at = self._object_qpos
            self._qpos[worlds, at : at + 2] = self._object_start(grip[:2], draws).to(
                self._qpos
            )
        self._sim.forward(worlds)
        return self._draw_goals(grip, draws)

    def _object_start(self, grip_xy: Tensor, draws: Draws) -> Tensor:
        """Return the first candidate that is far enough from the gripper, (n, 2)."""
        half = self.cfg.object_range
        offset = draws.uniform(-half, half, _CANDIDATES, 2)
        far = torch.linalg.vector_norm(offset, dim=-1) >= _MIN_OBJECT_OFFSET_M
        first = far.int().argmax(dim=1)
        return grip_xy + offset[torch.arange(len(offset), device=offset.device), first]

    def _draw_goals(self, grip: Tensor, draws: Draws) -> Tensor:
        """Draw goals around the settled gripper, (n, 3)."""
        cfg = self.cfg
        goal = grip + draws.uniform(-cfg.goal_range, cfg.goal_range, 3)
        if self.has_object:
            goal[:, 0] += cfg.goal_offset_x
            goal[:, 2] = self._settled.object_height_m
        if self.has_object and cfg.goals_in_air:
            lift = draws.uniform(0.0, _MAX_LIFT_M, 1)[:, 0]
            goal[:, 2] += torch.where(draws.uniform(0.0, 1.0, 1)[:, 0] < 0.5, lift, 0.0)
        return goal

    def describe(self) -> Description:
        """Say what the numbers mean, and where goals lie."""
        cfg, settled = self.cfg, self._settled
        low, high = (settled.grip_pos_m + side * cfg.goal_range for side in (-1.0, 1.0))
        if self.has_object:
            low[0], high[0] = low[0] + cfg.goal_offset_x, high[0] + cfg.goal_offset_x
            low[2] = high[2] = settled.object_height_m
            high[2] += _MAX_LIFT_M * cfg.goals_in_air
        return describe_fetch(
            scene=cfg.scene,
            has_object=self.has_object,
            driven_fingers=cfg.driven_fingers,
            goal_min=tuple(low.tolist()),
            goal_max=tuple(high.tolist()),
        )

    def apply(self, action: Tensor) -> None:
        """Move the mocap body, to which the hand is welded, and drive the fingers."""
        # float32, as the reference: in contact the difference to float64 grows from
        # 1e-9 to 6e-2 within an episode.
        step = (action[:, :3].float() * _ACTION_SCALE_M).to(self._mocap_pos.dtype)
        self._mocap_pos[:, 0] = self._xpos[:, self._hand] + step
        self._mocap_quat[:, 0] = self._xquat[:, self._hand] + self._quat_step
        if self.cfg.driven_fingers:
            driven = self._qpos.index_select(1, self._actuated)
            self._ctrl[:] = driven + action[:, 3:].float()

    def settle(self) -> None:
        """Hold the fingers closed, unless the task drives them."""
        if not self.cfg.driven_fingers:
            self._qpos.index_fill_(1, self._finger_qpos, 0.0)
            self._sim.forward()

    def state(self) -> Tensor:
        """Return the reference's observation; see the table on top of this module."""
        pos = self._sites.pos_m()
        linear, angular = self._sites.velocity(pos)
        vel, spin = linear * self._dt_s, angular * self._dt_s
        fingers = self._qpos.index_select(1, self._finger_qpos)
        finger_vel = self._qvel.index_select(1, self._finger_qvel) * self._dt_s
        parts = [pos[:, 0], fingers, vel[:, 0], finger_vel]
        if self.has_object:
            euler = matrix_to_euler(self._sites.matrix(1))
            parts = [pos[:, 0], pos[:, 1], pos[:, 1] - pos[:, 0], fingers, euler]
            parts += [vel[:, 1] - vel[:, 0], spin[:, 1], vel[:, 0], finger_vel]
        return torch.cat(parts, dim=1)

    @cached_property
    def _goal_poses(self) -> GoalPoses:
        at = self._object_qpos if self.has_object else None
        return GoalPoses(self._sim, self._settled.qpos, at, self._finger_qpos)

    def pose_goal(self, worlds: Tensor, goals: Tensor, draws: Draws) -> None:
        """Put the object at the goal and the hand elsewhere; in Reach, the hand there."""
        self._goal_poses.show(worlds, goals, draws, opened=self.cfg.driven_fingers)

    def hand_pos_m(self) -> Tensor | None:
        """Return where the gripper is; None in Reach, whose goals are about it."""
        return self._sites.pos_m()[:, 0] if self.has_object else None

    def achieved_goal(self) -> Tensor:
        """Return a copy of the object's position, in Reach the gripper's, (num_worlds, 3)."""
        return self._sites.pos_m()[:, -1]


class _Sites:
    """Read poses and velocities of S sites in every world together.

    The velocity is the Jacobian of mj_jacSite times qvel. After mj_step the Jacobian
    belongs to the last substep but one and qvel to the last: parity needs this mixture.
    """

    def __init__(self, sim: Sim, names: tuple[str, ...]) -> None:
        model = sim.model
        ids = [model.site(name).id for name in names]
        bodies = [int(model.site_bodyid[site]) for site in ids]
        self._ids = _index(ids, sim)
        self._roots = _index([model.body_rootid[body] for body in bodies], sim)
        self._xpos, self._xmat = sim.field("site_xpos"), sim.field("site_xmat")
        self._cdof, self._com = sim.field("cdof"), sim.field("subtree_com")
        self._qvel = sim.field("qvel")
        # (S, nv): 1 where a degree of freedom moves the site
        self._moves = torch.zeros(len(ids), model.nv).to(self._qvel)
        for row, body in enumerate(bodies):
            self._moves[row, _ancestor_dofs(model, body)] = 1.0

    def pos_m(self) -> Tensor:
        """Return a copy of the positions, (num_worlds, S, 3)."""
        return self._xpos.index_select(1, self._ids)

    def matrix(self, site: int) -> Tensor:
        """Return the rotation matrices of one site, (num_worlds, 3, 3)."""
        return self._xmat.index_select(1, self._ids[site]).reshape(-1, 3, 3)

    def velocity(self, pos_m: Tensor) -> tuple[Tensor, Tensor]:
        """Return velocities at ``pos_m`` in m/s and rad/s, (num_worlds, S, 3) each."""
        # A sum, not a matrix product: on a GPU that may be rounded to TF32.
        rates = (self._qvel[:, None] * self._moves)[..., None]
        spatial = (self._cdof[:, None] * rates).sum(dim=2)
        angular, linear = spatial[..., :3], spatial[..., 3:]
        arm = pos_m - self._com.index_select(1, self._roots)
        return linear + torch.linalg.cross(angular, arm), angular


def _index(values: Iterable[int], sim: Sim) -> Tensor:
    """Return indices as a tensor on the simulation's device, (n,) int64."""
    return torch.tensor([int(value) for value in values], device=sim.device)


def _ancestor_dofs(model: mujoco.MjModel, body: int) -> list[int]:
    """Return the degrees of freedom that move a body: its own and its ancestors'."""
    dofs: list[int] = []
    while body > 0:
        first, count = int(model.body_dofadr[body]), int(model.body_dofnum[body])
        dofs = [*range(first, first + count), *dofs]
        body = int(model.body_parentid[body])
    return dofs


def _sensors(has_object: bool) -> dict[str, Sensor]:
    """Name the columns of the state vector."""
    if not has_object:
        proprio = tuple(range(10))
        return {"proprio": Sensor(proprio, "joint encoders", "m, m/step")}
    proprio = (0, 1, 2, 9, 10, 20, 21, 22, 23, 24)
    rest = tuple(i for i in range(25) if i not in proprio)
    return {
        "proprio": Sensor(proprio, "joint encoders", "m, m/step"),
        "object": Sensor(rest, "simulator", "m, rad, m/step, rad/step"),
    }
