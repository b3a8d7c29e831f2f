"""What is known about a run besides its curves; everything may be unknown."""

from dataclasses import dataclass
from typing import Literal

Modality = Literal["state", "pixels"]


@dataclass(frozen=True)
class RunFacts:
    """The few settings without which curves cannot be read. None: unknown."""

    modality: Modality | None = None
    """What the actor sees; pixels take 2-4 times as long to take off."""
    sparse: bool | None = None
    """Whether a step's reward is 0 at the goal and -1 elsewhere."""
    gamma: float | None = None
    """Discount per control step."""
    horizon: int | None = None
    """Control steps of an episode."""
    update_ratio: float | None = None
    """Critic updates per env step."""
    her: bool | None = None
    """Whether goals are relabelled in hindsight."""
    action_dim: int | None = None
    """Components of an action."""
    clipped: bool = False
    """Whether TD targets are clipped to what the reward allows."""
    success_asked: float = 0.9
    """Success rate that counts as solved."""
    budget_env_steps: float | None = None
    """Env steps that the run may take."""
    usual_takeoff_updates: float | None = None
    """Updates after which this recipe took off before."""

    def failure_value(self) -> float | None:
        """Value of failing at every step of an episode, -(1 - γ^T) / (1 - γ).

        None for a dense reward, or where γ or the horizon is unknown.
        """
        if self.gamma is None or self.horizon is None or self.sparse is False:
            return None
        if self.gamma >= 1.0:
            return -float(self.horizon)
        return -(1.0 - self.gamma**self.horizon) / (1.0 - self.gamma)

    def value_bounds(self) -> tuple[float, float] | None:
        """Least and greatest value that a reward in [-1, 0] allows, [-1 / (1 - γ), 0]."""
        if self.gamma is None or self.gamma >= 1.0 or self.sparse is not True:
            return None
        return -1.0 / (1.0 - self.gamma), 0.0
