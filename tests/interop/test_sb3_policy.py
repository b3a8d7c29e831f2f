"""Our encoders in SB3's policies: what they see, and whose loss moves them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.preprocessing import preprocess_obs
from torch import Tensor

import puckrl.interop.gym
from puckrl.core.errors import UserError
from puckrl.core.types import PixelSpace
from puckrl.interop.sb3 import (
    CriticEncoderPolicy,
    FrameReplayBuffer,
    PixelExtractor,
    facts_of,
)
from tests.interop.counting import HORIZON, CountingEnv

gymnasium.register_envs(puckrl.interop.gym)
SMALL: dict[str, Any] = {"kind": "padded", "channels": 4}
SPACE = CountingEnv().observation_space


def model(policy: Any = CriticEncoderPolicy, **kwargs: Any) -> SAC:
    """A learner with a few episodes to learn from."""
    learner = SAC(
        policy,
        CountingEnv(),
        buffer_size=20 * HORIZON,
        learning_starts=10**9,
        batch_size=16,
        tau=1.0,  # the targets are copies: no rounding that looks like learning
        replay_buffer_class=FrameReplayBuffer,
        replay_buffer_kwargs={"horizon": HORIZON},
        policy_kwargs={
            "net_arch": [16],
            "features_extractor_class": PixelExtractor,
            "features_extractor_kwargs": SMALL,
            **kwargs,
        },
        seed=0,
    )
    return learner.learn(60)


def batch(learner: SAC, count: int = 16) -> Any:
    assert learner.replay_buffer is not None
    return learner.replay_buffer.sample(count)


# -- extractor ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ["nature", "drqv2", "manipulation", "impala"])
@pytest.mark.parametrize("head", ["flatten", "flatten-norm", "spatial-softmax"])
def test_features_are_the_encoder_s_and_the_vectors(kind: Any, head: Any) -> None:
    image = spaces.Box(0, 255, (9, 40, 44), np.uint8)
    parts = {
        "b": spaces.Box(-1, 1, (2,)),
        "pixels": image,
        "a": spaces.Box(-1, 1, (3,)),
    }
    space = spaces.Dict(parts)
    net = PixelExtractor(space, kind, head, channels=4, features=7, vectors=("b", "a"))
    obs = {name: torch.as_tensor(part.sample())[None] for name, part in space.items()}
    features = net(obs)
    assert features.shape == (1, net.features_dim)
    assert features.dtype == torch.float32
    wanted = torch.cat([net.encoder(obs["pixels"]), obs["b"], obs["a"]], dim=1)
    assert torch.equal(features, wanted)
    # what SB3's stock policies hand over: floats in [0, 1]
    stock = preprocess_obs(obs, space)
    assert isinstance(stock, dict)
    assert stock["pixels"].max() <= 1.0
    torch.testing.assert_close(net(stock), features, rtol=1e-4, atol=1e-5)


def test_only_the_vectors_asked_for_are_seen() -> None:
    every = PixelExtractor(SPACE, **SMALL)
    honest = PixelExtractor(SPACE, **SMALL, vectors=("proprio", "desired_goal"))
    assert every.features_dim - every.encoder.size == 5
    assert honest.features_dim - honest.encoder.size == 2
    obs = {name: torch.as_tensor(s.sample())[None] for name, s in SPACE.items()}
    elsewhere = {**obs, "achieved_goal": obs["achieved_goal"] + 1.0}
    assert torch.equal(honest(obs), honest(elsewhere))
    assert not torch.equal(every(obs), every(elsewhere))


def test_mistakes_are_told_in_one_line() -> None:
    with pytest.raises(UserError, match="unknown vector 'state'; legal: achieved_goal"):
        PixelExtractor(SPACE, vectors=("state",))
    with pytest.raises(UserError, match="too small for the nature encoder"):
        PixelExtractor(SPACE, kind="nature")
    blind = spaces.Dict({n: s for n, s in SPACE.items() if n != "pixels"})
    with pytest.raises(UserError, match="no image among"):
        PixelExtractor(blind)
    with pytest.raises(UserError, match=r"observation_space=.*legal: Dict"):
        PixelExtractor(SPACE["pixels"])  # pyright: ignore[reportArgumentType]


# -- policy --------------------------------------------------------------------


def groups(learner: SAC) -> dict[str, Tensor]:
    """All parameters of the policy, as one vector for each part that learns."""
    found: dict[str, list[Tensor]] = {}
    for name, value in learner.policy.named_parameters(remove_duplicate=False):
        network, rest = name.split(".", 1)
        part = "encoder" if rest.startswith("features_extractor") else "head"
        found.setdefault(f"{network} {part}", []).append(value.detach().flatten())
    return {name: torch.cat(values) for name, values in found.items()}


@contextmanager
def moves(learner: SAC) -> Iterator[set[str]]:
    """Filled with the parts that have changed meanwhile."""
    before, changed = groups(learner), set[str]()
    yield changed
    after = groups(learner)
    changed |= {n for n, v in before.items() if not torch.equal(v, after[n])}


def frozen(optimizer: torch.optim.Optimizer) -> None:
    """It takes no more steps."""
    optimizer.step = lambda closure=None: None  # pyright: ignore[reportAttributeAccessIssue]


CRITIC = {"critic encoder", "critic head"}
TARGET = {"critic_target encoder", "critic_target head"}


def test_there_is_one_encoder_and_its_slow_copy() -> None:
    learner = model()
    policy = learner.policy
    assert policy.actor.features_extractor is policy.critic.features_extractor
    parts = groups(learner)
    assert parts.keys() == CRITIC | TARGET | {"actor encoder", "actor head"}
    for part in ("encoder", "head"):
        assert torch.equal(parts[f"critic {part}"], parts[f"critic_target {part}"])
    held = {
        name: {
            id(p) for group in network.optimizer.param_groups for p in group["params"]
        }
        for name, network in (("actor", policy.actor), ("critic", policy.critic))
    }
    encoder = {id(p) for p in policy.critic.features_extractor.parameters()}
    assert encoder <= held["critic"]
    assert not encoder & held["actor"]
    assert not held["actor"] & held["critic"]


def test_the_critic_s_loss_trains_critics_and_encoder() -> None:
    learner = model()
    frozen(learner.actor.optimizer)
    with moves(learner) as changed:
        learner.train(1, 16)
    # the actor looks through the same encoder
    assert changed == CRITIC | TARGET | {"actor encoder"}


def test_the_actor_s_loss_trains_the_actor_only() -> None:
    learner = model()
    frozen(learner.critic.optimizer)
    with moves(learner) as changed:
        learner.train(1, 16)
    assert changed == {"actor head"}


def test_the_control_sb3_s_own_policy_trains_an_encoder_with_the_actor() -> None:
    learner = model("MultiInputPolicy")
    frozen(learner.critic.optimizer)
    with moves(learner) as changed:
        learner.train(1, 16)
    assert changed == {"actor head", "actor encoder"}


def test_the_actor_s_loss_leaves_no_gradient_in_the_encoder() -> None:
    learner = model()
    critic = learner.policy.critic
    kept: dict[str, Tensor] = {}

    def keep(closure: Any = None) -> None:
        named = critic.named_parameters()
        kept.update({n: p.grad.clone() for n, p in named if p.grad is not None})

    # between the two losses
    critic.optimizer.step = keep  # pyright: ignore[reportAttributeAccessIssue]
    learner.train(1, 16)
    same = {
        name: torch.equal(kept[name], value.grad)
        for name, value in critic.named_parameters()
        if value.grad is not None
    }
    assert same.keys() == kept.keys()
    # but for the critics' own layers, which the actor's loss passes through
    assert {n for n, s in same.items() if s} == {
        n for n in same if n.startswith("features_extractor.")
    }
    assert all(kept[n].abs().max() > 0 for n in kept)


def test_values_gradients_and_actions_are_those_of_sb3_s_policy() -> None:
    ours, stock = model(), model("MultiInputPolicy")
    stock.policy.load_state_dict(ours.policy.state_dict())
    data = batch(ours)
    losses = {}
    for learner in (ours, stock):
        values = learner.critic(data.observations, data.actions)
        loss = sum((value + 3.0).square().mean() for value in values)
        losses[learner] = loss
        learner.critic.optimizer.zero_grad()
        loss.backward()  # pyright: ignore
    # SB3 divides by 255 in float32 first
    close: dict[str, Any] = {"rtol": 1e-3, "atol": 1e-4}
    torch.testing.assert_close(losses[ours], losses[stock], **close)
    for a, b in zip(ours.critic.parameters(), stock.critic.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, **close)
    actions = [
        m.policy.actor(data.observations, deterministic=True) for m in (ours, stock)
    ]
    torch.testing.assert_close(*actions, **close)


def test_a_saved_model_acts_and_shares_as_before(tmp_path: Any) -> None:
    learner = model()
    learner.train(3, 16)
    learner.save(tmp_path / "model")
    loaded = SAC.load(tmp_path / "model", env=CountingEnv())
    obs = CountingEnv().reset()[0]
    action = learner.predict(obs, deterministic=True)[0]
    again = loaded.predict(obs, deterministic=True)[0]
    np.testing.assert_array_equal(again, action)
    policy = loaded.policy
    assert policy.actor.features_extractor is policy.critic.features_extractor
    moment = loaded.critic.optimizer.state_dict()["state"]
    assert moment.keys() == learner.critic.optimizer.state_dict()["state"].keys()
    learner.policy.save(str(tmp_path / "policy"))
    alone = CriticEncoderPolicy.load(str(tmp_path / "policy"))
    np.testing.assert_array_equal(alone.predict(obs, deterministic=True)[0], action)


def test_the_parts_fit_our_ids() -> None:
    env = gymnasium.make(
        "puck/FetchPushPixels-v4",
        height=16,
        width=16,
        viewpoints=("side", "front"),
        stack=2,
    )
    learner = SAC(
        CriticEncoderPolicy,
        env,
        buffer_size=200,
        learning_starts=55,
        batch_size=8,
        replay_buffer_class=FrameReplayBuffer,
        policy_kwargs={"net_arch": [8], "features_extractor_kwargs": SMALL},
    ).learn(60)
    replay = learner.replay_buffer
    assert isinstance(replay, FrameReplayBuffer)
    assert replay.episodes.horizon == 50
    assert replay.episodes.spaces.pixels == PixelSpace(16, 16, channels=6, stack=2)
    assert learner._n_updates == 5  # pyright: ignore[reportPrivateUsage]
    facts = facts_of(learner)
    assert (facts.modality, facts.her, facts.horizon) == ("pixels", True, 50)
