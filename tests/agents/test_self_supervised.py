"""Self-supervised objectives beside a policy: what they train, and when they are asked."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.settings import Td3Cfg, VisionCfg
from puckrl.agents.td3 import Td3
from puckrl.core.types import Batch
from puckrl.monitor.signals import METRICS
from puckrl.nets.encoders import Encoder
from puckrl.nets.layers import EncoderCfg
from puckrl.representation.self_supervised import frames_of, with_frames
from puckrl.representation.weights import EncoderFile, save_encoder
from tests.agents import small
from tests.agents.test_vision import SEEING, SPACES, agent, batch, copies

NAMED = ("time-contrastive", "inverse-dynamics=0.5")


def with_later(data: Batch, rng: torch.Generator) -> Batch:
    shape = data.obs["pixels"].shape
    later = torch.randint(256, shape, generator=rng, dtype=torch.uint8)
    return data._replace(obs={**data.obs, "later_pixels": later})


def complete(made: ActorCritic, count: int, rng: torch.Generator) -> Batch:
    """Return a batch as an update completes it."""
    data = with_later(batch(count, rng), rng)
    objectives = made.routing.self_supervised
    return data if objectives is None else with_frames(data, objectives, rng)


def moved(made: ActorCritic, before: dict[str, Any]) -> set[str]:
    ends = ("vision.online", "heads.online")
    names = ("actor", "critic", *(n for n in before if n.endswith(ends)))
    return {n for n in names if not torch.equal(made.tensors()[n], before[n])}


SHARED = {"vision.online", "vision.heads.online"}
CRITICS = {"critic_vision.online", "critic_vision.heads.online"}
ACTORS = {"actor_vision.online", "actor_vision.heads.online"}


@pytest.mark.parametrize("predicts", [True, False], ids=["predicts", "self-supervised"])
@pytest.mark.parametrize(
    ("gradient", "shared", "by_critic", "by_actor"),
    [
        ("critic", True, SHARED, set()),
        ("actor", True, set(), SHARED),
        ("both", True, SHARED, {"vision.online"}),
        ("self-supervised", True, SHARED, set()),
        ("none", True, set(), set()),
        ("critic", False, CRITICS, set()),
        ("actor", False, set(), ACTORS),
        ("both", False, CRITICS, ACTORS),
        ("self-supervised", False, CRITICS, ACTORS),
        ("none", False, set(), set()),
    ],
)
def test_each_update_trains_encoders_and_heads_that_it_is_routed_to(
    gradient: str,
    shared: bool,
    by_critic: set[str],
    by_actor: set[str],
    predicts: bool,
    rng: torch.Generator,
) -> None:
    made = agent(
        encoder_gradient=gradient,
        shared=shared,
        actor_sensors=SEEING,
        critic_sensors=SEEING,
        self_supervised=NAMED,
        aux_weight=1.0 if predicts else 0.0,
    )
    before, data = copies(made), complete(made, 8, rng)
    made._update_critic(data, torch.zeros(8))
    assert moved(made, before) == {"critic"} | by_critic
    before = copies(made)
    made._update_actor(data.obs, torch.zeros(8, 3))
    assert moved(made, before) == {"actor"} | by_actor


def test_without_policy_losses_the_gradient_is_that_of_the_objectives(
    rng: torch.Generator,
) -> None:
    made = agent(
        encoder_gradient="self-supervised",
        aux_weight=0.0,
        self_supervised=NAMED,
        max_grad_norm=0.0,
    )
    trainer = made.routing.trainers["actor_vision"]
    assert trainer.heads is not None
    data = complete(made, 8, rng)
    vision = trainer.vector.clone().requires_grad_()
    heads = trainer.heads.vector.clone().requires_grad_()

    def encode(pixels: torch.Tensor) -> torch.Tensor:
        return trainer.flat(vision, pixels)[0]

    loss, _ = trainer.heads.flat(
        heads, encode, encode(data.obs["pixels"]), frames_of(data.obs)
    )
    of_vision, of_heads = torch.autograd.grad(loss, [vision, heads])
    with torch.no_grad():
        metrics = made._update_actor(data.obs, torch.zeros(8, 3))
    for name, wanted in (("encoder", of_vision), ("heads", of_heads)):
        found = metrics[f"train/actor_{name}_grad_norm"]
        torch.testing.assert_close(found, wanted.norm())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of an encoder for these agents."""
    path = tmp_path / "eyes.safetensors"
    about = EncoderFile("padded", 4, "spatial-softmax", 50, 16, 16, 2, (), "push")
    torch.manual_seed(3)
    save_encoder(path, Encoder(EncoderCfg(channels=4), 6, 16, 16), about)
    return path


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "separate"])
@pytest.mark.parametrize(
    "gradient", ["critic", "actor", "both", "self-supervised", "none"]
)
def test_a_pre_trained_encoder_is_frozen_or_trained_as_it_is_routed(
    gradient: str, shared: bool, file: Path, rng: torch.Generator
) -> None:
    vision = VisionCfg(
        encoder=EncoderCfg(channels=4, weights=str(file)),
        encoder_gradient=gradient,  # pyright: ignore[reportArgumentType]
        shared=shared,
        lr=1e-4,
        self_supervised=() if gradient == "none" else NAMED,
    )
    made = small_agent(vision)
    saved = load_file(file)
    for trainer in made.routing.trainers.values():
        assert trainer.adam.lr == 1e-4
        for name, parameter in trainer.vision.named_parameters():
            if name.startswith("encoder."):
                assert torch.equal(parameter, saved[name.removeprefix("encoder.")])
    before = copies(made)
    data = complete(made, 8, rng)
    made._update_critic(data, torch.zeros(8))
    made._update_actor(data.obs, torch.zeros(8, 3))
    names = [n for n in before if n.endswith("vision.online")]
    trained = {n for n in names if not torch.equal(made.tensors()[n], before[n])}
    expected = {
        "critic": {"vision.online"} if shared else {"critic_vision.online"},
        "actor": {"vision.online"} if shared else {"actor_vision.online"},
        "none": set(),
    }
    assert trained == expected.get(gradient, set(names))


def small_agent(vision: VisionCfg) -> Td3:
    """Return an agent whose actor and critics get small images."""
    cfg = Td3Cfg(
        hidden=(16, 16),
        batch_size=8,
        precision="fp32",
        actor_sensors=SEEING,
        critic_sensors=SEEING,
        vision=vision,
    )
    return Td3(cfg, SPACES, small.BOUNDS, 0, small.CPU)


@pytest.mark.slow
@pytest.mark.parametrize("named", [NAMED, ("masked-patches", "vae", "infonce")])
def test_a_compiled_round_equals_the_eager_one(
    named: tuple[str, ...], rng: torch.Generator
) -> None:
    eager, compiled = (agent("sac", self_supervised=named) for _ in range(2))
    data = with_later(batch(16, rng), rng)
    eager.update(data)
    run = torch.compile(compiled.round, fullgraph=True, backend="aot_eager")
    compiled.update(data, run)
    for name, value in eager.tensors().items():
        torch.testing.assert_close(compiled.tensors()[name], value, msg=name)


@pytest.mark.parametrize("kind", ["td3", "sac", "distill"])
def test_an_agent_asks_for_what_its_objectives_need(
    kind: str, rng: torch.Generator
) -> None:
    plain = agent(kind, encoder_gradient="actor")
    assert not plain.batch_spec.later_pixels
    made = agent(kind, encoder_gradient="actor", self_supervised=NAMED)
    spec = made.batch_spec
    assert spec.later_pixels
    assert spec.next_pixels
    alone = agent(kind, encoder_gradient="actor", self_supervised=("vae",))
    assert alone.batch_spec == plain.batch_spec
    data = with_later(batch(spec.transitions, rng), rng)
    part = slice(-spec.num_pixels, None)
    seen = {n: x[part] for n, x in data.obs.items() if "pixels" in n}
    metrics = made.update(data._replace(obs={**data.obs, **seen}))
    assert {"train/time_contrastive_loss", "train/inverse_dynamics_r2"} <= set(metrics)
    assert set(metrics) <= set(METRICS)


def test_a_restored_agent_continues_with_its_heads(rng: torch.Generator) -> None:
    one = agent("sac", self_supervised=NAMED)
    two = agent("sac", seed=1, self_supervised=NAMED)
    data = with_later(batch(16, rng), rng)
    one.update(data)
    two.load(copies(one))
    for name, stream in two.generators().items():
        stream.set_state(one.generators()[name].get_state())
    for made in (one, two):
        made.update(data)
    for name, value in one.tensors().items():
        assert torch.equal(value, two.tensors()[name]), name


def test_objectives_change_nothing_of_an_agent_without_them() -> None:
    one, two = (
        agent(encoder_gradient="none"),
        agent(encoder_gradient="none", self_supervised=NAMED),
    )
    assert torch.equal(one.actor.vector, two.actor.vector)
    names = {n for n in two.tensors() if "heads" in n}
    assert not names, "nothing trains them, so they are not made"
