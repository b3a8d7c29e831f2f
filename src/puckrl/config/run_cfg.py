"""Define RunCfg: everything that decides a run, as one frozen value.

It converts to YAML and back without loss. Its hash names the run's folder: two runs with
the same hash and the same seed learn the same, apart from noise.
"""

import dataclasses
import hashlib
import typing
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import yaml

from puckrl.agents.distill import DistillCfg
from puckrl.agents.sac import SacCfg
from puckrl.agents.td3 import Td3Cfg
from puckrl.config import renamed
from puckrl.config.fields import Declared, declared, marked
from puckrl.core.errors import UserError
from puckrl.core.settings import (
    COUNT,
    NON_NEGATIVE,
    NOT_HASHED,
    PER_PROCESS,
    POSITIVE,
    SEED,
    SHARE,
    Bounds,
    Mark,
)
from puckrl.monitor.stopping import StopMode
from puckrl.replay.settings import ReplayCfg
from puckrl.sim.randomize import RandomizeCfg
from puckrl.tasks.params import TaskParams
from puckrl.tasks.task import RewardKind

SIDE_PX = Bounds(8, 1024, "8 to 1024 pixels")
STACK = Bounds(1, 64, "1 to 64 frames")


@dataclass(frozen=True)
class SimCfg:
    """Physics simulation."""

    backend: Literal["cpu", "warp"] = "cpu"
    """cpu: MuJoCo's C engine on threads; warp: mujoco_warp on the run's device."""
    contacts: str = "touching"
    """Pairs that may collide (warp only). Every task has all, and touching: the same
    trajectories, faster. A task may have more: Fetch has hand, without the robot's contacts
    with itself, faster still."""
    num_worlds: Annotated[int, COUNT, PER_PROCESS] = 32
    """Number of parallel worlds."""
    num_threads: Annotated[int, NON_NEGATIVE, NOT_HASHED] = 0
    """Threads of the C engine (cpu only); 0: one per core."""


@dataclass(frozen=True)
class PixelsCfg:
    """Cameras; a network gets their images if "pixels" is among its sensors."""

    viewpoints: tuple[str, ...] = ()
    """Camera positions: viewpoints of the task, or free: MuJoCo's free camera. Fetch has
    side, corner, front, reference, film, and wrist, which moves with the gripper. Empty: no
    camera."""
    height: Annotated[int, SIDE_PX] = 64
    """Height of an image, in pixels."""
    width: Annotated[int, SIDE_PX] = 64
    """Width of an image, in pixels."""
    stack: Annotated[int, STACK] = 3
    """Number of consecutive frames in an observation."""
    randomize: RandomizeCfg = field(default_factory=RandomizeCfg)
    """Domain randomization: colors, lights and camera poses, drawn for each episode."""


@dataclass(frozen=True)
class LoopCfg:
    """Training loop: collecting and updating."""

    update_ratio: Annotated[float, POSITIVE] = 0.15
    """Critic updates per env step (update-to-data ratio, UTD)."""
    collect_steps: Annotated[int, NON_NEGATIVE] = 0
    """Control steps that every world collects per iteration; 0: one episode."""
    overlap: bool = False
    """Update while the next iteration is collected, on a second CUDA stream."""
    warm_up_episodes: Annotated[int, COUNT, PER_PROCESS] = 400
    """Episodes of random actions before the first update."""
    normalize_episodes: Annotated[int, NON_NEGATIVE, PER_PROCESS] = 800
    """Input normalizers learn from the first episodes, up to this number, then freeze."""
    compile: bool = True
    """Compile the update with torch.compile; it needs a C++ compiler, or CUDA."""


@dataclass(frozen=True)
class EvalCfg:
    """Evaluation."""

    every_env_steps: Annotated[int, NON_NEGATIVE] = 10_000
    """Env steps between two evaluations."""
    episodes: Annotated[int, COUNT] = 128
    """Episodes per evaluation, with deterministic actions."""
    final_episodes: Annotated[int, COUNT] = 512
    """Episodes of the evaluation at the end."""


@dataclass(frozen=True)
class BudgetCfg:
    """Limits that end the run; 0 switches a limit off."""

    env_steps: Annotated[int, NON_NEGATIVE] = 300_000
    """Env steps, summed over worlds."""
    train_s: Annotated[float, NON_NEGATIVE] = 0.0
    """Seconds of collecting and updating, without evaluation and compilation."""
    until_success: Annotated[float, SHARE] = 0.0
    """Success rate that ends the run early, if two evaluations in a row reach it."""
    stop: StopMode = "budget"
    """What ends the run. budget: these limits; auto: also the doctor, if it calls the run
    converged, dead or diverged; never: only an interruption."""


@dataclass(frozen=True)
class ExpectCfg:
    """What the preset promises, under its own budget; the run's card says if that was kept."""

    success: Annotated[float, SHARE] = 0.0
    """Minimum of the final success rate."""
    train_s: Annotated[float, NON_NEGATIVE] = 0.0
    """Seconds of training until that success rate is reached: on two CPU cores, or on one
    H100 with --sim.backend warp."""
    takeoff_updates: Annotated[float, NON_NEGATIVE] = 0.0
    """Updates after which success usually takes off, as measured; 0: unknown."""


@dataclass(frozen=True)
class SaveCfg:
    """Files of the run."""

    every_s: Annotated[float, NON_NEGATIVE] = 30.0
    """Seconds between two snapshots; 0: only at the end."""
    replay: bool = True
    """Save the replay buffer in snapshots; without it the run cannot be resumed."""
    tensorboard: bool = True
    """Also write TensorBoard event files."""
    video: bool = True
    """Record a video of the policy at the end."""


@dataclass(frozen=True)
class RunCfg:
    """Every setting of a run."""

    preset: Annotated[str, NOT_HASHED] = "custom"
    """Name of the preset that the run started from."""
    task: str = "push"
    """Task name, or path/to/file.py:ClassName."""
    reward: RewardKind = "sparse"
    """sparse: 0 at the goal, else -1; dense: minus the distance to the goal, in meters."""
    params: TaskParams | None = None
    """Settings of the task itself, for tasks that have some."""
    seed: Annotated[int, SEED, NOT_HASHED] = 0
    """Seed of weights, exploration, resets, goals and replay sampling."""
    device: Annotated[str, NOT_HASHED] = "auto"
    """Device of replay buffer and networks: auto, cpu, cuda, cuda:N."""
    sim: SimCfg = field(default_factory=SimCfg)
    """Physics simulation."""
    pixels: PixelsCfg = field(default_factory=PixelsCfg)
    """Cameras."""
    agent: Td3Cfg | SacCfg | DistillCfg = field(default_factory=Td3Cfg)
    """Learning rule and networks."""
    replay: ReplayCfg = field(default_factory=ReplayCfg)
    """Replay buffer and hindsight."""
    loop: LoopCfg = field(default_factory=LoopCfg)
    """Training loop."""
    eval: Annotated[EvalCfg, NOT_HASHED] = field(default_factory=EvalCfg)
    """Evaluation."""
    budget: Annotated[BudgetCfg, NOT_HASHED] = field(default_factory=BudgetCfg)
    """Limits."""
    expect: Annotated[ExpectCfg, NOT_HASHED] = field(default_factory=ExpectCfg)
    """The preset's promise."""
    save: Annotated[SaveCfg, NOT_HASHED] = field(default_factory=SaveCfg)
    """Files of the run."""


def to_dict(cfg: Any) -> dict[str, Any]:
    """Return a configuration, or a section of one, as plain nested dictionaries."""
    return _tree(cfg, frozenset())


def _tree(section: Any, left_out: frozenset[Mark]) -> dict[str, Any]:
    """Return a section as nested dictionaries, without fields that have these marks."""
    values = {
        known.name: getattr(section, known.name)
        for known in declared(type(section))
        if not known.marks & left_out
    }
    return {
        name: _tree(value, left_out) if dataclasses.is_dataclass(value) else value
        for name, value in values.items()
    }


def from_dict(tree: dict[str, Any]) -> RunCfg:
    """Return the configuration that ``to_dict`` turned into dictionaries.

    Settings that are left out have their defaults; old names are still known
    (``config/renamed.py``).

    Raises:
        UserError: for a field or a kind of agent that does not exist, or a value of
            another type.
    """
    whole = _checked(tree, dict, "the configuration")
    return _build(RunCfg, renamed.with_new_names(whole), "")


def _build(cls: type[Any], tree: dict[str, Any], where: str) -> Any:
    """Return a dataclass from a dictionary, its fields by their declared types."""
    known = {each.name: each for each in declared(cls)}
    unknown = sorted(map(str, set(tree) - set(known)))
    if unknown:
        raise UserError(
            f"unknown setting {where}{unknown[0]!r}; legal: {', '.join(known)}"
        )
    values = {
        name: _value(known[name], value, f"{where}{name}")
        for name, value in tree.items()
    }
    return cls(**{n: value for n, value in values.items() if not known[n].fixed})


def _value(known: Declared, value: Any, where: str) -> Any:
    """Return the value of one field: a section, or a setting."""
    if not known.sections or (value is None and known.optional):
        return _setting(known.value_type, value, where)
    tree = _checked(value, dict, where)
    return _build(_section(known.sections, tree, where), tree, f"{where}.")


def _section(
    classes: tuple[type[Any], ...], tree: dict[str, Any], where: str
) -> type[Any]:
    """Return the class of a section: the one whose ``kind`` the section names.

    The first class has no need to be named: it is what a section without a kind means.
    """
    if len(classes) == 1 or "kind" not in tree:
        return classes[0]
    kinds = {_kind(cls): cls for cls in classes}
    return kinds[_one_of(tuple(kinds), tree["kind"], f"{where}.kind")]


def _kind(cls: type[Any]) -> str:
    """Return the only value of the ``Literal`` that tells a class from its siblings."""
    (kind,) = (known.value_type for known in declared(cls) if known.name == "kind")
    (value,) = typing.get_args(kind)
    return value


def _setting(kind: Any, value: Any, where: str) -> Any:
    """Return a setting's value: one of a few, a tuple, or a single value."""
    if typing.get_origin(kind) is tuple:
        each = typing.get_args(kind)[0]
        given = _checked(value, list | tuple, where)
        return tuple(_setting(each, one, where) for one in given)
    if typing.get_origin(kind) is Literal:
        return _one_of(typing.get_args(kind), value, where)
    is_float = float in (kind, *typing.get_args(kind))
    return _checked(value, kind | int if is_float else kind, where)


def _one_of(legal: tuple[Any, ...], value: Any, where: str) -> Any:
    """Return the value, if it is among the legal ones."""
    if value not in legal:
        raise UserError(f"{where} is {value!r}; legal: {', '.join(map(str, legal))}")
    return value


_WORDS: dict[Any, str] = {
    dict: "a section",
    list | tuple: "a list",
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float | int: "a number",
    float | None | int: "a number or null",
}


def _checked(value: Any, kind: Any, where: str) -> Any:
    """Return the value, if it is of its type; a bool is no number."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        wanted = _WORDS.get(kind, str(kind))
        raise UserError(f"{where} is {value!r}; wanted: {wanted}")
    return value


def to_yaml(cfg: RunCfg) -> str:
    """Return the configuration as YAML text, fields in their declared order."""
    return yaml.safe_dump(_plain(to_dict(cfg)), sort_keys=False)


def from_yaml(text: str) -> RunCfg:
    """Return the configuration that ``to_yaml`` turned into text.

    Raises:
        UserError: as ``from_dict``.
    """
    return from_dict(yaml.safe_load(text))


def _plain(value: Any) -> Any:
    """Return tuples as lists, so that safe YAML can hold them."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, tuple) else value


def config_hash(cfg: RunCfg) -> str:
    """Return eight hex digits of everything that decides what a run learns.

    The seed is not among it, nor is any other setting that is marked ``NOT_HASHED``.
    """
    tree = _plain(_tree(cfg, frozenset({NOT_HASHED})))
    if (
        tree["params"] is None
    ):  # a task without settings has the hash that it always had
        del tree["params"]
    text = yaml.safe_dump(tree, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def is_hashed(name: str) -> bool:
    """Return whether a setting, by its dotted name, counts for ``config_hash``."""
    return not any(
        name == apart or name.startswith(f"{apart}.")
        for apart in marked(RunCfg, NOT_HASHED)
    )
