"""Find faults that training cannot cure: broken tasks, dead actors."""

import numpy as np

from puckrl.monitor.evidence import Evidence
from puckrl.monitor.lost import forgetting
from puckrl.monitor.phases import warm_up_end
from puckrl.monitor.success import binomial_std
from puckrl.monitor.table import Array, Curve
from puckrl.monitor.verdict import Finding, Number

_ROWS = 10  # of entropy that show where it goes
_SOME_ENTROPY, _GONE = 0.1, 0.05  # nats at the beginning, and the share that is left
_MIN_EPISODES = 300
_FEW_UPDATES = 500.0  # that no policy is trained after


def broken_task(evidence: Evidence) -> Finding | None:
    """Find a task that cannot be learned, without looking at success."""
    episodes = evidence.episodes()
    for reason, number in (
        _never_moves(evidence, episodes),
        _easy_for_chance(evidence),
        _physics_fails(evidence, episodes),
        _reward_out_of_range(evidence),
    ):
        if number is not None:
            advice = "run puck check on the task: training longer does not help"
            return Finding("broken task", "red", reason, advice, (number,))
    return None


def _never_moves(evidence: Evidence, episodes: float) -> tuple[str, Number | None]:
    """Find a goal quantity that no action changes."""
    moving = evidence.table.curve("replay/recent_moving_share")
    enough = episodes >= _MIN_EPISODES and len(moving) >= 3
    still = (
        enough
        and float(np.median(moving.y)) < 0.01
        and evidence.level("replay/recent_moving_share") < 0.02
    )
    share = evidence.level("replay/recent_moving_share")
    number = Number(
        "replay/recent_moving_share", share, f"after {episodes:,.0f} episodes"
    )
    return (
        "the achieved goal never moves: actions do not reach the object",
        number if still else None,
    )


def _easy_for_chance(evidence: Evidence) -> tuple[str, Number | None]:
    """Find goals that random play reaches; success that was lost was no gift."""
    played = _random_play(evidence)
    level = float(np.mean(played.y)) if len(played) else 0.0
    number = Number("success of random play", level, "5 % would be usual")
    reason = "random play already succeeds: the goals ask for nothing"
    luck = 2 * binomial_std(0.5, _episodes_played(evidence, played))
    easy = level - luck > 0.5 and forgetting(evidence) is None
    return reason, number if easy and evidence.phase != "collapsed" else None


def high_from_the_start(evidence: Evidence) -> Finding | None:
    """Note a first row that succeeds where no row is known to be of random play."""
    success = evidence.success
    first, x = float(success.raw.y[0]), float(success.raw.x[0])
    luck = 2 * binomial_std(0.5, success.episodes)
    if success.scale != "success" or first - luck <= 0.5 or len(_random_play(evidence)):
        return None
    return Finding(
        "high from the start",
        "green",
        f"success is {first:.2f} in the first row, after {x:,.0f} env steps: random play "
        "succeeds, the policy was trained before, or it learned before that row",
        "if training began from nothing, run puck check on the task",
        (Number("first success", first),),
    )


def _episodes_played(evidence: Evidence, played: Curve) -> float:
    """Return the episodes behind some rows: logged, by the horizon, or five a row."""
    table, horizon = evidence.table, evidence.facts.horizon
    counted = table.curve("train/episodes_averaged")
    if not len(played):
        return 1.0
    if len(counted):
        return max(float(np.interp(played.x, counted.x, counted.y).max()), 1.0)
    if "episodes" in table:
        return max(table.at("episodes", float(played.x[-1])), 1.0)
    if horizon is not None and evidence.clock_known:
        return max(float(played.x[-1]) / horizon, 1.0)
    return 5.0 * len(played)


def _random_play(evidence: Evidence) -> Curve:
    """Return training success before the first update; empty if there is none known.

    Where updates are counted, the rows that count none; else those before the first loss.
    A run whose update ratio is known, and whose first row counts at most 100 episodes and
    a few hundred updates, played that row's episodes at random, too.
    """
    updates, trained = (evidence.table.curve(n) for n in ("updates", "train/success"))
    if len(updates):
        x, count = float(updates.x[0]), float(updates.y[0])
        begins = (
            "episodes" in evidence.table and evidence.table.at("episodes", x) <= 100
        )
        known = begins and evidence.facts.update_ratio is not None
        before = x if known and count <= _FEW_UPDATES else -1.0
        return trained.upto(float(updates.x[updates.y <= 0].max(initial=before)))
    end = warm_up_end(evidence.table)
    return trained.upto(-1.0) if end is None else Curve(*_before(trained, end))


def _before(curve: Curve, x: float) -> tuple[Array, Array]:
    """Return the points before a moment."""
    keep = curve.x < x
    return curve.x[keep], curve.y[keep]


def _physics_fails(evidence: Evidence, episodes: float) -> tuple[str, Number | None]:
    """Find a simulation that diverges too often."""
    failed = evidence.table.curve("sim/diverged")
    share = float(failed.y[-1]) / episodes if len(failed) and episodes > 0 else 0.0
    number = Number("share of episodes whose physics failed", share)
    return "the simulation diverges", number if share > 0.02 else None


def _reward_out_of_range(evidence: Evidence) -> tuple[str, Number | None]:
    """Find sparse rewards above their maximum."""
    reward = evidence.table.curve("train/reward_mean")
    returns = evidence.table.curve("train/return")
    steps = evidence.facts.horizon or 1.0
    top = float(
        max(reward.y.max(initial=-np.inf), returns.y.max(initial=-np.inf) / steps)
    )
    low, high = evidence.facts.step_bounds() or (-np.inf, np.inf)
    note = f"rewards of a step lie in [{low:g}, {high:g}]"
    number = Number("maximum mean reward", top, note)
    wrong = evidence.facts.sparse is True and top > high + 1e-6
    return "the reward has the wrong sign or scale", number if wrong else None


def saturated_actor(evidence: Evidence) -> Finding | None:
    """Find actions that are pinned at their limits."""
    effort = evidence.level("train/action_effort")
    if not effort > 0.95:
        return None
    number = Number("train/action_effort", effort, "1 is every action at its limit")
    return Finding(
        "saturated actor",
        "red",
        "every action is at its limit: tanh passes no gradient back",
        "lower the actor's learning rate or raise action_l2",
        (number,),
    )


def _discrete_entropy(evidence: Evidence) -> float | None:
    """Return the entropy at which a policy began that has none left; None: it has some.

    Of discrete actions it is never below 0, and 0 is one action for sure.
    """
    entropy = evidence.table.curve("train/entropy").y
    if len(entropy) < _ROWS or entropy.min() < -1e-6:
        return None
    begun = float(np.median(entropy[:3]))
    gone = evidence.level("train/entropy") < _GONE * begun
    return begun if begun > _SOME_ENTROPY and gone else None


def entropy_collapse(evidence: Evidence) -> Finding | None:
    """Find a policy that became deterministic before it succeeded."""
    if evidence.phase not in ("flat", "collapsed"):
        return None
    dim = evidence.facts.action_dim or 4
    entropy, alpha = (
        evidence.level("train/entropy"),
        evidence.table.curve("train/alpha"),
    )
    known = evidence.facts.action_dim is not None or len(alpha) > 0
    advice = "raise the temperature, or hold it fixed (0.02-0.05 works for sparse Fetch tasks)"
    if (begun := _discrete_entropy(evidence)) is not None:
        number = Number("train/entropy", entropy, f"began at {begun:.2g}")
        why = (
            "the policy chooses the same actions always, before success left its floor"
        )
        advice = "raise the coefficient of the entropy, or lower the learning rate"
        sure = evidence.success.scale == "success"
        color = "red" if sure else "yellow"
        return Finding("entropy collapse", color, why, advice, (number,))
    if known and entropy < -2.0 * dim:
        number = Number("train/entropy", entropy, f"{-dim} nats is the usual target")
        why = "the policy stopped exploring before success left its floor"
        return Finding("entropy collapse", "red", why, advice, (number,))
    if len(alpha) > 4 and alpha.y[-1] < min(1e-3, 0.01 * float(alpha.y.max())):
        number = Number("train/alpha", float(alpha.y[-1]), f"began at {alpha.y[0]:.2g}")
        why = "the tuned temperature fell to nothing while success is flat"
        return Finding("entropy collapse", "yellow", why, advice, (number,))
    return None
