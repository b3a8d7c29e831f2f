"""Define peg insertion: a compliant hand, a socket whose place is known or only estimated.

Goals are positions of the tip relative to the true socket: achieved = tip - socket,
desired = (0, 0, -depth). A policy that does not get ``achieved_goal`` therefore learns
nothing of the true socket from its goal, with hindsight too.

state vector (Factory's numbers; the hand has no actions of rotation)

    0:3    tip - estimated socket, measured               proprio    m
    3:7    orientation of the peg, w x y z, measured      proprio    quaternion
    7:10   velocity of the tip                            proprio    m/s
    10:13  angular velocity                               proprio    rad/s
    13:16  previous action, smoothed                      proprio    -
    16:19  tanh of columns 0:3 / 2 mm                     fine       -
    19:22  force on the hand at the wrist, measured       touch      N
    22:24  torque about x and y at the wrist, measured    touch      Nm
    24:27  estimated socket - true socket                 socket     m
    27:30  tanh of (tip - true socket) / 2 mm             socket     -
    30     1 after the protective stop                    stop       -
"""

from collections.abc import Mapping
from typing import ClassVar

import mujoco
import torch
from torch import Tensor

from puckrl.core.arguments import check_fields
from puckrl.core.rng import Draws
from puckrl.core.spec import Description
from puckrl.core.types import Obs, Sensor, Spaces
from puckrl.sim.backend import Sim
from puckrl.sim.viewpoints import Viewpoint
from puckrl.tasks.peg import experts
from puckrl.tasks.peg.description import describe_peg
from puckrl.tasks.peg.memory import Memory
from puckrl.tasks.peg.pose import Pose
from puckrl.tasks.peg.scene import (
    REACH_M,
    SUBSTEPS,
    WRIST_M,
    block_height_m,
    damping,
    peg_scene,
    wall_directions,
    wall_distance_m,
)
from puckrl.tasks.peg.settings import PegInsertCfg
from puckrl.tasks.sanity import Landmark, Sanity
from puckrl.tasks.task import RewardKind, Task

FINE_M = 0.002
"""Scale of the columns that resolve what is near the socket."""
_START_M, _START_RANGE_M = (0.0, 0.0, 0.047), (0.02, 0.02, 0.01)
_WORKSPACE_M = (0.04, 0.04, 0.06)
"""The hand's target stays this near to the estimated socket, along each axis."""
_STOPPED_M = 0.1
"""Offset of the achieved goal after a protective stop: no goal is reached there."""
_STOPPED_STEPS = 3
"""Steps from the protective stop to the end: critics learn that nothing follows."""

_DEFAULT = PegInsertCfg()
_SENSORS = {
    "proprio": Sensor(
        tuple(range(16)), "arm and socket estimate", "m, quaternion, m/s, rad/s"
    ),
    "fine": Sensor((16, 17, 18), "arm and socket estimate", "tanh of 2 mm"),
    "touch": Sensor(tuple(range(19, 24)), "force sensor in the wrist", "N, Nm"),
    "socket": Sensor(tuple(range(24, 30)), "simulator", "m, tanh of 2 mm"),
    "stop": Sensor((30,), "controller", "flag"),
}


class PegInsert(Task):
    """Insert the peg that a floating compliant hand holds, by pushing with up to 2 N.

    Args:
        reward: sparse, or dense: minus the distance to the goal.
        cfg: what is inserted, and how much is known of where.

    Raises:
        UserError: for a setting out of range.
    """

    params_type = PegInsertCfg
    substeps = SUBSTEPS
    marker_radius_m = 0.003
    seen_body = "mouth"
    film_view = Viewpoint((0.26, -0.30, 0.24), (0.0, 0.0, 0.062), 29.0)
    viewpoints: ClassVar[Mapping[str, Viewpoint]] = {
        "wrist": Viewpoint((0.045, 0.0, -0.035), (0.0, 0.0, -0.105), 55.0, "hand"),
        "side": Viewpoint((0.22, -0.26, 0.20), (0.0, 0.0, 0.05), 30.0),
    }
    sanity = Sanity(
        landmarks=(
            Landmark("tip", (0, 1, 2), (-0.02, -0.02, 0.037), (0.02, 0.02, 0.057)),
        ),
        rest_drift_m=0.001,
        random_moved=(0.5, 1.0),
        random_success=(0.0, 0.05),
        goal_spread=(0.0, float("inf")),  # always the floor of the hole
        expert_success=(0.99, 1.0),
    )

    def __init__(
        self, reward: RewardKind = "sparse", cfg: PegInsertCfg = _DEFAULT
    ) -> None:
        super().__init__(reward)
        check_fields(cfg, "params.")
        self.cfg, self.goal_tol_m = cfg, cfg.tolerance_m
        self.spaces = Spaces(
            state_dim=31,
            goal_dim=3,
            action_dim=3,
            horizon=cfg.horizon,
            sensors=_SENSORS,
            fixed_goal=True,
        )
        if cfg.vary.on:
            self.varied = ("geom_pos", "geom_friction", "actuator_gear", "dof_damping")

    def scene(self) -> mujoco.MjSpec:
        """Return the scene of the settings; see ``scene``."""
        return peg_scene(self.cfg)

    def bind(self, sim: Sim) -> None:
        """Keep the simulation's fields and the constants of its device."""
        self._sim = sim
        self._qpos, self._qvel = sim.field("qpos"), sim.field("qvel")
        self._ctrl, self._mocap = sim.field("ctrl"), sim.field("mocap_pos")
        self._contact = sim.field("qfrc_constraint")
        self._memory = Memory(sim)
        self._pose = Pose(self._qpos, self._qvel, WRIST_M)
        self._workspace_m = self._qpos.new_tensor(_WORKSPACE_M)
        noise = self.cfg
        self._scales = self._qpos.new_tensor(
            [noise.position_noise_m] * 3
            + [noise.tilt_noise_rad] * 2
            + [noise.force_noise_n] * 3
            + [noise.torque_noise_nm] * 2
        )
        model = sim.model
        count = len(wall_directions(self.cfg))
        self._walls = [model.geom(f"wall{k}").id for k in range(count)]
        self._floor = model.geom("floor").id
        self._wall_xy = self._qpos.new_tensor(wall_directions(self.cfg))

    def reset(self, worlds: Tensor, draws: Draws) -> Tensor:
        """Place socket and hand, draw the estimate's error and the physics."""
        cfg = self.cfg
        self._sim.reset(worlds)
        self._memory.begin(worlds, draws)
        side = cfg.socket_range_m
        height = torch.full_like(draws.uniform(0.0, 1.0, 1), block_height_m(cfg))
        socket = torch.cat([draws.uniform(-side, side, 2), height], dim=1)
        easy, scale = draws.uniform(0.0, 1.0, 2).split(1, dim=1)
        scale = torch.where(easy < cfg.easy_share, scale, 1.0)
        error = cfg.socket_noise_m * scale * draws.normal(3)
        middle, half = socket.new_tensor(_START_M), socket.new_tensor(_START_RANGE_M)
        tip = socket + middle + half * draws.uniform(-1.0, 1.0, 3)
        above = socket.new_tensor((0.0, 0.0, WRIST_M))
        self._mocap[worlds, 0] = socket.to(self._mocap)
        self._mocap[worlds, 1] = (socket + error).to(self._mocap)
        self._qpos[worlds, :3] = (tip + above).to(self._qpos)
        goal = torch.zeros_like(socket)
        goal[:, 2] = -self._vary(worlds, draws)
        self._sim.forward(worlds)
        return goal

    def _vary(self, worlds: Tensor, draws: Draws) -> Tensor:
        """Draw the physics of new episodes; return the depths of their holes, (n,)."""
        cfg, vary = self.cfg, self.cfg.vary
        change = draws.uniform(-1.0, 1.0, 4)
        shares = (vary.clearance, vary.depth, vary.friction, vary.stiffness)
        factor = 1.0 + change * change.new_tensor(shares)
        depth = cfg.depth_m * factor[:, 1]
        if not vary.on:
            return depth
        pos = self._sim.model_field("geom_pos")
        moved = cfg.clearance_m * (factor[:, 0] - 1.0) / 2.0
        away = wall_distance_m(cfg.peg_width_m, cfg.clearance_m) + moved
        for geom, direction in zip(self._walls, self._wall_xy, strict=True):
            pos[worlds, geom, :2] = (away[:, None] * direction).to(pos)
        floor = float(self._sim.model.geom_pos[self._floor, 2]) + cfg.depth_m
        pos[worlds, self._floor, 2] = (floor - depth).to(pos)
        friction = self._sim.model_field("geom_friction")
        friction[worlds, :, 0] = (cfg.friction * factor[:, 2:3]).to(friction)
        stiffness = cfg.stiffness_n_per_m * factor[:, 3:4]
        gear = self._sim.model_field("actuator_gear")
        gear[worlds, :3, 0] = (stiffness * REACH_M).to(gear)
        damp = self._sim.model_field("dof_damping")
        damp[worlds, :3] = (damping(1.0) * stiffness.sqrt()).to(damp)
        return depth

    def apply(self, action: Tensor) -> None:
        """Push towards a target that the smoothed action moves by up to 20 mm."""
        memory = self._memory
        memory.smooth_action(action, self.cfg.action_ema)
        at = self._pose.tip_m() - self._mocap[:, 1]
        box = self._workspace_m
        target = (at + REACH_M * memory.action).clamp(-box, box)
        push = ((target - at) / REACH_M).clamp(-1.0, 1.0)
        self._ctrl[:, :3] = torch.where(memory.stopped[:, None] > 0, 0.0, push)

    def advance(self, sim: Sim) -> Tensor:
        """Step the physics and measure the contact force at every physics step."""
        wrench, norms = torch.zeros_like(self._contact), list[Tensor]()
        failed = torch.zeros(sim.num_worlds, dtype=torch.bool, device=sim.device)
        for _ in range(SUBSTEPS):
            failed |= sim.step(1)
            wrench += self._contact / SUBSTEPS
            norms.append(torch.linalg.vector_norm(self._contact[:, :3], dim=1))
        memory = self._memory
        memory.add_forces(torch.stack(norms))
        memory.smooth_wrench(wrench + self._noise()[:, 5:], self.cfg.force_ema)
        if self.cfg.force_limit_n > 0:
            memory.stop(self.cfg.force_limit_n)
        return failed

    def _noise(self) -> Tensor:
        """Return this step's errors of tip, tilt, force and torque, (num_worlds, 10)."""
        return self._memory.noise(len(self._scales)) * self._scales

    def state(self) -> Tensor:
        """Return the measured state; see the table on top of this module."""
        memory, pose, noise = self._memory, self._pose, self._noise()
        tip = pose.tip_m()
        near = tip - self._mocap[:, 1] + noise[:, :3]
        spin = pose.angular_velocity()
        error = self._mocap[:, 1] - self._mocap[:, 0]
        truth = (tip - self._mocap[:, 0]) / FINE_M
        parts = [near, pose.quaternion(noise[:, 3:5]), pose.tip_velocity(spin), spin]
        parts += [memory.action, (near / FINE_M).tanh(), memory.wrench]
        parts += [error, truth.tanh()]
        stopped = (memory.stopped > 0).to(tip)[:, None]
        return torch.cat([*parts, stopped], dim=1)

    def achieved_goal(self) -> Tensor:
        """Return the tip relative to the true socket, out of reach after a stop."""
        achieved = self._pose.tip_m() - self._mocap[:, 0]
        achieved[:, 2] += _STOPPED_M * (self._memory.stopped > 0).to(achieved)
        return achieved

    def failed(self) -> Tensor | None:
        """Tell where the protective stop has ended the episode, (num_worlds,) bool."""
        if self.cfg.force_limit_n == 0:
            return None
        return self._memory.stopped >= _STOPPED_STEPS

    def metrics(self) -> dict[str, Tensor]:
        """Return the largest and the mean contact force of the episode so far, N."""
        return {
            "peak_force_n": self._memory.peak_n,
            "mean_force_n": self._memory.mean_n(),
        }

    def expert(self, obs: Obs) -> Tensor:
        """Align above the hole, then push down; knows the socket."""
        return experts.insert(obs)

    def describe(self) -> Description:
        """Say what the numbers mean, with units and frames."""
        return describe_peg(self.cfg, FINE_M)

    def marker_pos_m(self, goal: Tensor) -> Tensor:
        """Return the goal's place in the world, (num_worlds, 3)."""
        return goal + self._mocap[:, 0].to(goal)
