"""A replay buffer of single steps, as one for dense rewards may be.

It shows that the loop and the snapshots need nothing but the protocol.
"""

import torch
from torch import Tensor

from puckrl.core.types import Batch, BatchSpec, Obs, Spaces, Step

_NAMES = ("state", "achieved_goal", "desired_goal")


class StepBuffer:
    """The newest steps of every world, with their rewards, in order of time.

    A unit is one control step of all worlds.
    """

    def __init__(self, capacity: int, spaces: Spaces, num_worlds: int) -> None:
        self.capacity, self.spaces, self.num_worlds = capacity, spaces, num_worlds
        self.device = torch.device("cpu")
        self.added = self.episodes_added = 0
        self.bytes_per_unit = 4 * num_worlds * spaces.state_dim
        self.steps: list[dict[str, Tensor]] = []
        self._before: Obs = {}

    def __len__(self) -> int:
        return len(self.steps) * self.num_worlds

    @property
    def counted(self) -> int:
        return self.episodes_added

    @property
    def oldest(self) -> int:
        return self.added - len(self.steps)

    def begin(self, obs: Obs) -> None:
        self._before = {name: obs[name].float() for name in _NAMES}

    def add(self, action: Tensor, step: Step) -> None:
        after = {f"next_{name}": step.final_obs[name].float() for name in _NAMES}
        told = {
            "action": action.float(),
            "reward": step.reward.float(),
            "terminated": step.terminated.float(),
        }
        self._append({**self._before, **after, **told})
        self.episodes_added += int(step.done.sum())
        self.begin(step.obs)

    def _append(self, row: dict[str, Tensor]) -> None:
        self.steps = [*self.steps, row][-self.capacity :]
        self.added += 1

    def sample(self, spec: BatchSpec, rng: torch.Generator, rounds: int = 1) -> Batch:
        pick = torch.randint(len(self), (rounds * spec.transitions,), generator=rng)
        rows = {
            name: torch.cat([step[name] for step in self.steps])[pick]
            for name in self.steps[0]
        }
        return Batch(
            obs={name: rows[name] for name in _NAMES},
            action=rows["action"],
            reward=rows["reward"],
            next_obs={name: rows[f"next_{name}"] for name in _NAMES},
            terminated=rows["terminated"],
        )

    def vectors(self, first: int, last: int) -> Obs:
        return {n: torch.cat([step[n] for step in self.steps]) for n in _NAMES}

    def metrics(self) -> dict[str, float]:
        return {"replay/transitions": len(self)}

    def export(self, first: int, last: int) -> dict[str, Tensor]:
        some = self.steps[first - self.oldest : last - self.oldest]
        return {name: torch.stack([step[name] for step in some]) for name in some[0]}

    def load(self, first: int, rows: dict[str, Tensor]) -> None:
        for index in range(len(rows["reward"])):
            self._append({name: value[index] for name, value in rows.items()})

    def forget(self) -> None:
        self.steps, self.added = [], 0

    def snapshot(self) -> dict[str, Tensor]:
        episodes = torch.tensor(self.episodes_added)
        return {**self._before, "episodes": episodes}

    def restore(self, snapshot: dict[str, Tensor], added: int) -> None:
        self.added = added
        self.episodes_added = int(snapshot["episodes"])
        self._before = {name: snapshot[name] for name in _NAMES}
