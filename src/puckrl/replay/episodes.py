"""A replay buffer of whole episodes; every quantity is stored once.

    state, achieved_goal   (capacity, T + 1, ...)   before each step and after the last
    action                 (capacity, T, ...)
    desired_goal           (capacity, ...)          one per episode
    frame                  (capacity, T + 1, ...)   of tasks with cameras: `frames`
    goal_image             (capacity, ...)          one per episode, where goals are images

Next observations, rewards and relabeled goals are never stored: ``sample`` computes
them from these. Unfinished episodes are staged, one row per world, and are copied into
the buffer when they are complete. New episodes overwrite the oldest ones.
"""

from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor

from puckrl.core.arguments import checked
from puckrl.core.settings import COUNT
from puckrl.core.types import Batch, BatchSpec, HistorySpec, Obs, Spaces, Step
from puckrl.replay import goals, sampling, windows
from puckrl.replay.frames import make_frames
from puckrl.replay.layout import bytes_per_episode, vector_shapes
from puckrl.replay.sampling import GoalFn, StepTable
from puckrl.replay.settings import ReplayCfg
from puckrl.replay.storage import allocate, ring_slices

_RECENT = 256


class EpisodeReplayBuffer:
    """Stores whole episodes and samples transitions with relabeled goals.

    Args:
        cfg: size and sampling.
        spaces: sizes of states, goals and actions.
        num_worlds: worlds that record at the same time.
        reward_fn: reward of (achieved, desired) goals.
        terminated_fn: whether (achieved, desired) goals terminate an episode.
        device: device of stored episodes and batches, except of frames kept elsewhere.
        staging_device: device of incoming observations.
        distance_fn: distance of (achieved, desired) goals; decides what counts as moving.

    Raises:
        UserError: for a setting that is not legal, or a capacity of less than an episode
            of every world.
    """

    @checked
    def __init__(
        self,
        cfg: ReplayCfg,
        spaces: Spaces,
        num_worlds: Annotated[int, COUNT],
        reward_fn: GoalFn,
        terminated_fn: GoalFn,
        device: torch.device,
        staging_device: torch.device,
        distance_fn: GoalFn = sampling.euclidean,
    ) -> None:
        self.cfg, self.spaces, self.device = cfg, spaces, device
        self._reward, self._terminated = reward_fn, terminated_fn
        self._distance = distance_fn
        self.horizon = spaces.horizon
        self._shown = spaces.goal_image is not None
        self.capacity = cfg.episodes(spaces, num_worlds)
        """Episodes that fit."""
        self._frames = make_frames(
            spaces, self.capacity, cfg.frames_on, device, cfg.frames_folder
        )
        vectors = vector_shapes(spaces)
        self.rows = allocate(vectors, self.capacity, torch.float32, device)
        self.rows |= self._frames.rows
        """Stored episodes, (capacity, ...) each, by name."""
        # Staged with the observations: copied to ``device`` once an episode, not a step
        self._staging = allocate(vectors, num_worlds, torch.float32, staging_device)
        self._staging |= self._frames.staging(num_worlds, staging_device)
        self._worlds = torch.arange(num_worlds, device=staging_device)
        self._elapsed = torch.zeros_like(self._worlds)
        self._uniform = StepTable(self.capacity, device)
        self._moving = StepTable(self.capacity, device)
        self.added = 0
        """Episodes ever added; the newest is in slot (added - 1) % capacity."""

    def __len__(self) -> int:
        """Return the number of transitions that can be sampled."""
        return self._uniform.total

    def begin(self, obs: Obs, worlds: Tensor | None = None) -> None:
        """Record first observations; unfinished episodes of these worlds are dropped.

        Args:
            obs: observations of every world, (num_worlds, ...).
            worlds: indices of the worlds that begin an episode, (n,) int64; None: all.
        """
        worlds = self._worlds if worlds is None else worlds
        self._elapsed[worlds] = 0
        self._write_obs(worlds, obs)
        for name in ("desired_goal", *self._frames.per_episode):
            rows = self._staging[name]
            rows[worlds] = obs[name][worlds].to(rows.dtype)

    def add(self, action: Tensor, step: Step) -> None:
        """Record one step of every world.

        Args:
            action: (num_worlds, action_dim).
            step: its results; a world whose physics diverged does not record it.
        """
        self._staging["action"][self._worlds, self._elapsed] = action.to(torch.float32)
        self._elapsed += 1
        self._write_obs(self._worlds, step.final_obs)
        if step.valid is not None:  # the others did not act: they only began
            self.begin(step.obs, (~step.valid).nonzero()[:, 0])
        if not bool(step.done.any()):
            return
        self._elapsed -= step.diverged.long()
        self._commit((step.done & (self._elapsed > 0)).nonzero()[:, 0])
        self.begin(step.obs, step.done.nonzero()[:, 0])

    def _write_obs(self, worlds: Tensor, obs: Obs) -> None:
        """Stage the observations of ``worlds`` at the current index of their episodes."""
        index = self._elapsed[worlds]
        kept = {name: obs[name] for name in ("state", "achieved_goal")}
        for name, value in (kept | self._frames.stored(obs)).items():
            rows = self._staging[name]
            rows[worlds, index] = value[worlds].to(rows.dtype)

    def _commit(self, worlds: Tensor) -> None:
        """Copy complete episodes from staging into the buffer."""
        rows = {name: staged[worlds] for name, staged in self._staging.items()}
        self.load(self.added, rows | {"length": self._elapsed[worlds]})
        self.added += len(worlds)

    def _count(self, slots: Tensor, length: Tensor) -> None:
        """Refresh the tables of eligible steps for newly written slots."""
        achieved = self.rows["achieved_goal"][slots]
        self._uniform.set(slots, length)
        moved_m = self.cfg.sampling.moved_m
        moving = sampling.still_moving(achieved, length, moved_m, self._distance)
        self._moving.set(slots, moving)

    @property
    def moving_share(self) -> float:
        """Share of stored steps after which the achieved goal will still move."""
        return self._moving.total / max(len(self), 1)

    def recent_moving_share(self, episodes: int) -> float:
        """Return the share of the newest episodes in which the achieved goal moved."""
        newest = min(episodes, self.added, self.capacity)
        ago = torch.arange(newest, device=self.device)
        slots = (self.added - 1 - ago) % self.capacity
        return (
            float((self._moving.eligible[slots] > 0).float().mean()) if newest else 0.0
        )

    def sample(self, spec: BatchSpec, rng: torch.Generator, rounds: int = 1) -> Batch:
        """Draw transitions with relabeled goals and their rewards.

        Args:
            spec: size and contents of one round.
            rng: random number generator on ``device``.
            rounds: number of rounds in the batch; pixels are looked up for the last
                transitions of each.

        Raises:
            ValueError: if the buffer is empty.
        """
        if not self.added:
            raise ValueError("the replay buffer is empty: collect before sampling")
        count = rounds * spec.transitions
        if spec.history is not None:
            return self._sample_sequences(spec.history, count, rng)
        episode, step, _ = self._draw(count, rng)
        seen = sampling.last_of_each(len(step), rounds, spec.pixels, step.device)
        at = (episode[seen], step[seen])
        images = self._frames.stacks(*at, needs_next_pixels=spec.next_pixels)
        places = goals.relabel(
            self.cfg, self._uniform, episode, step, seen if self._shown else None, rng
        )
        goal = self._frames.goal_images(places.at(seen)) if self._shown else {}
        before, after = (pixels | goal if pixels else pixels for pixels in images)
        if spec.later_pixels:
            left = self._uniform.eligible[at[0]] - at[1]
            before |= self._frames.later_pixels(at[0], sampling.later(at[1], left, rng))
        return self._gather(episode, step, places, before, after)

    def _sample_sequences(
        self, spec: HistorySpec, count: int, rng: torch.Generator
    ) -> Batch:
        """Draw ``count`` transitions from sequences; tasks with images have none."""
        drawn = self._draw(count // spec.steps, rng)
        length = self._uniform.eligible
        found = windows.draw(spec, self.horizon, *drawn, length[drawn[0]], rng)
        histories = windows.look_up(spec, self.rows["state"], length, found)
        episode = found.episode.repeat_interleave(spec.steps)
        step = found.step.flatten()
        places = goals.relabel(self.cfg, self._uniform, episode, step, None, rng)
        return self._gather(episode, step, places, *histories)

    def observations(
        self, number: Tensor, step: Tensor, history: HistorySpec | None = None
    ) -> Obs:
        """Return the observations before ``step`` of episodes, with their own goals.

        Args:
            number: number of each episode, counted from the first one ever added, (B,)
                int64; each must still be stored.
            step: 0 <= step < length of the episode, (B,) int64.
            history: what to return of the steps before, a sequence for each.
        """
        slot, stored = number % self.capacity, self.rows
        before, _ = self._frames.stacks(slot, step, needs_next_pixels=False)
        if history is not None:
            found = windows.before(history, self.horizon, slot, step)
            length = self._uniform.eligible
            before |= windows.look_up(history, stored["state"], length, found)[0]
        return {
            "state": stored["state"][slot, step],
            "achieved_goal": stored["achieved_goal"][slot, step],
            "desired_goal": stored["desired_goal"][slot],
            **before,
            **self._frames.goal_images(goals.GoalPlaces.own(slot)),
        }

    def _draw(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw episode slots and steps in the configured shares, (count,) int64 each.

        The third are the leading steps of each episode that were eligible.
        """
        share = self.cfg.sampling.moving_share
        return sampling.draw_shares(self._uniform, self._moving, count, share, rng)

    def _gather(
        self,
        episode: Tensor,
        step: Tensor,
        places: goals.GoalPlaces,
        before: Obs,
        after: Obs,
    ) -> Batch:
        """Look up transitions with their goals, and compute their rewards."""
        stored = self.rows
        goal = goals.goal_vectors(stored, places)
        desired = goal["desired_goal"]
        achieved = stored["achieved_goal"][episode, step]
        reached = stored["achieved_goal"][episode, step + 1]
        return Batch(
            obs={
                "state": stored["state"][episode, step],
                "achieved_goal": achieved,
                **goal,
                **before,
            },
            action=stored["action"][episode, step],
            reward=self._reward(reached, desired),
            next_obs={
                "state": stored["state"][episode, step + 1],
                "achieved_goal": reached,
                **goal,
                **after,
            },
            terminated=self._terminated(reached, desired).float(),
        )

    def vectors(self, first: int, last: int) -> Obs:
        """Return the observed vectors of episodes first ... last - 1, (n, dim) each."""
        names = ("state", "achieved_goal", "desired_goal")
        rows = self.export(max(first, self.oldest), last, names)
        index = torch.arange(self.horizon + 1, device=self.device)
        valid = index <= rows["length"][:, None]
        goal = rows["desired_goal"][:, None].expand_as(rows["achieved_goal"])
        return {
            "state": rows["state"][valid],
            "achieved_goal": rows["achieved_goal"][valid],
            "desired_goal": goal[valid],
        }

    def metrics(self) -> dict[str, float]:
        """Return the size, and the shares of steps and episodes that move the goal."""
        return {
            "replay/transitions": len(self),
            "replay/moving_share": self.moving_share,
            "replay/recent_moving_share": self.recent_moving_share(_RECENT),
        }

    # -- checkpoint -----------------------------------------------------------

    @property
    def episodes_added(self) -> int:
        """Complete episodes ever added, which are the units of this buffer."""
        return self.added

    counted = episodes_added

    @property
    def bytes_per_unit(self) -> int:
        """Size of a stored episode in bytes."""
        return bytes_per_episode(self.spaces)

    @property
    def oldest(self) -> int:
        """Number of the oldest episode that is still stored."""
        return max(0, self.added - self.capacity)

    def export(
        self, first: int, last: int, names: Sequence[str] | None = None
    ) -> dict[str, Tensor]:
        """Return copies of episodes first ... last - 1, and their lengths, by name.

        Args:
            first: number of the first episode.
            last: number after that of the last episode.
            names: names of the quantities to return; None: all.
        """
        runs = ring_slices(first, last - first, self.capacity)
        wanted = {name: self.rows[name] for name in names or self.rows}
        wanted["length"] = self._uniform.eligible
        return {
            name: torch.cat([stored[slots] for slots, _ in runs])
            for name, stored in wanted.items()
        }

    def forget(self) -> None:
        """Drop all episodes; ``load`` and ``restore`` may then fill the buffer again."""
        self._uniform.clear()
        self._moving.clear()

    def load(self, first: int, rows: dict[str, Tensor]) -> None:
        """Store exported episodes, oldest first; later ones overwrite the oldest."""
        length = rows["length"].to(self.device)
        for slots, part in ring_slices(first, len(length), self.capacity):
            for name, stored in self.rows.items():
                stored[slots].copy_(rows[name][part])
        order = torch.arange(len(length), device=self.device)
        self._count((first + order) % self.capacity, length)

    def snapshot(self) -> dict[str, Tensor]:
        """Return a copy of the unfinished episodes, by name."""
        unfinished = {name: rows.clone() for name, rows in self._staging.items()}
        return {**unfinished, "elapsed": self._elapsed.clone()}

    def restore(self, snapshot: dict[str, Tensor], added: int) -> None:
        """Restore a ``snapshot``, taken when ``added`` episodes had been added."""
        self.added = added
        self._elapsed.copy_(snapshot["elapsed"])
        for name, rows in self._staging.items():
            rows.copy_(snapshot[name])
