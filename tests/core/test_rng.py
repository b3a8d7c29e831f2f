"""Resets are reproducible, uniform, and independent world by world."""

import pytest
import torch
from scipy import stats
from torch import Tensor

from puckrl.core.rng import Draws, generator, splitmix64
from tests import oracles

_64_BITS = (1 << 64) - 1


def _unsigned(x: Tensor) -> list[int]:
    return [int(v) & _64_BITS for v in x]


def _unit(seed: int, worlds: int, episode: int, count: int) -> Tensor:
    """Draws in [0, 1) of many worlds, (worlds, count)."""
    index = torch.arange(worlds)
    return Draws(seed, index, torch.full_like(index, episode)).uniform(0.0, 1.0, count)


def test_splitmix64_gives_the_published_sequence_of_seed_0() -> None:
    # The stream of seed 0, as in the test vectors of Vigna's splitmix64.c.
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    states = [i * 0x9E3779B97F4A7C15 & _64_BITS for i in range(3)]
    signed = [s - (1 << 64) if s >> 63 else s for s in states]
    assert _unsigned(splitmix64(torch.tensor(signed))) == published


def test_splitmix64_equals_python_integers() -> None:
    edges = [0, 1, -1, 2**63 - 1, -(2**63), 1234567]
    more = torch.randint(
        -(2**63), 2**63 - 1, (200,), generator=generator(0, "x", torch.device("cpu"))
    )
    states = torch.cat([torch.tensor(edges), more])
    expected = [oracles.splitmix64(s) for s in _unsigned(states)]
    assert _unsigned(splitmix64(states)) == expected


def test_draws_are_a_hash_of_seed_world_episode_and_index() -> None:
    def u64(x: int) -> int:
        return oracles.splitmix64(x & _64_BITS)

    key = u64(u64(u64(5) ^ 7) ^ 2)
    expected = [(u64(key ^ u64(i)) >> 11) * 2.0**-53 for i in range(4)]
    got = Draws(5, torch.tensor([7]), torch.tensor([2])).uniform(0.0, 1.0, 4)
    assert got[0].tolist() == expected


def test_a_world_draws_the_same_alone_and_in_a_crowd() -> None:
    crowd = torch.arange(64)
    episodes = torch.arange(64) % 5
    together = Draws(3, crowd, episodes).uniform(-1.0, 1.0, 6)
    alone = Draws(3, crowd[41:42], episodes[41:42]).uniform(-1.0, 1.0, 6)
    assert torch.equal(alone[0], together[41])


def test_successive_draws_continue_one_stream() -> None:
    worlds = torch.arange(3)
    whole = Draws(1, worlds, worlds).uniform(0.0, 1.0, 5)
    draws = Draws(1, worlds, worlds)
    parts = [draws.uniform(0.0, 1.0, 2), draws.uniform(0.0, 1.0, 3)]
    assert torch.equal(torch.cat(parts, dim=1), whole)


def test_shapes_dtype_and_bounds() -> None:
    draws = Draws(0, torch.arange(500), torch.zeros(500, dtype=torch.int64))
    low, high = torch.tensor([-1.0, 10.0]), torch.tensor([1.0, 11.0])
    x = draws.uniform(low, high, 4, 2)
    assert x.shape == (500, 4, 2)
    assert x.dtype == torch.float64
    assert (x >= low).all()
    assert (x < high).all()
    assert draws.uniform(0.0, 1.0).shape == (500,)


@pytest.mark.parametrize("axis", ["worlds", "episodes", "index", "seeds"])
def test_every_axis_is_uniform(axis: str) -> None:
    n = 20_000
    x = {
        "worlds": lambda: _unit(0, n, 0, 1)[:, 0],
        "episodes": lambda: Draws(
            0, torch.zeros(n, dtype=torch.int64), torch.arange(n)
        ).uniform(0.0, 1.0, 1)[:, 0],
        "index": lambda: _unit(0, 1, 0, n)[0],
        "seeds": lambda: torch.cat([_unit(s, 1, 0, 1)[0] for s in range(2000)]),
    }[axis]()
    assert stats.kstest(x.numpy(), "uniform").pvalue > 0.01
    counts = torch.histc(x.float(), 64, 0.0, 1.0).numpy()
    assert stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize(
    "other", ["next world", "next episode", "next index", "next seed"]
)
def test_neighbors_are_independent(other: str) -> None:
    x = _unit(0, 20_000, 0, 2)
    a = x[:, 0]
    b = {
        "next world": torch.roll(a, 1),
        "next episode": _unit(0, 20_000, 1, 1)[:, 0],
        "next index": x[:, 1],
        "next seed": _unit(1, 20_000, 0, 1)[:, 0],
    }[other]
    cells = (a * 8).long() * 8 + (b * 8).long()
    counts = torch.bincount(cells, minlength=64).numpy()
    assert stats.chisquare(counts).pvalue > 0.01


def test_named_streams_differ_and_repeat() -> None:
    cpu = torch.device("cpu")

    def first(seed: int, name: str) -> float:
        return torch.rand(1, generator=generator(seed, name, cpu)).item()

    assert first(0, "replay") == first(0, "replay")
    values = {
        first(s, n) for s in (0, 1, 10) for n in ("replay", "explore", "0/replay")
    }
    assert len(values) == 9


def test_normal_draws_are_standard_normal_and_independent() -> None:
    worlds = torch.arange(20_000)
    x = Draws(0, worlds, torch.zeros_like(worlds)).normal(2)
    assert x.shape == (20_000, 2)
    assert stats.kstest(x[:, 0].numpy(), "norm").pvalue > 0.01
    assert stats.kstest(x[:, 1].numpy(), "norm").pvalue > 0.01
    assert abs(float(torch.corrcoef(x.T)[0, 1])) < 0.02
