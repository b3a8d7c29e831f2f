"""Measure the health of features: active, varied, of high rank, informative.

Feature matrices are plain numbers, (B, F): a row for each observation.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from puckrl.monitor.table import Array

Matrix = NDArray[np.floating]


def dormant_share(activations: Matrix, tau: float = 0.025) -> float:
    """Return the share of units whose mean |h| is at most τ times the layer's mean.

    Source: Sokar et al. (2023), "The dormant neuron phenomenon", definition 3.1.

    Args:
        activations: after the non-linearity, (B, F).
        tau: the threshold of the source's experiments.
    """
    size = np.abs(np.asarray(activations, dtype=np.float64)).mean(axis=0)
    mean = float(size.mean())
    return 1.0 if mean == 0 else float((size <= tau * mean).mean())


def effective_rank(features: Matrix, delta: float = 0.01) -> int:
    """Return how many singular values hold a share 1 - δ of their sum.

    Source: Kumar et al. (2021), "Implicit under-parameterization", section 3 (srank).

    Args:
        features: (B, F); the result is at most min(B, F).
        delta: share that may be left out.
    """
    values = np.linalg.svd(np.asarray(features, dtype=np.float64), compute_uv=False)
    total = float(values.sum())
    if total == 0:
        return 0
    return int(np.searchsorted(np.cumsum(values) / total, 1.0 - delta) + 1)


def saturated_share(features: Matrix, limit: float = 0.99) -> float:
    """Return the share of features or actions, squashed to [-1, 1], beyond ±``limit``."""
    return float((np.abs(features) > limit).mean())


def constant_share(features: Matrix, min_std: float = 1e-3) -> float:
    """Return the share of features whose standard deviation is below ``min_std``."""
    return float((np.asarray(features, dtype=np.float64).std(axis=0) < min_std).mean())


def softmax_spread(maps: Matrix) -> float:
    """Return how far spatial-softmax maps reach around their center, mean over maps.

    sqrt(Σ_xy p ((x - x̄)² + (y - ȳ)²)) on [-1, 1]²: a point is 0, a uniform map 0.82.
    A map that stays uniform locates nothing.

    Args:
        maps: probabilities, (..., height, width), each summing to 1.
    """
    p = np.asarray(maps, dtype=np.float64)
    y = np.linspace(-1, 1, p.shape[-2])[:, None]
    x = np.linspace(-1, 1, p.shape[-1])[None, :]
    variance = sum(
        (p * axis**2).sum(axis=(-2, -1)) - (p * axis).sum(axis=(-2, -1)) ** 2
        for axis in (x, y)
    )
    return float(np.sqrt(np.clip(variance, 0.0, None)).mean())


def linear_probe_r2(
    features: Matrix,
    targets: Matrix,
    groups: Sequence[int] | None = None,
    ridge: float = 1e-3,
) -> float:
    """Return how much of ``targets`` a linear map of the features explains, held out.

    R² = 1 - Σ|y - ŷ|² / Σ|y - ȳ|², ȳ the training mean; the mean over target columns
    weighted by their variance. Negative where the map is worse than the mean.

    Args:
        features: (B, F), standardized here.
        targets: such as the object's position in meters, (B, D).
        groups: episode of each row, (B,); even ones train, odd ones test. None: even
            and odd rows, for rows that are independent of each other.
        ridge: penalty, as a share of the number of training rows.

    Returns:
        R², at most 1; NaN if the targets do not vary or there are too few rows.
    """
    x: Array = np.asarray(features, dtype=np.float64)
    y: Array = np.asarray(targets, dtype=np.float64)
    number = np.arange(len(x)) if groups is None else np.asarray(groups)
    train, test = number % 2 == 0, number % 2 == 1
    if train.sum() < 4 or test.sum() < 4:
        return float("nan")
    mean: Array = x[train].mean(axis=0)
    std: Array = x[train].std(axis=0)
    z: Array = (x - mean) / np.where(std > 1e-8, std, np.inf)
    center: Array = y[train].mean(axis=0)
    gram: Array = z[train].T @ z[train] + ridge * train.sum() * np.eye(z.shape[1])
    right: Array = z[train].T @ (y[train] - center)
    weights: Array = np.linalg.solve(gram, right).astype(np.float64)
    left = float(np.square(y[test] - center - z[test] @ weights).sum())
    total = float(np.square(y[test] - center).sum())
    return float("nan") if total < 1e-12 else 1.0 - left / total


def competence_radius(distance: Array, success: Array, min_goals: int = 8) -> float:
    """Return the maximum distance up to which at least half of the goals are reached.

    max d_k with mean of success over the k nearest goals ≥ 1/2; 0 if there is none.

    Args:
        distance: of each goal from where its episode began, meters, (n,).
        success: 1.0 where it was reached, (n,).
        min_goals: minimum number of goals that a share is taken over.
    """
    order = np.argsort(distance, kind="stable")
    share = np.cumsum(success[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(share >= 0.5)
    good = good[good >= min_goals - 1]
    return float(distance[order][good[-1]]) if len(good) else 0.0
