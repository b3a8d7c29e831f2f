"""Small environments that count, with the contracts and the habits of mjlab and Isaac Lab.

Both hand out the same tensors again and again, as the libraries do. An observation is
(world, episode, step); a world's episode ends after as many steps as ``ends`` says.
"""

from types import SimpleNamespace
from typing import Any

import torch
from gymnasium import spaces
from torch import Tensor

HORIZON = 5


class _Counting:
    """Episodes and steps of each world."""

    def __init__(self, num_worlds: int, ends: tuple[int, ...]) -> None:
        self.num_envs, self.device = num_worlds, "cpu"
        self.max_episode_length, self.step_dt = HORIZON, 0.02
        self.ends = torch.tensor(ends)[:num_worlds]
        self.episode = torch.full((num_worlds,), -1)
        self.steps = torch.zeros(num_worlds, dtype=torch.int64)
        self.ended = torch.zeros(num_worlds, dtype=torch.bool)
        self.cut = torch.zeros(num_worlds, dtype=torch.bool)
        self.rewards = torch.zeros(num_worlds)
        self.seeds: list[int | None] = []
        self.actions: list[Tensor] = []
        self.closed = 0

    def begin(self, worlds: Tensor) -> None:
        self.episode[worlds] += 1
        self.steps[worlds] = 0

    def advance(self, action: Tensor) -> None:
        self.actions.append(action.clone())
        self.steps += 1
        self.ended[:] = self.steps == self.ends
        self.cut[:] = self.steps >= HORIZON
        self.rewards[:] = 10.0 * self.episode + self.steps

    def look(self) -> Tensor:
        worlds = torch.arange(self.num_envs)
        return torch.stack([worlds, self.episode, self.steps], dim=1).float()

    def close(self) -> None:
        self.closed += 1


class FakeMjlab(_Counting):
    """``auto_reset`` off: who steps a world that is over is told so, with an error."""

    def __init__(
        self,
        num_worlds: int = 3,
        ends: tuple[int, ...] = (3, 99, 99),
        says: bool = True,
    ) -> None:
        super().__init__(num_worlds, ends)
        self.pending = torch.zeros(num_worlds, dtype=torch.bool)
        self.extras: dict[str, Any] = {}
        self.lifted = torch.zeros(num_worlds)
        metrics = {"height": torch.zeros(num_worlds)}
        metrics |= {"episode_success": self.lifted} if says else {}
        term = SimpleNamespace(metrics=metrics)
        self.command_manager = SimpleNamespace(
            active_terms=["lift"], get_term=lambda name: term
        )
        limits = torch.tensor([[-1.0, 3.0], [-2.0, 2.0]]).expand(num_worlds, 2, 2)
        data = SimpleNamespace(joint_pos_limits=limits)
        joints: Any = type("JointPositionAction", (), {})()
        joints.action_dim, joints.device = 2, "cpu"
        joints.target_ids = torch.tensor([0, 1])
        joints.scale, joints.offset = 0.5, torch.tensor([[1.0, 0.0]] * num_worlds)
        joints._entity = SimpleNamespace(data=data)
        force = SimpleNamespace(action_dim=1, device="cpu")
        terms = {"joints": joints, "force": force}
        self.action_manager = SimpleNamespace(
            total_action_dim=3, active_terms=list(terms), get_term=terms.__getitem__
        )

    def reset(
        self, *, seed: int | None = None, env_ids: Tensor | None = None
    ) -> tuple[dict[str, Tensor], dict[str, Any]]:
        worlds = torch.arange(self.num_envs) if env_ids is None else env_ids
        if env_ids is None:
            self.seeds.append(seed)
        won = self.lifted[worlds].mean()
        self.extras["log"] = {"Metrics/won": won, "Rewards": float(len(worlds))}
        self.lifted[worlds] = 0.0
        self.pending[worlds] = False
        self.begin(worlds)
        self.rewards[worlds] = -1.0  # it reuses what it has handed out
        self.ended[worlds] = False
        self.cut[worlds] = False
        return self._obs(), self.extras

    def step(self, action: Tensor) -> tuple[Any, ...]:
        assert not self.pending.any(), "reset the worlds that are over"
        self.extras["log"] = {}
        self.advance(action)
        self.lifted[:] = (self.steps >= 2).float()
        self.pending |= self.ended | self.cut
        return self._obs(), self.rewards, self.ended, self.cut, self.extras

    def _obs(self) -> dict[str, Tensor]:
        return {"actor": self.look(), "critic": torch.cat([self.look()] * 2, dim=1)}


class FakeIsaac(_Counting):
    """Automatic resets in the same step; final observations stay in ``extras``."""

    def __init__(
        self,
        num_worlds: int = 3,
        ends: tuple[int, ...] = (3, 99, 99),
        final: bool = True,
        both: bool = False,
    ) -> None:
        super().__init__(num_worlds, ends)
        self.single_action_space = spaces.Box(-torch.inf, torch.inf, (2,))
        self.final, self.both = final, both
        self.buffer = torch.zeros(num_worlds, 3)
        self.extras: dict[str, Any] = {}

    def reset(self, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        self.seeds.append(seed)
        self.begin(torch.arange(self.num_envs))
        return self._obs(), self.extras

    def step(self, action: Tensor) -> tuple[Any, ...]:
        self.advance(action)
        if self.both:
            self.ended |= self.cut
        over = self.ended | self.cut
        if over.any():
            if self.final:
                self.extras["final_obs"] = {"policy": {"q": self.look()}}
            self.extras["log"] = {"Metrics/ended": self.ended[over].float().mean()}
            self.begin(over.nonzero()[:, 0])
        return self._obs(), self.rewards, self.ended, self.cut, self.extras

    def _obs(self) -> dict[str, dict[str, Tensor]]:
        self.buffer[:] = self.look()  # a view of the simulation, as some tasks return
        return {"policy": {"q": self.buffer}}
