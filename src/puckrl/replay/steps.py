"""A replay buffer of single steps, for rewards that no goal explains.

    row (all worlds)   t-1    t     t+1    head
    observation        s      s     s'     s       before each step; the head's is the newest
    action, reward     a r    a r   a r    -
    terminated, over          x                    the episode ended here: what follows is
                                                   the next one; its final observation is in
                                                   a side table

Each observation is stored once: the one after a step is that of the next row, or stands in
the side table. An n-step return adds up to n rewards and ends early where the episode does,
and before a row that must not be learned:

    R = r_0 + γ r_1 + ... + γ^(m-1) r_(m-1),   bootstrapped with γ^m Q(s_m) unless terminated

Source: Sutton and Barto (2018), section 7.1; Pardo et al. (2018), "Time limits in
reinforcement learning": time limits bootstrap.
"""

from typing import Annotated

import torch
from torch import Tensor

from puckrl.core.arguments import checked
from puckrl.core.errors import UserError
from puckrl.core.settings import COUNT
from puckrl.core.types import Batch, BatchSpec, Obs, Spaces, Step
from puckrl.replay.finals import Finals
from puckrl.replay.layout import bytes_per_step
from puckrl.replay.storage import allocate

_NAMES = ("state", "achieved_goal", "desired_goal")


class StepReplayBuffer:
    """Stores steps with their rewards; a unit is a control step of all worlds, a row.

    Args:
        capacity: maximum number of transitions.
        n_step: maximum number of rewards in a return.
        gamma: discount per control step.
        spaces: sizes of observations and actions.
        num_worlds: worlds that record at the same time.
        device: device of stored steps and batches.
        counts_rows: whether warm-up and normalizers count rows, not episodes.

    Raises:
        UserError: for a capacity of fewer than ``n_step + 1`` rows.
    """

    @checked
    def __init__(
        self,
        capacity: Annotated[int, COUNT],
        n_step: Annotated[int, COUNT],
        gamma: float,
        spaces: Spaces,
        num_worlds: Annotated[int, COUNT],
        device: torch.device,
        *,
        counts_rows: bool = False,
    ) -> None:
        self.spaces, self.device, self._counts_rows = spaces, device, counts_rows
        self.n_step, self.gamma, self.num_worlds = n_step, gamma, num_worlds
        self.rows_kept = rows_of(capacity, num_worlds, n_step)
        """Rows that fit."""
        self._size = self.rows_kept + 1  # the head's row holds an observation only
        sizes = {
            "state": spaces.state_dim,
            **dict.fromkeys(_NAMES[1:], spaces.goal_dim),
        }
        wide = {**sizes, "action": spaces.action_dim}
        shapes = {name: (num_worlds, size) for name, size in wide.items()}
        self.rows = allocate(shapes, self._size, torch.float32, device)
        """Stored rows, (rows_kept + 1, num_worlds, ...) each, by name."""
        one, flags = {"reward": (num_worlds,)}, ("terminated", "over", "valid")
        self.rows |= allocate(one, self._size, torch.float32, device)
        shapes_of_flags = dict.fromkeys(flags, (num_worlds,))
        self.rows |= allocate(shapes_of_flags, self._size, torch.bool, device)
        place = allocate({"place": (num_worlds,)}, self._size, torch.int64, device)
        self._place = place["place"]  # in the side table, where the episode is over
        self._present = torch.zeros(self._size, dtype=torch.bool, device=device)
        self._episodes_before = torch.zeros(
            self._size, dtype=torch.int64, device=device
        )
        self._finals = Finals(sizes, device)
        self._holes = False
        self.added = 0
        """Rows ever added."""
        self.episodes_added = 0
        """Complete episodes ever added."""

    @property
    def counted(self) -> int:
        """See ``ReplayBuffer``."""
        return self.added if self._counts_rows else self.episodes_added

    # -- recording ------------------------------------------------------------

    def __len__(self) -> int:
        """Return the number of transitions that can be sampled, up to a few holes."""
        return min(self.added, self.rows_kept) * self.num_worlds

    @property
    def _head(self) -> int:
        return self.added % self._size

    def begin(self, obs: Obs) -> None:
        """Record the first observations of every world; unfinished episodes are cut.

        What a step led to is known for each of them but for the newest row of a run that
        goes on with fresh episodes: its steps stay, with the observations of the snapshot.
        """
        if self.added and bool(self._present[self._head]):
            self._cut_newest()
        self._write_head(obs)

    def _cut_newest(self) -> None:
        """End the episodes of the newest row at the observations that the head holds."""
        newest = (self.added - 1) % self._size
        going = self.rows["valid"][newest] & ~self.rows["over"][newest]
        final = {name: self.rows[name][self._head] for name in _NAMES}
        self._keep_finals(newest, going, final)
        self.rows["over"][newest] |= going

    def _write_head(self, obs: Obs) -> None:
        for name in _NAMES:
            self.rows[name][self._head] = obs[name].to(self.device, torch.float32)
        self._present[self._head] = True
        self._episodes_before[self._head] = self.episodes_added

    def add(self, action: Tensor, step: Step) -> None:
        """Record one step of every world.

        A world that only began an episode, or whose physics diverged, is a hole: it is
        never sampled.

        Args:
            action: (num_worlds, action_dim).
            step: its results.
        """
        row, hole = self._head, step.diverged
        self._release(row)
        if step.valid is not None:
            hole = hole | ~step.valid
        values = {
            "action": action,
            "reward": step.reward,
            "terminated": step.terminated,
        }
        for name, value in values.items():
            self.rows[name][row] = value.to(self.device, self.rows[name].dtype)
        self.rows["valid"][row] = ~hole.to(self.device)
        over = (step.done | hole).to(self.device)
        self.rows["over"][row] = over
        if bool(over.any()):
            self._holes |= bool(hole.any())
            self.episodes_added += int(step.done.sum())
            ended = over & self.rows["valid"][row]
            final = {name: step.final_obs[name] for name in _NAMES}
            self._keep_finals(row, ended, final)
        self.added += 1
        self._write_head(step.obs)

    def _release(self, slot: int) -> None:
        """Give up the final observations of a row that is overwritten."""
        ended = self.rows["over"][slot] & self.rows["valid"][slot]
        self._finals.release(int(ended.sum()))

    def _keep_finals(self, slot: int, ended: Tensor, final: Obs) -> None:
        """Put final observations of the worlds in ``ended`` into the side table."""
        if bool(ended.any()):
            rows = {name: final[name].to(self.device)[ended] for name in _NAMES}
            self._place[slot, ended] = self._finals.add(rows)

    # -- sampling -------------------------------------------------------------

    def sample(self, spec: BatchSpec, rng: torch.Generator, rounds: int = 1) -> Batch:
        """Draw transitions with n-step returns.

        ``Batch.terminated`` carries the discount of a return of m steps: the agent
        multiplies the bootstrap by γ (1 - terminated), which must be γ^m or 0, so it is
        1 - γ^(m-1) where the episode goes on.

        Raises:
            ValueError: if the buffer is empty.
        """
        if not len(self):
            raise ValueError("the replay buffer is empty: collect before sampling")
        row, world = self._draw(rounds * spec.transitions, rng)
        last, reward, steps = self._returns(row, world)
        terminated = self.rows["terminated"][last, world]
        kept = self.gamma ** (steps - 1).to(torch.float32)
        return Batch(
            obs={name: self.rows[name][row, world] for name in _NAMES},
            action=self.rows["action"][row, world],
            reward=reward,
            next_obs=self._after(last, world),
            terminated=torch.where(terminated, 1.0, 1.0 - kept),
        )

    def _draw(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw slots of rows and worlds, (count,) int64 each, uniformly; never a hole."""
        kept = min(self.added, self.rows_kept)
        first, device = self.added - kept, self.device
        place = torch.randint(
            kept * self.num_worlds, (count,), generator=rng, device=device
        )
        row, world = self._slot(first, place)
        while self._holes and bool((hole := ~self._known(row, world)).any()):
            again = torch.randint(
                kept * self.num_worlds, (count,), generator=rng, device=device
            )
            place = torch.where(hole, again, place)
            row, world = self._slot(first, place)
        return row, world

    def _slot(self, first: int, place: Tensor) -> tuple[Tensor, Tensor]:
        row = (first + place // self.num_worlds) % self._size
        return row, place % self.num_worlds

    def _known(self, row: Tensor, world: Tensor) -> Tensor:
        """Return whether steps may be learned and what they led to is stored."""
        ended = self.rows["over"][row, world]
        after = self._present[(row + 1) % self._size]
        return self.rows["valid"][row, world] & (ended | after) & self._present[row]

    def _returns(self, row: Tensor, world: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the last rows of n-step returns, the returns, and their lengths."""
        last, reward = row, self.rows["reward"][row, world]
        steps, going = torch.ones_like(row), torch.ones_like(row, dtype=torch.bool)
        for ahead in range(1, self.n_step):
            following = (row + ahead) % self._size
            going = going & ~self.rows["over"][last, world] & (following != self._head)
            going = going & self._known(following, world)
            gain = self.gamma**ahead * self.rows["reward"][following, world]
            reward = torch.where(going, reward + gain, reward)
            last = torch.where(going, following, last)
            steps = steps + going
        return last, reward, steps

    def _after(self, row: Tensor, world: Tensor) -> Obs:
        """Return what steps led to: the next row's observation, or the final one."""
        over = self.rows["over"][row, world][:, None]
        place, following = self._place[row, world], (row + 1) % self._size
        final = self._finals.look_up(place)
        return {
            name: torch.where(over, final[name], self.rows[name][following, world])
            for name in _NAMES
        }

    def vectors(self, first: int, last: int) -> Obs:
        """Return stored observations, (n, dim) each.

        They are those of the rows before which ``first`` ... ``last - 1`` episodes ended,
        or where rows are counted, of these rows.
        """
        if self._counts_rows:
            rows = torch.arange(max(first, self.oldest), last, device=self.device)
            slots = rows % self._size
            return {name: self.rows[name][slots].flatten(0, 1) for name in _NAMES}
        kept = min(self.added, self.rows_kept)
        stored = torch.arange(self.added - kept, self.added, device=self.device)
        slots = stored % self._size
        before = self._episodes_before[slots]
        slots = slots[(before >= first) & (before < last)]
        return {name: self.rows[name][slots].flatten(0, 1) for name in _NAMES}

    def metrics(self) -> dict[str, float]:
        """Return the size."""
        return {"replay/transitions": len(self)}

    # -- checkpoint -----------------------------------------------------------

    @property
    def bytes_per_unit(self) -> int:
        """Size of a stored row in bytes."""
        return bytes_per_step(self.spaces) * self.num_worlds

    @property
    def oldest(self) -> int:
        """Number of the oldest row that is still stored."""
        return max(0, self.added - self.rows_kept)

    def export(self, first: int, last: int) -> dict[str, Tensor]:
        """Return copies of the rows first ... last - 1, and their final observations."""
        slots = torch.arange(first, last, device=self.device) % self._size
        over = self.rows["over"][slots] & self.rows["valid"][slots]
        finals = self._finals.look_up(self._place[slots][over])
        return {
            **{name: stored[slots] for name, stored in self.rows.items()},
            **{f"final_{name}": kept for name, kept in finals.items()},
            "episodes_before": self._episodes_before[slots],
        }

    def load(self, first: int, rows: dict[str, Tensor]) -> None:
        """Store exported rows, oldest first; later ones overwrite the oldest."""
        taken = 0
        for index in range(len(rows["reward"])):
            slot = (first + index) % self._size
            self._release(slot)
            for name, stored in self.rows.items():
                stored[slot].copy_(rows[name][index])
            self._episodes_before[slot] = rows["episodes_before"][index]
            ended = self.rows["over"][slot] & self.rows["valid"][slot]
            count = int(ended.sum())
            final = {name: torch.zeros_like(self.rows[name][slot]) for name in _NAMES}
            for name in _NAMES:
                part = rows[f"final_{name}"][taken : taken + count]
                final[name][ended] = part.to(self.device)
            self._keep_finals(slot, ended, final)
            self._present[slot] = True
            taken += count

    def forget(self) -> None:
        """Drop all rows; ``load`` and ``restore`` may then fill the buffer again."""
        self.rows["valid"].zero_()
        self.rows["over"].zero_()
        self._present.zero_()
        self._finals.clear()

    def snapshot(self) -> dict[str, Tensor]:
        """Return a copy of the newest observations, and the counter of episodes."""
        head = {name: self.rows[name][self._head].clone() for name in _NAMES}
        return {**head, "episodes": torch.tensor([self.episodes_added])}

    def restore(self, snapshot: dict[str, Tensor], added: int) -> None:
        """Restore a ``snapshot``, taken when ``added`` rows had been added."""
        self.added, self.episodes_added = added, int(snapshot["episodes"][0])
        self._write_head(snapshot)
        # chunks that were damaged are missing, and worlds may have been holes
        self._holes = True


def rows_of(capacity: int, num_worlds: int, n_step: int) -> int:
    """Return the rows that fit.

    Raises:
        UserError: if they are fewer than a return of every world needs.
    """
    least = num_worlds * (n_step + 1)
    if capacity < least:
        raise UserError(
            f"--replay.capacity {capacity:,} holds less than a return of every world; legal: "
            f"from {least:,} on ({num_worlds:,} worlds, {n_step} steps); raise it, or lower "
            "--sim.num-worlds"
        )
    return capacity // num_worlds
