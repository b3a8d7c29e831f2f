"""Judge phases and signals together: healthy, dead, forgetting, done."""

import numpy as np

from puckrl.monitor.curves import noise, trend
from puckrl.monitor.evidence import (
    PROBES,
    Evidence,
    Rule,
    at_failure,
    rising,
    value_level,
)
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.faults import (
    broken_task,
    divergence,
    entropy_collapse,
    saturated_actor,
)
from puckrl.monitor.phases import plateau, updates_at
from puckrl.monitor.stopping import patience_updates
from puckrl.monitor.verdict import Finding, Number

_MIN_POINTS = 10  # points without a rising signal before a run may be called dead
_MIN_SETTLED = 5  # points since convergence before more of them waste time


def flat(evidence: Evidence) -> Finding | None:
    """Tell flat runs apart: healthy, memorizing failure, or dead."""
    if evidence.phase != "flat":
        return None
    signs = rising(evidence)
    if signs:
        names = ", ".join(n.name for n in signs[:3])
        return Finding(
            "healthy flat",
            "green",
            f"success is flat, but these signals rise: {names}; they lead a take-off",
            "let it run; judge again when success has left its floor",
            tuple(signs[:3]),
        )
    return _lifeless(evidence)


def _lifeless(evidence: Evidence) -> Finding | None:
    """Judge a flat run in which nothing rises: dead after its patience, else a warning."""
    table, facts = evidence.table, evidence.facts
    loss, value = (
        trend(evidence.later("train/critic_loss")),
        value_level(evidence),
    )
    stuck = at_failure(evidence)
    numbers = tuple(n for n in (value,) if n is not None)
    spent = updates_at(table, facts, table.end)
    patience = patience_updates(facts)
    if spent >= patience and len(evidence.success.raw) >= _MIN_POINTS:
        unprobed = facts.modality != "state" and not any(p in table for p in PROBES)
        why = "its features are not probed" if unprobed else "no leading signal rises"
        return Finding(
            "dead flat",
            "yellow" if unprobed else "red",
            f"success is at its floor after {spent:,.0f} updates (patience: {patience:,.0f}), and {why}",
            "log a probe of the features before giving up"
            if unprobed
            else f"stop; {_hindsight(facts)}check task and goals (puck check), the sensors, "
            "and the exploration",
            (Number("updates", spent, f"patience {patience:,.0f}"), *numbers),
        )
    if stuck or loss.falls:
        what = (
            "Q is that of uniform failure" if stuck else "the critic's loss only falls"
        )
        left = f"{patience - spent:,.0f} updates" if np.isfinite(spent) else "patience"
        return Finding(
            "memorizing failure",
            "yellow",
            f"{what} while success is flat: the critic learns that everything fails",
            f"not dead yet ({left} left): {_hindsight(facts)}look at exploration and "
            "hindsight, not at the loss",
            (
                Number(
                    "critic loss",
                    evidence.level("train/critic_loss"),
                    f"moved {loss.change:+.2g}",
                ),
                *numbers,
            ),
        )
    return None


def _hindsight(facts: RunFacts) -> str:
    """Return what to do first where episodes hardly ever meet a sparse reward."""
    lacks = facts.her is False and facts.sparse is not False
    return "relabel goals in hindsight; " if lacks else ""


def forgetting(evidence: Evidence) -> Finding | None:
    """Find success that was reached and lost."""
    success = evidence.success
    best = float(success.smooth.y.max())
    lost = best - success.now
    if lost < max(0.15, 5 * success.sigma_smooth) or best < success.left_level:
        return None
    color = "red" if lost > 0.3 or evidence.phase == "collapsed" else "yellow"
    number = Number("success lost", lost, f"from {best:.2f} to {success.now:.2f}")
    return Finding(
        "forgetting",
        color,
        "success fell after it had been reached",
        "use the snapshot of the best evaluation; lower the learning rates or enlarge the replay buffer",
        (number,),
    )


def stalled(evidence: Evidence) -> Finding | None:
    """Find a plateau far from solved."""
    if evidence.phase not in ("take-off", "converging"):
        return None
    success = evidence.success
    found = plateau(success.smooth, success)
    if found is None or not success.sure_scale:
        return None
    # A few steep points look like noise about their median: the last two decide.
    margin = max(0.1, 2 * success.sigma_smooth)
    climbs = success.raw.y[-2:].mean() > found.level + margin
    level = evidence.judged(found.level)
    if climbs or level >= 0.8:
        return None
    number = Number("success", level, "does not change")
    return Finding(
        "stalled",
        "yellow",
        f"success stays at {level:.2f}: some goals are solved, others never",
        "compare success by the distance of the goal, and look at the goals that fail",
        (number,),
    )


def mismatch(evidence: Evidence) -> Finding | None:
    """Find training success that evaluations do not confirm."""
    judged, trained = evidence.tail("eval/success"), evidence.tail("train/success")
    if len(judged) < 3 or len(trained) < 3:
        return None
    gap = float(np.median(trained.y) - np.median(judged.y))
    if gap < max(0.2, 4 * noise(judged.y)):
        return None
    number = Number("training success minus evaluated success", gap)
    return Finding(
        "eval-train mismatch",
        "red",
        "the policy succeeds in training and not in evaluations",
        "compare the two environments: normalization, goals, horizon, success at the last step",
        (number,),
    )


def wasting_time(evidence: Evidence) -> Finding | None:
    """Find a run that converged long ago."""
    if evidence.phase != "converged":
        return None
    begin, end = evidence.spans[-1].env_steps
    share, points = (end - begin) / end, len(evidence.success.raw.since(begin))
    solved = evidence.judged(evidence.success.now) >= evidence.facts.success_asked
    if not solved or share < 0.3 or points < _MIN_SETTLED:
        return None
    return Finding(
        "wasting time",
        "yellow",
        f"nothing has changed over the last {share:.0%} of the run",
        "stop here, as --stop auto does",
        (Number("share of the run since converged", share),),
    )


RULES: tuple[Rule, ...] = (
    divergence,
    broken_task,
    saturated_actor,
    entropy_collapse,
    forgetting,
    mismatch,
    flat,
    stalled,
    wasting_time,
)
"""Every rule, the most severe first."""
