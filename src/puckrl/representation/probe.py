"""Probe features: how exactly do a linear map and a small MLP find a position in them?

Both are trained on some episodes and judged on others. Errors are Euclidean distances in
millimeters, as medians and 95th percentiles.

Source: Alain and Bengio (2017), "Understanding intermediate layers using linear classifier
probes". A probe says what is there for a small network to use, not what a policy will do
with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_RIDGES = (1e-6, 1e-4, 1e-2, 1.0)  # of the mean eigenvalue
_HELD_OUT = 4  # every fourth episode
_HIDDEN, _STEPS, _BATCH, _LR, _CHECK = 256, 600, 512, 1e-3, 50


@dataclass(frozen=True)
class Error:
    """Distances of predicted from true positions, in held-out episodes."""

    median_mm: float
    """Median, millimeters."""
    p95_mm: float
    """95th percentile, millimeters."""


def error_of(predicted_m: Tensor, true_m: Tensor) -> Error:
    """Return the error of predicted positions, (n, d) meters each."""
    off_mm = 1e3 * (predicted_m - true_m).norm(dim=1)
    off_mm = off_mm.double().cpu()
    low, high = torch.quantile(off_mm, torch.tensor([0.5, 0.95]).double())
    return Error(round(float(low), 2), round(float(high), 2))


def held_out(episode: Tensor, fold: int = 0) -> Tensor:
    """Return which rows belong to a fold's held-out episodes, a quarter of all, (n,) bool."""
    return episode % _HELD_OUT == fold


def folds(episode: Tensor) -> Iterator[Tensor]:
    """Yield the held-out rows of each fold; together they are all rows."""
    for fold in range(_HELD_OUT):
        yield held_out(episode, fold)


def linear(x: Tensor, y: Tensor, episode: Tensor, test: Tensor) -> Tensor:
    """Return what ridge regression predicts for held-out rows, (tests, d).

    The penalty is the best of four on a quarter of the other episodes.

    Args:
        x: features, (n, f).
        y: positions, (n, d).
        episode: episode of each row, (n,) int64.
        test: held-out rows, (n,) bool.
    """
    inner = ~test & (episode // _HELD_OUT % _HELD_OUT == 0)
    fitted = ~test & ~inner
    if not bool(inner.any()) or not bool(fitted.any()):
        return ridge(x[~test], y[~test], x[test], _RIDGES[1])
    wrong = [
        float(
            (ridge(x[fitted], y[fitted], x[inner], r) - y[inner]).norm(dim=1).median()
        )
        for r in _RIDGES
    ]
    best = _RIDGES[wrong.index(min(wrong))]
    return ridge(x[~test], y[~test], x[test], best)


def ridge(x: Tensor, y: Tensor, new: Tensor, penalty: float) -> Tensor:
    """Return the predictions of ridge regression on standardized features, (m, d).

    Args:
        x: features, (n, f).
        y: positions, (n, d).
        new: features to predict for, (m, f).
        penalty: as a share of the mean eigenvalue of the kernel.
    """
    mean, std = x.double().mean(0), x.double().std(0)
    scale = torch.where(std > 1e-8, 1.0 / std, torch.zeros_like(std))
    z, other = (x.double() - mean) * scale, (new.double() - mean) * scale
    center = y.double().mean(0)
    target = y.double() - center
    wide = z.shape[1] > z.shape[0]  # then the dual form is smaller
    gram = z @ z.T if wide else z.T @ z
    size = len(gram)
    gram += (penalty * gram.diagonal().mean() + 1e-12) * torch.eye(
        size, dtype=gram.dtype, device=gram.device
    )
    weights = (
        z.T @ torch.linalg.solve(gram, target)
        if wide
        else torch.linalg.solve(gram, z.T @ target)
    )
    return (center + other @ weights).to(y.dtype)


def mlp(
    x: Tensor, y: Tensor, episode: Tensor, test: Tensor, rng: torch.Generator
) -> Tensor:
    """Return what an MLP with two hidden layers predicts for held-out rows, (tests, d).

    Its weights are those of the training step with the least error on a quarter of the
    other episodes.

    Args:
        x: features, (n, f).
        y: positions, (n, d).
        episode: episode of each row, (n,) int64.
        test: held-out rows, (n,) bool.
        rng: draws weights and batches.
    """
    inner = ~test & (episode // _HELD_OUT % _HELD_OUT == 0)
    fitted = ~test & ~inner
    if not bool(inner.any()) or not bool(fitted.any()):
        inner = fitted = ~test
    mean, std = x[~test].mean(0), x[~test].std(0)
    z = (x - mean) * torch.where(std > 1e-8, 1.0 / std, torch.zeros_like(std))
    center, spread = y[~test].mean(0), y[~test].std(0).clamp_min(1e-6)
    wanted = (y - center) / spread
    net = _net(x.shape[1], y.shape[1], rng).to(x.device)
    optimizer = torch.optim.Adam(net.parameters(), lr=_LR)
    rows = fitted.nonzero()[:, 0]
    best, found = float("inf"), net(z[test]).detach()
    with torch.enable_grad():
        for number in range(1, _STEPS + 1):
            drawn = torch.randint(
                len(rows), (_BATCH,), generator=rng, device=rng.device
            )
            at = rows[drawn.to(rows.device)]
            loss = F.huber_loss(net(z[at]), wanted[at], delta=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if number % _CHECK == 0:
                with torch.no_grad():
                    off = (net(z[inner]) - wanted[inner]).norm(dim=1).median()
                    if float(off) < best:
                        best, found = float(off), net(z[test]).detach()
    return center + spread * found


def _net(inputs: int, outputs: int, rng: torch.Generator) -> nn.Sequential:
    """Return the MLP, its weights drawn from ``rng``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(
            int(torch.randint(2**31, (), generator=rng, device=rng.device))
        )
        return nn.Sequential(
            nn.Linear(inputs, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, outputs),
        )
