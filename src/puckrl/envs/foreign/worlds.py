"""What adapters of foreign environments share: goals, resets by seed, worlds that rest."""

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from puckrl.core.types import Obs, Spaces, Step
from puckrl.envs.foreign.goals import GoalRules
from puckrl.envs.foreign.settings import Timeout


class ForeignWorlds(ABC):
    """Worlds of an environment that is not ours; see ``GoalWorlds``.

    Args:
        name: of the environment, with that of its library.
        num_worlds: number of worlds.
        device: device of observations and actions.
        control_dt_s: duration of a control step.
        seed: decides the first episode of every world after each ``reseed``; the
            environment's own random numbers decide those that follow.
        auto_reset: whether a world begins its next episode as soon as one ends; else it
            rests until ``reset``.
        timeout: what a time limit is that a library reports as both flags at once.
    """

    restorable = False
    """Whether ``snapshot`` holds the complete state."""
    spaces: Spaces
    """Sizes of observations and actions."""

    def __init__(
        self,
        name: str,
        num_worlds: int,
        device: torch.device,
        *,
        control_dt_s: float,
        seed: int,
        auto_reset: bool,
        timeout: Timeout = "terminates",
    ) -> None:
        self.name, self.seed, self.auto_reset = name, seed, auto_reset
        self.num_worlds, self.device = num_worlds, device
        self.control_dt_s, self.timeout = control_dt_s, timeout
        self.rules: GoalRules | None = None
        """Reward and end of an episode as functions of goals; None: it has no goals."""
        self.refuses_nan = True
        """Whether NaN and infinity are refused, as nothing can learn from them."""
        self._begun, self._seeded = 0, False
        self._over = torch.zeros(num_worlds, dtype=torch.bool, device=device)
        self._last: Obs = {}

    # -- goals ----------------------------------------------------------------

    @property
    def reward_bounds(self) -> tuple[float, float] | None:
        """Minimum and maximum reward of a step; None: unbounded."""
        return None if self.rules is None else self.rules.bounds

    def distance(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return the Euclidean distance of goals (..., goal_dim), (...)."""
        return (achieved - desired).square().sum(dim=-1).sqrt()

    def reward(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return the reward of goals (..., goal_dim), (...); 0 without goals."""
        if self.rules is None:
            return achieved.new_zeros(achieved.shape[:-1])
        return self.rules.reward(achieved, desired)

    def success(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return whether goals (..., goal_dim) are reached, (...) bool; no without goals."""
        if self.rules is None:
            return achieved.new_zeros(achieved.shape[:-1], dtype=torch.bool)
        return self.rules.at_goal(achieved, desired)

    def terminated(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return whether an episode truly ends at goals (..., goal_dim), (...) bool."""
        if self.rules is None:
            return achieved.new_zeros(achieved.shape[:-1], dtype=torch.bool)
        return self.rules.terminated(achieved, desired)

    # -- play -----------------------------------------------------------------

    def reseed(self, seed: int) -> None:
        """Begin the sequence of episodes of another seed with the next reset."""
        self.seed, self._begun, self._seeded = seed, 0, False

    def _begin(self) -> list[int] | None:
        """Count a reset; return the seeds of the worlds if this one has some."""
        seeds = None
        if not self._seeded:
            sequence = np.random.SeedSequence([self.seed, self._begun])
            seeds = (sequence.generate_state(self.num_worlds) >> 1).tolist()
            self._seeded = True
        self._begun += 1
        self._over.zero_()
        return seeds

    @abstractmethod
    def reset(self) -> Obs:
        """Begin an episode in every world; return the first observations."""

    @abstractmethod
    def step_async(self, action: Tensor) -> None:
        """Launch a control step with actions (num_worlds, action_dim), clipped to [-1, 1]."""

    @abstractmethod
    def step_wait(self) -> Step:
        """Return the launched control step."""

    def step(self, action: Tensor) -> Step:
        """Make one control step of every world; see ``Worlds``."""
        self.step_async(action)
        return self.step_wait()

    def _ends(self, terminated: Tensor, truncated: Tensor) -> tuple[Tensor, Tensor]:
        """Return which episodes ended and which were cut, (W,) bool each; none did both."""
        if self.timeout == "truncates":
            return terminated & ~truncated, truncated
        return terminated, truncated & ~terminated

    def _rested(self, step: Step) -> Step:
        """Return the step with the worlds whose episode is over as they were at its end."""
        over, final = self._over, step.final_obs
        if bool(over.any()):
            final = {
                name: torch.where(over[:, None], self._last[name], value)
                for name, value in final.items()
            }
        self._last = final
        self._over = over | step.done
        return step._replace(
            obs=final,
            final_obs=final,
            reward=torch.where(over, 0.0, step.reward),
            success=step.success & ~over,
            terminated=step.terminated & ~over,
            truncated=step.truncated & ~over,
            valid=None,
        )

    def render(self) -> NDArray[np.uint8] | None:
        """Return an image of every world, (W, height, width, 3); None: it draws none."""
        return None

    def snapshot(self) -> dict[str, Tensor]:
        """Return the number of resets: no foreign environment's state can be saved."""
        return {"begun": torch.tensor([self._begun])}

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        """Begin other episodes with the next reset than those before the ``snapshot``."""
        self._begun, self._seeded = int(snapshot["begun"][0]), False

    @abstractmethod
    def close(self) -> None:
        """Release processes and memory; safe to call twice."""

    def __repr__(self) -> str:
        """Return the environment, the worlds and the sizes in one line."""
        of = self.spaces
        goals = f"goal {of.goal_dim}" if of.goal_dim else "no goals"
        return (
            f"<{type(self).__name__} of {self.name}: {self.num_worlds} worlds, state "
            f"{of.state_dim}, {goals}, action {of.action_dim}, {of.horizon} steps of "
            f"{self.control_dt_s:g} s>"
        )
