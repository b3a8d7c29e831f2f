"""Made-up and quoted curves on which the rules are tested; never part of the corpus."""

from collections.abc import Mapping

import numpy as np

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.table import RunTable, from_rows
from puckrl.training.sinks import LogRow

PUSH = RunFacts(
    modality="state",
    sparse=True,
    gamma=0.95,
    horizon=50,
    update_ratio=0.25,
    her=True,
    action_dim=4,
    clipped=True,
    usual_takeoff_updates=4_500,
)

LESSON = RunFacts(
    modality="pixels", sparse=True, gamma=0.95, horizon=50, update_ratio=0.25, her=True
)
"""What the lessons say of their pixel run."""


def lesson(upto: float = 4.6e6) -> RunTable:
    """The lessons' own table (9 and 10), a row every 20 k env steps.

    The numbers between those that the lessons quote are on straight lines; a success
    rate over 100 episodes has a noise of 0.025 at 6 %.
    """
    millions = np.arange(0.02, upto / 1e6 + 1e-9, 0.02)
    at = [0, 2.1, 2.2, 2.34, 2.44, 2.55, 3.0, 3.5, 4.0, 4.6]
    success = np.interp(
        millions, at, [0.06, 0.06, 0.13, 0.2, 0.3, 0.45, 0.85, 0.96, 0.97, 0.97]
    )
    at = [0, 0.2, 2.1, 2.2, 2.5, 3.0, 3.5, 4.0, 4.6]
    loss = np.interp(millions, at, [0.29, 0.11, 0.07, 0.12, 0.5, 0.7, 0.4, 0.3, 0.2])
    rng = np.random.default_rng(0)
    success = np.clip(success + 0.025 * rng.normal(size=len(millions)), 0, 1)
    return from_rows(
        {"env_steps": m * 1e6, "train/success": s, "train/critic_loss": c}
        for m, s, c in zip(millions, success, loss, strict=True)
    )


def life(
    success: list[float],
    signals: Mapping[str, list[float]] | None = None,
    *,
    rows: int = 100,
    end: float = 100_000,
    noise: float = 0.02,
    ratio: float = 0.25,
) -> RunTable:
    """Rows of a run whose signals go through the given values, evenly spaced."""
    rng = np.random.default_rng(1)
    steps = np.linspace(end / rows, end, rows)

    def through(values: list[float]) -> np.ndarray:
        return np.interp(steps, np.linspace(0, end, len(values)), values)

    curves = {name: through(v) for name, v in (signals or {}).items()}
    won = np.clip(through(success) + noise * rng.normal(size=rows), 0, 1)
    table: list[LogRow] = []
    for i, step in enumerate(steps):
        row = {"env_steps": step, "updates": ratio * step, "train/success": won[i]}
        table.append(row | {name: float(c[i]) for name, c in curves.items()})
    return from_rows(table)
