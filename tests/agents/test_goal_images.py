"""Networks whose goal is an image: what reaches them, and what never does."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from puckrl.agents.distill import Distill
from puckrl.agents.pixel_features import PixelFeatures
from puckrl.agents.rebuild import describe_network, rebuild_policy
from puckrl.agents.settings import MODES, DistillCfg, VisionCfg
from puckrl.core.errors import UserError
from puckrl.core.spec import ImageSpec
from puckrl.core.types import Obs, PixelSpace
from puckrl.nets.layers import EncoderCfg
from puckrl.representation.vision import still
from tests.agents import small

SPACES = replace(
    small.SPACES,
    pixels=PixelSpace(16, 16, 3, stack=2),
    goal_image=PixelSpace(16, 16, 3),
)


def agent(**vision: Any) -> Distill:
    encoder = EncoderCfg(channels=4)
    cfg = DistillCfg(
        hidden=(16, 16),
        batch_size=8,
        student_batch=8,
        precision="fp32",
        actor_sensors=MODES["image-goal-no-proprio"],
        vision=VisionCfg(
            **{"encoder": encoder, "condition_on_prediction": True} | vision
        ),
    )
    return Distill(cfg, SPACES, small.BOUNDS, 0, small.CPU)


def observed(count: int, rng: torch.Generator) -> Obs:
    def image(channels: int) -> Tensor:
        shape = (count, channels, 16, 16)
        return torch.randint(256, shape, generator=rng, dtype=torch.uint8)

    obs = small.batch(count, rng).obs
    return {**obs, "pixels": image(6), "goal_image": image(3)}


@pytest.mark.parametrize("conditioned", [True, False])
def test_the_student_acts_on_two_images_and_nothing_else(
    conditioned: bool, rng: torch.Generator
) -> None:
    made = agent(condition_on_prediction=conditioned)
    obs = observed(8, rng)
    action = made.policy.act(obs, explore=False)
    for name in ("state", "achieved_goal", "desired_goal"):
        other = {**obs, name: torch.full_like(obs[name], torch.nan)}
        assert torch.equal(made.policy.act(other, explore=False), action), name
    for name in ("pixels", "goal_image"):
        other = {**obs, name: obs[name].flip(0)}
        assert not torch.equal(made.policy.act(other, explore=False), action), name


def test_both_images_go_through_one_encoder(rng: torch.Generator) -> None:
    made, obs = agent(), observed(5, rng)
    features = made.routing.actor.features
    assert isinstance(features, PixelFeatures)
    encoded = features.encode(features.vector, obs)
    seen, prediction = features.vision(obs["pixels"])
    goal, of_goal = features.vision(still(obs["goal_image"], obs["pixels"]))
    name = features.name
    assert torch.allclose(encoded[name], seen, atol=1e-6)
    assert torch.allclose(encoded[f"{name}.goal"], goal, atol=1e-6)
    wanted = torch.cat([prediction, of_goal - prediction], dim=1)
    assert torch.allclose(encoded[f"{name}.conditioned"], wanted, atol=1e-5)
    assert features.sizes == {
        name: features.vision.size,
        f"{name}.goal": features.vision.size,
        f"{name}.conditioned": wanted.shape[1],
    }


def test_a_goal_image_is_a_stack_in_which_nothing_moves() -> None:
    image = torch.arange(12, dtype=torch.uint8).view(1, 3, 2, 2)
    pixels = torch.zeros(1, 9, 2, 2, dtype=torch.uint8)
    assert torch.equal(still(image, pixels), torch.cat([image] * 3, dim=1))


def test_the_loss_asks_each_image_for_its_own_position(rng: torch.Generator) -> None:
    made, obs = agent(), observed(6, rng)
    route = made.routing.actor
    encoded, objective = route.encode(obs), made.routing.trainers
    [trainer] = objective.values()
    own = trainer.vision.objective
    name = "actor.features"
    one = own.loss(encoded[f"{name}.prediction"], obs)
    swapped = {**obs, "achieved_goal": obs["desired_goal"]}
    two = own.loss(encoded[f"{name}.goal_prediction"], swapped)
    loss, _ = route.auxiliary_loss(encoded, trainer.vector, route.heads_vector)
    assert torch.allclose(torch.as_tensor(loss), one + two)


def test_an_update_trains_student_encoder_and_teacher(rng: torch.Generator) -> None:
    made = agent()
    made.update_normalizers(small.batch(16, rng).obs)  # the student has no vectors
    before = {name: x.clone() for name, x in made.tensors().items()}
    batch = small.batch(16, rng)
    images = {
        n: x[-8:] for n, x in observed(16, rng).items() if "ima" in n or n == "pixels"
    }
    made.update(batch._replace(obs={**batch.obs, **images}))
    for name in ("actor", "actor_vision.online", "teacher", "critic"):
        assert not torch.equal(made.tensors()[name], before[name]), name


def test_an_objective_that_knows_no_goals_is_refused() -> None:
    objective = f"{Path(__file__).parent / 'no_goal.py'}:NoGoal"
    with pytest.raises(UserError, match=r"NoGoal lacks goal\(prediction\)"):
        agent(objective=objective)
    agent(objective=objective, condition_on_prediction=False)


def test_the_policy_is_rebuilt_from_its_description(rng: torch.Generator) -> None:
    made, obs = agent(), observed(4, rng)
    spec = describe_network(made)
    assert not spec.shows_goal
    assert spec.encoder is not None
    assert spec.encoder.shows_goal
    images = ImageSpec(16, 16, tuple("abcdef"), (), (), varied=False)
    given = {k: obs[k] for k in ("pixels", "goal_image", "state")}
    again = rebuild_policy(spec, images, 3, made.tensors(), small.CPU)
    wanted = made.averaged.act(obs, explore=False)
    assert torch.equal(again.act(given, explore=False), wanted)
