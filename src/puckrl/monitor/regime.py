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

from puckrl.monitor.curves import trend
from puckrl.monitor.evidence import Evidence, value_level
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.findings import RULES
from puckrl.monitor.phases import spans, success_curve, updates_at
from puckrl.monitor.stopping import patience_updates
from puckrl.monitor.table import RunTable
from puckrl.monitor.verdict import Color, Finding, Number, Phase, Span, Verdict

_RANK: dict[Color, int] = {"red": 0, "yellow": 1, "green": 2}
_CALLED = {"eval/success": "success", "train/success": "training success"}
_GREEN: tuple[Phase, ...] = ("warm-up", "take-off", "converging", "converged")
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
    if any(f.name == "contaminated log" for f in found):
        return _undecided(table, found, "the log mixes several writers")
    if any(f.name == "unreadable log" for f in found):
        return _undecided(table, found, "the log cannot be read")
    success = success_curve(table, facts)
    if success is None:
        return _undecided(table, found, "fewer than 2 values of success or return")
    life = spans(table, success, facts)
    if not life:
        return _undecided(table, found, "the log covers no env steps")
    evidence = Evidence(table, facts, success, life)
    made = [rule(evidence) for rule in RULES]
    findings = [*found, *(f for f in made if f is not None)]
    findings.sort(key=lambda f: _RANK[f.color])  # stable: the most severe rule first
    return Verdict(
        phase=evidence.phase,
        color=_color(evidence.phase, findings),
        confidence=_confidence(evidence),
        numbers=_numbers(evidence),
        changes_if=_changes_if(evidence),
        advice=findings[0].advice if findings else _ADVICE[evidence.phase],
        findings=tuple(findings),
        spans=life,
    )


def _undecided(table: RunTable, found: Sequence[Finding], why: str) -> Verdict:
    """Return the verdict where no phase can be determined."""
    return Verdict(
        phase="unknown",
        color="red" if _worst(found) == "red" else "yellow",
        confidence=0.0,
        numbers=(Number("env steps", table.end),),
        changes_if=f"more data: {why}",
        advice=found[0].advice if found else _patience(table),
        findings=tuple(found),
        spans=(Span("unknown", (0.0, table.end), (np.nan, np.nan)),),
    )


def _patience(table: RunTable) -> str:
    """Return whether to wait for numbers, or to log them."""
    begun = any(name in table for name in ("eval/success", "train/success"))
    return "wait: too few values yet" if begun else _ADVICE["unknown"]


def _worst(findings: Sequence[Finding]) -> Color | None:
    """Return the worst color among findings, None without any."""
    return next((c for c in _RANK if any(f.color == c for f in findings)), None)


def _color(phase: Phase, findings: Sequence[Finding]) -> Color:
    """Return the worst finding's color; without findings, the phase's."""
    worst = _worst(findings)
    if phase == "collapsed" or worst == "red":
        return "red"
    if worst is not None:
        return worst
    return "green" if phase in _GREEN else "yellow"


def _confidence(evidence: Evidence) -> float:
    """Return the confidence in the phase, at most 0.99.

    1 - exp(-margin / 2) / 2, times 0.85 if the scale of success is the run's own, times
    0.9 without updates, times 1 - 1/n for n points. The margin is the distance of
    success from the phase's border, in standard deviations of a smoothed point.
    """
    success = evidence.success
    sigma = max(success.sigma_smooth, 1e-3)
    border = (
        success.left_level
        if evidence.phase in ("flat", "take-off")
        else success.floor + 0.5
    )
    margin = 8.0 if evidence.phase == "warm-up" else abs(success.now - border) / sigma
    sure = 1.0 - 0.5 * float(np.exp(-margin / 2.0))
    sure *= 1.0 if success.sure_scale else 0.85
    sure *= 1.0 if np.isfinite(_updates(evidence)) else 0.9
    return min(0.99, sure * (1.0 - 1.0 / len(success.raw)))


def _updates(evidence: Evidence) -> float:
    """Return the updates so far; NaN if unknown."""
    return updates_at(evidence.table, evidence.facts, evidence.table.end)


def _numbers(evidence: Evidence) -> tuple[Number, ...]:
    """Return success and its floor, the critic's loss and its trend, the values."""
    success, judged = evidence.success, evidence.level("eval/success")
    name = _CALLED.get(success.name, success.name)
    numbers = [Number(name, success.now, f"floor {success.floor:.2f}")]
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


def _changes_if(evidence: Evidence) -> str:
    """Return what would have to happen for another verdict."""
    curve = evidence.success
    name = _CALLED.get(curve.name, "success")
    match evidence.phase:
        case "warm-up":
            return "the first update"
        case "flat":
            patience = patience_updates(evidence.facts)
            return (
                f"{name} above {curve.left_level:.2f} twice in a row (take-off), or "
                f"{patience:,.0f} updates without any leading signal rising (dead)"
            )
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
            return "more data"
