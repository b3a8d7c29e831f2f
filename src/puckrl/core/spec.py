"""Describe a policy so that it can be used without the code that made it.

``contract.json`` of a run folder holds a ``PolicySpec``: what goes in and comes out, in
which units and frames, how often, and how the network is built from the saved weights.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from puckrl.core.errors import UserError

CONTRACT = "contract.json"
"""Name of the file in a run's folder."""
FORMAT = 1
UNKNOWN = "unknown"
T = TypeVar("T")


@dataclass(frozen=True)
class Column:
    """Describe one number of a vector."""

    name: str
    """What it is."""
    unit: str = UNKNOWN
    """Its unit."""
    frame: str = UNKNOWN
    """Frame of reference."""
    si_unit: str = ""
    """Unit in which a sensor measures it; empty: ``unit``."""
    per_si: float = 1.0
    """Value in ``unit`` of 1.0 in ``si_unit``."""


@dataclass(frozen=True)
class ActionNumber:
    """Describe one number of an action, in [-1, 1]."""

    name: str
    """What it moves."""
    meaning: str = UNKNOWN
    """What the robot does for it."""
    unit: str = UNKNOWN
    """What 1.0 stands for."""
    si_unit: str = ""
    """Physical unit of what the robot does; empty: the number has none."""
    si_scale: float = 1.0
    """Value in ``si_unit`` of 1.0."""


@dataclass(frozen=True)
class Description:
    """Hold what a task says of its numbers; see ``Task.describe``."""

    state: tuple[Column, ...]
    """Columns of the state vector."""
    goal: tuple[Column, ...]
    """Numbers of achieved and desired goal."""
    action: tuple[ActionNumber, ...]
    """Numbers of an action."""
    goal_min: tuple[float, ...] | None = None
    """Smallest goal that the task draws, a number per column; None: unknown."""
    goal_max: tuple[float, ...] | None = None
    """Largest goal that the task draws."""
    reset: str = UNKNOWN
    """State in which an episode begins."""
    instruction: str = ""
    """What to do, as one would tell a robot; empty: the task's name must do."""


@dataclass(frozen=True)
class InputSpec:
    """Describe one entry of an observation."""

    name: str
    """Its key."""
    shape: tuple[int, ...]
    """Shape for one world."""
    dtype: str
    """float32 or uint8."""
    columns: tuple[Column, ...] = ()
    """Numbers of a vector, in order; none for pixels."""
    source: str = UNKNOWN
    """Device or estimator that provides it on a robot."""


@dataclass(frozen=True)
class CameraSpec:
    """Describe one camera: upright, a pinhole, square pixels."""

    name: str
    """Name of its viewpoint."""
    pos_m: tuple[float, ...]
    """Position, (3,), in the frame of ``body``."""
    look_at_m: tuple[float, ...]
    """Point in the middle of the image, (3,), in the same frame."""
    fovy_deg: float
    """Vertical field of view."""
    body: str
    """Body that carries the camera; empty: the world."""


@dataclass(frozen=True)
class ImageSpec:
    """Describe the images: (channels, height, width), row 0 on top, 0 to 255."""

    height: int
    """Rows."""
    width: int
    """Columns."""
    channels: tuple[str, ...]
    """Each channel, in order: age of the frame (0: newest), camera, color."""
    cameras: tuple[CameraSpec, ...]
    """Cameras."""
    leaves_out: tuple[str, ...]
    """What the renderer does not draw."""
    varied: bool
    """Whether colors, lights and camera poses were randomized in training."""


@dataclass(frozen=True)
class ControlSpec:
    """Say how often the policy acts."""

    rate_hz: float
    """Actions per second."""
    dt_s: float
    """Seconds of a control step."""
    physics_dt_s: float
    """Seconds of a physics step."""
    substeps: int
    """Physics steps of a control step."""
    horizon: int
    """Control steps of an episode."""


@dataclass(frozen=True)
class ActionSpec:
    """Describe actions."""

    numbers: tuple[ActionNumber, ...]
    """Each number, in order."""
    low: float = -1.0
    """Smallest value."""
    high: float = 1.0
    """Largest value."""
    clipped: bool = True
    """Whether the environment clips actions to [low, high]."""


@dataclass(frozen=True)
class GoalSpec:
    """Describe goals, and when one is reached."""

    columns: tuple[Column, ...]
    """Its numbers, with their frame."""
    tolerance: float
    """Distance below which a goal is reached, in the unit of the columns; 0: unknown."""
    minimum: tuple[float, ...] | None
    """Smallest goal in training; None: unknown."""
    maximum: tuple[float, ...] | None
    """Largest goal in training."""


@dataclass(frozen=True)
class ParameterSpec:
    """Name one parameter in a flat vector; it is stored row by row."""

    name: str
    """Its name in the module."""
    shape: tuple[int, ...]
    """Its shape."""


@dataclass(frozen=True)
class EncoderSpec:
    """Say how the encoder of pixels is built."""

    section: str
    """Section of its buffers in a snapshot."""
    kind: str
    """Name, entry point, or ``path/to/file.py:ClassName``."""
    channels: int
    """Channels of its layers."""
    head: str
    """Last feature map to a vector."""
    features: int
    """Length of the vector of a flatten-norm head."""
    objective: str
    """Name of the auxiliary objective, as ``kind``."""
    conditioned: bool
    """Whether the actor gets the objective's prediction."""
    layout: tuple[ParameterSpec, ...]
    """Order of the averaged parameters, ``agent.average.pixels``."""
    shows_goal: bool = False
    """Whether it also encodes the goal image, as a stack in which nothing moves."""


@dataclass(frozen=True)
class MemorySpec:
    """Say how the actor's memory is built; it reads the normalized state columns.

    A stack is of the last vectors, oldest first. The gates of gru and lstm are those of
    torch's; a scan is a minGRU. Every state is zero at the start of an episode.
    """

    kind: str
    """stack, gru, lstm or scan."""
    stack: int
    """Vectors of a stack."""
    size: int
    """Features of the others."""


@dataclass(frozen=True)
class NetworkSpec:
    """Say how the actor is built: normalized inputs, an MLP with ReLU, tanh; in float32.

    Inputs: state[columns], desired goal, desired - achieved goal if ``shows_achieved``,
    all as (x - mean) * scale clipped to [-5, 5]; then the features of the pixels; then
    those of the memory.
    """

    state_dim: int
    """Length of the state vector."""
    goal_dim: int
    """Length of the goals."""
    columns: tuple[int, ...]
    """Columns of the state that the actor gets."""
    shows_achieved: bool
    """Whether the actor gets the offset to the goal."""
    hidden: tuple[int, ...]
    """Widths of the hidden layers."""
    distribution: str
    """tanh-normal, squashed-normal, or own: a class of the agent's own."""
    sigma: float
    """Standard deviation of tanh-normal noise."""
    layout: tuple[ParameterSpec, ...]
    """Order of the averaged parameters, ``agent.average.actor``."""
    encoder: EncoderSpec | None
    """Encoder of pixels; None: the policy gets none."""
    shows_goal: bool = True
    """Whether the actor gets the desired goal as a vector."""
    memory: MemorySpec | None = None
    """Memory; None: the policy acts on the present observation alone."""


@dataclass(frozen=True)
class PolicySpec:
    """Describe a policy: what it needs, what it returns, how it is rebuilt."""

    task: str
    """Task that it was trained on."""
    inputs: tuple[InputSpec, ...]
    """What an observation must hold."""
    sensors: dict[str, tuple[int, ...]]
    """Columns of the state vector of each input that is a part of it."""
    action: ActionSpec
    """What it returns."""
    goal: GoalSpec
    """Goals."""
    control: ControlSpec
    """Control rate."""
    images: ImageSpec | None
    """Its images; None: it gets none."""
    reset: str
    """State in which an episode begins, and what to do with the policy then."""
    network: NetworkSpec
    """How it is built from the saved weights."""
    made_by: str
    """Version of puckrl that wrote this."""
    format: int = FORMAT
    """Number of this format."""


def to_plain(spec: Any) -> dict[str, Any]:
    """Return a spec as nested dictionaries and tuples, for JSON."""
    return dataclasses.asdict(spec)


def from_plain(cls: type[T], tree: Any, what: str = "the contract") -> T:
    """Return the spec that ``to_plain`` turned into dictionaries; unknown keys are left out.

    Args:
        cls: its class.
        tree: dictionaries, as JSON holds them.
        what: its name in messages.

    Raises:
        UserError: for another format, or a key that is missing.
    """
    try:
        if cls is PolicySpec and tree["format"] != FORMAT:
            raise UserError(
                f"the contract has format {tree['format']!r}, this version of puckrl reads "
                f"{FORMAT}; install the version that wrote it: {tree['made_by']}"
            )
        return _decoded(cls, tree)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{what} is damaged: {error!r}") from error


def _decoded(hint: Any, value: Any) -> Any:
    """Return a value of a type from its plain form."""
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise TypeError(f"{value!r} has no names")
        hints = typing.get_type_hints(hint)
        names = [
            field.name
            for field in dataclasses.fields(hint)
            # a younger part than the contract has its default
            if field.name in value or field.default is dataclasses.MISSING
        ]
        values = {name: _decoded(hints[name], value[name]) for name in names}
        return typing.cast(Any, hint)(**values)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        kind = next(one for one in inner if one is not type(None))
        return None if value is None else _decoded(kind, value)
    if origin is dict:
        return {name: _decoded(inner[1], one) for name, one in value.items()}
    if origin is tuple:
        return tuple(_decoded(inner[0], one) for one in value)
    return hint(value)
