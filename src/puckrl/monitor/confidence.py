"""Say how sure a verdict is."""

import numpy as np

from puckrl.monitor.evidence import Evidence
from puckrl.monitor.phases import updates_at

_CONVERGING = 0.8
"""Of the labeled runs under "develop", half of those said to be converging were done."""


def confidence(evidence: Evidence) -> float:
    """Return the confidence in the phase, at most 0.99; 0 for an unknown phase.

    1 - exp(-margin / 2) / 2, times 0.85 if the scale of success is the run's own, times
    0.9 without updates, times 0.8 while converging, times 1 - 1/n for n points. The
    margin is the distance of success from the phase's border, in standard deviations of
    a smoothed point; whether the last climb is over cannot be read from it.
    """
    success = evidence.success
    if evidence.phase == "unknown":
        return 0.0
    sigma = max(success.sigma_smooth, 1e-3)
    border = (
        success.left_level
        if evidence.phase in ("flat", "take-off")
        else success.floor + 0.5
    )
    margin = 8.0 if evidence.phase == "warm-up" else abs(success.now - border) / sigma
    sure = 1.0 - 0.5 * float(np.exp(-margin / 2.0))
    sure *= 1.0 if success.sure_scale else 0.85
    spent = updates_at(evidence.table, evidence.facts, evidence.table.end)
    sure *= 1.0 if np.isfinite(spent) else 0.9
    sure *= _CONVERGING if evidence.phase == "converging" else 1.0
    return min(0.99, sure * (1.0 - 1.0 / len(success.raw)))
