"""Define RunCfg: everything that decides a run, as one frozen value.

It converts to YAML and back without loss. Its hash names the run's folder: two runs with
the same hash and the same seed learn the same, apart from noise.
"""

import functools
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml

from puckrl.agents.settings import DistillCfg, SacCfg, Td3Cfg
from puckrl.config import renamed
from puckrl.config.changes import with_changes
from puckrl.config.fields import marked
from puckrl.config.tree import as_tree, build, plain, to_dict, typed
from puckrl.core.errors import UserError
from puckrl.core.foreign import library_of
from puckrl.core.settings import (
    COUNT,
    HASHED_IF_CHANGED,
    NON_NEGATIVE,
    NOT_HASHED,
    PER_PROCESS,
    POSITIVE,
    SEED,
    SHARE,
    Bounds,
)
from puckrl.core.source import sha256
from puckrl.core.spaces import RewardKind
from puckrl.envs.foreign.settings import ForeignCfg, IsaacCfg
from puckrl.monitor.stopping import StopMode
from puckrl.replay.settings import ReplayCfg
from puckrl.sim.settings import RandomizeCfg
from puckrl.tasks.params import TaskParams

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
    goal_images: Annotated[bool, HASHED_IF_CHANGED] = False
    """Also render a picture of every episode's goal; a network gets it if "goal_image" is
    among its sensors."""
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
    warm_up_steps: Annotated[int, NON_NEGATIVE, HASHED_IF_CHANGED] = 0
    """Control steps of random actions in every world before the first update, in place of
    episodes; 0: --loop.warm-up-episodes. Only without hindsight in foreign environments."""
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
    at_least: Annotated[int, NON_NEGATIVE] = 64
    """An evaluation ends after these episodes if its 95 % interval lies below
    --budget.until-success; 0: it never ends early."""
    final_episodes: Annotated[int, COUNT] = 512
    """Episodes of the evaluation at the end."""
    judge: Literal["auto", "in-turn", "beside"] = "auto"
    """in-turn: training waits for evaluations; beside: a process of its own makes them
    meanwhile, with the same result; auto: beside on a GPU with at least four CPU cores."""


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
    """Task name, path/to/file.py:ClassName, or gym:ID, mjlab:TASK, isaaclab:TASK of
    an environment that is not ours."""
    reward: RewardKind = "sparse"
    """sparse: 0 at the goal, else -1; dense: minus the distance to the goal, in meters."""
    params: Annotated[TaskParams | None, HASHED_IF_CHANGED] = None
    """Settings of the task itself, for tasks that have some."""
    foreign: Annotated[ForeignCfg | None, HASHED_IF_CHANGED] = None
    """Settings of an environment that is not ours."""
    isaac: Annotated[IsaacCfg | None, HASHED_IF_CHANGED] = None
    """Settings of Isaac Lab, for isaaclab:TASK."""
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

    @property
    def stores_steps(self) -> bool:
        """Whether the replay buffer holds single steps: nothing relabels their goals."""
        return library_of(self.task) is not None and not self.replay.her_ratio

    @property
    def warm_up(self) -> int:
        """Episodes of random actions before the first update, or control steps."""
        by_steps = self.loop.warm_up_steps if self.stores_steps else 0
        return by_steps or self.loop.warm_up_episodes

    def with_(self, **changes: Any) -> "RunCfg":
        """Return a configuration with other settings: ``with_(**{"agent.gamma": 0.98})``.

        Args:
            changes: settings by their dotted names, or whole fields, ``seed=1``.

        Raises:
            UserError: for an unknown name, with the likely one, or a value of another type.
        """
        return with_changes(self, changes)


def from_dict(tree: dict[str, Any]) -> RunCfg:
    """Return the configuration that ``to_dict`` turned into dictionaries.

    Settings that are left out have their defaults; old names are still known
    (``config/renamed.py``).

    Raises:
        UserError: for a field or a kind of agent that does not exist, or a value of
            another type.
    """
    whole = typed(tree, dict, "the configuration")
    return build(RunCfg, renamed.with_new_names(whole))


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Eight times as fast, where PyYAML was built with libyaml."""


def to_yaml(cfg: RunCfg) -> str:
    """Return the configuration as YAML text, fields in their declared order."""
    return yaml.safe_dump(plain(to_dict(cfg)), sort_keys=False)


def from_yaml(text: str) -> RunCfg:
    """Return the configuration that ``to_yaml`` turned into text.

    Raises:
        UserError: as ``from_dict``.
    """
    return from_dict(yaml.load(text, Loader=_LOADER))


def config_hash(cfg: RunCfg) -> str:
    """Return eight hex digits of everything that decides what a run learns.

    The seed is not among it, nor is any other setting that is marked ``NOT_HASHED``. Of a
    file of weights, its content counts, not its place.

    Raises:
        UserError: if there is a file of weights that cannot be read.
    """
    content = pinned(cfg)
    if cfg.agent.vision.encoder.weights:
        content = with_changes(content, {"agent.vision.encoder.weights": ""})
    tree = plain(as_tree(content, frozenset({NOT_HASHED, HASHED_IF_CHANGED})))
    text = yaml.safe_dump(tree, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def pinned(cfg: RunCfg) -> RunCfg:
    """Return a configuration that names the content of its file of weights.

    Raises:
        UserError: if the file cannot be read.
    """
    encoder = cfg.agent.vision.encoder
    if not encoder.weights or encoder.weights_sha256:
        return cfg
    try:
        digest = sha256(Path(encoder.weights))
    except OSError as error:
        raise UserError(
            f"--agent.vision.encoder.weights {encoder.weights}: {error.strerror}; make one: "
            "puck pretrain PRESET -o eyes.safetensors"
        ) from error
    return with_changes(cfg, {"agent.vision.encoder.weights_sha256": digest})


def is_hashed(name: str) -> bool:
    """Return whether a setting, by its dotted name, counts for ``config_hash``."""
    return not any(
        name == apart or name.startswith(f"{apart}.") for apart in _not_hashed()
    )


@functools.cache
def _not_hashed() -> tuple[str, ...]:
    """Return the settings and sections that ``config_hash`` leaves out."""
    return tuple(marked(RunCfg, NOT_HASHED))
