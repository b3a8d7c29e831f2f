"""Self-supervised objectives, against slow loops and tables worked by hand."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from puckrl.core.errors import UserError
from puckrl.monitor.signals import METRICS
from puckrl.representation import contrastive, frames, reconstruction
from puckrl.representation.frames import Frames, FrameSizes
from puckrl.representation.inverse_dynamics import InverseDynamics
from puckrl.representation.names import weight_of
from puckrl.representation.self_supervised import SELF_SUPERVISED, SelfSupervised

SIZES = FrameSizes(
    features=6,
    channels=3,
    stacked_channels=6,
    height=10,
    width=12,
    action_dim=4,
    goal_dim=3,
)


def encode(pixels: Tensor) -> Tensor:
    """Return six means, of channels."""
    return pixels.float().mean(dim=(2, 3)) / 255.0


def batch(count: int, draws: int, rng: torch.Generator) -> Frames:
    def images() -> Tensor:
        shape = (count, SIZES.stacked_channels, SIZES.height, SIZES.width)
        return torch.randint(256, shape, generator=rng, dtype=torch.uint8)

    return Frames(
        pixels=images(),
        draws=torch.rand(count, draws, generator=rng),
        next_pixels=images(),
        later_pixels=images(),
        action=torch.rand(count, SIZES.action_dim, generator=rng),
    )


def test_infonce_equals_a_loop_over_pairs(rng: torch.Generator) -> None:
    logits = torch.randn(5, 5, generator=rng)
    total = 0.0
    for i in range(5):
        row = math.log(sum(math.exp(logits[i, j]) for j in range(5)))
        column = math.log(sum(math.exp(logits[j, i]) for j in range(5)))
        total -= 0.5 * (float(logits[i, i]) - row) / 5
        total -= 0.5 * (float(logits[i, i]) - column) / 5
    assert float(contrastive.info_nce(logits)) == pytest.approx(total, rel=1e-5)


def test_infonce_of_equal_logits_is_chance() -> None:
    assert float(contrastive.info_nce(torch.zeros(8, 8))) == pytest.approx(math.log(8))


def test_energies_are_negative_square_distances(rng: torch.Generator) -> None:
    one, other = torch.randn(3, 4, generator=rng), torch.randn(2, 4, generator=rng)
    expected = [[-float((a - b).square().sum()) for b in other] for a in one]
    found = contrastive.negative_square_distances(one, other)
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-5, rtol=1e-5)


def test_a_time_contrastive_loss_is_that_of_its_projections(
    rng: torch.Generator,
) -> None:
    made = contrastive.TimeContrastive(SIZES)
    data = batch(4, 0, rng)
    assert data.later_pixels is not None
    loss, metrics = made(encode, encode(data.pixels), data)
    z, later = (made.project(encode(x)) for x in (data.pixels, data.later_pixels))
    squares = (z[:, None] - later[None, :]).square().sum(-1)
    right = torch.arange(4)
    expected = (
        F.cross_entropy(-squares, right) + F.cross_entropy(-squares.T, right)
    ) / 2
    torch.testing.assert_close(loss, expected)
    found = (squares.argmin(dim=1) == right).float().mean()
    assert metrics["train/time_contrastive_accuracy"] == found


def test_views_are_shifted_and_recolored_within_their_limits() -> None:
    pixels = torch.full((1, 6, 10, 12), 100, dtype=torch.uint8)
    pixels[:, :, 5, 6] = 200
    still = torch.tensor([[4.5 / 9, 4.5 / 9, 0.5, 0.5, 0.5, 0.5]])
    assert torch.equal(contrastive.view(pixels, still), pixels)
    corner = torch.tensor([[0.0, 0.0, 0.5, 0.5, 0.5, 0.5]])
    moved = contrastive.view(pixels, corner)
    assert (moved[0, 0] == 200).nonzero().tolist() == [[9, 10]]  # by 4 each way
    bright = torch.tensor([[4.5 / 9, 4.5 / 9, 1.0, 0.5, 0.0, 1.0]])
    changed = contrastive.view(pixels, bright)[0, :, 0, 0].tolist()
    # gains 1.2, 1, 0.8 on 100, and 20 of brightness, in both frames alike
    assert changed == [140, 120, 100] * 2


def test_inverse_dynamics_explains_what_its_head_knows(rng: torch.Generator) -> None:
    made = InverseDynamics(SIZES)
    data = batch(5, 0, rng)
    assert data.next_pixels is not None
    assert data.action is not None
    loss, metrics = made(encode, encode(data.pixels), data)
    total = 0.0
    for i in range(5):
        both = torch.cat(
            [encode(data.pixels[i : i + 1]), encode(data.next_pixels[i : i + 1])], 1
        )
        predicted = made.head(torch.relu(made.hidden(both)))[0]
        off = (predicted - data.action[i]).detach()
        total += float(off.square().mean()) / 5
    assert float(loss.detach()) == pytest.approx(total, rel=1e-5)
    spread = sum(float(data.action[:, k].var(unbiased=False)) for k in range(4)) / 4
    assert float(metrics["train/inverse_dynamics_r2"]) == pytest.approx(
        1 - total / spread, rel=1e-4
    )


def test_patches_of_a_numbered_image() -> None:
    image = torch.arange(5 * 9, dtype=torch.float32).view(1, 1, 5, 9)
    found = reconstruction.patches(image, 4)
    assert found.shape == (1, 2, 16)  # whole ones only
    assert found[0, 0].tolist() == [9 * y + x for y in range(4) for x in range(4)]
    assert found[0, 1].tolist() == [9 * y + x for y in range(4) for x in range(4, 8)]


def test_hidden_patches_are_gray_in_every_frame() -> None:
    pixels = torch.zeros(1, 6, 10, 12, dtype=torch.uint8)
    hidden = torch.zeros(1, 6, dtype=torch.bool)  # 2 x 3 patches of 4 x 4
    hidden[0, 4] = True  # second row, middle
    seen = reconstruction.hide(pixels, hidden, (2, 3))
    expected = torch.zeros(10, 12, dtype=torch.uint8)
    expected[4:8, 4:8] = 128
    for channel in seen[0]:
        assert torch.equal(channel, expected)


def test_the_masked_loss_counts_hidden_patches_only(rng: torch.Generator) -> None:
    made = reconstruction.MaskedPatches(SIZES)
    data = batch(3, made.draws, rng)
    loss, _ = made(encode, encode(data.pixels), data)
    hidden = data.draws < 0.5
    drawn = made.decoder(encode(reconstruction.hide(data.pixels, hidden, (2, 3))))
    errors = []
    for i in range(3):
        for k in range(6):
            if not hidden[i, k]:
                continue
            y, x = 4 * (k // 3), 4 * (k % 3)
            true = data.pixels[i, -3:, y : y + 4, x : x + 4].float() / 255 - 0.5
            true = (true - true.mean()) / (true.var(unbiased=False) + 1e-4).sqrt()
            off = drawn[i, :, y : y + 4, x : x + 4] - true
            errors.append(float(off.detach().square().mean()))
    assert float(loss.detach()) == pytest.approx(sum(errors) / len(errors), rel=1e-4)


@pytest.mark.parametrize(
    ("mean", "std", "expected"),
    [(0.0, 1.0, 0.0), (2.0, 1.0, 2.0), (0.0, math.e, (math.e**2 - 3) / 2)],
)
def test_the_divergence_of_known_normals(
    mean: float, std: float, expected: float
) -> None:
    """KL(N(μ, σ²) | N(0, 1)) = (μ² + σ² - 1) / 2 - log σ, one number a row."""
    mu, log_var = torch.full((4, 1), mean), torch.full((4, 1), 2 * math.log(std))
    found = reconstruction.divergence(mu, log_var)
    assert float(found) == pytest.approx(expected, abs=1e-5)


def test_normal_numbers_have_the_moments_of_a_normal(rng: torch.Generator) -> None:
    drawn = reconstruction.normal(torch.rand(20_000, 2, generator=rng))
    assert abs(float(drawn.mean())) < 0.03
    assert float(drawn.std()) == pytest.approx(1.0, abs=0.03)
    assert bool(reconstruction.normal(torch.tensor([[0.0, 0.3]])).isfinite().all())


def test_a_vae_sums_its_two_parts(rng: torch.Generator) -> None:
    made = reconstruction.Vae(SIZES)
    loss, found = made(
        encode, torch.rand(3, 6, generator=rng), batch(3, made.draws, rng)
    )
    total = found["train/vae_error"] + 1e-3 * found["train/vae_kl"]
    torch.testing.assert_close(loss, total)


def test_several_objectives_add_up_by_their_weights(rng: torch.Generator) -> None:
    named = ["time-contrastive", "inverse-dynamics=0.5", "masked-patches=2", "vae"]
    made = SelfSupervised(named, SIZES)
    assert made.needs == {"later_pixels", "next_pixels", "action"}
    data = batch(4, made.draws, rng)
    features = encode(data.pixels)
    loss, metrics = made(encode, features, data)
    at, expected = 0, torch.zeros(())
    for part, weight in zip(made.objectives, (1.0, 0.5, 2.0, 1.0), strict=True):
        draws = int(getattr(part, "draws"))  # noqa: B009
        own = data._replace(draws=data.draws[:, at : at + draws])
        at += draws
        expected = expected + weight * part(encode, features, own)[0]
    torch.testing.assert_close(loss, expected)
    assert set(metrics) <= set(METRICS)


@pytest.mark.parametrize("name", SELF_SUPERVISED)
def test_every_objective_reaches_the_encoder_and_says_how_it_does(
    name: str, rng: torch.Generator
) -> None:
    made = SelfSupervised([name], SIZES)
    scale = torch.ones(6, requires_grad=True)
    data = batch(6, made.draws, rng)

    def scaled(pixels: Tensor) -> Tensor:
        return encode(pixels) * scale

    loss, metrics = made(scaled, scaled(data.pixels), data)
    (gradient,) = torch.autograd.grad(loss, [scale])
    assert float(gradient.abs().sum()) > 0
    assert set(metrics) <= set(METRICS)


def test_collapsed_features_are_seen(rng: torch.Generator) -> None:
    made = SelfSupervised(["time-contrastive"], SIZES)
    data = batch(8, 0, rng)

    def collapsed(pixels: Tensor) -> Tensor:
        return torch.ones(len(pixels), 6)

    loss, metrics = made(collapsed, collapsed(data.pixels), data)
    assert float(metrics["train/feature_std"]) == 0.0
    assert float(metrics["train/time_contrastive_accuracy"]) == 1 / 8
    assert float(loss.detach()) == pytest.approx(math.log(8), abs=1e-5)


@pytest.mark.parametrize("named", ["vae=", "vae=no", "vae=-1", "vae=0", "vae=nan"])
def test_a_bad_weight_is_refused(named: str) -> None:
    with pytest.raises(UserError, match="write vae="):
        weight_of(named)


def test_an_unknown_objective_is_refused_with_the_likely_one() -> None:
    with pytest.raises(UserError, match="time-contrastive"):
        SelfSupervised(["time-contrastve"], SIZES)


_OWN = """
from torch import nn

class Mean(nn.Module):
    needs, draws = (), 0
    def __init__(self, sizes):
        super().__init__()
        self.head = nn.Linear(sizes.features, 1)
    def forward(self, encode, features, frames):
        loss = self.head(features).square().mean()
        return loss, {"own/mean": loss}

class Bare(nn.Module):
    def __init__(self, sizes):
        super().__init__()

class Greedy(Mean):
    needs = ("tomorrow",)
"""


def test_a_file_may_hold_an_objective(tmp_path: Path, rng: torch.Generator) -> None:
    file = tmp_path / "mine.py"
    file.write_text(_OWN)
    made = SelfSupervised([f"{file}:Mean=3", "vae"], SIZES)
    _, metrics = made(encode, torch.ones(2, 6), batch(2, made.draws, rng))
    assert "own/mean" in metrics
    assert made.weights == (3.0, 1.0)
    with pytest.raises(UserError, match="lacks needs, draws"):
        SelfSupervised([f"{file}:Bare"], SIZES)
    with pytest.raises(UserError, match="needs tomorrow"):
        SelfSupervised([f"{file}:Greedy"], SIZES)


def test_feature_health_is_a_mean_of_deviations() -> None:
    features = torch.tensor([[0.0, 5.0], [2.0, 5.0]])
    assert float(frames.feature_health(features)) == pytest.approx(math.sqrt(2) / 2)
