"""Which loss reaches which encoder, against routing tables and plain autograd."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.distill import Distill
from puckrl.agents.sac import Sac
from puckrl.agents.settings import (
    FULL_STATE,
    MODES,
    DistillCfg,
    SacCfg,
    Td3Cfg,
    VisionCfg,
)
from puckrl.agents.td3 import Td3
from puckrl.core.types import Batch, Obs, PixelSpace
from puckrl.nets.layers import EncoderCfg
from puckrl.representation.goal_prediction import GoalPrediction
from tests.agents import small

SPACES = replace(small.SPACES, pixels=PixelSpace(16, 16, 3, stack=2))
HONEST, SEEING = MODES["pixels"], MODES["pixels-goal-both"]
both_agents = pytest.mark.parametrize("kind", ["td3", "sac"])


def agent(kind: str = "td3", seed: int = 0, **settings: Any) -> ActorCritic:
    """Return an agent whose actor, or whose networks, get small images."""
    vision = {k: settings.pop(k) for k in list(settings) if hasattr(VisionCfg(), k)}
    given = {
        "hidden": (16, 16),
        "batch_size": 8,
        "precision": "fp32",
        "actor_sensors": HONEST,
        "vision": VisionCfg(encoder=EncoderCfg(channels=4), **vision),
    } | settings
    if kind == "td3":
        return Td3(Td3Cfg(**given), SPACES, small.BOUNDS, seed, small.CPU)
    if kind == "distill":
        return Distill(DistillCfg(**given), SPACES, small.BOUNDS, seed, small.CPU)
    return Sac(SacCfg(**given), SPACES, small.BOUNDS, seed, small.CPU)


def with_pixels(batch: Batch, rng: torch.Generator) -> Batch:
    """Return the batch with pixels."""
    shape = (len(batch.reward), 6, 16, 16)

    def seen(obs: Obs) -> Obs:
        draw = torch.randint(256, shape, generator=rng, dtype=torch.uint8)
        return {**obs, "pixels": draw}

    return batch._replace(obs=seen(batch.obs), next_obs=seen(batch.next_obs))


def batch(count: int, rng: torch.Generator) -> Batch:
    return with_pixels(small.batch(count, rng), rng)


def moved(agent: ActorCritic, before: dict[str, Tensor]) -> set[str]:
    names = ("actor", "critic", *(n for n in before if n.endswith("vision.online")))
    return {n for n in names if not torch.equal(agent.tensors()[n], before[n])}


def copies(agent: ActorCritic) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in agent.tensors().items()}


@pytest.mark.parametrize(
    ("gradient", "shared", "by_critic", "by_actor"),
    [
        ("critic", True, {"vision.online"}, set()),
        ("actor", True, set(), {"vision.online"}),
        ("both", True, {"vision.online"}, {"vision.online"}),
        ("goal-prediction", True, {"vision.online"}, set()),
        ("none", True, set(), set()),
        ("critic", False, {"critic_vision.online"}, set()),
        ("actor", False, set(), {"actor_vision.online"}),
        ("both", False, {"critic_vision.online"}, {"actor_vision.online"}),
        ("goal-prediction", False, {"critic_vision.online"}, {"actor_vision.online"}),
        ("none", False, set(), set()),
    ],
)
def test_each_update_trains_the_encoders_that_it_is_routed_to(
    gradient: str,
    shared: bool,
    by_critic: set[str],
    by_actor: set[str],
    rng: torch.Generator,
) -> None:
    made = agent(
        encoder_gradient=gradient,
        shared=shared,
        actor_sensors=SEEING,
        critic_sensors=SEEING,
    )
    before = copies(made)
    made._update_critic(batch(8, rng), torch.zeros(8))
    assert moved(made, before) == {"critic"} | by_critic
    before = copies(made)
    made._update_actor(batch(8, rng).obs, torch.zeros(8, 3))
    assert moved(made, before) == {"actor"} | by_actor


@both_agents
def test_an_honest_actor_learns_to_see_while_its_critic_sees_the_state(
    kind: str, rng: torch.Generator
) -> None:
    made = agent(kind)
    assert list(made.routing.trainers) == ["actor_vision"]
    before = copies(made)
    made._update_critic(batch(8, rng), torch.zeros(8))
    assert moved(made, before) == {"critic"}
    metrics = made._update_actor(batch(8, rng).obs, torch.zeros(8, 3))
    assert moved(made, before) == {"actor", "critic", "actor_vision.online"}
    assert {"train/aux_error", "train/actor_encoder_grad_norm"} <= set(metrics)


def test_the_critic_alone_may_look(rng: torch.Generator) -> None:
    made = agent(
        actor_sensors=FULL_STATE, critic_sensors=SEEING, encoder_gradient="critic"
    )
    before = copies(made)
    made.update(batch(16, rng))
    assert moved(made, before) == {"actor", "critic", "critic_vision.online"}


@both_agents
def test_an_encoder_that_nobody_trains_stays_bit_for_bit(
    kind: str, rng: torch.Generator
) -> None:
    made = agent(kind, encoder_gradient="none")
    before = copies(made)
    for _ in range(3):
        made.update(batch(16, rng))
    for name in ("actor_vision.online", "actor_vision.target"):
        assert torch.equal(made.tensors()[name], before[name])


@pytest.mark.parametrize("gradient", ["critic", "actor", "both", "goal-prediction"])
def test_the_auxiliary_loss_counts_once_per_encoder(
    gradient: str, rng: torch.Generator
) -> None:
    for shared in (True, False):
        made = agent(
            encoder_gradient=gradient,
            shared=shared,
            actor_sensors=SEEING,
            critic_sensors=SEEING,
        )
        of_critic = made._update_critic(batch(8, rng), torch.zeros(8))
        of_actor = made._update_actor(batch(8, rng).obs, torch.zeros(8, 3))
        lessons = ["train/aux_error" in metrics for metrics in (of_critic, of_actor)]
        separate = gradient in ("both", "goal-prediction") and not shared
        assert lessons == [gradient != "actor", gradient == "actor" or separate]


def _features(made: ActorCritic, vector: Tensor, pixels: Tensor) -> tuple[Any, Any]:
    (trainer,) = made.routing.trainers.values()
    return functional_call(trainer.vision, trainer.flat.split(vector), (pixels,))


def _huber(off: Tensor) -> Tensor:
    """Return the Huber loss: quadratic within 0.1, slope 1 beyond."""
    return torch.where(off.abs() < 0.1, 5 * off**2, off.abs() - 0.05)


def test_gradients_equal_plain_autograd(rng: torch.Generator) -> None:
    """Return gradients of the actor's plus the auxiliary loss, by torch.autograd."""
    made = agent(max_grad_norm=0.0, aux_weight=0.7, condition_on_prediction=True)
    (trainer,) = made.routing.trainers.values()
    made.update_normalizers(small.obs(100, rng))
    obs = batch(8, rng).obs
    vectors = [made.actor.vector.clone(), trainer.vector.clone()]
    actor, vision = (v.requires_grad_() for v in vectors)
    features, prediction = _features(made, vision, obs["pixels"])
    objective = trainer.vision.objective
    assert isinstance(objective, GoalPrediction)
    goals = objective.goals
    mean, scale = goals.mean, goals.scale
    wanted, goal = (
        ((obs[name] - mean) * scale).clamp(-5, 5)
        for name in ("achieved_goal", "desired_goal")
    )
    shown = prediction.detach()  # no gradient of the actor reaches the prediction
    seen = {
        **obs,
        "actor.features": features,
        "actor.features.conditioned": torch.cat([shown, goal - shown], dim=-1),
    }
    action = torch.tanh(made.actor(actor, seen))
    q = made.critic(made.critic.vector, obs, action)
    loss = -q.mean() + made.cfg.action_l2 * (action**2).mean()
    loss = loss + 0.7 * _huber(prediction - wanted).mean()
    of_actor, of_vision = torch.autograd.grad(loss, [actor, vision])
    before = made.actor.vector.clone()
    with torch.no_grad():
        metrics = made._update_actor(obs, torch.zeros(8, 3))
    torch.testing.assert_close(metrics["train/actor_grad_norm"], of_actor.norm())
    torch.testing.assert_close(
        metrics["train/actor_encoder_grad_norm"], of_vision.norm()
    )
    # Adam's first step is lr * sign, up to its epsilon
    step = made.cfg.actor_lr * of_actor / (of_actor.abs() + 1e-8)
    torch.testing.assert_close(made.actor.vector, before - step, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize(
    ("settings", "predicting"),
    [
        ({}, {"vision"}),
        ({"aux_weight": 0.0}, set()),
        ({"encoder_gradient": "none"}, set()),
        ({"encoder_gradient": "goal-prediction"}, {"vision"}),
        ({"shared": False, "encoder_gradient": "critic"}, {"critic_vision"}),
        (
            {"shared": False, "encoder_gradient": "both"},
            {"actor_vision", "critic_vision"},
        ),
    ],
)
def test_an_encoder_predicts_where_a_loss_trains_it_to(
    settings: dict[str, Any], predicting: set[str]
) -> None:
    made = agent(actor_sensors=SEEING, critic_sensors=SEEING, **settings)
    trainers = made.routing.trainers
    assert {name for name, own in trainers.items() if own.predicts} == predicting


@pytest.mark.parametrize(
    ("settings", "conditioned"),
    [
        ({}, {"actor", "critic"}),
        ({"condition_on_prediction": False}, set()),
        ({"aux_weight": 0.0}, set()),
        ({"encoder_gradient": "none"}, set()),
        ({"shared": False, "encoder_gradient": "critic"}, {"critic"}),
    ],
)
def test_only_a_trained_prediction_conditions_the_networks(
    settings: dict[str, Any], conditioned: set[str]
) -> None:
    seeing = {"actor_sensors": SEEING, "critic_sensors": SEEING}
    made = agent(**seeing, **{"condition_on_prediction": True, **settings})
    plain = agent(**seeing, **{**settings, "condition_on_prediction": False})
    for name, (network, _) in made.networks.items():
        more = len(network.vector) - len(plain.networks[name][0].vector)
        # the prediction and its offset to the goal, to each of 16 hidden units
        assert more == (2 * SPACES.goal_dim * 16 if name in conditioned else 0)


def test_an_encoder_trained_by_goal_prediction_ignores_the_critics(
    rng: torch.Generator,
) -> None:
    """Its gradient is that of the auxiliary loss, independent of the critics' loss."""
    made = agent(
        encoder_gradient="goal-prediction",
        actor_sensors=SEEING,
        critic_sensors=SEEING,
        condition_on_prediction=True,
        max_grad_norm=0.0,
    )
    trainer = made.routing.trainers["vision"]
    made.update_normalizers(small.obs(100, rng))
    data = batch(8, rng)
    vision = trainer.vector.clone().requires_grad_()
    _, prediction = _features(made, vision, data.obs["pixels"])
    objective = trainer.vision.objective
    assert isinstance(objective, GoalPrediction)
    goals = objective.goals
    mean, scale = goals.mean, goals.scale
    wanted = ((data.obs["achieved_goal"] - mean) * scale).clamp(-5, 5)
    (expected,) = torch.autograd.grad(_huber(prediction - wanted).mean(), [vision])
    with torch.no_grad():
        metrics = made._update_critic(data, 100 * torch.ones(8))
    torch.testing.assert_close(
        metrics["train/critic_encoder_grad_norm"], expected.norm()
    )
    step = made.cfg.vision.lr * expected / (expected.abs() + 1e-8)
    torch.testing.assert_close(
        trainer.vector, vision.detach() - step, atol=1e-6, rtol=1e-4
    )


def test_the_actors_loss_never_trains_through_what_the_critics_see(
    rng: torch.Generator,
) -> None:
    made = agent(
        encoder_gradient="both",
        actor_sensors=SEEING,
        critic_sensors=SEEING,
        aux_weight=0.0,
        max_grad_norm=0.0,
    )
    trainer = made.routing.trainers["vision"]
    obs = batch(8, rng).obs
    vision = trainer.vector.clone().requires_grad_()
    features, _ = _features(made, vision, obs["pixels"])
    seen = {**obs, "actor.features": features, "critic.features": features.detach()}
    action = torch.tanh(made.actor(made.actor.vector, seen))
    q = made.critic(made.critic.vector, seen, action)
    loss = -q.mean() + made.cfg.action_l2 * (action**2).mean()
    (expected,) = torch.autograd.grad(loss, [vision])
    with torch.no_grad():
        metrics = made._update_actor(obs, torch.zeros(8, 3))
    torch.testing.assert_close(
        metrics["train/actor_encoder_grad_norm"], expected.norm()
    )


@both_agents
def test_targets_use_next_pixels_through_the_right_copy(
    kind: str, rng: torch.Generator
) -> None:
    """TD3's next action comes from the target encoder, SAC's from the online one."""
    made = agent(kind)
    (trainer,) = made.routing.trainers.values()
    data, noise = batch(8, rng), torch.zeros(8, 3)
    before = made.target(data, noise)
    trainer.target.mul_(1.5)
    after_slow = made.target(data, noise)
    trainer.vector.mul_(1.5)
    after_both = made.target(data, noise)
    assert torch.equal(before, after_slow) == (kind == "sac")
    assert torch.equal(after_slow, after_both) == (kind == "td3")


@both_agents
def test_a_restored_agent_continues_bit_for_bit(
    kind: str, rng: torch.Generator
) -> None:
    one, two = agent(kind, augment="shift"), agent(kind, seed=1, augment="shift")
    one.update_normalizers(small.obs(100, rng))
    one.update(batch(16, rng))
    two.load(copies(one))
    for name, stream in two.generators().items():
        stream.set_state(one.generators()[name].get_state())
    data = batch(16, rng)
    for made in (one, two):
        made.update(data)
    for name, value in one.tensors().items():
        assert torch.equal(value, two.tensors()[name]), name


@pytest.mark.parametrize(
    ("augment", "backend"),
    [
        # Traced whole and made functional, as for the compiler, but run by torch
        pytest.param("shift+color", "aot_eager", marks=pytest.mark.slow),
        # A minute of C++ each
        pytest.param("shift", "inductor", marks=pytest.mark.slow),
        pytest.param("shift+color", "inductor", marks=pytest.mark.slow),
    ],
)
def test_a_compiled_round_equals_the_eager_one(
    augment: str, backend: str, rng: torch.Generator
) -> None:
    eager, compiled = agent("sac", augment=augment), agent("sac", augment=augment)
    data = batch(16, rng)
    eager.update(data)
    run = torch.compile(compiled.round, fullgraph=True, backend=backend)
    compiled.update(data, run)
    for name, value in eager.tensors().items():
        torch.testing.assert_close(compiled.tensors()[name], value, msg=name)
