"""Settings of environments that are not ours."""

import ast
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from puckrl.core.errors import UserError
from puckrl.core.settings import HASHED_IF_CHANGED, NON_NEGATIVE, NOT_HASHED, Bounds

EndsAt = Literal["auto", "never", "goal"]
Timeout = Literal["truncates", "terminates"]


@dataclass(frozen=True)
class ForeignCfg:
    """An environment that is not ours."""

    kwargs: tuple[str, ...] = ()
    """Arguments of the environment, NAME=VALUE each; a value is a Python literal, or text.
    Of mjlab and isaaclab: fields of its configuration, scene.env_spacing=4."""
    observation: tuple[str, ...] = ()
    """Keys of its observation that are read; empty: all. Each is a sensor by its name."""
    horizon: Annotated[int, NON_NEGATIVE] = 0
    """Time limit of an episode, control steps; 0: the environment's own."""
    action_bound: Annotated[float, NON_NEGATIVE] = 0.0
    """What an action of 1 stands for where the environment names no bounds; 0: such an
    environment is refused."""
    joint_limits: Annotated[bool, HASHED_IF_CHANGED] = False
    """Actions of -1 and 1 stand for the limits of a joint, and 0 for its default, where an
    action is the position of a joint (mjlab); --foreign.action-bound is for the others."""
    ends_at: EndsAt = "auto"
    """Where an episode of a goal environment truly ends. never: nowhere; goal: at the goal;
    auto: what its steps show."""
    vector: Literal["auto", "own", "worlds"] = "auto"
    """Source of many worlds. own: the environment's vector version; worlds: one environment
    for each; auto: own, if there is one."""
    timeout: Annotated[Timeout, HASHED_IF_CHANGED] = "terminates"
    """What a time limit is that the environment reports as both flags at once. terminates:
    an end, after which nothing is expected; truncates: a cut, after which the value of what
    would have followed counts."""
    actor: Annotated[tuple[str, ...], HASHED_IF_CHANGED] = ()
    """Groups of observations, or tensors in them, that the policy reads (mjlab, isaaclab);
    empty: by rule. They are the sensor "actor"."""
    critic: Annotated[tuple[str, ...], HASHED_IF_CHANGED] = ()
    """Those that the critics read; empty: by rule, else those of the policy. They are the
    sensor "critic"."""
    success: Annotated[str, HASHED_IF_CHANGED] = ""
    """Measurement of each world that says whether it succeeded, COMMAND/METRIC (mjlab);
    empty: by rule."""
    processes: Annotated[int, Bounds(-1, 1024, "-1 to 1024"), NOT_HASHED] = -1
    """Processes that share the worlds; 0: none beside the run's own; -1: as measured."""


def keyword_arguments(cfg: ForeignCfg) -> dict[str, Any]:
    """Return the arguments of an environment by name.

    Raises:
        UserError: for one that is not NAME=VALUE.
    """
    found: dict[str, Any] = {}
    for text in cfg.kwargs:
        name, equals, value = text.partition("=")
        if not equals or not all(part.isidentifier() for part in name.split(".")):
            raise UserError(
                f"--foreign.kwargs {text} is not NAME=VALUE, such as reward_type=dense"
            )
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name] = value
    return found


@dataclass(frozen=True)
class IsaacCfg:
    """An environment of Isaac Lab's."""

    usd: tuple[str, ...] = ()
    """Local USD files in place of assets that it would download: FILE for the only robot, or
    NAME=FILE by names of its scene."""
    physics: str = "newton_mjwarp"
    """Preset of its configuration that picks the physics; newton_mjwarp needs no Isaac Sim."""
