"""Judging a run's policy."""

import pytest

from puckrl.runner.policies import worlds_for


@pytest.mark.parametrize(
    ("episodes", "worlds"),
    [(1, 1), (2, 2), (64, 64), (100, 50), (128, 64), (200, 50), (500, 50), (97, 64)],
)
def test_as_many_episodes_are_played_as_were_asked_for(
    episodes: int, worlds: int
) -> None:
    """But for numbers such as 97, which would be played one after the other."""
    assert worlds_for(episodes) == worlds
