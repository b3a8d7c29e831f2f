"""Collect what rules look at: a run's numbers, its phases, what its values mean."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from puckrl.monitor.curves import noise, trend
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.prognosis import Prognosis, prognosis
from puckrl.monitor.success import SuccessCurve
from puckrl.monitor.table import Curve, RunTable
from puckrl.monitor.verdict import Finding, Number, Phase, Span

LEADING = (
    "replay/recent_moving_share",
    "replay/displacement_m",
    "probe/q_action_spread",
    "probe/hindsight_gap",
    "probe/position_r2",
    "eval/success_near",
    "train/target_std",
    "train/critic_loss",
)
"""Signals that rise before success does."""
_OF_VALUES = ("train/target_std", "train/critic_loss")
_ABOUT_SPARSE = 1.03  # horizons that returns of -1 a step may lie below 0
LEADING_GROWTH = 30.0
"""Growth of the critic's loss beyond which it announces nothing good."""
PROBES = ("probe/position_r2",)
"""Signals that say whether an encoder still learns."""


@dataclass(frozen=True)
class Evidence:
    """Hold everything that a rule may look at."""

    table: RunTable
    """The numbers."""
    facts: RunFacts
    """What is known of the run besides."""
    success: SuccessCurve
    """The success curve."""
    spans: tuple[Span, ...]
    """The phases so far."""
    found: tuple[Finding, ...] = ()
    """Findings on the log itself."""

    @property
    def phase(self) -> Phase:
        """Return the present phase."""
        return self.spans[-1].phase

    @property
    def begin(self) -> float:
        """Return the env steps at which the present phase began."""
        return self.spans[-1].env_steps[0]

    @functools.cached_property
    def prognosis(self) -> Prognosis | None:
        """Return the chance of a take-off, were the run flat now; None: not known."""
        return prognosis(self.table, self.facts)

    @property
    def clock_known(self) -> bool:
        """Return whether the clock is known to count env steps."""
        return not any(f.name == "unknown clock" for f in self.found)

    def tail(self, name: str, share: float = 0.2) -> Curve:
        """Return a signal over the newest ``share`` of the run."""
        end = self.table.end
        return self.table.curve(name).since(end - share * end)

    def later(self, name: str) -> Curve:
        """Return a signal over the second half of the present phase."""
        return self.table.curve(name).since((self.begin + self.table.end) / 2)

    def level(self, name: str) -> float:
        """Return the median of a signal's newest part; NaN if there is none."""
        tail = self.tail(name)
        return float(np.median(tail.y)) if len(tail) else np.nan

    def judged(self, success: float) -> float:
        """Return ``success``, or that of evaluations if it is higher.

        Where phases follow training, exploration noise lowers ``success``.
        """
        if self.success.name != "train/success":
            return success
        return float(np.fmax(success, self.level("eval/success")))

    def episodes(self) -> float:
        """Return the training episodes so far, logged or by the horizon; else NaN."""
        if "episodes" in self.table:
            return self.table.at("episodes", self.table.end)
        horizon = self.facts.horizon
        if horizon is None or not self.clock_known:
            return np.nan
        return self.table.end / horizon


Rule = Callable[[Evidence], Finding | None]


def loss_growth(evidence: Evidence, since: float = 0.0) -> float:
    """Return the critic's loss in multiples of its first fifth; NaN if hardly logged.

    Args:
        evidence: the run.
        since: env steps from which on the loss counts.
    """
    loss = evidence.table.curve("train/critic_loss").since(since)
    if len(loss) < 5:
        return np.nan
    begun = float(np.median(loss.y[: max(3, len(loss) // 5)]))
    return evidence.level("train/critic_loss") / max(begun, 1e-9)


def rising(evidence: Evidence) -> list[Number]:
    """Return the leading signals that rose, beyond chance, in the phase's second half.

    A critic's loss leads a take-off only while it is of its former size.
    """
    found = list[Number]()
    for name in LEADING:
        curve = evidence.later(name)
        runs_away = name in _OF_VALUES and loss_growth(evidence) > LEADING_GROWTH
        if len(curve) < 5 or runs_away:
            continue
        way, level = trend(curve), float(np.median(np.abs(curve.y)))
        # Three times the noise of a bin's mean, and a tenth of the signal itself.
        threshold = max(
            0.1 * level, 3 * noise(curve.y) / np.sqrt(max(len(curve) / 24, 1))
        )
        if way.rises and way.change > threshold:
            found.append(Number(name, float(curve.y[-1]), f"rose by {way.change:.2g}"))
    return found


def value_level(evidence: Evidence) -> Number | None:
    """Return the level of the critic's values, with that of uniform failure beside it.

    In order of preference: values of original goals at the start of episodes, the mean
    over training batches, minus the actor's loss (Q for TD3, and for SAC with a low
    temperature).
    """
    failure = evidence.facts.failure_value() if _sparse(evidence) else None
    note = "" if failure is None else f"failing always is {failure:.1f}"
    for name, sign in (
        ("probe/q_start", 1),
        ("train/q_mean", 1),
        ("train/actor_loss", -1),
    ):
        level = sign * evidence.level(name)
        if np.isfinite(level):
            label = name if sign > 0 else "Q = -actor loss"
            return Number(label, level, note)
    return None


def _sparse(evidence: Evidence) -> bool:
    """Return whether the reward is sparse: known, or nothing in the log denies it.

    Returns of -1 a step until the goal lie between minus the horizon and 0.
    """
    facts = evidence.facts
    if facts.sparse is not None or facts.horizon is None:
        return facts.sparse is not False
    returns = np.concatenate(
        [evidence.table.curve(f"{side}/return").y for side in ("train", "eval")]
    )
    low = -_ABOUT_SPARSE * facts.horizon
    return not len(returns) or (
        low <= float(returns.min()) and float(returns.max()) <= 0
    )


def at_failure(evidence: Evidence) -> bool:
    """Return whether the critic's values are those of failing always.

    A critic that bootstraps through the time limit looks beyond the horizon, down to
    -1 / (1 - γ): every value between the two counts.
    """
    value, failure = value_level(evidence), evidence.facts.failure_value()
    if not _sparse(evidence):
        return False
    bounds = evidence.facts.value_bounds()
    if value is None or failure is None:
        return False
    worst = failure if bounds is None else bounds[0]
    return 1.03 * worst <= value.value <= 0.9 * failure
