"""Invent logs of other libraries, kind by kind, and say what is right to say of each.

No number here was measured. Each family is a kind of log that people bring: episodes are
drawn with a chance of success that follows a curve, and logged as the libraries do it, as
means over the last 100 episodes, as evaluations of a few, or one by one. Seeds vary the
horizon, the number of rows, the levels and the noise. Families are split into those that
the rules were written on and those that they were only scored on.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.table import RunTable
from puckrl.monitor.verdict import Color, FindingName, Phase, Verdict

Array = NDArray[np.float64]
Split = Literal["develop", "held-out"]
SB3 = RunFacts(producer="stable-baselines3", assumed_update_ratio=1.0)
UNKNOWN = RunFacts()
_STOPS = ("stop here", "it is done", "wasting time")
_PRAISE = ("healthy flat", "let it run", "good sign", *_STOPS)


@dataclass(frozen=True)
class Asked:
    """Say which verdicts on a log are right."""

    phases: tuple[Phase, ...] = ()
    """Legal phases; empty: any."""
    findings: tuple[FindingName, ...] = ()
    """Findings of which one must be made; empty: none is asked for."""
    without: tuple[FindingName, ...] = ()
    """Findings that must not be made."""
    colors: tuple[Color, ...] = ("green", "yellow", "red")
    """Legal colors."""
    silent: tuple[str, ...] = ()
    """Words that neither findings nor advice may contain."""


@dataclass(frozen=True)
class Invented:
    """Hold an invented log and what is right to say of it."""

    table: RunTable
    """The numbers, as the reader hands them over."""
    facts: RunFacts
    """What the reader knows of the run."""
    asked: Asked
    """The right verdicts."""


@dataclass(frozen=True)
class Family:
    """Hold a kind of log."""

    name: str
    """Its kind, in a few words."""
    split: Split
    """develop: the rules were written on it; held-out: they were not."""
    make: Callable[[np.random.Generator], Invented]
    """Draws one of its logs."""
    diverges: bool = False
    """Whether its values run away."""
    unsolved: bool = True
    """Whether it would be wrong to call it done."""


@dataclass(frozen=True)
class Score:
    """Hold what the doctor said of an invented log."""

    family: Family
    """Its kind."""
    seed: int
    """Which of its logs."""
    right: bool
    """Whether it is right to say so."""
    praised: bool
    """Whether values that run away were praised."""
    stopped: bool
    """Whether a run was called done that is not, or whose success is not known."""
    verdict: Verdict
    """The verdict."""


@dataclass
class Episodes:
    """Hold the episodes of a run in the order in which they ended."""

    clock: Array
    """Env steps at their ends, (n,)."""
    won: Array
    """1 if it succeeded, (n,)."""
    length: Array
    """Control steps, (n,)."""
    returns: Array
    """Undiscounted returns, (n,)."""
    columns: dict[str, Array] = field(default_factory=dict[str, Array])
    """Other numbers at the rows of a log."""


def rise(x: Array, low: float, high: float, middle: float, width: float) -> Array:
    """Return a sigmoid of the share of the run, from ``low`` to ``high``."""
    return low + (high - low) / (1 + np.exp(-(x - middle) / width))


def play(
    rng: np.random.Generator,
    success: Callable[[Array], Array],
    *,
    horizon: int = 50,
    count: int = 2000,
    way: tuple[float, float] = (0.2, 0.6),
    ends: bool = True,
) -> Episodes:
    """Draw episodes of a reward of -1 a step until the goal.

    Args:
        rng: the source of chance.
        success: chance of success over the share of the run.
        horizon: control steps of an episode without success.
        count: number of episodes.
        way: control steps to the goal as shares of the horizon, from and to.
        ends: whether an episode ends at its goal.
    """
    chance = success(np.linspace(0, 1, count))
    won = (rng.random(count) < np.clip(chance, 0, 1)).astype(np.float64)
    steps = np.where(won > 0, np.ceil(horizon * rng.uniform(*way, count)), horizon)
    length = steps if ends else np.full(count, float(horizon))
    return Episodes(np.cumsum(length), won, length, -steps)


def windows(
    rng: np.random.Generator,
    episodes: Episodes,
    rows: int,
    names: tuple[str, ...] = ("success", "return", "episode_steps"),
    *,
    window: int = 100,
    filling: float = 1.0,
) -> dict[str, Array]:
    """Return rows of means over the last ``window`` episodes, as SB3 logs them.

    ``filling`` < 1 lowers success while the first windows fill.
    """
    count = len(episodes.clock)
    last = np.unique(np.linspace(4, count, rows).astype(int))
    first = np.maximum(last - window, 0)
    table = {"env_steps": episodes.clock[last - 1]}
    values = {
        "success": episodes.won,
        "return": episodes.returns,
        "episode_steps": episodes.length,
    }
    for name in names:
        total = np.concatenate([[0.0], np.cumsum(values[name])])
        table[f"train/{name}"] = (total[last] - total[first]) / (last - first)
    share = np.minimum(last / window, 1.0)
    if "success" in names:
        table["train/success"] *= filling + (1 - filling) * share
    return {name: _rounded(column) for name, column in table.items()}


def judged(
    rng: np.random.Generator,
    success: Callable[[Array], Array],
    *,
    rows: int,
    episodes: int,
    end: float,
    counted: bool = False,
) -> dict[str, Array]:
    """Return evaluations of some episodes each."""
    share = np.linspace(1 / rows, 1, rows)
    rate = rng.binomial(episodes, np.clip(success(share), 0, 1)) / episodes
    table = {"env_steps": end * share, "eval/success": _rounded(rate)}
    if counted:
        table["eval/episodes"] = np.full(rows, float(episodes))
    return table


def _rounded(y: Array) -> Array:
    """Return numbers with the three digits that most logs keep of a share."""
    return np.where(np.abs(y) < 10, np.round(y, 3), np.round(y, 2))


def noisy(rng: np.random.Generator, y: Array, share: float = 0.1) -> Array:
    """Return a positive curve with noise of a share of itself."""
    return y * np.exp(share * rng.normal(size=len(y)))


def log(
    columns: dict[str, Array],
    asked: Asked,
    facts: RunFacts = UNKNOWN,
    *,
    resumed_at: tuple[float, ...] = (),
) -> Invented:
    """Return a log from its columns; infinite numbers and NaN become gaps, counted."""
    bad = {n: int((~np.isfinite(c)).sum()) for n, c in columns.items() if "loss" in n}
    clean = {n: np.where(np.isfinite(c), c, np.nan) for n, c in columns.items()}
    table = RunTable(clean, {n: k for n, k in bad.items() if k}, resumed_at)
    return Invented(table, facts, asked)


def score(family: Family, seed: int) -> Score:
    """Judge one log of a family."""
    made = family.make(np.random.default_rng([seed, *family.name.encode()]))
    return judge(family, seed, made.asked, diagnose(made.table, made.facts))


def judge(family: Family, seed: int, asked: Asked, verdict: Verdict) -> Score:
    """Return whether a verdict on a family's log is right."""
    said = " ".join(
        [verdict.label, verdict.advice]
        + [f"{f.name} {f.reason} {f.advice}" for f in verdict.findings]
    )
    praise = [w for w in _PRAISE if w in said]
    green = [f for f in verdict.findings if f.color == "green"]
    return Score(
        family, seed,
        right=_fits(verdict, asked, said),
        praised=family.diverges and bool(praise or green or verdict.color == "green"),
        stopped=family.unsolved and any(w in said for w in _STOPS),
        verdict=verdict,
    )  # fmt: skip


def _fits(verdict: Verdict, asked: Asked, said: str) -> bool:
    """Return whether a verdict is one of those that are right."""
    made = {f.name for f in verdict.findings}
    return (
        (not asked.phases or verdict.phase in asked.phases)
        and (not asked.findings or bool(made & set(asked.findings)))
        and not made & set(asked.without)
        and verdict.color in asked.colors
        and not any(words in said for words in asked.silent)
    )
