"""Bound the critic's values by what the reward allows, as far as a log tells.

    what is known                    the values lie in
    reward in [-1, 0], γ             [-1 / (1 - γ), 0]
    returns never above 0            at most 0, whatever γ is: no step was rewarded
    returns of -1 a step, γ          [-1 / (1 - γ), 0]
    returns in [0, 1] of episodes    at most 1: the goal is paid once
    that end at their goal
    other returns, lengths of        a few times what the best and worst returns
    episodes                         make of a step, over 1 / (1 - γ) steps

Entropy adds its bonus to the values of SAC. Returns are means over episodes and over the
states of a policy: bounds that come from them are wide, and only values that also climb
with the critic's loss are surely wrong.
"""

from dataclasses import dataclass

import numpy as np

from puckrl.monitor.evidence import Evidence
from puckrl.monitor.table import Array, Curve

GAMMA = 0.99
"""Discount where unknown: the default of most libraries."""
_LOOSE = 3.0
"""How far a state may be better or worse than the mean of the best or worst episodes."""
_UNKNOWN_LENGTH = 4.0
"""1 / (1 - γ) in lengths of episodes where those are unknown: of 25 steps."""
_ACTION_DIM = 4
_OF_A_STEP = 0.03
"""How far returns of -1 a step may be from minus the length of their episodes."""
_FOLLOWS = 0.1
"""Share of the run after which values have followed a temperature by all but 1 / e."""


@dataclass(frozen=True)
class Bounds:
    """Hold the range of values that the reward allows."""

    low: float
    """The minimum; -inf: unknown."""
    high: float
    """The maximum; inf: unknown."""
    scale: float
    """The size of a return, for margins."""
    exact: bool
    """Whether reward and discount are known, not derived from returns."""
    why: str
    """Where the range comes from."""
    guessed: bool = False
    """Whether its ends rest on a discount that is not known."""

    @property
    def width(self) -> float:
        """Return the distance from the minimum to the maximum."""
        return self.high - self.low


def value_curve(evidence: Evidence) -> Curve:
    """Return the critic's values: logged, or minus the actor's loss; empty: unknown.

    The actor's loss is -Q for DDPG and TD3, and α log π - Q for SAC.
    """
    logged = evidence.table.curve("train/q_mean")
    if len(logged):
        return logged
    loss = evidence.table.curve("train/actor_loss")
    return Curve(loss.x, -loss.y)


def allowed(evidence: Evidence) -> Bounds | None:
    """Return the values that the reward allows; None if nothing is known of it."""
    facts, known = evidence.facts, evidence.facts.value_bounds()
    derived = _from_returns(evidence)
    if known is not None:
        return Bounds(*known, known[1] - known[0], True, "reward and γ")
    if facts.sparse is True and facts.step_bounds() == (-1.0, 0.0):
        scale = float(facts.horizon or (derived.scale if derived else 50.0))
        low = -np.inf if derived is None else derived.low
        return Bounds(low, 0.0, scale, False, "rewards are never above 0")
    return derived


def _from_returns(evidence: Evidence) -> Bounds | None:
    """Return bounds derived from returns and the lengths of episodes; None without any."""
    curves = [evidence.table.curve(n) for n in ("train/return", "eval/return")]
    returns: Array = np.concatenate([curve.y for curve in curves])
    if len(returns) < 3:
        return None
    worst, best = float(returns.min()), float(returns.max())
    scale = max(abs(worst), abs(best))
    if scale == 0.0:  # a reward that was never met has no scale
        return None
    if evidence.facts.gamma is not None and costs_a_step(evidence) and best <= 0.0:
        gamma = min(evidence.facts.gamma, 1.0 - 1e-9)
        return Bounds(-1.0 / (1.0 - gamma), 0.0, scale, False, "-1 a step and γ")
    reach, guessed = _reach(evidence), evidence.facts.gamma is None
    low = _LOOSE * min(worst, worst * reach, -scale)
    if _paid_once(evidence, worst, best):
        return Bounds(-1.0, 1.0, 1.0, False, "the goal is paid once")
    high = _LOOSE * max(best, best * reach, scale)
    if best <= 0.0 and not _rises_above_zero(evidence):
        return Bounds(low, 0.0, scale, False, "returns are never above 0", guessed)
    why = f"returns from {worst:.3g} to {best:.3g}"
    return Bounds(low, high, scale, False, why, guessed)


def costs_a_step(evidence: Evidence) -> bool:
    """Return whether the worst returns are those of -1 a step, by the episodes' lengths."""
    for side in ("train", "eval"):
        returns = evidence.table.curve(f"{side}/return")
        length = evidence.table.curve(f"{side}/episode_steps")
        if not len(returns):
            continue
        steps: Array = (
            np.interp(returns.x, length.x, length.y)
            if len(length)
            else np.full(len(returns), float(evidence.facts.horizon or np.nan))
        )
        worst = float((returns.y / steps).min())
        return abs(worst + 1.0) <= _OF_A_STEP and float(returns.y.max()) <= 0.0
    return False


def _paid_once(evidence: Evidence, worst: float, best: float) -> bool:
    """Return whether a reward of 1 comes once, where the episode ends at its goal.

    Goals that hindsight moves end no stored episode: values may then add up.
    """
    returns = evidence.table.curve("train/return")
    length = evidence.table.curve("train/episode_steps")
    if worst < 0.0 or best > 1.0 or evidence.facts.her or len(length) < 5:
        return False
    spread = float(np.ptp(length.y))
    if len(returns) < 5 or spread <= _OF_A_STEP * float(length.y.max()):
        return False
    steps = np.interp(returns.x, length.x, length.y)
    return bool(np.ptp(returns.y) > 0.1 and np.corrcoef(returns.y, steps)[0, 1] < -0.5)


def _reach(evidence: Evidence) -> float:
    """Return 1 / (1 - γ) in lengths of episodes: a value in returns of equal steps.

    Without a known γ, with that of most libraries' default.
    """
    gamma, length = evidence.facts.gamma, evidence.facts.horizon
    logged, played = (
        evidence.table.curve(name) for name in ("train/episode_steps", "episodes")
    )
    steps = float(length or (np.median(logged.y) if len(logged) else np.nan))
    if len(played) > 1 and played.y[-1] > played.y[0] and not np.isfinite(steps):
        steps = float(np.ptp(played.x) / np.ptp(played.y))
    if not np.isfinite(steps) or steps <= 0:
        return _UNKNOWN_LENGTH
    gamma = GAMMA if gamma is None or gamma >= 1.0 else gamma
    return 1.0 / (1.0 - gamma) / steps


def _rises_above_zero(evidence: Evidence) -> bool:
    """Return whether returns that were never above 0 would be so at full success.

    A cost for each step and a bonus at the goal: the line through returns over success.
    """
    for side in ("train", "eval"):
        success = evidence.table.curve(f"{side}/success")
        returns = evidence.table.curve(f"{side}/return")
        if len(success) < 5 or len(returns) < 5:
            continue
        won: Array = np.interp(returns.x, success.x, success.y)
        if np.ptp(won) > 0.05:
            slope, at_zero = np.polyfit(won, returns.y, 1)
            return bool(slope + at_zero > 0.1 * float(np.abs(returns.y).max()))
    return False


def entropy_bonus(evidence: Evidence) -> tuple[float, float]:
    """Return what entropy takes from and adds to soft values at most, α H / (1 - γ).

    0 if targets are clipped or no temperature is logged. Values follow a tuned
    temperature slowly: the newest one counts, or the mean whose weights fall with age.
    """
    facts = evidence.facts
    curve = evidence.table.curve("train/alpha")
    alpha = curve.y
    if facts.clipped or not len(alpha) or (facts.gamma or 0.0) >= 1.0:
        return 0.0, 0.0
    entropy = evidence.level("train/entropy")
    dim = facts.action_dim or _ACTION_DIM
    reach = 1.0 / (1.0 - (GAMMA if facts.gamma is None else facts.gamma))
    age = (curve.x[-1] - curve.x) / max(_FOLLOWS * float(curve.x[-1]), 1.0)
    held = float(np.average(alpha, weights=np.exp(-age)))
    usual = max(held, float(alpha[-1])) * reach
    if np.isfinite(entropy):
        return usual * max(-entropy, 0.0), usual * max(entropy, 0.0)
    # Between the usual target of -dim nats and uniform actions in [-1, 1].
    return usual * dim, usual * dim * float(np.log(2.0))
