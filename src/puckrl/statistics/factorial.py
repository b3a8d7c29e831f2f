"""Estimate main effects and interactions of a factorial, a seed at a time.

Every seed holds the whole table of cells, so each effect is one number a seed: a contrast
of the cells, by Yates (1937). Its interval is Student's over the seeds, and with 6 seeds
or more the p-value comes from flipping signs, which is exact if the seeds' contrasts are
symmetric. Two-level effects are the mean at the second level minus the mean at the first;
an interaction of two is half of how much one effect changes with the other's level.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from scipy import stats

from puckrl.core.errors import UserError
from puckrl.statistics.inference import ALPHA, holm
from puckrl.statistics.measure import Measure, Outcome
from puckrl.statistics.pairs import prepared
from puckrl.statistics.permute import Array

_FEWEST = 6
"""Seeds from which flipping signs reaches 5 %: 2 of 64."""
_EXACT = 14
"""Up to this many seeds all signs are tried."""
_TIE = 1e-9


@dataclass(frozen=True)
class Contrast:
    """An effect of a factorial."""

    name: str
    """Factors and levels, in words: "gamma: 0.98 - 0.95", or two joined by " x "."""
    order: int
    """1 for a main effect, 2 for an interaction of two factors, and so on."""
    estimate: float
    """In the measure's unit."""
    low: float
    """Lower end of the 95 % interval, for this effect alone."""
    high: float
    """Upper end."""
    p: float
    """Two-sided."""
    n: int
    """Seeds whose every cell has a value."""
    adjusted: float = math.nan
    """p-value after Holm over all effects."""


Cells = Mapping[tuple[str, ...], str]
"""Levels, in the order of the factors -> arm of the cell."""


def contrasts(
    measure: Measure,
    outcomes: Sequence[Outcome],
    levels: Mapping[str, Sequence[str]],
    cells: Cells,
    alpha: float = ALPHA,
) -> list[Contrast]:
    """Return all main effects and interactions, Holm-adjusted together.

    A factor of more than two levels has a contrast for each level after the first,
    against the first.

    Args:
        measure: what the outcomes are. Ranks have no cells' means: they are refused.
        outcomes: of every cell's arm, also those without a value.
        levels: factor -> its levels, the first one the reference.
        cells: the arm of every combination of levels.
        alpha: 0.05 for 95 % intervals.

    Raises:
        UserError: if a cell has no arm, or the measure only ranks.
    """
    if measure.censored == "rank":
        raise UserError("a factorial adds up means; ranks have none. Use "
                        "censored=restricted")  # fmt: skip
    for cell in product(*levels.values()):
        if cell not in cells:
            raise UserError(f"the factorial has no arm at {', '.join(cell)}")
    table = _table(prepared(measure, outcomes), levels, cells)
    found = [
        _contrast(name, len(signs), table, _weights(levels, signs), alpha)
        for name, signs in _names(levels)
    ]
    adjusted = holm([one.p for one in found])
    return [
        Contrast(**{**vars(one), "adjusted": p})
        for one, p in zip(found, adjusted, strict=True)
    ]


def incomplete(
    outcomes: Sequence[Outcome], seeds: Sequence[int], cells: Cells
) -> tuple[int, ...]:
    """Return the seeds that lack a value in some cell: no effect uses them."""
    have = {(o.arm, o.seed) for o in outcomes if not o.problem}
    return tuple(
        s for s in seeds if any((arm, s) not in have for arm in cells.values())
    )


def _table(
    outcomes: Sequence[Outcome], levels: Mapping[str, Sequence[str]], cells: Cells
) -> Array:
    """Return the values of all complete seeds, (seeds, levels of factor 1, 2, ...)."""
    values = {(o.arm, o.seed): o.value for o in outcomes if not o.problem}
    seeds = sorted({o.seed for o in outcomes})
    complete = [s for s in seeds if all((arm, s) in values for arm in cells.values())]
    shape = (len(complete), *(len(names) for names in levels.values()))
    rows = [
        [values[cells[cell], seed] for cell in product(*levels.values())]
        for seed in complete
    ]
    return np.array(rows, dtype=np.float64).reshape(shape)


def _names(
    levels: Mapping[str, Sequence[str]],
) -> list[tuple[str, dict[str, int]]]:
    """Return every effect's name, and for each of its factors the level it looks at."""
    found: list[tuple[str, dict[str, int]]] = []
    for order in range(1, len(levels) + 1):
        for factors in combinations(levels, order):
            for chosen in product(*(range(1, len(levels[f])) for f in factors)):
                words = [
                    f"{f.rpartition('.')[2]}: {levels[f][i]} - {levels[f][0]}"
                    for f, i in zip(factors, chosen, strict=True)
                ]
                signs = dict(zip(factors, chosen, strict=True))
                found.append((" x ".join(words), signs))
    return found


def _weights(levels: Mapping[str, Sequence[str]], signs: Mapping[str, int]) -> Array:
    """Return the weight of every cell: +1 and -1 at two levels, means over the others.

    An interaction of k factors is divided by 2^(k - 1), as is usual.
    """
    weights = np.ones(())
    for factor, names in levels.items():
        own = np.full(len(names), 1 / len(names))
        if factor in signs:
            own = np.zeros(len(names))
            own[signs[factor]], own[0] = 1.0, -1.0
        weights = np.multiply.outer(weights, own)
    return weights / 2 ** (len(signs) - 1)


def _contrast(
    name: str, order: int, table: Array, weights: Array, alpha: float
) -> Contrast:
    """Return an effect from its contrast in every seed."""
    each = (table * weights).reshape(len(table), -1).sum(1)
    n = len(each)
    center = float(each.mean()) if n else math.nan
    if n < 2 or np.ptp(each) <= _TIE * np.abs(each).max():
        p = _sign_flips(each) if n >= _FEWEST else 1.0
        return Contrast(name, order, center, -np.inf, np.inf, p, n)
    error = float(each.std(ddof=1)) / math.sqrt(n)
    reach = float(stats.t.ppf(1 - alpha / 2, n - 1)) * error
    p = 2 * float(stats.t.sf(abs(center) / error, n - 1))
    if n >= _FEWEST:
        p = _sign_flips(each)
    return Contrast(name, order, center, center - reach, center + reach, p, n)


def _sign_flips(each: Array, drawn: int = 9_999) -> float:
    """Return the share of sign patterns with a mean as far from 0: Fisher (1935)."""
    n = len(each)
    if n <= _EXACT:
        signs = np.array(list(product((1.0, -1.0), repeat=n)))
    else:
        rng = np.random.default_rng(n)
        signs = np.vstack([np.ones(n), rng.choice((1.0, -1.0), (drawn, n))])
    sums = np.abs(signs @ each)
    return float((sums >= sums[0] - _TIE * max(sums[0], 1e-300)).mean())
