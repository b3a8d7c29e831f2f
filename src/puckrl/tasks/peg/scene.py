"""Write the scene of peg insertion as MJCF.

A floating hand carries the peg: three slides, driven by forces, and two hinges with
springs, which let the peg tilt. The socket is a mocap body whose origin is the middle of
the hole's mouth; a second mocap body stands where the robot believes that it is.

    hand     qpos 0:3 position of the wrist, m; 3 roll, 4 pitch, rad
    ctrl     0:3 force, in units of the largest; the rest is memory without effect
    mocap    0 socket, 1 its estimate
"""

import math

import mujoco

from puckrl.tasks.peg.settings import PegInsertCfg

REACH_M = 0.02
"""How far a full action moves the hand's target."""
TIMESTEP_S, SUBSTEPS = 1.0 / 480.0, 32
WRIST_M = 0.1
"""Height of the wrist, where the peg tilts and forces are measured, above the tip."""
PEG_LENGTH_M = 0.05
HAND_KG = 1.0
MEMORY = 12
"""Entries of ``ctrl`` behind the three forces."""
BLOCK_M = 0.045
"""Half side of the socket's block."""
BASE_M = 0.02
"""Height of the hole's floor above the table; it varies with the depth."""
_TILT_NM_PER_RAD = 30.0
_TILT_DAMPING = 2.0 * math.sqrt(_TILT_NM_PER_RAD)
_MOUTH_M = 0.0002
_FLOOR_M = 0.005
_WALL_DEPTH_M = 0.045
"""Walls reach below the floor of the deepest hole that variation makes."""


def damping(stiffness_n_per_m: float) -> float:
    """Return the critical damping of the hand, Ns/m."""
    return 2.0 * math.sqrt(stiffness_n_per_m * HAND_KG)


def wall_directions(cfg: PegInsertCfg) -> list[tuple[float, float]]:
    """Return the unit vectors from the hole's axis to the middle of each wall."""
    count = 4 if cfg.shape == "square" else cfg.walls
    angles = [2.0 * math.pi * k / count for k in range(count)]
    return [(math.cos(angle), math.sin(angle)) for angle in angles]


def wall_distance_m(width_m: float, clearance_m: float) -> float:
    """Return the distance from the hole's axis to the middle of a wall's box."""
    return (width_m + clearance_m) / 2.0 + BLOCK_M / 2.0


def block_height_m(cfg: PegInsertCfg) -> float:
    """Return the height of the hole's mouth above the table."""
    return cfg.depth_m + BASE_M


def peg_scene(cfg: PegInsertCfg) -> mujoco.MjSpec:
    """Return the scene of a configuration."""
    return mujoco.MjSpec.from_string(_xml(cfg))


def _xml(cfg: PegInsertCfg) -> str:
    """Return the scene as MJCF."""
    slides = "".join(
        f'<joint name="{name}" type="slide" axis="{axis}" '
        f'damping="{damping(cfg.stiffness_n_per_m)}"/>'
        for name, axis in (("x", "1 0 0"), ("y", "0 1 0"), ("z", "0 0 1"))
    )
    hinges = "".join(
        f'<joint name="{name}" type="hinge" axis="{axis}" '
        f'stiffness="{_TILT_NM_PER_RAD}" damping="{_TILT_DAMPING}"/>'
        for name, axis in (("roll", "1 0 0"), ("pitch", "0 1 0"))
    )
    force = cfg.stiffness_n_per_m * REACH_M
    motors = "".join(f'<motor joint="{name}" gear="{force}"/>' for name in "xyz")
    memory = '<general joint="x" gainprm="0"/>' * MEMORY
    return f"""
<mujoco model="peg insertion">
  <option timestep="{TIMESTEP_S}" integrator="implicitfast" gravity="0 0 0"
          ls_iterations="50"/>
  <visual>
    <headlight ambient="0.35 0.35 0.35" diffuse="0.35 0.35 0.35" specular="0.1 0.1 0.1"/>
    <global fovy="40"/>
  </visual>
  <statistic center="0 0 0.06" extent="0.25"/>
  <default>
    <geom solref="0.004 1" friction="{cfg.friction} 0.005 0.0001"/>
    <default class="fixed"><geom contype="2" conaffinity="1"/></default>
    <default class="visual"><geom contype="0" conaffinity="0" mass="0"/></default>
  </default>
  <worldbody>
    <light pos="0.3 -0.3 0.8" dir="-0.35 0.35 -0.9" diffuse="0.6 0.6 0.6"/>
    <geom name="table" class="fixed" type="plane" size="1 1 0.1" rgba="0.74 0.75 0.77 1"/>
    <body name="socket" mocap="true" pos="0 0 {block_height_m(cfg)}">
      {_socket(cfg)}
      <body name="mouth">
        <geom class="visual" {_prism(cfg, cfg.clearance_m, _MOUTH_M)}
              pos="0 0 {-2.0 * _MOUTH_M}" rgba="0.02 0.02 0.03 1"/>
      </body>
    </body>
    <body name="estimate" mocap="true" pos="0 0 {block_height_m(cfg)}"/>
    <body name="hand">
      {slides}{hinges}
      <inertial pos="0 0 0" mass="{HAND_KG}" diaginertia="0.002 0.002 0.002"/>
      <geom name="peg" {_prism(cfg, 0.0, PEG_LENGTH_M / 2.0)} mass="0"
            pos="0 0 {PEG_LENGTH_M / 2.0 - WRIST_M}" contype="1" conaffinity="2"
            rgba="0.95 0.55 0.12 1"/>
      {_gripper(cfg)}
      <site name="tip" pos="0 0 {-WRIST_M}" size="0.001" group="5"/>
    </body>
  </worldbody>
  <actuator>{motors}{memory}</actuator>
</mujoco>
"""


def _prism(cfg: PegInsertCfg, wider_m: float, half_height_m: float) -> str:
    """Return type and size of the peg's cross section, or of a wider one."""
    half = (cfg.peg_width_m + wider_m) / 2.0
    if cfg.shape == "square":
        return f'type="box" size="{half} {half} {half_height_m}"'
    return f'type="cylinder" size="{half} {half_height_m}"'


def _socket(cfg: PegInsertCfg) -> str:
    """Return the geoms of the socket: a floor, and walls whose faces bound the hole.

    The walls overlap outside of the hole: a face that is longer than its side of the
    polygon lies outside of the polygon.
    """
    at = wall_distance_m(cfg.peg_width_m, cfg.clearance_m)
    half = _WALL_DEPTH_M / 2.0
    walls = "".join(
        f'<geom name="wall{k}" class="fixed" type="box" rgba="0.36 0.45 0.58 1" '
        f'size="{BLOCK_M / 2.0} {at + BLOCK_M / 2.0} {half}" pos="{at * x} {at * y} {-half}" '
        f'quat="{math.cos(angle / 2.0)} 0 0 {math.sin(angle / 2.0)}"/>'
        for k, (x, y) in enumerate(wall_directions(cfg))
        for angle in (math.atan2(y, x),)
    )
    wide = cfg.peg_width_m + 0.01
    floor = (
        f'<geom name="floor" class="fixed" type="box" rgba="0.10 0.11 0.13 1" '
        f'size="{wide} {wide} {_FLOOR_M}" pos="0 0 {-cfg.depth_m - _FLOOR_M}"/>'
    )
    return walls + floor


def _gripper(cfg: PegInsertCfg) -> str:
    """Return what is seen of the hand: two fingers on the peg, palm and wrist."""
    at = cfg.peg_width_m / 2.0 + 0.004
    fingers = "".join(
        f'<geom class="visual" type="box" size="0.004 0.008 0.02" '
        f'pos="{side * at} 0 -0.045" rgba="0.22 0.23 0.26 1"/>'
        for side in (-1, 1)
    )
    return f"""{fingers}
      <geom class="visual" type="box" size="0.03 0.014 0.012" pos="0 0 -0.014"
            rgba="0.88 0.89 0.91 1"/>
      <geom class="visual" type="cylinder" size="0.018 0.035" pos="0 0 0.03"
            rgba="0.30 0.32 0.36 1"/>"""
