"""Policies as values: copies, memory, and what a snapshot holds of it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.memory import Remember
from puckrl.agents.policy import ActorPolicy, copy_tensors
from puckrl.core.types import Obs
from tests.agents import small
from tests.agents.test_vision import agent as seeing
from tests.agents.test_vision import batch

MAKERS: dict[str, Callable[[], ActorCritic]] = {
    "td3": small.td3,
    "sac": small.sac,
    "distill": small.distill,
    "sac from pixels": lambda: seeing("sac"),
    "distill from pixels": lambda: seeing("distill"),
}
every = pytest.mark.parametrize("kind", MAKERS)


def observe(rng: torch.Generator) -> Obs:
    return batch(16, rng).obs


def learn(agent: ActorCritic, rng: torch.Generator) -> None:
    agent.update_normalizers(small.obs(50, rng))
    agent.update(batch(agent.batch_spec.transitions, rng))


def explore(agent: ActorCritic, policy: ActorPolicy, obs: Obs) -> Tensor:
    """Return exploring actions with the next noise, and rewind the noise."""
    state = agent.explorer.rng.get_state()
    action = policy.act(obs, explore=True)
    agent.explorer.rng.set_state(state)
    return action


@every
def test_a_copy_acts_alike_until_the_original_learns(
    kind: str, rng: torch.Generator
) -> None:
    agent, obs = MAKERS[kind](), observe(rng)
    learn(agent, rng)
    behavior = agent.behavior
    copied = behavior.copy()
    before = explore(agent, copied, obs)  # pyright: ignore[reportArgumentType]
    assert torch.equal(before, explore(agent, behavior, obs))  # pyright: ignore[reportArgumentType]
    learn(agent, rng)
    assert torch.equal(before, explore(agent, copied, obs))  # pyright: ignore[reportArgumentType]
    after = explore(agent, behavior, obs)  # pyright: ignore[reportArgumentType]
    assert not torch.equal(before, after)
    copy_tensors(behavior, copied)
    assert torch.equal(after, explore(agent, copied, obs))  # pyright: ignore[reportArgumentType]


def test_a_copy_holds_no_critic_and_no_optimizer() -> None:
    agent = seeing("sac")
    copied = agent.behavior.copy().tensors()
    size = sum(x.numel() for x in copied.values())
    whole = sum(x.numel() for x in agent.tensors().values())
    assert size < whole / 4
    assert not {name for name in copied if "critic" in name or "adam" in name}


class LastStates:
    """Remembers the first state component of the previous step; zero after a reset."""

    def __init__(self, worlds: int) -> None:
        self.last = torch.zeros(worlds)

    def step(self, obs: Obs, remember: Remember) -> Obs:
        state = obs["state"].clone()
        state[:, 1], self.last = self.last, obs["state"][:, 0].clone()
        return {**obs, "state": state}

    def reset(self, done: Tensor) -> None:
        self.last[done] = 0.0

    def fresh(self) -> "LastStates":
        return LastStates(len(self.last))

    def tensors(self) -> dict[str, Tensor]:
        return {"last": self.last}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        self.last.copy_(tensors["last"])


def test_a_memory_decides_actions_is_reset_shared_and_in_the_snapshot(
    rng: torch.Generator,
) -> None:
    agent, obs = small.td3(), small.obs(4, rng)
    policy = agent.policy
    policy.memory = LastStates(4)
    first = policy.act(obs, explore=False)
    second = policy.act(obs, explore=False)
    assert not torch.equal(first, second)
    policy.reset(torch.tensor([True, False, True, False]))
    third = policy.act(obs, explore=False)
    assert torch.equal(third[[0, 2]], first[[0, 2]])
    assert torch.equal(third[[1, 3]], second[[1, 3]])
    assert torch.equal(agent.tensors()["memory.last"], obs["state"][:, 0])
    assert agent.behavior.copy().memory is policy.memory
    saved = {name: value.clone() for name, value in agent.tensors().items()}
    again = small.td3(seed=1)
    again.policy.memory = LastStates(4)
    again.load(saved)
    assert torch.equal(
        again.policy.act(obs, explore=False), policy.act(obs, explore=False)
    )


def test_policies_without_memory_put_nothing_into_the_snapshot() -> None:
    assert not [name for name in small.sac().tensors() if name.startswith("memory")]
