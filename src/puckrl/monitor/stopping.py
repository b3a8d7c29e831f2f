"""Decide whether to end a run; each rule has a name, patience is counted in updates."""

from dataclasses import dataclass
from typing import Literal, assert_never

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.verdict import Verdict

StopMode = Literal["auto", "budget", "never"]
Reason = Literal["converged", "dead", "diverged"]

PIXEL_PATIENCE = 3.0
"""From pixels the take-off takes 2-4 times the updates that it takes from state."""
USUAL_TAKEOFF_UPDATES = 300_000.0
"""Without better knowledge: the latest known take-off from state, 1.2 M env steps at
an update ratio of 1/4. Recipes differ by a factor of 100."""
_OWN_PATIENCE, _PATIENCE = 4.0, 2.0
_STABLE_SHARE = 0.1


@dataclass(frozen=True)
class StopRule:
    """Say why to end a run."""

    name: Reason
    """Which rule."""
    why: str
    """The reason, in one sentence."""


def patience_updates(facts: RunFacts) -> float:
    """Return the updates without take-off after which a run may be called dead.

    Four times the updates after which this recipe took off before. If that is unknown:
    twice the latest known take-off from state, times three unless the actor observes
    the state.
    """
    if facts.usual_takeoff_updates is not None:
        return _OWN_PATIENCE * facts.usual_takeoff_updates
    slower = 1.0 if facts.modality == "state" else PIXEL_PATIENCE
    return _PATIENCE * USUAL_TAKEOFF_UPDATES * slower


def budget_updates(facts: RunFacts) -> float:
    """Return the updates that a run needs, by the plan's model: twice the take-off."""
    return patience_updates(facts) / 2


def stop_rule(verdict: Verdict, facts: RunFacts, mode: StopMode) -> StopRule | None:
    """Return the rule that ends the run now, None if it should go on.

    Only ``auto`` ends a run here: a stop before the budget must be asked for.
    """
    match mode:
        case "auto":
            return _diverged(verdict) or _dead(verdict) or _converged(verdict, facts)
        case "budget" | "never":
            return None
        case _:
            assert_never(mode)


def _dead(verdict: Verdict) -> StopRule | None:
    """Return a stop for a flat run whose patience is over."""
    found = verdict.finding("dead flat")
    if verdict.phase != "flat" or found is None or found.color != "red":
        return None
    return StopRule("dead", found.reason)


def _diverged(verdict: Verdict) -> StopRule | None:
    """Return a stop for values out of range."""
    found = verdict.finding("divergence")
    if found is None or found.color != "red":
        return None
    return StopRule("diverged", found.reason)


def _converged(verdict: Verdict, facts: RunFacts) -> StopRule | None:
    """Return a stop for success at the bound, unchanged for a tenth of the budget."""
    if verdict.phase != "converged":
        return None
    begin, end = verdict.spans[-1].env_steps
    level = verdict.success or 0.0
    budget = facts.budget_env_steps or end
    if level < facts.success_asked or end - begin < _STABLE_SHARE * budget:
        return None
    why = f"success {level:.2f} since {begin:,.0f} env steps"
    return StopRule("converged", why)
