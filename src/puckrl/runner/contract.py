"""Write the contract of a run's policy when the run begins: ``contract.json``.

It holds what a program on a robot must know and otherwise stands in code only. See
``core/spec.py`` for its parts.
"""

import json

import mujoco

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.rebuild import describe_network
from puckrl.config.run_cfg import PixelsCfg, RunCfg
from puckrl.core.errors import UserError
from puckrl.core.spec import (
    CONTRACT,
    ActionNumber,
    ActionSpec,
    CameraSpec,
    Column,
    ControlSpec,
    Description,
    GoalSpec,
    ImageSpec,
    InputSpec,
    PolicySpec,
    to_plain,
)
from puckrl.core.types import Spaces
from puckrl.envs.foreign.worlds import ForeignWorlds
from puckrl.report.provenance import versions
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.worlds import RunWorlds
from puckrl.sim.viewpoints import Viewpoint, viewpoint
from puckrl.tasks.task import Task

_BESIDE_STATE = ("pixels", "goal_image", "achieved_goal", "desired_goal")
_LEAVES_OUT = (
    "textures (materials keep their plain color)",
    "shadows",
    "antialiasing (one ray per pixel)",
    "the sky (black)",
    "geoms in groups 3 to 5, such as collision shapes and the mocap body's helpers",
    "the goal (no marker is drawn)",
    "noise, blur and distortion of a lens",
)


def write_contract(
    folder: RunFolder, cfg: RunCfg, env: RunWorlds, agent: ActorCritic
) -> PolicySpec:
    """Write the contract of a run, unless it has one; return it.

    Args:
        folder: the run.
        cfg: its configuration.
        env: its environment.
        agent: its agent, trained or not.

    Raises:
        UserError: if the task describes another number of columns than it has.
    """
    spec = spec_of(cfg, env, agent)
    if not folder.contract.exists():
        temporary = folder.path / f"{CONTRACT}.tmp"
        temporary.write_text(json.dumps(to_plain(spec), indent=1) + "\n")
        temporary.replace(folder.contract)
    return spec


def spec_of(cfg: RunCfg, env: RunWorlds, agent: ActorCritic) -> PolicySpec:
    """Return the contract of a policy in an environment; see ``write_contract``."""
    if isinstance(env, ForeignWorlds):
        return _foreign_spec(cfg, env, agent)
    return make_spec(cfg, env.task, env.spaces, agent)


def make_spec(
    cfg: RunCfg, task: Task, spaces: Spaces, agent: ActorCritic
) -> PolicySpec:
    """Return the contract of a policy; see ``write_contract``."""
    said = described(task)
    scene = task.scene()
    dt_s = float(scene.option.timestep)
    sensors = _sensors(agent.cfg.actor_sensors, spaces)
    return PolicySpec(
        task=cfg.task,
        inputs=_inputs(agent.cfg.actor_sensors, spaces, said),
        sensors=sensors,
        action=ActionSpec(said.action),
        goal=GoalSpec(said.goal, task.goal_tol_m, said.goal_min, said.goal_max),
        control=ControlSpec(
            rate_hz=1.0 / (dt_s * task.substeps),
            dt_s=dt_s * task.substeps,
            physics_dt_s=dt_s,
            substeps=task.substeps,
            horizon=spaces.horizon,
        ),
        images=_images(cfg.pixels, task, scene, spaces, agent.cfg.actor_sensors),
        reset=f"{said.reset}. Call reset() of the policy then; a stack of frames begins "
        "with its first frame repeated",
        network=describe_network(agent),
        made_by=f"puckrl {versions()['puckrl']}",
    )


def _foreign_spec(cfg: RunCfg, env: ForeignWorlds, agent: ActorCritic) -> PolicySpec:
    """Return the contract of a policy in a foreign environment, whose units are unknown."""
    spaces, names = env.spaces, agent.cfg.actor_sensors
    count = range(spaces.state_dim)
    said = Description(
        state=tuple(Column(f"observation[{index}]") for index in count),
        goal=tuple(Column(f"goal[{index}]") for index in range(spaces.goal_dim)),
        action=tuple(ActionNumber(f"action[{i}]") for i in range(spaces.action_dim)),
    )
    return PolicySpec(
        task=cfg.task,
        inputs=_inputs(names, spaces, said),
        sensors=_sensors(names, spaces),
        action=ActionSpec(said.action),
        goal=GoalSpec(said.goal, 0.0, None, None),
        control=ControlSpec(
            rate_hz=1.0 / env.control_dt_s,
            dt_s=env.control_dt_s,
            physics_dt_s=env.control_dt_s,
            substeps=1,
            horizon=spaces.horizon,
        ),
        images=None,
        reset="that of the environment. Call reset() of the policy then",
        network=describe_network(agent),
        made_by=f"puckrl {versions()['puckrl']}",
    )


def described(task: Task) -> Description:
    """Return what a task says of its numbers.

    Raises:
        UserError: if it describes another number of them than it has.
    """
    said, of = task.describe(), task.spaces
    for name, found, wanted in (
        ("state", said.state, of.state_dim),
        ("goal", said.goal, of.goal_dim),
        ("action", said.action, of.action_dim),
        ("goal_min", said.goal_min, of.goal_dim),
        ("goal_max", said.goal_max, of.goal_dim),
    ):
        if found is not None and len(found) != wanted:
            raise UserError(
                f"{type(task).__name__}.describe() returned {len(found)} entries of {name}; "
                f"wanted: {wanted}"
            )
    return said


def _sensors(names: tuple[str, ...], spaces: Spaces) -> dict[str, tuple[int, ...]]:
    """Return the columns of the sensors that are parts of the state, but not of all of it."""
    if "state" in names:
        return {}
    return {n: spaces.sensors[n].columns for n in names if n not in _BESIDE_STATE}


def _inputs(
    names: tuple[str, ...], spaces: Spaces, said: Description
) -> tuple[InputSpec, ...]:
    """Return what the actor gets, in the order of an observation."""
    inputs: list[InputSpec] = []
    if "state" in names:
        inputs.append(_vector("state", said.state, "simulator"))
    for name, columns in _sensors(names, spaces).items():
        source = spaces.sensors[name].source
        inputs.append(_vector(name, tuple(said.state[i] for i in columns), source))
    if "achieved_goal" in names:
        inputs.append(_vector("achieved_goal", said.goal, "simulator or an estimator"))
    if "desired_goal" in names:
        inputs.append(_vector("desired_goal", said.goal, "operator"))
    if "pixels" in names and (size := spaces.pixels) is not None:
        shape = (size.stacked_channels, size.height, size.width)
        inputs.append(InputSpec("pixels", shape, "uint8", source="cameras"))
    if "goal_image" in names and (size := spaces.goal_image) is not None:
        shape = (size.channels, size.height, size.width)
        inputs.append(InputSpec("goal_image", shape, "uint8", source="operator"))
    return tuple(inputs)


def _vector(name: str, columns: tuple[Column, ...], source: str) -> InputSpec:
    return InputSpec(name, (len(columns),), "float32", columns, source)


def _images(
    cfg: PixelsCfg,
    task: Task,
    scene: mujoco.MjSpec,
    spaces: Spaces,
    names: tuple[str, ...],
) -> ImageSpec | None:
    """Return the description of the actor's images; None without any."""
    if "pixels" not in names or spaces.pixels is None:
        return None
    channels = tuple(
        f"frame {index - cfg.stack + 1}, {name}, {color}"
        for index in range(cfg.stack)
        for name in cfg.viewpoints
        for color in ("red", "green", "blue")
    )
    return ImageSpec(
        height=cfg.height,
        width=cfg.width,
        channels=channels,
        cameras=camera_specs(cfg, task, scene),
        leaves_out=_LEAVES_OUT,
        varied=cfg.randomize.on,
    )


def camera_specs(
    cfg: PixelsCfg, task: Task, scene: mujoco.MjSpec
) -> tuple[CameraSpec, ...]:
    """Return the poses of the cameras of a configuration."""
    return tuple(_camera(name, task, scene) for name in cfg.viewpoints)


def _camera(name: str, task: Task, scene: mujoco.MjSpec) -> CameraSpec:
    """Return the pose of a camera; that of the free camera depends on the scene."""
    view = viewpoint(name, task.viewpoints)
    if not isinstance(view, Viewpoint):
        view = view.resolve(scene.compile())
    return CameraSpec(name, view.pos_m, view.look_at_m, view.fovy_deg, view.body)
