"""Simulate studies to see how often the sequential test errs and how many runs it saves.

    python benchmarks/study_errors.py --trials 5000

writes results/study_errors.csv. A trial draws the runs of a base and of its arms, and
looks at them as ``puck study`` does: an arm stops when its difference is shown or when it
is given up. Rows of "error" have equal arms. Rows of "power" have an effect; beside them
stands the study without looks that shows the row's first effect with power 0.8.

It writes results/study_intervals.csv, too: how often the 95 % interval of a difference
misses the true one, also where arms differ by more than a shift.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from puckrl.core.intervals import wilson_interval
from puckrl.report.tables import TableRow, manifest, write_table
from puckrl.statistics.looks import (
    FUTILE,
    Looks,
    plan_looks,
    predictive_power,
    rejections,
    separations,
)
from puckrl.statistics.permute import FEWEST, Array, exchanges, p_value

TABLE, INTERVALS = Path("results/study_errors.csv"), Path("results/study_intervals.csv")
_CHUNK = 50
_TIE = 1e-9
Draw = Callable[[Array, float], Array]


def _takeoff(z: Array, effect: float) -> Array:
    """Return success of runs that take off with probability 0.4 + effect, else do not."""
    up = stats.norm.cdf(z) < 0.4 + effect
    return np.where(up, 0.95, 0.05) + 0.02 * np.sin(1e3 * z)


def _times(z: Array, effect: float) -> Array:
    """Return lognormal times; those beyond the budget, 3 of 10 without effect, are inf."""
    times = np.exp(0.5 * z - effect)
    return np.where(times <= np.exp(0.5 * stats.norm.ppf(0.7)), times, np.inf)


def _restricted(z: Array, effect: float) -> Array:
    return np.minimum(_times(z, effect), np.exp(0.5 * stats.norm.ppf(0.7)))


OUTCOMES: dict[str, Draw] = {
    "normal": lambda z, effect: z + effect,
    "heavy-tailed": lambda z, effect: stats.t.ppf(stats.norm.cdf(z), 2) + effect,
    "takes off or not": _takeoff,
    "0 or 1": lambda z, effect: (stats.norm.cdf(z) < 0.4 + effect).astype(np.float64),
    "censored, restricted": _restricted,
    "censored, rank": _times,
}
"""Standard normal numbers and an effect -> outcomes of runs."""


@dataclass(frozen=True)
class Trials:
    """What became of many studies; arrays are (trials, arms)."""

    rejected: NDArray[np.bool_]
    """Whether a difference was shown."""
    given_up: NDArray[np.bool_]
    """Whether the arm was given up before the last look."""
    seeds: NDArray[np.int64]
    """Seeds that the arm used."""

    @property
    def runs(self) -> float:
        """Return the mean number of runs, the base's included."""
        return float((self.seeds.sum(1) + self.seeds.max(1)).mean())


def simulate(
    kind: str, looks: Looks, trials: int, *, effect: float = 0.0, drawn: int = 999,
    pairing: float = 0.0, spread: float = 1.0, seed: int = 0, futile: float = FUTILE,
) -> Trials:  # fmt: skip
    """Run studies in which the arms are equal but for an effect.

    Args:
        kind: a name of ``OUTCOMES``.
        looks: of the studies.
        trials: how many studies.
        effect: of every arm.
        drawn: ways of dealing the runs.
        pairing: correlation of runs of the same seed.
        spread: of the arms' normal numbers; not 1: arms differ though their means do not.
        seed: of the simulation.
        futile: predictive power below which an arm is given up; 0: never.
    """
    rng = np.random.default_rng(seed)
    parts: list[Trials] = []
    for first in range(0, trials, _CHUNK):
        size = (min(_CHUNK, trials - first), looks.arms + 1, looks.at[-1])
        shared = rng.standard_normal((size[0], 1, size[2]))
        z = np.sqrt(pairing) * shared + np.sqrt(1 - pairing) * rng.standard_normal(size)
        z[:, 1:] *= spread
        draw = OUTCOMES[kind]
        runs = [draw(z[:, arm], effect if arm else 0.0) for arm in range(size[1])]
        tries = [_Arm(runs[0], arm, "rank" in kind) for arm in runs[1:]]
        ends = [one.stop(looks, drawn, futile) for one in tries]
        shown, given_up, seeds = (
            np.stack([end[i] for end in ends], axis=1) for i in range(3)
        )
        parts.append(Trials(shown.astype(bool), given_up.astype(bool), seeds))
    return Trials(
        np.concatenate([part.rejected for part in parts]),
        np.concatenate([part.given_up for part in parts]),
        np.concatenate([part.seeds for part in parts]),
    )


@dataclass(frozen=True)
class _Arm:
    """Many trials of one arm: (trials, n) runs of the base and of the arm."""

    base: Array
    arm: Array
    ranks: bool

    def stop(self, looks: Looks, drawn: int, futile: float) -> NDArray[np.int64]:
        """Return whether each trial shows a difference, is given up, and its seeds.

        Later looks are computed only for the trials that reach them.

        Returns:
            (3, trials).
        """
        found = np.zeros((3, len(self.base)), dtype=np.int64)
        going = np.arange(len(self.base))
        alpha, last = looks.alpha / looks.arms, len(looks.at)
        for upto in sorted({1, min(3, last), min(6, last), last}):
            at = np.array(looks.at[:upto])
            apart = self._apart(going, looks.at[:upto], drawn)
            tests = rejections(apart, looks.spent[:upto], looks.levels)
            first = tests.first[:, looks.levels.index(alpha)]
            p = (apart >= apart[:, :1] - _TIE).mean(1)
            done = np.minimum(at / looks.at[-1], 1 - 1e-12)
            gives_up = predictive_power(p, done, alpha) < futile
            gives_up |= at == looks.at[-1]
            end = np.where(gives_up.any(1), gives_up.argmax(1), upto)
            shown = (first >= 0) & (first <= end)
            end = np.where(shown, first, end)
            ended = end < upto
            who = going[ended]
            found[0, who] = shown[ended]
            found[2, who] = at[end[ended]]
            found[1, who] = ~shown[ended] & (found[2, who] < looks.at[-1])
            going = going[~ended]
        return found

    def _apart(
        self, going: NDArray[np.int64], at: tuple[int, ...], drawn: int
    ) -> Array:
        ways, n = exchanges(at, drawn), at[-1]
        base, arm = self.base[going, :n], self.arm[going, :n]
        return separations(base, arm, at, ranks=self.ranks, ways=ways)


def _row(
    part: str, kind: str, looks: Looks, trials: int, fixed: int = 0, **given: float
) -> TableRow:
    """Return a row of the table; ``fixed``: seeds of the study without looks."""
    run = partial(simulate, kind, trials=trials, **given)  # pyright: ignore[reportArgumentType]
    done = run(looks)
    shown = int(done.rejected.any(1).sum())
    interval = wilson_interval(shown, trials)
    power = float("nan")
    if fixed:
        one = Looks(tuple(range(fixed)), (fixed,), looks.arms)
        alone = run(one)
        power = float(alone.rejected.any(1).mean())
    most = fixed or looks.at[-1]
    row: dict[str, str | int | float] = {
        "part": part,
        "outcomes": kind,
        "arms": looks.arms,
        "pairing": given.get("pairing", 0.0),
        "spread": given.get("spread", 1.0),
        "effect": given.get("effect", 0.0),
        "max_seeds": looks.at[-1],
        "looks": len(looks.at),
        "trials": trials,
        "shown": round(shown / trials, 4),
        "shown_low": round(interval.low, 4),
        "shown_high": round(interval.high, 4),
        "given_up": round(float(done.given_up.mean()), 4),
        "mean_seeds": round(float(done.seeds.mean()), 2),
        "fixed_seeds": most,
        "fixed_shown": round(power, 4),
        "saved_of_all": round(1 - done.runs / ((looks.arms + 1) * looks.at[-1]), 4),
        "saved_of_fixed": round(1 - done.runs / ((looks.arms + 1) * most), 4),
    }
    print(row, flush=True)
    return row


def _rare_failure(z: Array, arm: int) -> Array:
    """Return runs that succeed; of the arm, one in five fails."""
    return np.where(stats.norm.cdf(z) < (0.2 if arm else 0.0), 0.05, 0.95) + 0.01 * z


PAIRS: dict[str, tuple[Callable[[Array, int], Array], float]] = {
    "normal": (lambda z, arm: z + arm, 1.0),
    "heavy-tailed": (OUTCOMES["heavy-tailed"], 1.0),
    "takes off or not": (lambda z, arm: _takeoff(z, 0.0) + arm, 1.0),
    "normal, spread 1 and 3": (lambda z, arm: z * (3 if arm else 1), 0.0),
    "takes off: 40 % and 80 %": (lambda z, arm: _takeoff(z, 0.4 * arm), 0.36),
    "fails: never and 20 %": (_rare_failure, -0.18),
}
"""What runs are like -> outcomes of arm 0 and arm 1, and the true difference."""


def coverage(kind: str, n: int, trials: int, pairing: float = 0.0) -> float:
    """Return how often the 95 % interval of n pairs holds the true difference.

    The interval holds it if the test does not reject it.
    """
    draw, truth = PAIRS[kind]
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((trials, n))
    own = rng.standard_normal((2, trials, n))
    z = np.sqrt(pairing) * shared + np.sqrt(1 - pairing) * own
    base, arm = draw(z[0], 0), draw(z[1], 1) - truth
    if n < FEWEST:
        p = stats.ttest_rel(base, arm, axis=1).pvalue
    else:
        parts = range(0, trials, 20)
        p = np.concatenate([p_value(base[i : i + 20], arm[i : i + 20]) for i in parts])
    return float((p > 0.05).mean())


def _intervals(trials: int) -> list[TableRow]:
    """Return the rows of the table of intervals."""
    rows: list[TableRow] = []
    for kind in PAIRS:
        for n in (3, 5, 10):
            for pairing in (0.0, 0.5):
                held = coverage(kind, n, trials, pairing)
                interval = wilson_interval(round(held * trials), trials)
                row: dict[str, str | int | float] = {
                    "runs": kind,
                    "pairs": n,
                    "pairing": pairing,
                    "trials": trials,
                    "covered": round(held, 4),
                    "covered_low": round(interval.low, 4),
                    "covered_high": round(interval.high, 4),
                }
                print(row, flush=True)
                rows.append(row)
    return rows


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description="Simulate studies.")
    parser.add_argument("--trials", type=int, default=5_000)
    args = parser.parse_args()
    write_table(INTERVALS, _intervals(args.trials), manifest())
    rows: list[TableRow] = []
    for seeds in (5, 10, 16):
        looks = plan_looks(range(seeds), 1)
        rows += [_row("error", kind, looks, args.trials) for kind in OUTCOMES]
    looks = plan_looks(range(10), 1)
    rows += [
        _row("error", "normal", looks, args.trials, pairing=0.5),
        _row("error", "normal", looks, args.trials, pairing=0.9),
        _row("error", "normal", looks, args.trials, spread=3.0),
        _row("error", "normal", plan_looks(range(10), 3), args.trials),
        _row("error", "takes off or not", plan_looks(range(10), 7), args.trials),
    ]
    for fixed, most, design in ((10, 16, 1.36), (20, 32, 0.92)):
        looks = plan_looks(range(most), 1)
        for times in (0.0, 1.0, 1.25, 1.5, 2.0):
            effect = times * design
            rows.append(
                _row("power", "normal", looks, args.trials, fixed, effect=effect)
            )
    looks = plan_looks(range(16), 1)
    for kind, effect in (
        ("normal", 1.36),
        ("takes off or not", 0.55),
        ("censored, restricted", 0.7),
        ("censored, rank", 0.7),
    ):
        pairing = 0.5 if kind == "normal" else 0.0
        row = _row(
            "power", kind, looks, args.trials, 10, effect=effect, pairing=pairing
        )
        rows.append(row)
    write_table(TABLE, rows, manifest())


if __name__ == "__main__":
    main()
