"""Complete the facts of a run: from its numbers and from the command line."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from puckrl.core.errors import UserError
from puckrl.logs.log import RunLog
from puckrl.logs.producers import Producer
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.table import Array

_RANGES = {
    "gamma": (0.0, 1.0),
    "horizon": (1, math.inf),
    "update_ratio": (0.0, math.inf),
    "action_dim": (1, math.inf),
    "success_asked": (0.0, 1.0),
    "budget_env_steps": (0.0, math.inf),
    "usual_takeoff_updates": (0.0, math.inf),
}
"""Legal values of the facts that are numbers."""
_OF_LIBRARIES = ("producer", "assumed_update_ratio")
"""Facts that follow from the log's names."""


def inferred(log: RunLog) -> RunLog:
    """Infer unknown facts from the numbers.

    An episode length that never changes is the horizon. Returns that begin at minus the
    horizon and never rise above 0 are those of a sparse reward. Two clocks give the
    update ratio.
    """
    facts, table = log.facts, log.table
    length = table.curve("train/episode_steps").y
    constant = len(length) and np.ptp(length) < 1e-6 and length[0] >= 1
    if facts.horizon is None and constant:
        facts = replace(facts, horizon=round(float(length[0])))
    name = "train/return" if "train/return" in table else "eval/return"
    returns = table.curve(name).y
    if facts.sparse is None and facts.horizon and len(returns):
        full = -float(facts.horizon)
        sparse = full - 1e-6 <= returns.min() <= 0.8 * full and returns.max() <= 0
        facts = replace(facts, sparse=True if sparse else None)
    updates = table.curve("updates")
    if facts.update_ratio is None and len(updates) and updates.x[-1] > 0:
        facts = replace(facts, update_ratio=float(updates.y[-1] / updates.x[-1]))
    return dataclasses.replace(log, facts=facts)


def of_producer(producer: Producer | None, columns: Mapping[str, Array]) -> RunFacts:
    """Return what the library says of a run; its usual update ratio if none is logged."""
    if producer is None:
        return RunFacts()
    ratio = None if "updates" in columns else producer.update_ratio
    return RunFacts(producer=producer.name, assumed_update_ratio=ratio)


def episodes_averaged(
    producer: Producer | None, columns: Mapping[str, Array]
) -> Array | None:
    """Return the episodes that each row of training averages over; None: unknown.

    The library's window, or all episodes so far if they are fewer: logged, or the env
    steps over the mean length of episodes. A log of an unknown library that counts one
    episode a row averages over none.
    """
    steps, episodes = columns["env_steps"], columns.get("episodes")
    if producer is None and episodes is not None and len(steps) > 1:
        each = bool((np.diff(episodes) == 1).all())
        return np.ones(len(steps)) if each else None
    if producer is None or producer.window is None:
        return None
    if producer.window == 1:
        return np.ones(len(steps))
    if episodes is not None:
        so_far = episodes
    elif "train/episode_steps" in columns:
        so_far = steps / np.maximum(columns["train/episode_steps"], 1.0)
    else:
        return None
    return np.clip(np.round(so_far), 1.0, float(producer.window))


def with_facts(facts: RunFacts, items: Sequence[str]) -> RunFacts:
    """Return facts with the command line's ``name=value`` over those that are known.

    Raises:
        UserError: for an unknown name or an illegal value.
    """
    hints = typing.get_type_hints(RunFacts)
    for name in _OF_LIBRARIES:
        del hints[name]
    for item in items:
        name, equals, text = item.partition("=")
        if not equals or name not in hints:
            raise UserError(
                f"--fact {item!r} is no fact; write NAME=VALUE; legal names: {', '.join(hints)}"
            )
        facts = replace(facts, **{name: _value(item, name, hints[name], text)})
    return facts


def _bounds(item: str, text: str) -> tuple[float, float]:
    """Return "LOW,HIGH" as two numbers, the minimum and maximum reward of a step."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = math.nan, math.nan
    if not -math.inf < low < high < math.inf:
        raise UserError(f"--fact {item!r}: legal: LOW,HIGH, as in reward_bounds=0,1")
    return low, high


def _value(item: str, name: str, hint: Any, text: str) -> Any:
    """Return a fact's text as its declared type."""
    if name == "reward_bounds":
        return _bounds(item, text)
    union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    kinds = list(typing.get_args(hint) if union else (hint,))
    if type(None) in kinds:
        kinds.remove(type(None))
        if text in ("none", "unknown"):
            return None
    legal = [word for k in kinds for word in typing.get_args(k)] or (
        ["true", "false"] if bool in kinds else []
    )
    if legal and text not in legal:
        raise UserError(f"--fact {item!r}: legal: {', '.join(legal)}")
    if legal:
        return text == "true" if bool in kinds else text
    try:
        number = int(text) if int in kinds else float(text)
    except ValueError:
        raise UserError(f"--fact {item!r}: {text!r} is no number") from None
    low, high = _RANGES[name]
    if not (low <= number <= high and math.isfinite(number)):
        legal = f"{low:g} to {high:g}" if math.isfinite(high) else f"{low:g} or more"
        raise UserError(f"--fact {item!r}: legal: {legal}, finite")
    return number
