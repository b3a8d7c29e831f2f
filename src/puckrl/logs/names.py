"""Translate other libraries' names of signals to ours, and those of the --map option."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from puckrl.core.errors import UserError
from puckrl.logs.aliases import (
    ALIASES,
    CLOCKS,
    EVAL,
    GROUPS,
    NETS,
    OF_STEPS,
    STEPS,
    TRAIN,
    called_success,
)
from puckrl.logs.known import PRODUCERS
from puckrl.logs.producers import Producer, Unit
from puckrl.monitor.signals import METRICS, RENAMED

_THOUSANDS = re.compile(r"^(.*?)[_ ]?(?:\(?(k|m)\)?|(?:in_)?(thousands|millions))$")
_COUNTERS = ("env_steps", "updates", "episodes")


@dataclass(frozen=True)
class Renaming:
    """Hold our name of a signal and how its numbers become ours."""

    ours: str
    """Our name."""
    scale: float = 1.0
    """Factor to ours: 0.01 for percent."""

    @staticmethod
    def of(text: str) -> "Renaming":
        """Return the renaming of ``name``, ``name%`` or ``name*factor``.

        Raises:
            ValueError: if the factor is no number, or turns a clock back.
        """
        if text.endswith("%"):
            return Renaming(text[:-1], 0.01)
        name, star, factor = text.partition("*")
        scale = float(factor) if star else 1.0
        if not 0 < abs(scale) < float("inf") or (scale < 0 and name in _COUNTERS):
            raise ValueError(f"{factor} is no legal factor of {name}")
        return Renaming(name, scale)


Mapped = Mapping[str, Renaming]
"""Names of the --map option -> ours."""


@dataclass(frozen=True)
class Named:
    """Hold what a name of another library means."""

    renaming: Renaming
    """Our name, and the scale."""
    unit: Unit
    """What it counts, if it is the clock."""
    rank: tuple[int, int]
    """Of two names with the same meaning the lower one counts."""


def parse_map(items: Sequence[str]) -> dict[str, Renaming]:
    """Return the names in ``theirs=ours`` pairs as a mapping.

    ``ours%`` divides by 100, ``ours*1000`` multiplies.

    Raises:
        UserError: for a pair without "=", or a name that is not ours.
    """
    found: dict[str, Renaming] = {}
    for item in items:
        theirs, equals, text = item.rpartition("=")
        if not equals or not theirs:
            raise UserError(
                f"--map {item!r} is no pair; write THEIRS=OURS, as in acc=eval/success"
            )
        try:
            renaming = Renaming.of(text)
        except ValueError as error:
            raise UserError(
                f"--map {item!r}: {error}; write OURS%, or OURS*1000"
            ) from None
        if renaming.ours not in METRICS:
            raise UserError(
                f"--map {item!r}: puckrl logs no {renaming.ours!r}; legal names: "
                "docs/metrics.md"
            )
        found[theirs] = renaming
    return found


def quoted(pair: str) -> str:
    """Return the value of the --map option as a shell takes it."""
    return f"'{pair}'" if re.search(r"[^\w/=.\-]", pair) else pair


def meaning(
    name: str, mapping: Mapped, producer: Producer | None = None, context: str = ""
) -> Named | None:
    """Return what a name means, None if it means nothing to us.

    Looks it up, in this order: in the --map option; among the producer's names, with
    ``context`` before it first; among ours; among common ones; by its end.

    Args:
        name: as it stands in the log.
        mapping: the --map option.
        producer: the library that wrote the log, if it is known.
        context: "eval" or "train" if the file's name says so, else empty.
    """
    if name in mapping:
        return Named(mapping[name], "env steps", (0, list(mapping).index(name)))
    inside = f"{context}/{name}" if context and "/" not in name else name
    for whole in dict.fromkeys((inside, name)):
        if producer is not None and (said := producer.says(whole)) is not None:
            place, text = said
            unit = producer.units.get(whole, "env steps")
            return Named(Renaming.of(text), unit, (1, place)) if text else None
    known = RENAMED.get(name, name)
    if known in METRICS and not (context and known in CLOCKS and known != "env_steps"):
        return Named(Renaming(known), CLOCKS.get(known, "env steps"), (2, 0))
    for whole in dict.fromkeys((inside, name)):
        if (found := _common(whole)) is not None:
            return _of_steps(name, found, producer)
    return _by_end(name, producer)


def _of_steps(name: str, found: Named, producer: Producer | None) -> Named:
    """Return a name of a table's clock that is the step of the library's event files."""
    if producer is None or name.lower() not in ("step", "_step", "global_step"):
        return found
    unit = found.unit if producer.step == "env steps" else producer.step
    return replace(found, unit=unit)


def ours(name: str, mapping: Mapped, producer: Producer | None = None) -> str | None:
    """Return our name of a signal; None if there is none."""
    found = meaning(name, mapping, producer)
    return None if found is None else found.renaming.ours


def _by_end(name: str, producer: Producer | None) -> Named | None:
    """Return what a name means without its first parts, as in ``SAC_3/train/loss``."""
    short = name.partition("/")[2]
    if not short:
        return None
    found = meaning(short, {}, producer)
    clock = found is not None and found.renaming.ours == "env_steps"
    if found is None or not ("/" in short or clock):
        return None
    return Named(found.renaming, found.unit, (9, found.rank[0]))


@lru_cache(maxsize=10_000)
def _common(name: str) -> Named | None:
    """Return what people mean by a name, whichever library logged it."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    plain = re.sub(r"[\s\-.]+", "_", words).lower()
    group, _, end = plain.rpartition("/")
    for first, full in (*((e, "eval") for e in EVAL), *((t, "train") for t in TRAIN)):
        if not group and end.startswith(first + "_"):
            group, end = full, end.removeprefix(first + "_")
    kind = "eval" if group in EVAL else "train" if group in ("", *TRAIN) else None
    clock = _clock(plain) or (None if kind is None else _clock(end))
    if clock is not None and not (kind == "eval" and clock.unit == "episodes"):
        return clock
    if group in NETS:
        end = f"{group}_loss" if end == "loss" else end
    elif kind is None and group not in GROUPS:
        return None
    for place, (ours, theirs) in enumerate(ALIASES.items()):
        if end in theirs:
            rank = (3 if group else 4, 100 * place + theirs.index(end))
            if ours in METRICS and kind != "eval":
                return Named(Renaming(ours), "env steps", rank)
            whole = f"{kind or 'train'}/{ours}"
            if kind == "eval" and end.endswith("_total"):
                return None  # counts all evaluations so far
            return (
                Named(Renaming(whole), "env steps", rank) if whole in METRICS else None
            )
    return None


def _clock(name: str) -> Named | None:
    """Return the meaning of a name of a clock, thousands and millions included."""
    places = list(CLOCKS)
    if name in CLOCKS:
        unit = CLOCKS[name]
        ours = "episodes" if unit == "episodes" else "env_steps"
        return Named(Renaming(ours), unit, (5, places.index(name)))
    match = _THOUSANDS.match(name)
    if match and CLOCKS.get(match[1]) == "env steps":
        size = 1e3 if (match[2] or match[3])[0] in "kt" else 1e6
        return Named(Renaming("env_steps", size), "env steps", (6, 0))
    words = frozenset(re.split(r"[_/]+", name))
    if words & STEPS and words <= STEPS | OF_STEPS:
        foreign = not words & {"env", "environment"}
        return Named(Renaming("env_steps"), "env steps", (7, int(foreign)))
    return None


def wanted(name: str, mapping: Mapped, context: str = "") -> bool:
    """Return whether a name may mean something to us, whichever library wrote it."""
    return name in mapping or _wanted(name, context)


@lru_cache(maxsize=10_000)
def _wanted(name: str, context: str) -> bool:
    """Return whether a name means something to any library, or is called success."""
    libraries: Iterable[Producer | None] = (None, *PRODUCERS)
    return called_success(name) or any(
        meaning(name, {}, library, context) is not None for library in libraries
    )
