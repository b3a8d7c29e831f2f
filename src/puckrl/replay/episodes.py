"""A ring of whole episodes; every quantity is stored once.

    state, achieved_goal   (capacity, T + 1, ...)   before each step and after the last
    action                 (capacity, T, ...)
    desired_goal           (capacity, ...)          one per episode

Next observations, rewards and relabelled goals are never stored: they follow
from these when a batch is sampled. Episodes under way wait in a staging area of
one row per world and enter the ring complete.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from puckrl.core.types import Batch, Obs, Spaces
from puckrl.replay import her
from puckrl.replay.sampling import SamplingCfg, StepTable, still_moving

GoalFn = Callable[[Tensor, Tensor], Tensor]
"""A pure function of achieved and desired goals, (B, goal_dim) x 2 -> (B,)."""


@dataclass(frozen=True)
class ReplayCfg:
    """Size of the memory and what is drawn from it."""

    capacity: int = 1_000_000
    """Transitions kept; the oldest episodes go first."""
    her_strategy: her.Strategy = "future"
    """Where in an episode hindsight goals come from."""
    her_ratio: float = 0.8
    """Share of sampled goals that are hindsight goals; k per original goal: k / (k + 1)."""
    sampling: SamplingCfg = field(default_factory=SamplingCfg)
    """Which steps a batch looks at."""


class EpisodeRing:
    """Episodes in, relabelled batches out.

    Args:
        cfg: size and sampling.
        spaces: sizes of states, goals and actions.
        num_worlds: worlds that record at the same time.
        reward_fn: reward of (achieved, desired) goals.
        terminated_fn: whether an episode truly ends there.
        device: where the ring lives and batches are made.
        staging_device: where observations come from.
    """

    def __init__(
        self,
        cfg: ReplayCfg,
        spaces: Spaces,
        num_worlds: int,
        reward_fn: GoalFn,
        terminated_fn: GoalFn,
        device: torch.device,
        staging_device: torch.device,
    ) -> None:
        self.cfg, self.device = cfg, device
        self._reward, self._terminated = reward_fn, terminated_fn
        self.horizon = spaces.horizon
        self.capacity = max(cfg.capacity // spaces.horizon, num_worlds)
        """Episodes that fit."""
        self.episodes = _allocate(self.capacity, spaces, device)
        """The ring's tensors by name."""
        # Staged where the observations are made: they cross to ``device`` once an
        # episode, not once a step.
        self._staging = _allocate(num_worlds, spaces, staging_device)
        self._worlds = torch.arange(num_worlds, device=staging_device)
        self._elapsed = torch.zeros_like(self._worlds)
        self._uniform = StepTable(self.capacity, device)
        self._moving = StepTable(self.capacity, device)
        self.added = 0
        """Episodes ever added; the newest is in slot (added - 1) % capacity."""

    def __len__(self) -> int:
        """Transitions that can be sampled."""
        return self._uniform.total

    def begin(self, obs: Obs) -> None:
        """Record the first observation of every world, (num_worlds, ...)."""
        self._elapsed.zero_()
        self._write_obs(self._worlds, obs)
        self._staging["desired_goal"].copy_(obs["desired_goal"])

    def add(
        self, action: Tensor, final_obs: Obs, done: Tensor, diverged: Tensor, obs: Obs
    ) -> None:
        """Record one step of every world.

        Args:
            action: (num_worlds, action_dim).
            final_obs: where the step led, (num_worlds, ...).
            done: worlds whose episode is over, (num_worlds,) bool.
            diverged: worlds whose last step must not be learned, (num_worlds,) bool.
            obs: where the next step starts; a new episode where ``done``.
        """
        self._staging["action"][self._worlds, self._elapsed] = action.to(torch.float32)
        self._elapsed += 1
        self._write_obs(self._worlds, final_obs)
        if not bool(done.any()):
            return
        self._elapsed -= diverged.long()
        self._commit((done & (self._elapsed > 0)).nonzero()[:, 0])
        worlds = done.nonzero()[:, 0]
        self._elapsed[worlds] = 0
        self._write_obs(worlds, obs)
        self._staging["desired_goal"][worlds] = obs["desired_goal"][worlds].float()

    def _write_obs(self, worlds: Tensor, obs: Obs) -> None:
        """Stage the observation of ``worlds`` at their present index."""
        index = self._elapsed[worlds]
        for name in ("state", "achieved_goal"):
            self._staging[name][worlds, index] = obs[name][worlds].float()

    def _commit(self, worlds: Tensor) -> None:
        """Copy complete episodes from staging into the ring."""
        order = torch.arange(len(worlds), device=self.device)
        slots = (self.added + order) % self.capacity
        for name, rows in self.episodes.items():
            rows[slots] = self._staging[name][worlds].to(self.device)
        self._count(slots, self._elapsed[worlds].to(self.device))
        self.added += len(worlds)

    def _count(self, slots: Tensor, length: Tensor) -> None:
        """Refresh the tables of eligible steps for newly written slots."""
        achieved = self.episodes["achieved_goal"][slots]
        self._uniform.set(slots, length)
        moved_m = self.cfg.sampling.moved_m
        self._moving.set(slots, still_moving(achieved, length, moved_m))

    @property
    def moving_share(self) -> float:
        """Share of stored steps after which the achieved goal still moves."""
        return self._moving.total / max(len(self), 1)

    def recent_moving_share(self, episodes: int) -> float:
        """Share of the newest episodes in which the achieved goal moved at all."""
        newest = min(episodes, self.added, self.capacity)
        slots = (
            self.added - 1 - torch.arange(newest, device=self.device)
        ) % self.capacity
        return (
            float((self._moving.eligible[slots] > 0).float().mean()) if newest else 0.0
        )

    def sample(self, count: int, rng: torch.Generator) -> Batch:
        """``count`` transitions with relabelled goals and their rewards.

        Raises:
            ValueError: if nothing has been stored yet.
        """
        if not self.added:
            raise ValueError("the replay is empty: collect before sampling")
        episode, step = self._draw(count, rng)
        return self._gather(episode, step, rng)

    def _draw(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Episodes and steps in the shares that the strategy asks for."""
        moving = (
            round(count * self.cfg.sampling.moving_share) if self._moving.total else 0
        )
        if not moving:
            return self._uniform.draw(count, rng)
        parts = [
            self._moving.draw(moving, rng),
            self._uniform.draw(count - moving, rng),
        ]
        # Shuffled: a batch is cut into one piece per update, and each piece must have
        # the same shares.
        order = torch.randperm(count, generator=rng, device=self.device)
        episode = torch.cat([part[0] for part in parts])
        step = torch.cat([part[1] for part in parts])
        return episode[order], step[order]

    def _gather(self, episode: Tensor, step: Tensor, rng: torch.Generator) -> Batch:
        """Look up, relabel, reward."""
        stored, cfg = self.episodes, self.cfg
        unit = torch.rand(2, len(step), generator=rng, device=self.device)
        length = self._uniform.eligible[episode]
        index = her.goal_index(cfg.her_strategy, step, length, unit[0])
        goal = her.substitute(
            unit[1] < cfg.her_ratio,
            stored["achieved_goal"][episode, index],
            stored["desired_goal"][episode],
        )
        achieved = stored["achieved_goal"][episode, step]
        reached = stored["achieved_goal"][episode, step + 1]
        state, next_state = (
            stored["state"][episode, step],
            stored["state"][episode, step + 1],
        )
        return Batch(
            obs={"state": state, "achieved_goal": achieved, "desired_goal": goal},
            action=stored["action"][episode, step],
            reward=self._reward(reached, goal),
            next_obs={
                "state": next_state,
                "achieved_goal": reached,
                "desired_goal": goal,
            },
            terminated=self._terminated(reached, goal).float(),
        )

    # -- checkpoint -----------------------------------------------------------

    @property
    def oldest(self) -> int:
        """Number of the oldest episode that is still stored."""
        return max(0, self.added - self.capacity)

    def export(self, first: int, last: int) -> dict[str, Tensor]:
        """Copies of the episodes numbered first ... last - 1, and their lengths."""
        slots = torch.arange(first, last, device=self.device) % self.capacity
        rows = {name: stored[slots] for name, stored in self.episodes.items()}
        return {**rows, "length": self._uniform.eligible[slots]}

    def load(self, first: int, rows: dict[str, Tensor]) -> None:
        """Put exported episodes back; those that the ring has outgrown are skipped."""
        length = rows["length"].to(self.device)
        slots = (
            torch.arange(first, first + len(length), device=self.device) % self.capacity
        )
        for name, stored in self.episodes.items():
            stored[slots] = rows[name].to(self.device)
        self._count(slots, length)

    def snapshot(self) -> dict[str, Tensor]:
        """A copy of the episodes under way."""
        under_way = {name: rows.clone() for name, rows in self._staging.items()}
        return {**under_way, "elapsed": self._elapsed.clone()}

    def restore(self, snapshot: dict[str, Tensor], added: int) -> None:
        """Put back the episodes under way; ``added`` is the count at that time."""
        self.added = added
        self._elapsed.copy_(snapshot["elapsed"])
        for name, rows in self._staging.items():
            rows.copy_(snapshot[name])


def _allocate(rows: int, spaces: Spaces, device: torch.device) -> dict[str, Tensor]:
    """Zeroed float32 storage for ``rows`` episodes."""
    shapes = {
        "state": (spaces.horizon + 1, spaces.state_dim),
        "achieved_goal": (spaces.horizon + 1, spaces.goal_dim),
        "action": (spaces.horizon, spaces.action_dim),
        "desired_goal": (spaces.goal_dim,),
    }
    return {
        name: torch.zeros(rows, *shape, device=device) for name, shape in shapes.items()
    }
