"""Hold what is known of a run besides its curves; everything may be unknown."""

from dataclasses import dataclass
from typing import Literal

_SPARSE = (-1.0, 0.0)
Modality = Literal["state", "pixels"]


@dataclass(frozen=True)
class RunFacts:
    """Hold the few settings that curves cannot be read without. None: unknown."""

    modality: Modality | None = None
    """What the actor observes; from pixels the take-off takes 2-4 times the updates."""
    sparse: bool | None = None
    """Whether a step's reward has two values: one at the goal, one elsewhere."""
    reward_bounds: tuple[float, float] | None = None
    """Minimum and maximum reward of a step; unknown: those of a sparse one are -1 and 0."""
    gamma: float | None = None
    """Discount per control step."""
    horizon: int | None = None
    """Control steps of an episode."""
    update_ratio: float | None = None
    """Critic updates per env step."""
    her: bool | None = None
    """Whether the replay buffer relabels goals in hindsight."""
    action_dim: int | None = None
    """Components of an action."""
    clipped: bool = False
    """Whether TD targets are clipped to the values that the reward allows."""
    success_asked: float = 0.9
    """Success rate that counts as solved."""
    budget_env_steps: float | None = None
    """Maximum env steps of the run."""
    usual_takeoff_updates: float | None = None
    """Updates after which this recipe took off before."""
    producer: str | None = None
    """Library that wrote the log, such as "stable-baselines3"."""
    assumed_update_ratio: float | None = None
    """Updates per env step that the producer makes by default; counts where neither the
    log nor ``update_ratio`` says."""

    def failure_value(self) -> float | None:
        """Return the value of failing at every step of an episode, r (1 - γ^T) / (1 - γ).

        r is the minimum reward.

        None for a dense reward, or where γ or the horizon is unknown.
        """
        if self.gamma is None or self.horizon is None or self.sparse is False:
            return None
        low, _ = self.reward_bounds or _SPARSE
        if self.gamma >= 1.0:
            return low * self.horizon
        return low * (1.0 - self.gamma**self.horizon) / (1.0 - self.gamma)

    def step_bounds(self) -> tuple[float, float] | None:
        """Return the minimum and maximum reward of a step; None: unknown."""
        return _SPARSE if self.sparse and not self.reward_bounds else self.reward_bounds

    def value_bounds(self) -> tuple[float, float] | None:
        """Return the minimum and maximum value, those of a step over 1 - γ.

        None for a reward without bounds, or where γ is unknown or 1.
        """
        step = self.step_bounds()
        if self.gamma is None or self.gamma >= 1.0 or step is None:
            return None
        low, high = (reward / (1.0 - self.gamma) for reward in step)
        return low, high
