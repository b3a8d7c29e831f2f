"""Hindsight goals come from where their strategy says, equally often."""

import math

import pytest
import torch

from puckrl.replay.her import goal_index, substitute
from puckrl.replay.settings import Strategy, relabel_probability
from tests import oracles

STRATEGIES: list[Strategy] = ["future", "final", "episode"]
# torch.rand gives multiples of 2^-24 in [0, 1) for float32
_LARGEST_UNIT = 1 - 2.0**-24


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_indices_stay_legal_at_the_ends_of_the_unit_interval(
    strategy: Strategy,
) -> None:
    for length in (1, 2, 3, 50, 97, 1000):
        step = torch.arange(length)
        lengths = torch.full_like(step, length)
        for unit in (0.0, 0.5, _LARGEST_UNIT):
            got = goal_index(strategy, step, lengths, torch.full((length,), unit))
            for t in range(length):
                legal = oracles.legal_goal_indices(strategy, t, length)
                assert int(got[t]) in legal, (strategy, t, length, unit)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_every_legal_index_gets_the_same_share_of_the_unit_interval(
    strategy: Strategy, length: int
) -> None:
    count = math.lcm(1, 2, 3, 4, 5) * 2
    unit = (torch.arange(count) + 0.5) / count
    for step in range(length):
        got = goal_index(
            strategy, torch.full((count,), step), torch.full((count,), length), unit
        )
        legal = oracles.legal_goal_indices(strategy, step, length)
        shares = {index: got.tolist().count(index) for index in set(got.tolist())}
        assert shares == {index: count // len(legal) for index in legal}


def test_the_drawing_in_the_docstring() -> None:
    unit = torch.tensor([0.0, 0.999])
    step, length = torch.tensor([1, 1]), torch.tensor([3, 3])
    assert goal_index("future", step, length, unit).tolist() == [2, 3]
    assert goal_index("final", step, length, unit).tolist() == [3, 3]
    assert goal_index("episode", step, length, unit).tolist() == [1, 3]


@pytest.mark.parametrize(("k", "share"), [(0, 0.0), (1, 0.5), (4, 0.8)])
def test_k_goals_per_original_one_as_a_share(k: float, share: float) -> None:
    assert relabel_probability(k) == share


def test_substitute_replaces_whole_goals_where_asked() -> None:
    hindsight, desired = torch.ones(3, 2), torch.zeros(3, 2)
    mask = torch.tensor([True, False, True])
    assert substitute(mask, hindsight, desired).tolist() == [[1, 1], [0, 0], [1, 1]]
