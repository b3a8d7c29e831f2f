"""A teacher that equals SAC exactly, and a student that imitates it."""

from typing import Any

import pytest
import torch
from torch import Tensor

from puckrl.agents.distill import Distill
from puckrl.agents.sac import Sac
from puckrl.agents.settings import ExploreCfg
from puckrl.core.types import Obs
from tests.agents import small
from tests.agents.test_vision import agent as seeing
from tests.agents.test_vision import with_pixels

NOTHING_RANDOM = ExploreCfg(random_share=0.0, explorer_share=0.0)


def twins(**settings: Any) -> tuple[Sac, Distill]:
    """Return SAC, and a distilled agent whose teacher and critics start as its networks."""
    sac, distill = small.sac(**settings), small.distill(**settings)
    shared = sac.tensors()
    for name, value in distill.tensors().items():
        source = name.replace("teacher", "actor", 1)
        if not name.startswith(("actor", "average")):
            value.copy_(shared[source])
    return sac, distill


@pytest.mark.parametrize(
    "settings",
    [{}, {"critics": 2, "actor_delay": 3}, {"tune_alpha": True, "alpha_lr": 1e-2}],
)
def test_teacher_and_critics_are_sac(settings: dict[str, Any]) -> None:
    sac, distill = twins(**settings)
    for agent in (sac, distill):
        small.learn(agent, 5)
    for name in ("critic", "critic_target", "log_alpha"):
        assert torch.equal(distill.tensors()[name], sac.tensors()[name]), name
    assert torch.equal(distill.teacher.vector, sac.actor.vector)


def test_the_policy_imitates_at_the_last_transitions_of_a_round(
    rng: torch.Generator,
) -> None:
    agent = small.distill(student_batch=3, actor_lr=0.1)
    batch = small.batch(16, rng)
    last = {name: value[-3:] for name, value in batch.obs.items()}
    wanted = torch.tanh(agent.teacher.module(last).chunk(2, dim=-1)[0])
    parameters = agent.actor.vector.clone().requires_grad_(True)
    loss = (torch.tanh(agent.actor(parameters, last)) - wanted).square().mean()
    (expected,) = torch.autograd.grad(loss, parameters)
    before = agent.teacher.vector.clone()
    metrics = agent.update(batch)
    torch.testing.assert_close(metrics["train/actor_loss"], loss.detach())
    torch.testing.assert_close(metrics["train/actor_grad_norm"], expected.norm())
    # It imitated the teacher of before, and will the teacher of now.
    assert not torch.equal(agent.teacher.vector, before)
    assert torch.equal(agent.example, agent.teacher.vector)
    other = small.distill(seed=1, student_batch=3)
    other.load(agent.tensors())
    assert torch.equal(other.example, agent.example)


@pytest.mark.parametrize("augment", ["none", "shift"])
def test_the_order_of_the_strands_does_not_matter(
    augment: str, rng: torch.Generator
) -> None:
    one, two = (
        seeing("distill", student_batch=4, augment=augment, tune_alpha=True)
        for _ in range(2)
    )
    assert isinstance(one, Distill)
    batch = thrifty(one, rng)
    noise = torch.randn(2, one.batch_spec.transitions, 3, generator=rng)
    changes = one.augment.draw(one.batch_spec.num_pixels, rng)
    found = [
        {name: x for s in branches for name, x in s(batch, noise, changes).items()}
        for branches in (one.branches(), reversed(two.branches()))
    ]
    assert len(one.branches()) == 2
    assert found[0] == found[1]
    for name, x in one.tensors().items():
        assert torch.equal(x, two.tensors()[name]), name


def test_imitation_ends_at_the_teacher(rng: torch.Generator) -> None:
    agent = small.distill(
        actor_sensors=("state", "achieved_goal", "desired_goal"), student_tau=0.1
    )
    agent.teacher_adam.lr, agent.actor_adam.lr = 0.0, 1e-2
    batch = small.batch(16, rng)
    first, *_, last = [agent.update(batch)["train/actor_loss"] for _ in range(300)]
    assert last < first / 100
    seen = {name: value[-8:] for name, value in batch.obs.items()}
    wanted = torch.tanh(agent.teacher.module(seen).chunk(2, dim=-1)[0])
    torch.testing.assert_close(agent.policy.mode(seen), wanted, atol=0.05, rtol=0)


def test_what_acts_is_a_running_mean_of_the_policy(rng: torch.Generator) -> None:
    agent = small.distill(student_tau=0.25, actor_lr=0.1)
    begin, obs = agent.actor.vector.clone(), small.obs(8, rng)
    small.learn(agent, 1)
    mean = 0.75 * begin + 0.25 * agent.actor.vector
    torch.testing.assert_close(agent.actor_target, mean)
    expected = torch.tanh(agent.actor(mean, obs))
    torch.testing.assert_close(agent.policy.mode(obs), expected)


def explored(agent: Distill, obs: Obs, noise: Tensor) -> Tensor:
    """Return the actions of the behavior policy with this noise."""
    agent.explorer.noise = lambda count: noise
    return agent.behavior.act(obs, explore=True)


@pytest.mark.parametrize(("share", "students"), [(0.0, 8), (0.25, 6), (1.0, 0)])
def test_the_teacher_plays_in_the_last_worlds(
    share: float, students: int, rng: torch.Generator
) -> None:
    agent = small.distill(teacher_share=share, explore=NOTHING_RANDOM)
    obs = small.obs(8, rng)
    changed = {**obs, "state": obs["state"].clone()}
    changed["state"][:, 2:] += 1.0  # seen by the teacher only
    with torch.no_grad():
        mean, log_std = agent.teacher.module(obs).chunk(2, dim=-1)
    assert torch.equal(agent.policy.mode(obs), agent.policy.mode(changed))
    still = explored(agent, obs, torch.zeros(8, 3))
    assert torch.equal(still[:students], agent.policy.mode(obs)[:students])
    assert torch.equal(still[students:], torch.tanh(mean)[students:])
    moved = torch.atanh(explored(agent, obs, torch.ones(8, 3))) - torch.atanh(still)
    torch.testing.assert_close(moved, log_std.exp(), atol=1e-3, rtol=1e-3)


def test_imitation_alone_teaches_the_encoder(rng: torch.Generator) -> None:
    agent = seeing("distill", student_batch=4, critics=2)
    assert isinstance(agent, Distill)
    assert agent.batch_spec.num_pixels == 4
    before = {name: value.clone() for name, value in agent.tensors().items()}
    agent._update_critic(with_pixels(small.batch(8, rng), rng), torch.zeros(8))
    assert changed(agent, before) == {"critic"}
    imitate, learn = agent.branches()
    work = (thrifty(agent, rng), torch.zeros(2, 16, 3), torch.zeros(2, 0))
    learn(*work)
    assert changed(agent, before) == {"critic", "teacher"}
    agent.load(before)
    metrics = imitate(*work)
    assert changed(agent, before) == {"actor", "actor_vision.online"}
    assert {"train/aux_error", "train/actor_encoder_grad_norm"} <= set(metrics)


def thrifty(agent: Distill, rng: torch.Generator) -> Any:
    """Return a batch with pixels of the last transitions, as the replay buffer does."""
    batch = small.batch(agent.batch_spec.transitions, rng)
    pixels = with_pixels(batch, rng).obs["pixels"][-agent.batch_spec.num_pixels :]
    return batch._replace(obs={**batch.obs, "pixels": pixels})


def changed(agent: Distill, before: dict[str, Tensor]) -> set[str]:
    names = ("actor", "critic", "teacher", "actor_vision.online")
    return {n for n in names if not torch.equal(agent.tensors()[n], before[n])}
