"""Collecting: worlds that play on and on into a replay buffer."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from puckrl.core import team
from puckrl.core.policy import Policy
from puckrl.core.types import Obs
from puckrl.envs.play import begin, nothing, play
from puckrl.envs.worlds import Worlds
from puckrl.replay.buffer import ReplayBuffer


@dataclass(frozen=True)
class Collected:
    """What some control steps gave, in the worlds of all processes."""

    env_steps: int
    """Control steps, summed over worlds."""
    episodes: int
    """Episodes that ended."""
    success: float
    """Share of the newest episodes that were at their goal at the last step: at least one
    for each world, from earlier calls where this one had fewer: a few worlds that ended
    early would mislead. NaN if no episode ended."""
    diverged: int
    """Worlds whose physics failed and were reset."""


class Concurrent(Protocol):
    """Work that goes on while worlds play."""

    def meanwhile(self) -> None:
        """Launch some of it: a control step is under way."""
        ...

    def paused(self) -> AbstractContextManager[None]:
        """Pause it inside: the replay buffer changes."""
        ...


class Collector:
    """Plays into a replay buffer.

    Args:
        worlds: reset themselves.
        replay: records every step.
    """

    def __init__(self, worlds: Worlds, replay: ReplayBuffer) -> None:
        self.worlds, self.replay = worlds, replay
        self.obs: Obs | None = None
        """Present observation; None before the first call."""
        self._newest: list[tuple[int, int]] = []  # episodes and wins of each call

    def collect(
        self, policy: Policy, steps: int, concurrent: Concurrent | None = None
    ) -> Collected:
        """Play ``steps`` control steps in every world, exploring.

        Args:
            policy: acts.
            steps: control steps of every world.
            concurrent: goes on meanwhile.
        """
        if self.obs is None:
            self.obs = begin(self.worlds, policy)
            self.replay.begin(self.obs)
        meanwhile = concurrent.meanwhile if concurrent else nothing
        episodes, wins, diverged = 0, 0, 0
        for played in play(
            self.worlds,
            policy,
            steps,
            explore=True,
            obs=self.obs,
            meanwhile=meanwhile,
        ):
            step = played.step
            ended = bool(step.done.any())
            with concurrent.paused() if concurrent and ended else nullcontext():
                self.replay.add(played.action, step)
            self.obs = step.obs
            if ended:
                episodes += int(step.done.sum())
                wins += int((step.success & step.done & ~step.diverged).sum())
                diverged += int(step.diverged.sum())
        env_steps, episodes, wins, diverged = team.totals(
            steps * self.worlds.num_worlds, episodes, wins, diverged
        )
        success = self._success(episodes, wins) if episodes else float("nan")
        return Collected(env_steps, episodes, success, diverged)

    def _success(self, episodes: int, wins: int) -> float:
        """Return the success rate now that ``episodes`` ended; see ``Collected``."""
        newest, enough = self._newest, self.worlds.num_worlds * team.size()
        newest.append((episodes, wins))
        while sum(count for count, _ in newest[1:]) >= enough:
            newest.pop(0)
        counts, won = zip(*newest, strict=True)
        return sum(won) / sum(counts)
