"""Evaluation, compared with a table computed by hand."""

import pytest
import torch
from torch import Tensor

from puckrl.agents.scripted import Scripted as Counting
from puckrl.core.intervals import wilson_interval
from puckrl.core.rng import Draws
from puckrl.core.types import Obs, Spaces
from puckrl.envs.goal_env import GoalEnv
from puckrl.training.judge import Episodes, Evaluation, evaluate
from tests.envs.test_goal_env import HORIZON, CountingSim, CountingTask

CPU = torch.device("cpu")
WORLDS = 3
DT_S = 0.004  # two physics steps

# Three rounds of three worlds that count by twice the action's first component, from 0
# to a goal. It is reached within 0.5; beyond 5 the episode is over (|), and nothing that
# comes later may matter. "change" sums |action - previous| over both components.
# fmt: off
GOALS = (4.0, 4.0, 1.0, 6.0, 8.0, -1.0, 2.0, 3.0, 9.0)
PLAYS = [
    # first component    second           goal  count     reached  return  first  change
    ((1, 1, 0, 0),       (0, 0, 0, 0)),   #  4  2 4 4 4   yes      -1      2      1
    ((1, 1, 1, -1),      (0, 0, 0, 1)),   #  4  2 4 6|4            -2             0
    ((.5, -.5, .5, 0),   (1, -1, 1, 1)),  #  1  1 0 1 1   yes      -1      1      6.5
    ((1, 1, 1, -1),      (0, 0, 0, 1)),   #  6  2 4 6|4   yes      -2      3      0
    ((0, 0, 0, 0),       (0, 0, 0, 0)),   #  8  0 0 0 0            -4             0
    ((0, 0, 0, -.5),     (0, 0, 0, 0)),   # -1  0 0 0 -1  yes      -3      4      0.5
    *[((0, 0, 0, 0),     (0, 0, 0, 0))] * 3,  # 2, 3 and 9         -4             0
]
# fmt: on


class Scripted(CountingTask):
    """Goals from the list above; only the first component of an action counts."""

    spaces = Spaces(state_dim=1, goal_dim=1, action_dim=2, horizon=HORIZON)
    goal_tol_m = 0.5

    def __init__(self) -> None:
        super().__init__([])
        self._goals = torch.tensor(GOALS, dtype=torch.float64).view(-1, WORLDS, 1)
        self._round = 0

    def reset(self, worlds: Tensor, draws: Draws) -> Tensor:
        super().reset(worlds, draws)
        self._round += 1
        return self._goals[self._round - 1, worlds]

    def apply(self, action: Tensor) -> None:
        super().apply(action[:, :1])


class Shortcut(Scripted):
    """The same with another distance: between 3 and 7 it is a tenth."""

    def distance(self, achieved: Tensor, desired: Tensor) -> Tensor:
        away = super().distance(achieved, desired)
        return torch.where((away > 3) & (away < 7), away / 10, away)

    def reward(self, achieved: Tensor, desired: Tensor) -> Tensor:
        return self.success(achieved, desired).double() - 1.0

    def success(self, achieved: Tensor, desired: Tensor) -> Tensor:
        return (achieved - desired)[:, 0].abs() < self.goal_tol_m


class Player:
    """Acts by a list."""

    device = CPU

    def __init__(self) -> None:
        plays = torch.tensor(PLAYS).view(-1, WORLDS, 2, HORIZON)
        self._actions = iter(plays.permute(0, 3, 1, 2).flatten(0, 1))

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        assert not explore
        return next(self._actions)

    def reset(self, done: Tensor) -> None:
        """Forget nothing."""


def judged(task: CountingTask, episodes: int | Episodes) -> Evaluation:
    env = GoalEnv(task, CountingSim(WORLDS, []), auto_reset=False)
    return evaluate(env, Player(), episodes)


def test_evaluation_is_the_table_worked_out_by_hand() -> None:
    found = judged(Scripted(), 7)
    assert found.episodes == 9  # three rounds of three worlds
    assert found.success == pytest.approx(4 / 9)
    assert found.interval == wilson_interval(4, 9)
    assert found.mean_return == pytest.approx(-(1 + 2 + 1 + 2 + 4 + 3 + 12) / 9)
    # of 1, 2, 3 and 4 steps: the mean of the middle two
    assert found.time_to_success_s == pytest.approx(2.5 * DT_S)
    # two components; three changes an episode, two in each of those that end early
    assert found.action_change == pytest.approx((1 + 6.5 + 0.5) / 2 / (7 * 3 + 2 * 2))
    # by distance of the goal 1+ 1+ 2- 3- | 4+ 4- 6+ 8- 9-
    assert found.success_near == pytest.approx(2 / 4)
    assert found.success_far == pytest.approx(2 / 5)
    assert found.competence_radius_m == 8.0  # 4 of the nearest 8


@pytest.mark.parametrize(
    ("least", "target", "played"),
    [
        (0, 1.0, 9),  # never early
        (3, 0.93, 6),  # 2 of 3: the interval reaches 0.939; 4 of 6: 0.903
        (3, 0.95, 3),
        (5, 0.95, 6),  # whole rounds of three worlds
        (7, 0.95, 9),
        (3, 0.5, 9),  # the interval never lies below
    ],
)
def test_an_evaluation_ends_once_it_cannot_be_a_success(
    least: int, target: float, played: int
) -> None:
    found = judged(Scripted(), Episodes(9, least, target))
    assert found.episodes == played
    won = 2 * min(played, 6) // 3
    assert found.success == pytest.approx(won / played)
    assert found.interval == wilson_interval(won, played)


def test_an_odd_number_of_successes_has_one_in_the_middle() -> None:
    found = judged(Scripted(), 3)
    assert found.episodes == 3
    assert found.success == pytest.approx(2 / 3)
    assert found.time_to_success_s == pytest.approx(1.5 * DT_S)
    assert found.competence_radius_m == 0.0  # of fewer than 8 goals none is told


def test_distances_are_the_tasks() -> None:
    found = judged(Shortcut(), 9)
    assert found.success == pytest.approx(4 / 9)
    # by distance 6+ 4+ 4- 1+ | 1+ 2- 3- 8- 9-
    assert found.success_near == pytest.approx(3 / 4)
    assert found.success_far == pytest.approx(1 / 5)
    assert found.competence_radius_m == 8.0


def test_without_success_there_is_no_time_to_it() -> None:
    class Never(Scripted):
        def success(self, achieved: Tensor, desired: Tensor) -> Tensor:
            return torch.zeros(len(achieved), dtype=torch.bool)

    found = judged(Never(), 3)
    assert found.success == 0.0
    assert found.time_to_success_s != found.time_to_success_s


def test_without_a_second_step_no_action_changes() -> None:
    class Short(Scripted):
        def terminated(self, achieved: Tensor, desired: Tensor) -> Tensor:
            return torch.ones(len(achieved), dtype=torch.bool)

    found = judged(Short(), 3)
    assert found.action_change != found.action_change
    assert found.success == pytest.approx(1 / 3)  # the third world, after one step


class Anywhere(Scripted):
    """Every state is a success."""

    def success(self, achieved: Tensor, desired: Tensor) -> Tensor:
        return torch.ones(len(achieved), dtype=torch.bool)


def test_failed_physics_win_nothing() -> None:
    """Independent of the previous state of the worlds."""
    sim = CountingSim(WORLDS, [])
    env = GoalEnv(Anywhere(), sim, auto_reset=False)
    sim.failing[1] = True
    found = evaluate(env, Player(), WORLDS)
    assert found.success == pytest.approx(2 / 3)


class Measured(CountingTask):
    """Measure the largest count of the episode; every world goes on to the horizon."""

    def reset(self, worlds: Tensor, draws: Draws) -> Tensor:
        goals = super().reset(worlds, draws)
        self.high = torch.zeros(WORLDS, dtype=torch.float64)
        return goals

    def settle(self) -> None:
        super().settle()
        self.high = self.high.maximum(self.state()[:, 0])

    def failed(self) -> Tensor:
        return self.high >= 2.0 * torch.arange(1, WORLDS + 1)

    def metrics(self) -> dict[str, Tensor]:
        return {"high": self.high}


def test_measurements_are_those_at_the_end_of_each_episode() -> None:
    """A full action counts 2; world w ends at 2 (w + 1), and later steps do not count."""
    env = GoalEnv(Measured([]), CountingSim(WORLDS, []), auto_reset=False)
    judged = evaluate(env, Counting(lambda obs: torch.ones(WORLDS, 1)), WORLDS)
    assert judged.metrics == {"high": (2.0 + 4.0 + 6.0) / 3}
