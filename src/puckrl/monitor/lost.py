"""Find success that was reached and lost: forgotten, gone at a resume, gone for a while."""

import numpy as np

from puckrl.monitor.evidence import Evidence
from puckrl.monitor.verdict import Finding, Number, Span

_AROUND = 5  # points before and after a resume that are compared


def forgetting(evidence: Evidence) -> Finding | None:
    """Find success that was reached and lost."""
    return _at_a_resume(evidence) or _at_the_end(evidence) or _once(evidence)


def _at_a_resume(evidence: Evidence) -> Finding | None:
    """Find success that another process did not go on with."""
    success = evidence.success
    for x in reversed(evidence.table.resumed_at):
        before = success.raw.y[success.raw.x < x][-_AROUND:]
        after = success.raw.y[success.raw.x >= x][:_AROUND]
        if len(before) < 2 or len(after) < 2:
            continue
        was, then = float(np.median(before)), float(np.median(after))
        luck = 4 * success.sigma_midway / np.sqrt(min(len(before), len(after)))
        if was - then < max(0.2, luck):
            continue
        lost = f"{success.return_at(was):.2f} -> {success.return_at(then):.2f}"
        back = success.now > was - max(0.1, luck)
        return Finding(
            "forgetting",
            "yellow" if back or not success.sure_scale else "red",
            f"{_called(evidence)} fell at the resume at {x:,.0f} env steps: {lost}: replay, "
            "optimizer or normalizer were not loaded"
            + ("; it has come back since" if back else ""),
            "load the replay buffer, the optimizers and the normalizer with the policy, "
            "or go back to the run's last snapshot",
            (Number("lost at the resume", was - then, f"at {x:,.0f} env steps"),),
        )
    return None


def _at_the_end(evidence: Evidence) -> Finding | None:
    """Find success that is lost now: where returns bound it, what is lost for sure."""
    success = evidence.success
    at = int(success.smooth.y.argmax())
    best, now = float(success.smooth.y[at]), most(evidence)
    lost = best - now
    shares = success.shares[at : at + 1], success.shares[-1:]
    sure = success.fallen(np.array([best]), np.array([now]), shares)[0]
    if not success.sure_scale or best < success.left_level:
        return None
    if evidence.phase != "collapsed" and (lost < 0.15 or not sure):
        return None
    color = "red" if lost > 0.3 or evidence.phase == "collapsed" else "yellow"
    number = Number("success lost", lost, f"from {best:.2f} to {now:.2f}")
    return Finding(
        "forgetting",
        color,
        "success fell after it had been reached",
        "use the snapshot of the best evaluation; lower the learning rates or enlarge the replay buffer",
        (number,),
    )


def most(evidence: Evidence) -> float:
    """Return the success of now; of returns of -1 a step, the most that they allow.

    An episode that succeeds saves at least one of its steps.
    """
    success, horizon = evidence.success, evidence.facts.horizon
    if success.scale != "lower bound" or horizon is None:
        return success.now
    return min(1.0, max(success.now, 0.0) * horizon)


def _once(evidence: Evidence) -> Finding | None:
    """Find success that was lost once and came back."""
    falls = [s for s in evidence.spans[:-1] if s.phase == "collapsed"]
    if not falls or evidence.phase == "collapsed" or not evidence.success.sure_scale:
        return None
    deepest = min(falls, key=lambda span: _lowest(evidence, span))
    begin, end = deepest.env_steps
    low, now = _lowest(evidence, deepest), evidence.success.now
    before = evidence.success.raw.x[evidence.success.raw.x < begin]
    since = float(before[-1]) if len(before) else begin
    once = len(falls) == 1
    times = "once" if once else f"{len(falls)} times"
    done = "it is done, but it" if once and evidence.phase == "converged" else "it"
    return Finding(
        "forgetting",
        "yellow",
        f"success collapsed {times}, to {low:.2f} after {since:,.0f} env steps, and "
        f"came back by {end:,.0f}",
        f"{done} collapsed {times}: keep the snapshot of the best evaluation",
        (Number("lowest success", low, f"{now:.2f} now"),),
    )


def _lowest(evidence: Evidence, span: Span) -> float:
    """Return the lowest raw success of a span."""
    raw = evidence.success.raw.since(span.env_steps[0]).upto(span.env_steps[1])
    return float(raw.y.min()) if len(raw) else np.inf


def _called(evidence: Evidence) -> str:
    """Return what the curve shows."""
    return "success" if evidence.success.scale == "success" else "return"
