"""Define a task of your own: a fingertip pushes a puck to a goal; see docs/tasks.md.

puck train examples/planar_pusher.py:PlanarPusher
"""

import mujoco
import torch
from torch import Tensor
from torch.nn.functional import normalize

from puckrl.tasks import Draws, Obs, Sensor, Sim, Spaces, Task, Viewpoint

SCENE = """
<mujoco model="planar pusher">
  <option timestep="0.005" integrator="implicitfast"/>
  <default><joint type="slide" limited="true" range="-0.2 0.2"/></default>
  <worldbody>
    <light pos="0 -0.4 1.2" dir="0 0.3 -1"/>
    <geom type="plane" size="1 1 0.1" rgba="0.9 0.9 0.9 1" contype="0" conaffinity="0"/>
    <body name="finger" pos="0 0 0.02">
      <joint name="finger_x" axis="1 0 0"/>
      <joint name="finger_y" axis="0 1 0"/>
      <geom type="sphere" size="0.02" mass="0.2" rgba="0.2 0.3 0.8 1"/>
    </body>
    <body name="puck" pos="0 0 0.02">
      <joint name="puck_x" axis="1 0 0" damping="4"/>
      <joint name="puck_y" axis="0 1 0" damping="4"/>
      <geom type="cylinder" size="0.03 0.02" mass="0.1" rgba="0.8 0.3 0.2 1"/>
    </body>
  </worldbody>
  <actuator>
    <velocity joint="finger_x" kv="20"/>
    <velocity joint="finger_y" kv="20"/>
  </actuator>
</mujoco>
"""
SPEED_M_S = 0.4


class PlanarPusher(Task):
    """Push a puck. State: finger (2), puck (2), puck - finger (2), m; velocities (4), m/s."""

    spaces = Spaces(
        state_dim=10,
        goal_dim=2,
        action_dim=2,
        horizon=30,
        sensors={
            "proprio": Sensor((0, 1, 6, 7), "motor encoders", "m, m/s"),
            "object": Sensor((2, 3, 4, 5, 8, 9), "simulator", "m, m/s"),
        },
    )
    substeps = 20  # of 5 ms: ten decisions a second
    film_view = Viewpoint((0.0, -0.5, 0.5), (0.0, 0.0, 0.0), 40.0)
    viewpoints = {"above": Viewpoint((0.0, -0.02, 0.6), (0.0, 0.0, 0.0), 42.0)}

    def scene(self) -> mujoco.MjSpec:
        """Return the scene above."""
        return mujoco.MjSpec.from_string(SCENE)

    def bind(self, sim: Sim) -> None:
        """Keep views of qpos and qvel, columns: finger 0:2, puck 2:4."""
        self.sim, self.ctrl = sim, sim.field("ctrl")
        self.qpos, self.qvel = sim.field("qpos"), sim.field("qvel")

    def reset(self, worlds: Tensor, draws: Draws) -> Tensor:
        """Place the puck anywhere, the finger beside it, the goal anywhere."""
        puck = draws.uniform(-0.1, 0.1, 2)
        angle = draws.uniform(0.0, 2 * torch.pi, 1)
        beside = 0.08 * torch.cat([angle.cos(), angle.sin()], dim=1)
        self.sim.reset(worlds)
        self.qpos[worlds] = torch.cat([puck + beside, puck], dim=1).to(self.qpos)
        self.sim.forward(worlds)
        return draws.uniform(-0.13, 0.13, 2)

    def apply(self, action: Tensor) -> None:
        """Set the velocity of the finger from two numbers in [-1, 1]."""
        self.ctrl[:] = SPEED_M_S * action

    def state(self) -> Tensor:
        """Return the state; columns as in the class's docstring."""
        apart = self.qpos[:, 2:] - self.qpos[:, :2]
        return torch.cat([self.qpos, apart, self.qvel], dim=1)

    def achieved_goal(self) -> Tensor:
        """Return the position of the puck."""
        return self.qpos[:, 2:].clone()

    def expert(self, obs: Obs) -> Tensor:
        """Move around the puck to its far side, then push through it to the goal."""
        way, rel = obs["desired_goal"] - obs["achieved_goal"], -obs["state"][:, 4:6]
        push = normalize(way)
        along = (rel * push).sum(dim=1, keepdim=True)
        aside = rel - along * push
        detour = -0.07 * push - rel + 0.1 * normalize(aside) * (along > -0.04)
        behind = (along < -0.03) & (aside.norm(dim=1, keepdim=True) < 0.015)
        return torch.where(behind, 5 * way - 20 * aside, 15 * detour).clamp(-1, 1)
