"""Judge which phase a run is in, why, and what would change that verdict.

Losses mean opposite things in different phases, so success decides and losses explain:

    success   critic loss   meaning
    flat      falls         the critic memorizes that everything fails
    flat      rises         values begin to differ: this leads the take-off
    climbs    rises         take-off: harder targets, a green sign
    high      falls         converging: values agree with what happens
"""

from collections.abc import Sequence

import numpy as np

from puckrl.core.intervals import wilson_interval
from puckrl.monitor.confidence import confidence
from puckrl.monitor.curves import trend
from puckrl.monitor.evidence import (
    LEADING_GROWTH,
    Evidence,
    loss_growth,
    value_level,
)
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.findings import RULES, hindsight
from puckrl.monitor.phases import spans
from puckrl.monitor.stopping import patience_updates
from puckrl.monitor.success import SuccessCurve
from puckrl.monitor.success_curve import success_curve
from puckrl.monitor.table import RunTable
from puckrl.monitor.verdict import (
    NOTES,
    Color,
    Finding,
    FindingName,
    Number,
    Phase,
    Span,
    Verdict,
)

_RANK: dict[Color, int] = {"red": 0, "yellow": 1, "green": 2}
_CALLED = {"eval/success": "success", "train/success": "training success"}
_GREEN: tuple[Phase, ...] = ("warm-up", "take-off", "converging", "converged")
_LEAST_POINTS, _LEAST_RETURNS = 3, 5  # values of success, of returns, for a phase
_NOT_FLAT = 0.5  # success of the last two of a few points
_LEAST_EPISODES = (20, 50)  # behind all points, for a phase; that a climb slows down
_WIDE = 0.25  # of an interval that says nothing
_HIGH_FLOOR = 0.1
_NO_RUN: dict[FindingName, str] = {
    "contaminated log": "the log mixes several writers",
    "unreadable log": "the log cannot be read",
    "several runs": "the log holds several runs",
}
_SILENCED: tuple[FindingName, ...] = (
    "healthy flat",
    "memorizing failure",
    "stalled",
    "wasting time",
    "no update clock",
)
_ADVICE: dict[Phase, str] = {
    "warm-up": "wait: nothing is learned yet",
    "flat": "wait: too early to tell; losses say nothing while success is flat",
    "take-off": "let it run; a rising critic loss is a good sign now",
    "converging": "let it run",
    "converged": "it is done",
    "collapsed": "stop; go back to the snapshot of the best evaluation",
    "unknown": "log a success rate (or map its name with --map) and judge again",
}


def diagnose(
    table: RunTable, facts: RunFacts, found: Sequence[Finding] = ()
) -> Verdict:
    """Return the verdict on a run, from its numbers only.

    Args:
        table: the logged numbers.
        facts: what is known besides; unknowns make the verdict more careful.
        found: findings on the log itself, such as contamination.
    """
    names = {f.name for f in found}
    for name, why in _NO_RUN.items():
        if name in names:
            return _undecided(table, found, why)
    success = success_curve(table, facts)
    if success is None:
        return _undecided(table, found, _too_few(table))
    if "unread success" in names and success.scale != "success":
        return _undecided(table, found, "a success that was left out")
    life = spans(table, success, facts)
    if not life:
        return _undecided(table, found, "the log covers no env steps")
    if (open_ := _too_few_to_tell(success, life[-1].phase)) is not None:
        return _undecided(table, found, *open_)
    evidence = Evidence(table, facts, success, life, tuple(found))
    made = [rule(evidence) for rule in RULES]
    findings = _agreed([*found, *(f for f in made if f is not None)])
    told = next((f for f in findings if f.name not in NOTES), None)
    color = _color(evidence.phase, findings)
    chance = None if color == "red" else _chance(evidence)
    return Verdict(
        phase=evidence.phase,
        color=color,
        confidence=confidence(evidence),
        numbers=(*_numbers(evidence), *([chance] if chance is not None else [])),
        changes_if=_changes_if(evidence, findings),
        advice=_advice(evidence, chance) if told is None else told.advice,
        findings=findings,
        spans=life,
    )


def _agreed(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings without those that a worse one silences, the worst first.

    Nothing is healthy, or done, beside a sickness.

    Values that run away explain what success, losses and other signals do: nothing of
    them is a good sign then, and nothing is a reason to stop here or to wait.
    """
    diverged = next((f for f in findings if f.name == "divergence"), None)
    silent: set[FindingName] = set()
    if diverged is not None:
        silent = {*_SILENCED, *(["dead flat"] if diverged.color == "red" else [])}
    elif any(f.color == "red" for f in findings):
        silent = {"healthy flat", "wasting time"}
    if any(f.name in ("forgetting", "unsteady") for f in findings):
        silent |= {"stalled", "dead flat"}  # what was lost is no level that stands
    kept = [f for f in findings if f.name not in silent]
    # Stable: the most severe rule first.
    return tuple(sorted(kept, key=lambda f: (f.name in NOTES, _RANK[f.color])))


def _too_few_to_tell(
    success: SuccessCurve, phase: Phase
) -> tuple[str, str | None] | None:
    """Return why a curve says too little, and what to do; None if it says enough."""
    points, known = len(success.raw), success.scale == "success"
    least = _LEAST_POINTS if known else _LEAST_RETURNS
    begun = ("warm-up", "flat") if known else ("warm-up",)
    high = known and points <= least and success.raw.y[-2:].min() > _NOT_FLAT
    if high and phase in ("flat", "unknown", "converging"):
        why = f"success is {success.raw.y[-1]:.2f}, in {points} values"
        return why, "evaluate once more before it is called done"
    if points < least and phase not in begun:
        return f"{points} values are too few to say", None
    if known and phase != "warm-up":
        return _few_episodes(success, phase)
    return None


def _few_episodes(success: SuccessCurve, phase: Phase) -> tuple[str, str] | None:
    """Return that the luck of a few episodes hides the level; None if it does not.

    Wilson's interval of their success decides while it is flat; no few episodes show more.
    """
    episodes = round(success.held)
    rate = float(np.clip(success.raw.y.mean(), 0.0, 1.0))
    low, high = wilson_interval(round(rate * episodes), episodes)
    wide = phase == "flat" and high - low > _WIDE
    if episodes >= _LEAST_EPISODES[phase == "converging"] and not wide:
        return None
    why = f"{episodes} episodes are behind all values: success lies in {low:.2f} to {high:.2f}"
    return why, f"judge more episodes: {why}, with 95 %"


def _too_few(table: RunTable) -> str:
    """Return why there is no curve to judge."""
    for name in ("eval/success", "train/success", "eval/return", "train/return"):
        if (count := table.not_finite.get(name)) and not len(table.curve(name)):
            return f"{name} is NaN or infinite in all of its {count} rows"
    return "fewer than 2 values of success or return"


def _undecided(
    table: RunTable, found: Sequence[Finding], why: str, do: str | None = None
) -> Verdict:
    """Return the verdict where no phase can be determined."""
    told = next((f for f in found if f.name not in NOTES), None)
    return Verdict(
        phase="unknown",
        color="red" if _worst(found) == "red" else "yellow",
        confidence=0.0,
        numbers=(Number("env steps", table.end),),
        changes_if=f"more data: {why}",
        advice=told.advice if told is not None else do or _patience(table),
        findings=tuple(found),
        spans=(Span("unknown", (0.0, table.end), (np.nan, np.nan)),),
    )


def _patience(table: RunTable) -> str:
    """Return whether to wait for numbers, or to log them."""
    names = ("eval/success", "train/success", "eval/return", "train/return")
    begun = any(len(table.curve(name)) for name in names)
    return "wait: too few values yet" if begun else _ADVICE["unknown"]


def _worst(findings: Sequence[Finding]) -> Color | None:
    """Return the worst color among findings, None without any."""
    return next((c for c in _RANK if any(f.color == c for f in findings)), None)


def _color(phase: Phase, findings: Sequence[Finding]) -> Color:
    """Return the worst finding's color; without findings, the phase's."""
    worst = _worst([f for f in findings if f.name not in NOTES])
    unsure = any(f.name == "unknown success" for f in findings)
    if worst == "red" or (phase == "collapsed" and not unsure):
        return "red"
    if worst is not None:
        return worst
    return "green" if phase in _GREEN else "yellow"


def _advice(evidence: Evidence, chance: Number | None) -> str:
    """Return what to do in a phase, without findings."""
    if chance is not None:
        likely = f"the chance of a take-off is {chance.value:.0%} {chance.note}"
        return f"{hindsight(evidence.facts)}wait; {likely}"
    level = evidence.judged(evidence.success.now)
    if evidence.phase == "converged" and level < evidence.facts.success_asked:
        return f"it is done, if success of {level:.2f} is enough"
    if evidence.phase == "take-off" and "train/critic_loss" not in evidence.table:
        return "let it run"
    if evidence.phase == "take-off" and loss_growth(evidence) > LEADING_GROWTH:
        return "let it run; watch the critic's loss"
    return _ADVICE[evidence.phase]


def _numbers(evidence: Evidence) -> tuple[Number, ...]:
    """Return success and its floor, the critic's loss and its trend, the values."""
    success, judged = evidence.success, evidence.level("eval/success")
    name = _CALLED.get(success.name, success.name)
    numbers = [Number(name, success.now, _of_floor(success))]
    if success.scale != "success":
        now, floor = (success.return_at(y) for y in (success.now, success.floor))
        numbers = [Number(name, now, f"began at {floor:.3g}")]
    if success.scale == "lower bound":
        numbers.append(Number("success at least", success.now))
    if success.name == "train/success" and np.isfinite(judged):
        numbers.append(Number("success", judged, "newest evaluations"))
    loss = evidence.table.curve("train/critic_loss").since(evidence.begin)
    if len(loss) >= 4:
        way = trend(loss)
        words = "rises" if way.rises else "falls" if way.falls else "is steady"
        numbers.append(
            Number("critic loss", evidence.level("train/critic_loss"), words)
        )
    value = value_level(evidence)
    return tuple([*numbers, value] if value is not None else numbers)


def _chance(evidence: Evidence) -> Number | None:
    """Return the chance that a flat run takes off before twice its updates."""
    flat = evidence.phase == "flat" and evidence.clock_known
    made = evidence.prognosis if flat else None
    if made is None:
        return None
    by = 2 * made.updates
    chance, low, high = made.chance(by)
    note = f"by {by:,.0f} updates, 95 % interval {low:.0%} to {high:.0%}"
    return Number("chance of a take-off", chance, note)


def _of_floor(success: SuccessCurve) -> str:
    """Return a floor in words; a high one is what chance reaches."""
    chance = ": the run began there" if success.floor > _HIGH_FLOOR else ""
    return f"floor {success.floor:.2f}{chance}"


def _changes_if(evidence: Evidence, findings: Sequence[Finding]) -> str:
    """Return what would have to happen for another verdict."""
    curve = evidence.success
    if any(f.name == "divergence" for f in findings):
        return "values and losses back within what the reward allows"
    if curve.scale == "own range" and evidence.phase != "warm-up":
        return "success in the log"
    name = _CALLED.get(curve.name, "success")
    match evidence.phase:
        case "warm-up":
            return "the first update"
        case "flat":
            off = f"{name} above {curve.left_level:.2f} twice in a row (take-off)"
            patience = patience_updates(evidence.facts)
            dead = (
                f", or {patience:,.0f} updates without any leading signal rising (dead)"
            )
            return off + (dead if evidence.clock_known else "")
        case "take-off":
            return (
                "success that slows down near its ceiling (converging), or half of it "
                "lost (collapsed)"
            )
        case "converging":
            return "a tenth of the run without change (converged), or half of success lost (collapsed)"
        case "converged":
            level = curve.floor + 0.5 * (curve.now - curve.floor)
            return f"{name} below {level:.2f} (collapsed)"
        case "collapsed":
            return "three quarters of the lost success regained"
        case _:
            return "success in the log, or returns that move"
