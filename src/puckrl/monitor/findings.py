"""Judge phases and signals together: healthy, dead, forgetting, done."""

import numpy as np

from puckrl.monitor.curves import noise, trend
from puckrl.monitor.divergence import divergence, not_finite
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
    entropy_collapse,
    high_from_the_start,
    saturated_actor,
)
from puckrl.monitor.lost import forgetting
from puckrl.monitor.phases import plateau, still_climbs, updates_at
from puckrl.monitor.returns import unknown_success
from puckrl.monitor.significance import beyond_luck
from puckrl.monitor.stopping import patience_updates
from puckrl.monitor.success import binomial_std
from puckrl.monitor.success_curve import episodes_behind
from puckrl.monitor.verdict import Finding, Number

_MIN_POINTS = 10  # points without a rising signal before a run may be called dead
_MIN_EPISODES = 50.0  # or episodes behind fewer of them
_MIN_SETTLED = 5  # points since convergence before more of them waste time
_STEPS_AN_UPDATE = 32.0
"""Env steps that are worth an update: learners on policy make few, on large batches."""
_USUAL_RATIO = 1.0  # updates per env step of most off-policy learners
UNLIKELY = 0.1
"""Chance of a take-off before twice the updates below which nothing is called healthy."""
_MIN_VALUES = 6  # of success, from which on it may stand still
_SOME = 0.1  # success from which on not everything fails
_CREEPS = 0.03  # of success that a slow rise adds
_SWINGS = 0.15  # standard deviation of success that is no noise
_LAST = 0.5  # of the run, in which success may swing
_TURNS = 4  # crossings of its own mean, from which on it swings
_EPISODES = 100.0  # behind an evaluation that does not say


def flat(evidence: Evidence) -> Finding | None:
    """Tell flat runs apart: healthy, memorizing failure, or dead."""
    if evidence.phase != "flat":
        return None
    signs = rising(evidence)
    spent, patience = _spent(evidence), patience_updates(evidence.facts)
    if spent > 2 * patience:  # losses may creep for ever
        signs = [
            n for n in signs if n.name not in ("train/critic_loss", "train/target_std")
        ]
    signs += _creeps(evidence)
    if signs and not _unlikely(evidence):
        names = ", ".join(n.name for n in signs[:3])
        return Finding(
            "healthy flat",
            "green",
            f"success is flat, but these signals rise: {names}; they lead a take-off",
            "let it run; judge again when success has left its floor",
            tuple(signs[:3]),
        )
    success = evidence.success
    seen = len(success.raw) >= _MIN_POINTS or success.held >= _MIN_EPISODES
    over = spent >= patience and seen
    if not signs and over and success.scale != "own range":
        half = success.raw.since(evidence.table.end / 2)
        if float(np.mean(half.y)) > _SOME:
            return _stands_from_the_start(evidence)
        return _dead(evidence, spent, patience)
    return _memorizing(evidence, patience - spent)


def _creeps(evidence: Evidence) -> list[Number]:
    """Return success that rises beyond chance, too little yet to have left its floor."""
    success = evidence.success
    way = trend(success.raw)
    sure = way.z > beyond_luck(1.0) and still_climbs(success.raw, success)
    if way.change < _CREEPS or not sure:
        return []
    return [Number(success.name, success.now, f"rose by {way.change:.2g}")]


def _unlikely(evidence: Evidence) -> bool:
    """Return whether the prognosis, where there is one, speaks against a take-off.

    ``results/prognosis_gate.csv`` counts what became of flat runs whose signals rise.
    """
    made = evidence.prognosis
    return made is not None and made.chance(2 * made.updates)[0] < UNLIKELY


def _spent(evidence: Evidence) -> float:
    """Return the updates so far: known, else assumed; NaN if the clock is unknown.

    Where no take-off of the recipe is known, env steps count as well.
    """
    if not evidence.clock_known:
        return np.nan
    end, facts = evidence.table.end, evidence.facts
    known = updates_at(evidence.table, facts, end)
    spent = known if np.isfinite(known) else _assumed_ratio(facts) * end
    worth = end / _STEPS_AN_UPDATE
    return max(spent, worth) if facts.usual_takeoff_updates is None else spent


def _assumed_ratio(facts: RunFacts) -> float:
    """Return the updates per env step that the producer makes, or most learners do."""
    ratio = facts.assumed_update_ratio
    return _USUAL_RATIO if ratio is None else ratio


def _updates_known(evidence: Evidence) -> bool:
    """Return whether updates are logged, or follow from a known update ratio."""
    end = evidence.table.end
    return bool(np.isfinite(updates_at(evidence.table, evidence.facts, end)))


def no_update_clock(evidence: Evidence) -> Finding | None:
    """Find patience that rests on an assumed number of updates."""
    waits = evidence.phase == "flat" and evidence.clock_known
    if not waits or _updates_known(evidence):
        return None
    facts = evidence.facts
    whose = "the usual"
    if facts.assumed_update_ratio is not None:
        whose = f"the default of {facts.producer or 'its producer'}"
    spent, patience = _spent(evidence), patience_updates(facts)
    return Finding(
        "no update clock",
        "yellow",
        f"updates are not in this log: at {_assumed_ratio(facts):g} per env step, {whose}, there were "
        f"{spent:,.0f}",
        "give the updates per env step with --fact update_ratio=R",
        (Number("assumed updates", spent, f"patience {patience:,.0f}"),),
    )


def _dead(evidence: Evidence, spent: float, patience: float) -> Finding:
    """Judge a flat run whose patience is over and in which nothing rises."""
    facts, value = evidence.facts, value_level(evidence)
    unprobed = facts.modality != "state" and not any(
        p in evidence.table for p in PROBES
    )
    end = evidence.table.end
    assumed = not _updates_known(evidence) or spent > updates_at(
        evidence.table, facts, end
    )
    why = "its features are not probed" if unprobed else "no leading signal rises"
    advice = (
        f"stop; {hindsight(facts)}check task and goals (puck check), the sensors, and "
        "the exploration"
    )
    if facts.modality == "pixels" and unprobed:
        advice = "log a probe of the features before giving up"
    elif unprobed:
        advice = (
            f"{hindsight(facts)}check task and goals (puck check), and the exploration; "
            "if the policy sees the state, say --fact modality=state"
        )
    numbers = (Number("updates", spent, f"patience {patience:,.0f}"),)
    return Finding(
        "dead flat",
        "yellow" if unprobed or assumed else "red",
        f"success is at its floor after {end:,.0f} env steps, {spent:,.0f} "
        f"{'assumed ' if assumed else ''}updates (patience: {patience:,.0f}), and {why}",
        advice,
        (*numbers, *((value,) if value is not None else ())),
    )


def _stands_from_the_start(evidence: Evidence) -> Finding:
    """Judge success that some goals bring all along: it is not dead, and not new."""
    success = evidence.success
    level = evidence.judged(float(np.mean(success.raw.y)))
    number = Number("success", level, "mean of all rows")
    why = f"success moves about {level:.2f} and leaves it nowhere for good"
    if success.stands:
        why = (
            f"success has stood at {level:.2f} since the first row: random play gets there, "
            "or it was learned before that row"
        )
    return Finding(
        "stalled",
        "yellow",
        why,
        "compare it with random play (puck check); if the policy learned it, look at the "
        "goals that fail",
        (number,),
    )


def _memorizing(evidence: Evidence, left: float) -> Finding | None:
    """Warn of a flat run in which nothing rises, with patience left."""
    loss, value = trend(evidence.later("train/critic_loss")), value_level(evidence)
    whole = trend(evidence.table.curve("train/critic_loss").since(evidence.begin))
    stuck, succeeds = at_failure(evidence), evidence.success.now > _SOME
    if succeeds or not (stuck or (loss.falls and not whole.rises)):
        return None
    what = "Q is that of uniform failure" if stuck else "the critic's loss only falls"
    wait = f"{left:,.0f} updates" if left > 0 else "patience"
    level = evidence.level("train/critic_loss")
    numbers = (Number("critic loss", level, f"moved {loss.change:+.2g}"),)
    return Finding(
        "memorizing failure",
        "yellow",
        f"{what} while success is flat: the critic learns that everything fails",
        f"not dead yet ({wait} left): {hindsight(evidence.facts)}look at exploration "
        "and hindsight, not at the loss",
        (*numbers, *((value,) if value is not None else ())),
    )


def hindsight(facts: RunFacts) -> str:
    """Return what to do first where episodes hardly ever meet a sparse reward."""
    lacks = facts.her is False and facts.sparse is not False
    return "relabel goals in hindsight; " if lacks else ""


def stalled(evidence: Evidence) -> Finding | None:
    """Find a plateau far from solved."""
    if evidence.phase not in ("take-off", "converging"):
        return None
    success = evidence.success
    found = plateau(success.smooth, success)
    few = len(success.raw) < _MIN_VALUES
    if found is None or few or success.scale != "success":
        return None
    # A few steep points look like noise about their median: the last two decide.
    margin = max(0.1, 2 * success.sigma_smooth)
    climbs = success.raw.y[-2:].mean() > found.level + margin
    level = evidence.judged(found.level)
    if climbs or level >= 0.8 or unsteady(evidence) is not None:
        return None
    number = Number("success", level, "does not change")
    return Finding(
        "stalled",
        "yellow",
        f"success stays at {level:.2f}: some goals are solved, others never",
        "compare success by the distance of the goal, and look at the goals that fail",
        (number,),
    )


def unsteady(evidence: Evidence) -> Finding | None:
    """Find success that swings, far beyond the luck of its episodes."""
    success = evidence.success
    if success.scale != "success" or evidence.phase == "warm-up":
        return None
    last = success.raw.since(evidence.table.end - _LAST * evidence.table.end)
    if len(last) < 2 * _TURNS:
        return None
    line = np.polyval(np.polyfit(last.x, last.y, 1), last.x)
    away = last.y - line
    luck = 2 * binomial_std(float(np.clip(np.mean(last.y), 0.1, 0.9)), success.episodes)
    swings = max(_SWINGS, luck)
    # One dip is no swing: both sides must be far from the line, again and again.
    far = away[np.abs(away) > swings / 2]
    turns = int((np.diff(np.sign(far)) != 0).sum())
    if np.std(away) < swings or turns < _TURNS:
        return None
    low, high = (float(q) for q in np.quantile(last.y, (0.1, 0.9)))
    return Finding(
        "unsteady",
        "yellow",
        f"success swings between {low:.2f} and {high:.2f}: it collapses and comes back",
        "keep the snapshot of the best evaluation; lower the learning rates, or average "
        "the policy's weights",
        (Number("standard deviation of success", float(np.std(away))),),
    )


def mismatch(evidence: Evidence) -> Finding | None:
    """Find training success that evaluations do not confirm."""
    judged, trained = evidence.tail("eval/success"), evidence.tail("train/success")
    if len(judged) < 3 or len(trained) < 3:
        return None
    gap = float(np.median(trained.y) - np.median(judged.y))
    episodes = episodes_behind(judged, evidence.table.curve("eval/episodes"))
    luck = binomial_std(0.5, (episodes or _EPISODES) * len(judged))
    if gap < max(0.2, 4 * noise(judged.y), 3 * luck):
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
    begin, end = _still_since(evidence), evidence.table.end
    settled = evidence.success.raw.since(begin)
    share, points = (end - begin) / end, len(settled)
    level = evidence.judged(min(evidence.success.now, float(np.mean(settled.y))))
    solved = level >= evidence.facts.success_asked
    if not solved or share < 0.3 or points < _MIN_SETTLED:
        return None
    return Finding(
        "wasting time",
        "yellow",
        f"nothing has changed over the last {share:.0%} of the run",
        "stop here (a run of puckrl: --stop auto)",
        (Number("share of the run since converged", share),),
    )


def _still_since(evidence: Evidence) -> float:
    """Return the env steps since which a converged run did not even dip."""
    success, begin = evidence.success, evidence.begin
    raw = success.raw.since(begin)
    deep = success.now - raw.y > max(0.15, 6 * success.sigma_midway)
    return float(raw.x[deep][-1]) if deep.any() else begin


RULES: tuple[Rule, ...] = (
    divergence,
    broken_task,
    saturated_actor,
    entropy_collapse,
    forgetting,
    mismatch,
    flat,
    stalled,
    unsteady,
    wasting_time,
    unknown_success,
    no_update_clock,
    not_finite,
    high_from_the_start,
)
"""Every rule, the most severe first."""
