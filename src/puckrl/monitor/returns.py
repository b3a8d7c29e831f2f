"""Say what returns tell where success is not logged: that they move, not what they are worth."""

from puckrl.monitor.evidence import Evidence
from puckrl.monitor.lost import most
from puckrl.monitor.verdict import Finding, Number

_STANDS, _RISES, _FELL = "stand still", "rise", "fell"


def unknown_success(evidence: Evidence) -> Finding | None:
    """Find a verdict that rests on returns: success is not in the log."""
    success = evidence.success
    if success.scale == "success" or evidence.phase in ("warm-up", "converged"):
        return None
    last, first = success.now, float(success.smooth.y[0])
    moves = {"take-off": _RISES, "converging": _RISES, "collapsed": _FELL}.get(
        evidence.phase, _STANDS
    )
    now, then = success.return_at(last), success.return_at(first)
    numbers = (Number(success.name, now, f"began at {then:.3g}"),)
    told = f"returns {moves} at {now:.3g} (they began at {then:.3g})"
    if moves == _FELL:
        best = success.return_at(float(success.smooth.y.max()))
        told = f"returns fell from {best:.3g} to {now:.3g}"
    elif moves == _RISES:
        told = f"returns rise from {then:.3g} to {now:.3g}"
    back = "go back to the snapshot of the best return; " if moves == _FELL else ""
    return Finding(
        "unknown success",
        "yellow",
        f"{told}; {_missing(evidence)}{_range(evidence)}",
        f"{back}log success, or name its column with --map NAME=eval/success; else compare the "
        "return with that of a solved episode",
        numbers,
    )


def _missing(evidence: Evidence) -> str:
    """Return why success does not tell."""
    for name in ("eval/success", "train/success"):
        if len(evidence.table.curve(name)):
            return f"{name} is 0 in every row: it is not recorded, or its goal is never met"
    return "success is not in this log"


def _range(evidence: Evidence) -> str:
    """Return what sparse returns say of success, as a clause.

    With a reward of -1 a step until the goal, n of T steps are saved on average. An
    episode that succeeds saves between 1 and T of them: n / T <= success <= n.
    """
    success = evidence.success
    if success.scale != "lower bound" or evidence.facts.horizon is None:
        return ""
    low, high = max(success.now, 0.0), most(evidence)
    return (
        f", and a return counts the way to the goal too: success lies between {low:.2f} "
        f"and {high:.2f}"
    )
