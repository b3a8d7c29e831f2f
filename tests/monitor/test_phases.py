"""The scale that phases are measured on."""

import numpy as np
import pytest

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.phases import Progress, progress
from puckrl.monitor.table import from_rows


def noisy(points: int, seed: int) -> Progress:
    """Success of chance, 5 % of 200 episodes, evaluated at random moments."""
    rng = np.random.default_rng(seed)
    steps = np.cumsum(1000.0 + 500 * np.random.default_rng(points).random(points))
    found = progress(
        from_rows(
            {"env_steps": s, "eval/success": w / 200, "eval/episodes": 200.0}
            for s, w in zip(steps, rng.binomial(200, 0.05, points), strict=True)
        ),
        RunFacts(),
    )
    assert found is not None
    return found


@pytest.mark.parametrize("points", [10, 40, 120])
def test_noise_of_a_smoothed_point(points: int) -> None:
    """Against the spread of the same point over many runs; ends have fewer neighbours."""
    runs = [noisy(points, seed) for seed in range(400)]
    spread = float(np.median(np.std([run.smooth.y for run in runs], axis=0)))
    sigma = float(np.sqrt(0.05 * 0.95 / 200))
    expected = float(np.median([r.sigma_smooth / r.sigma for r in runs])) * sigma
    assert expected == pytest.approx(spread, rel=0.04)
