"""Evaluation of a run's policy."""

import pytest

from puckrl.runner.policies import worlds_for


@pytest.mark.parametrize(
    ("episodes", "worlds"),
    [(1, 1), (2, 2), (64, 64), (100, 50), (128, 64), (200, 50), (500, 50), (97, 64)],
)
def test_the_number_of_worlds_divides_that_of_episodes(
    episodes: int, worlds: int
) -> None:
    """Except for numbers such as 97, which would need a single world."""
    assert worlds_for(episodes) == worlds
