"""Probes, against normal equations, planted positions and labels without meaning."""

import pytest
import torch

from puckrl.representation import probe


def planted(
    rng: torch.Generator, episodes: int = 60
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return features that hold a position linearly, the position, and episodes."""
    episode = torch.arange(episodes).repeat_interleave(5)
    where = 0.3 * torch.rand(len(episode), 3, generator=rng)
    mix = torch.randn(3, 8, generator=rng)
    return where @ mix + 4.0, where, episode


def test_an_error_is_a_distance_in_millimeters() -> None:
    true = torch.zeros(5, 3)
    off = torch.tensor([0.001, 0.002, 0.003, 0.004, 0.005])
    predicted = torch.stack([0.6 * off, 0.8 * off, 0.0 * off], dim=1)
    found = probe.error_of(predicted, true)
    assert found.median_mm == pytest.approx(3.0)
    assert found.p95_mm == pytest.approx(4.8)


def test_ridge_equals_its_normal_equations(rng: torch.Generator) -> None:
    x, y = torch.randn(20, 4, generator=rng), torch.randn(20, 2, generator=rng)
    new = torch.randn(3, 4, generator=rng)
    mean, std = x.mean(0), x.std(0)
    z = ((x - mean) / std).double()
    gram = z.T @ z
    penalty = 0.1 * float(gram.trace()) / 4
    weights = torch.linalg.inv(gram + penalty * torch.eye(4).double()) @ z.T
    weights = weights @ (y - y.mean(0)).double()
    expected = y.mean(0) + ((new - mean) / std).double() @ weights
    found = probe.ridge(x, y, new, 0.1)
    torch.testing.assert_close(found, expected.float(), atol=1e-5, rtol=1e-4)


def test_the_dual_form_equals_the_primal_one(rng: torch.Generator) -> None:
    """With more features than rows, (Z Zᵀ + λ)⁻¹ is solved instead of (Zᵀ Z + λ)⁻¹."""
    x, y = torch.randn(6, 9, generator=rng), torch.randn(6, 2, generator=rng)
    z = ((x - x.mean(0)) / x.std(0)).double()
    penalty = 0.5 * float((z @ z.T).trace()) / 6
    primal = torch.linalg.inv(z.T @ z + penalty * torch.eye(9).double())
    expected = y.mean(0) + z @ primal @ z.T @ (y - y.mean(0)).double()
    found = probe.ridge(x, y, x, 0.5)
    torch.testing.assert_close(found, expected.float(), atol=1e-5, rtol=1e-4)


def test_both_readouts_find_a_planted_position(rng: torch.Generator) -> None:
    x, y, episode = planted(rng)
    test = probe.held_out(episode)
    by_line = probe.error_of(probe.linear(x, y, episode, test), y[test])
    by_net = probe.error_of(probe.mlp(x, y, episode, test, rng), y[test])
    assert by_line.median_mm < 0.01
    assert by_net.median_mm < 10.0
    guess = y[~test].mean(0).expand_as(y[test])
    assert probe.error_of(guess, y[test]).median_mm > 80.0


def test_only_the_mlp_finds_what_is_folded(rng: torch.Generator) -> None:
    episode = torch.arange(100).repeat_interleave(5)
    where = torch.rand(500, 1, generator=rng) - 0.5
    x = torch.cat([where.square(), where.sign()], dim=1)  # |where| and its side
    test = probe.held_out(episode)
    by_line = probe.error_of(probe.linear(x, where, episode, test), where[test])
    by_net = probe.error_of(probe.mlp(x, where, episode, test, rng), where[test])
    assert by_net.median_mm < 0.5 * by_line.median_mm


def test_held_out_episodes_never_train(rng: torch.Generator) -> None:
    x, y, episode = planted(rng)
    test = probe.held_out(episode, fold=2)
    assert set((episode[test] % 4).tolist()) == {2}
    clean = probe.linear(x, y, episode, test)
    spoiled = torch.where(test[:, None], torch.full_like(y, 9.0), y)
    assert torch.equal(probe.linear(x, spoiled, episode, test), clean)


def test_folds_cover_every_row_once() -> None:
    episode = torch.arange(10).repeat_interleave(3)
    counts = torch.stack([*probe.folds(episode)]).sum(dim=0)
    assert counts.tolist() == [1] * 30


def test_features_that_never_change_are_no_error(rng: torch.Generator) -> None:
    _, y, episode = planted(rng)
    x = torch.ones(len(y), 4)
    test = probe.held_out(episode)
    guess = probe.error_of(y[~test].mean(0).expand_as(y[test]), y[test]).median_mm
    found = probe.error_of(probe.linear(x, y, episode, test), y[test]).median_mm
    assert found == pytest.approx(guess, rel=1e-3)
