"""Rules that end a run, each with a name; patience is counted in updates."""

from dataclasses import dataclass
from typing import Literal, assert_never

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.verdict import Verdict

StopMode = Literal["auto", "budget", "never"]
Reason = Literal["converged", "dead", "diverged"]

PIXEL_PATIENCE = 3.0
"""Pixels take off after 2-4 times the updates of state."""
USUAL_TAKEOFF_UPDATES = 300_000.0
"""Where nothing better is known: the latest take-off from state that we know of,
1.2 M env steps at an update ratio of 1/4. Recipes differ a hundredfold."""
_OWN_PATIENCE, _PATIENCE = 4.0, 2.0
_STABLE_SHARE = 0.1


@dataclass(frozen=True)
class StopRule:
    """A reason to end a run."""

    name: Reason
    """Which rule."""
    why: str
    """In one sentence."""


def patience_updates(facts: RunFacts) -> float:
    """Updates without take-off after which a run may be called dead.

    Four times the updates after which this very recipe took off before. Where that is
    unknown: twice the latest take-off from state that we know of, and three times as
    long where the actor sees pixels, or where that is unknown.
    """
    if facts.usual_takeoff_updates is not None:
        return _OWN_PATIENCE * facts.usual_takeoff_updates
    slower = 1.0 if facts.modality == "state" else PIXEL_PATIENCE
    return _PATIENCE * USUAL_TAKEOFF_UPDATES * slower


def budget_updates(facts: RunFacts) -> float:
    """Updates that a run should be given: the plan's model, twice the usual take-off."""
    return patience_updates(facts) / 2


def stop_rule(verdict: Verdict, facts: RunFacts, mode: StopMode) -> StopRule | None:
    """The rule that ends the run now, None if it should go on.

    Only ``auto`` ends anything here: a stop before the budget must be asked for.
    """
    match mode:
        case "auto":
            return _diverged(verdict) or _dead(verdict) or _converged(verdict, facts)
        case "budget" | "never":
            return None
        case _:
            assert_never(mode)


def _dead(verdict: Verdict) -> StopRule | None:
    found = verdict.finding("dead flat")
    if verdict.phase != "flat" or found is None or found.color != "red":
        return None
    return StopRule("dead", found.reason)


def _diverged(verdict: Verdict) -> StopRule | None:
    found = verdict.finding("divergence")
    return StopRule("diverged", found.reason) if found else None


def _converged(verdict: Verdict, facts: RunFacts) -> StopRule | None:
    """Success at the bound, unmoved for a tenth of the budget."""
    if verdict.phase != "converged":
        return None
    begin, end = verdict.spans[-1].env_steps
    level = verdict.success or 0.0
    budget = facts.budget_env_steps or end
    if level < facts.success_asked or end - begin < _STABLE_SHARE * budget:
        return None
    why = f"success {level:.2f} since {begin:,.0f} env steps"
    return StopRule("converged", why)
