"""Which steps are eligible, and that eligible ones are drawn equally often."""

import pytest
import torch
from scipy import stats

from puckrl.replay import sampling
from puckrl.replay.sampling import StepTable, still_moving
from tests import oracles

CPU = torch.device("cpu")


def test_still_moving_equals_a_hand_table() -> None:
    # one number per goal; index:   0    1    2    3    4
    achieved = torch.tensor(
        [
            [[0.0], [0.0], [0.0], [0.0], [0.0]],  # never moved
            [[0.0], [0.0], [1.0], [1.0], [1.0]],  # moved by step 1
            [[0.0], [0.0], [0.0], [0.0], [1.0]],  # moved by the last step
            [[1.0], [0.0], [1.0], [9.0], [9.0]],  # length 2: away at index 1 only
            [[1.0], [1.0], [1.0], [9.0], [9.0]],  # length 2: what follows is no part
        ]
    )
    length = torch.tensor([4, 4, 4, 2, 2])
    assert still_moving(achieved, length, 0.1).tolist() == [0, 2, 4, 2, 0]


def test_still_moving_equals_a_slow_loop(rng: torch.Generator) -> None:
    walks = torch.randn(300, 11, 2, generator=rng).cumsum(dim=1) * 0.05
    hold = torch.randint(0, 11, (300,), generator=rng)
    index = torch.minimum(torch.arange(11), hold[:, None])
    walks = walks[torch.arange(300)[:, None], index]  # each stops at some time
    length = torch.randint(1, 11, (300,), generator=rng)
    expected = [
        oracles.still_moving(walk, n, 0.1)
        for walk, n in zip(walks.tolist(), length.tolist(), strict=True)
    ]
    assert 0 < expected.count(0) < 300
    assert still_moving(walks, length, 0.1).tolist() == expected


def test_what_moves_is_measured_as_the_task_measures() -> None:
    """An angle that jitters about half a turn is at rest."""

    def turn(achieved: torch.Tensor, desired: torch.Tensor) -> torch.Tensor:
        apart = achieved[..., 0] - desired[..., 0]
        return torch.atan2(apart.sin(), apart.cos()).abs()

    yaw = torch.tensor([3.14, -3.14, 3.14, -3.14, 3.14]).view(1, 5, 1)
    length = torch.tensor([4])
    assert still_moving(yaw, length, 0.1).tolist() == [4]
    assert still_moving(yaw, length, 0.1, turn).tolist() == [0]


@pytest.mark.parametrize("eligible", [[3, 0, 5, 1, 0], [0, 0, 7], [1, 1]])
def test_every_eligible_step_is_drawn_equally_often(
    eligible: list[int], rng: torch.Generator
) -> None:
    table = StepTable(len(eligible), CPU)
    table.set(torch.arange(len(eligible)), torch.tensor(eligible))
    assert table.total == sum(eligible)
    episode, step, _ = table.draw(20_000, rng)
    drawn = list(zip(episode.tolist(), step.tolist(), strict=True))
    cells = [(e, t) for e, n in enumerate(eligible) for t in range(n)]
    counts = [drawn.count(cell) for cell in cells]
    assert sum(counts) == len(drawn), "a step that is not eligible was drawn"
    assert stats.chisquare(counts).pvalue > 0.01


def test_an_overwritten_episode_is_forgotten(rng: torch.Generator) -> None:
    table = StepTable(3, CPU)
    table.set(torch.tensor([0, 1, 2]), torch.tensor([4, 4, 4]))
    table.set(torch.tensor([1]), torch.tensor([2]))
    assert table.total == 10
    episode, step, _ = table.draw(2000, rng)
    assert step[episode == 1].max() == 1
    assert step[episode != 1].max() == 3


def test_a_later_step_is_any_that_follows_in_its_episode(rng: torch.Generator) -> None:
    step, left = torch.tensor([0, 3, 4]), torch.tensor([5, 2, 1])
    drawn = torch.stack([sampling.later(step, left, rng) for _ in range(400)])
    seen = [sorted(set(column.tolist())) for column in drawn.T]
    assert seen == [[1, 2, 3, 4, 5], [4, 5], [5]]
