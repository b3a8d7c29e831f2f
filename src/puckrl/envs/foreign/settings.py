"""Settings of environments that are not ours."""

import ast
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from puckrl.core.errors import UserError
from puckrl.core.settings import NON_NEGATIVE, NOT_HASHED, Bounds

EndsAt = Literal["auto", "never", "goal"]


@dataclass(frozen=True)
class ForeignCfg:
    """An environment that is not ours."""

    kwargs: tuple[str, ...] = ()
    """Arguments of the environment, NAME=VALUE each; a value is a Python literal, or text."""
    observation: tuple[str, ...] = ()
    """Keys of its observation that are read; empty: all. Each is a sensor by its name."""
    horizon: Annotated[int, NON_NEGATIVE] = 0
    """Time limit of an episode, control steps; 0: the environment's own."""
    action_bound: Annotated[float, NON_NEGATIVE] = 0.0
    """What an action of 1 stands for where the environment names no bounds; 0: such an
    environment is refused."""
    ends_at: EndsAt = "auto"
    """Where an episode of a goal environment truly ends. never: nowhere; goal: at the goal;
    auto: what its steps show."""
    vector: Literal["auto", "own", "worlds"] = "auto"
    """Source of many worlds. own: the environment's vector version; worlds: one environment
    for each; auto: own, if there is one."""
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
        if not equals or not name.isidentifier():
            raise UserError(
                f"--foreign.kwargs {text} is not NAME=VALUE, such as reward_type=dense"
            )
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name] = value
    return found
