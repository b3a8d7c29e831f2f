"""RunCfg: everything that decides a run, as one frozen value.

It goes to YAML and back without loss, and its hash names the run's folder: two runs
with the same hash differ by their seed only.
"""

import dataclasses
import hashlib
import typing
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from puckrl.agents.distill import DistillCfg
from puckrl.agents.sac import SacCfg
from puckrl.agents.td3 import Td3Cfg
from puckrl.core.errors import UserError
from puckrl.monitor.stopping import StopMode
from puckrl.replay.episodes import ReplayCfg
from puckrl.sim.randomize import RandomizeCfg
from puckrl.tasks.task import RewardKind

AGENTS: dict[str, type[Td3Cfg] | type[SacCfg] | type[DistillCfg]] = {
    "td3": Td3Cfg,
    "sac": SacCfg,
    "distill": DistillCfg,
}


@dataclass(frozen=True)
class SimCfg:
    """Physics."""

    backend: Literal["cpu", "warp"] = "cpu"
    """MuJoCo's C threads, or mujoco_warp on the run's device."""
    contacts: str = "touching"
    """Pairs that may collide (warp only). Every task has all, and touching: the same
    trajectories, faster. A task may have more: Fetch has hand, without the robot's contacts
    with itself, faster still."""
    num_worlds: int = 32
    """Worlds that collect at the same time."""
    num_threads: int = 0
    """C threads of the physics (cpu only); 0: every core."""


@dataclass(frozen=True)
class PixelsCfg:
    """Cameras; a network sees them if "pixels" is among its sensors."""

    viewpoints: tuple[str, ...] = ()
    """Where cameras stand: viewpoints of the task, or free: MuJoCo's free camera. Fetch has
    side, corner, front, reference, film, and wrist, which moves with the gripper. None: no
    camera."""
    height: int = 64
    """Rows of a picture."""
    width: int = 64
    """Pixels per row."""
    stack: int = 3
    """Frames that are seen together."""
    randomize: RandomizeCfg = field(default_factory=RandomizeCfg)
    """Colors, lights and places of cameras that change with every episode."""


@dataclass(frozen=True)
class LoopCfg:
    """Rhythm of the run."""

    update_ratio: float = 0.15
    """Critic updates per env step (UTD)."""
    collect_steps: int = 0
    """Control steps of every world between two stretches of updates; 0: an episode."""
    overlap: bool = False
    """Make a turn's updates while the next is collected, on a CUDA stream of their own."""
    warm_up_episodes: int = 400
    """Episodes of random play before the first update."""
    normalize_episodes: int = 800
    """The input normalizers learn from this many first episodes, then stand still."""
    compile: bool = True
    """torch.compile the update (where there is a C++ compiler, or CUDA)."""


@dataclass(frozen=True)
class EvalCfg:
    """How the run is judged while it goes on."""

    every_env_steps: int = 10_000
    """Env steps between evaluations."""
    episodes: int = 128
    """Deterministic episodes each time."""
    final_episodes: int = 512
    """Deterministic episodes at the end."""


@dataclass(frozen=True)
class BudgetCfg:
    """When the run ends; 0 switches a limit off."""

    env_steps: int = 300_000
    """Env steps, summed over worlds."""
    train_s: float = 0.0
    """Seconds of collecting and updating; evaluation and compilation come on top."""
    until_success: float = 0.0
    """End early when two evaluations in a row reach this success rate."""
    stop: StopMode = "budget"
    """budget: at these limits. auto: also when the doctor calls the run converged, dead or
    diverged. never: only when interrupted."""


@dataclass(frozen=True)
class ExpectCfg:
    """What the preset is held to; the card says whether it was kept."""

    success: float = 0.0
    """Least final success rate."""
    train_s: float = 0.0
    """Seconds within which it is reached: on two CPU cores, or on one H200 where the
    physics is Warp's."""
    takeoff_updates: float = 0.0
    """Updates after which it usually leaves its floor, measured; 0: not known yet."""


@dataclass(frozen=True)
class SaveCfg:
    """What is kept of the run."""

    every_s: float = 30.0
    """Seconds between snapshots; 0: only at the end."""
    replay: bool = True
    """Put the replay into snapshots; without it the run cannot be resumed."""
    tensorboard: bool = True
    """Write TensorBoard event files too."""
    video: bool = True
    """Film the policy at the end."""


@dataclass(frozen=True)
class RunCfg:
    """One run."""

    preset: str = "custom"
    """Name of the preset that it was made from."""
    task: str = "push"
    """Task name, or path/to/file.py:ClassName."""
    reward: RewardKind = "sparse"
    """0 / -1, or minus the distance in meters."""
    seed: int = 0
    """Decides weights, exploration, resets, goals and replay draws."""
    device: str = "auto"
    """Where replay and networks live: auto, cpu, cuda, cuda:N."""
    sim: SimCfg = field(default_factory=SimCfg)
    """Physics."""
    pixels: PixelsCfg = field(default_factory=PixelsCfg)
    """Cameras."""
    agent: Td3Cfg | SacCfg | DistillCfg = field(default_factory=Td3Cfg)
    """Learning rule and networks."""
    replay: ReplayCfg = field(default_factory=ReplayCfg)
    """Memory and hindsight."""
    loop: LoopCfg = field(default_factory=LoopCfg)
    """Rhythm."""
    eval: EvalCfg = field(default_factory=EvalCfg)
    """Judging."""
    budget: BudgetCfg = field(default_factory=BudgetCfg)
    """End."""
    expect: ExpectCfg = field(default_factory=ExpectCfg)
    """Promise."""
    save: SaveCfg = field(default_factory=SaveCfg)
    """Files."""


def to_dict(cfg: RunCfg) -> dict[str, Any]:
    """Plain nested dictionaries; the agent says its kind."""
    tree = dataclasses.asdict(cfg)
    kind = next(k for k, c in AGENTS.items() if type(cfg.agent) is c)
    tree["agent"] = {"kind": kind, **tree["agent"]}
    return tree


_RENAMED = {"budget.wall_s": "train_s"}
"""What fields were called when older runs and tables were written."""


def from_dict(tree: dict[str, Any]) -> RunCfg:
    """The inverse of ``to_dict``.

    Raises:
        UserError: for a field or a kind of agent that does not exist, or a value of
            another type.
    """
    return _build(RunCfg, _checked(tree, dict, "the configuration"), "")


def _build(cls: type[Any], tree: dict[str, Any], where: str) -> Any:
    """A dataclass from a dictionary, fields by their declared types."""
    hints = typing.get_type_hints(cls)
    named = {_RENAMED.get(f"{where}{key}", key): key for key in tree}
    strange = sorted(set(named) - set(hints))
    if strange:
        raise UserError(
            f"unknown setting {where}{strange[0]!r}; legal: {', '.join(hints)}"
        )
    values = {
        name: _value(hints[name], tree[key], f"{where}{name}.")
        for name, key in named.items()
    }
    return cls(**values)


def _value(hint: Any, value: Any, where: str) -> Any:
    """One field: a nested dataclass, the agent, a tuple, or the value itself."""
    if where == "agent.":
        rest = dict(_checked(value, dict, where))
        kind = rest.pop("kind", "td3")
        if kind not in (*AGENTS,):  # a list, say, has no hash
            raise UserError(f"unknown agent {kind!r}; legal: {', '.join(AGENTS)}")
        return _build(AGENTS[kind], rest, where)
    if dataclasses.is_dataclass(hint):
        section = _checked(value, dict, where)
        return _build(typing.cast(type[Any], hint), section, where)
    if typing.get_origin(hint) is tuple:
        each = typing.get_args(hint)[0]
        return tuple(
            _value(each, x, where) for x in _checked(value, list | tuple, where)
        )
    if typing.get_origin(hint) is typing.Literal:
        legal = typing.get_args(hint)
        if value not in legal:
            raise UserError(
                f"{where.rstrip('.')} is {value!r}; legal: {', '.join(map(str, legal))}"
            )
        return value
    is_float = float in (hint, *typing.get_args(hint))
    return _checked(value, hint | int if is_float else hint, where)


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
    """The value of a field, if it is of its kind; a truth is no number."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        wanted = _WORDS.get(kind, str(kind))
        raise UserError(f"{where.rstrip('.')} is {value!r}; wanted: {wanted}")
    return value


def to_yaml(cfg: RunCfg) -> str:
    """The configuration as YAML text, fields in their declared order."""
    return yaml.safe_dump(_plain(to_dict(cfg)), sort_keys=False)


def from_yaml(text: str) -> RunCfg:
    """The inverse of ``to_yaml``."""
    return from_dict(yaml.safe_load(text))


def _plain(value: Any) -> Any:
    """Tuples as lists, so that safe YAML can hold them."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, tuple) else value


APART = (
    *("preset", "seed", "device", "sim.num_threads"),
    *("eval", "budget", "save", "expect"),
)
"""Settings, or sections of them, that do not decide what is learned but for noise."""


def config_hash(cfg: RunCfg) -> str:
    """Eight hex digits of everything that decides what is learned, but the seed."""
    tree = _plain(to_dict(cfg))
    for name in APART:
        *path, last = name.split(".")
        section = tree
        for key in path:
            section = section[key]
        del section[last]
    text = yaml.safe_dump(tree, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
