"""Collection of steps from continuously running worlds into a replay buffer."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from puckrl.core import team
from puckrl.core.policy import Policy
from puckrl.core.types import Obs
from puckrl.envs.play import begin, nothing, play
from puckrl.envs.worlds import KeepsLogs, Worlds
from puckrl.replay.buffer import ReplayBuffer


@dataclass(frozen=True)
class Collected:
    """Results of a call of ``collect``, over the worlds of all processes."""

    env_steps: int
    """Control steps, summed over worlds."""
    episodes: int
    """Episodes that ended."""
    success: float
    """Share of the newest episodes that were at their goal at the last step; NaN if no
    episode ended, or the worlds do not say. They include episodes of earlier calls, to have at least one per world:
    a few episodes that ended early would bias the share."""
    diverged: int
    """Worlds that were reset because their physics diverged."""
    logs: dict[str, float] = field(default_factory=dict[str, float])
    """What a foreign library measured of its worlds, by its own names."""


class Concurrent(Protocol):
    """Work that runs concurrently with control steps."""

    def meanwhile(self) -> None:
        """Launch a part of the work, during a control step."""
        ...

    def paused(self) -> AbstractContextManager[None]:
        """Pause the work inside, while the replay buffer changes."""
        ...


class Collector:
    """Collects steps into a replay buffer.

    Args:
        worlds: worlds with automatic resets.
        replay: records every step.
    """

    def __init__(self, worlds: Worlds, replay: ReplayBuffer) -> None:
        self.worlds, self.replay = worlds, replay
        self.obs: Obs | None = None
        """Current observations; None before the first call."""
        self.on_step: Callable[[int], None] | None = None
        """Called after each control step with the env steps of this call so far."""
        self._newest: list[tuple[int, int]] = []  # episodes and successes of each call

    def collect(
        self, policy: Policy, steps: int, concurrent: Concurrent | None = None
    ) -> Collected:
        """Collect ``steps`` control steps of every world, with exploration.

        Args:
            policy: the behavior policy.
            steps: control steps of every world.
            concurrent: work to launch during control steps.
        """
        if self.obs is None:
            self.obs = begin(self.worlds, policy)
            self.replay.begin(self.obs)
        meanwhile = concurrent.meanwhile if concurrent else nothing
        episodes, wins, diverged, idle = 0, 0, 0, 0
        played_steps = play(
            self.worlds, policy, steps, explore=True, obs=self.obs, meanwhile=meanwhile
        )
        for number, played in enumerate(played_steps, start=1):
            step = played.step
            ended = bool(step.done.any())
            with concurrent.paused() if concurrent and ended else nullcontext():
                self.replay.add(played.action, step)
            self.obs = step.obs
            if step.valid is not None:
                idle += int((~step.valid).sum())
            if ended:
                episodes += int(step.done.sum())
                wins += int((step.success & step.done & ~step.diverged).sum())
                diverged += int(step.diverged.sum())
            if self.on_step is not None:
                self.on_step(number * self.worlds.num_worlds * team.size())
        env_steps, episodes, wins, diverged = team.totals(
            steps * self.worlds.num_worlds - idle, episodes, wins, diverged
        )
        told = episodes and self.worlds.spaces.knows_success
        success = self._success(episodes, wins) if told else float("nan")
        worlds = self.worlds
        logs = worlds.take_logs() if isinstance(worlds, KeepsLogs) else {}
        return Collected(env_steps, episodes, success, diverged, logs)

    def _success(self, episodes: int, wins: int) -> float:
        """Add the results of a call; return the success rate, see ``Collected``."""
        newest, enough = self._newest, self.worlds.num_worlds * team.size()
        newest.append((episodes, wins))
        while sum(count for count, _ in newest[1:]) >= enough:
            newest.pop(0)
        counts, won = zip(*newest, strict=True)
        return sum(won) / sum(counts)
