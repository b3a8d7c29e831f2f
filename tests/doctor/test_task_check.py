"""A sane task passes; a task broken in a way that crashes nothing is caught."""

import math
import re
from pathlib import Path

import pytest
from rich.console import Console

from puckrl.core.errors import UserError
from puckrl.doctor.task_check import CheckReport, Measurement, check_task, render

ROOT = Path(__file__).parent.parent.parent
PUSHER = (ROOT / "examples/planar_pusher.py").read_text()

BROKEN = '''
import torch
from puckrl.sim.viewpoints import Viewpoint
from puckrl.tasks.fetch.push import FetchPush
from puckrl.tasks.fetch.reach import FetchReach


class MovedArm(FetchPush):
    """The weld's pose is written where its anchor belongs: the arm moves by 1 m."""

    def scene(self):
        spec = super().scene()
        for weld in spec.equalities:
            weld.data[:10] = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        return spec


class BuriedObject(FetchPush):
    """The object starts inside the table."""

    def reset(self, worlds, draws):
        goal = super().reset(worlds, draws)
        self._qpos[worlds, self._object_qpos + 2] = 0.3
        self._sim.forward(worlds)
        return goal


class FloatingObject(FetchPush):
    """The object starts in the air; nobody says where it should be."""

    sanity = type(FetchPush.sanity)()

    def reset(self, worlds, draws):
        goal = super().reset(worlds, draws)
        self._qpos[worlds, self._object_qpos + 2] = 0.8
        self._sim.forward(worlds)
        return goal


class NumbArm(FetchReach):
    """Actions do nothing."""

    def apply(self, action):
        super().apply(0.0 * action)


class DarkRoom(FetchReach):
    """Nothing is in a group that cameras show."""

    def scene(self):
        spec = super().scene()
        for geom in spec.geoms:
            geom.group = 5
        return spec


class LooksAway(FetchReach):
    """The camera sees the sky."""

    film_view = Viewpoint((2.4, -0.1, 1.2), (3.4, -1.1, 2.0), 34.0)


class PaidAtTheGoal(FetchReach):
    """1 at the goal, else 0: values above 0 are cut off."""

    def reward(self, achieved, desired):
        return 1.0 + super().reward(achieved, desired)


class PaidWithinItsBounds(PaidAtTheGoal):
    """The same, and says so: values are clipped to its own bounds."""

    reward_bounds = (0.0, 1.0)


class WrongWayRound(FetchReach):
    """0 away from the goal, -1 at it."""

    def reward(self, achieved, desired):
        return -1.0 - super().reward(achieved, desired)


class OtherTolerance(FetchReach):
    """Rewarded within 20 cm, called a success within 5."""

    def reward(self, achieved, desired):
        return (self.distance(achieved, desired) < 0.2).double() - 1.0


class Unbounded(FetchReach):
    """Minus the distance in millimeters, away from the goal."""

    def reward(self, achieved, desired):
        return 1000 * self.distance(achieved, desired) * super().reward(achieved, desired)


class NotANumber(FetchReach):
    """NaN away from the goal."""

    def reward(self, achieved, desired):
        reward = super().reward(achieved, desired)
        return torch.where(reward == 0, 0.0, torch.nan)


class Dice(FetchReach):
    """The goal does not follow from the seed."""

    def reset(self, worlds, draws):
        goal = super().reset(worlds, draws)
        return goal + 0.01 * torch.rand(goal.shape, dtype=goal.dtype)
'''

BROKEN += '''

class ViewOfPhysics(FetchReach):
    """The achieved goal is the simulation's own memory."""

    def achieved_goal(self):
        return self._sim.field("site_xpos")[:, 0]


class BufferOfItsOwn(FetchReach):
    """The state is written into one buffer, step after step."""

    def state(self):
        state = super().state()
        if not hasattr(self, "_buffer") or len(self._buffer) != len(state):
            self._buffer = state.clone()
        return self._buffer.copy_(state)


class LateNaN(FetchReach):
    """A column becomes NaN where only play leads."""

    def state(self):
        state = super().state()
        far = (state[:, 0] - 1.34).abs() > 0.05
        state[:, 4] = torch.where(far, torch.nan, state[:, 4])
        return state


class GrabsGoals(FetchReach):
    """The reward is computed in the memory of its argument."""

    def distance(self, achieved, desired):
        return achieved.sub_(desired).norm(dim=-1)
'''

# Class, and the rows that must be broken (others may be, too).
CASES = {
    "MovedArm": ["reset: gripper outside its place", "expert: success"],
    "BuriedObject": [
        "reset: object outside its place",
        "rest: drift of the achieved goal",
    ],
    "FloatingObject": ["rest: drift of the achieved goal"],
    "NumbArm": ["random: episodes that move the achieved goal", "expert: success"],
    "DarkRoom": ["camera: visible geoms"],
    "LooksAway": ["camera: contrast", "camera: pixels that tell worlds apart"],
    "PaidAtTheGoal": ["reward: agrees with success", "reward: maximum"],
    "WrongWayRound": ["reward: agrees with success"],
    "OtherTolerance": ["reward: agrees with success"],
    "Unbounded": ["reward: minimum"],
    "NotANumber": ["reward: minimum", "reward: maximum"],
    "ViewOfPhysics": [
        "spaces: achieved_goal() is a live view; return a new tensor: .clone()"
    ],
    "BufferOfItsOwn": ["spaces: state() is a live view; return a new tensor: .clone()"],
    "GrabsGoals": [
        "reward: reward(), success() or terminated() overwrites its arguments"
    ],
    "Dice": ["reset: difference for the same seed"],
}


def broken(report: CheckReport) -> list[str]:
    return [row.name for row in report.rows if not row.ok]


@pytest.mark.parametrize("name", ["push", "reach"])
def test_our_tasks_are_sane(name: str) -> None:
    report = check_task(name, num_worlds=32, random_episodes=64)
    assert broken(report) == []
    assert report.ok
    assert report.verdict == "sane"
    assert {row.name.partition(":")[0] for row in report.rows} == {
        "spaces",
        "reset",
        "goals",
        "rest",
        "random",
        "reward",
        "expert",
        "camera",
    }


@pytest.mark.parametrize("name", CASES)
def test_a_broken_task_from_a_file_is_caught(name: str, tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text(BROKEN)
    report = check_task(f"{file}:{name}", num_worlds=8, random_episodes=8)
    assert set(CASES[name]) <= set(broken(report)), report.rows
    assert not report.ok
    assert CASES[name][0] in report.verdict


def test_nan_in_play_is_named_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "late.py"
    file.write_text(BROKEN)
    report = check_task(f"{file}:LateNaN", num_worlds=8, random_episodes=8)
    place = r"random: state, column 4, is NaN in world \d, \d+ steps after its reset"
    assert re.search(place, report.verdict)
    assert not [row for row in broken(report) if row.startswith("reset")]


def test_rewards_are_held_to_the_tasks_own_bounds(tmp_path: Path) -> None:
    file = tmp_path / "paid.py"
    file.write_text(BROKEN)
    name = f"{file}:PaidWithinItsBounds"
    report = check_task(name, num_worlds=8, random_episodes=8)
    assert not [row for row in broken(report) if row.startswith("reward")]


def test_a_reward_upside_down_is_caught() -> None:
    """It is 0 at the goal, as it should be, but +1 elsewhere."""
    name = f"{ROOT}/benchmarks/doctor_tasks.py:RewardUpsideDown"
    report = check_task(name, num_worlds=8, random_episodes=8)
    assert broken(report) == ["reward: maximum"]


def test_how_far_the_goal_went_is_the_tasks_distance(tmp_path: Path) -> None:
    """A task of another scale: what is a meter to the engine is a millimeter here."""
    file = tmp_path / "small.py"
    file.write_text(PUSHER + SMALL)
    report = check_task(f"{file}:Small", num_worlds=16, random_episodes=16)
    assert broken(report) == ["random: episodes that move the achieved goal"]


SMALL = """
class Small(PlanarPusher):
    goal_tol_m = 0.00005

    def distance(self, achieved, desired):
        return super().distance(achieved, desired) / 1000
"""

SIZES = """
from dataclasses import replace
from puckrl.core.types import Sensor, Spaces


class Sized(PlanarPusher):
    spaces = replace(PlanarPusher.spaces, {change})

    def achieved_goal(self):
        return super().achieved_goal(){cut}
"""


@pytest.mark.parametrize(
    ("change", "cut", "row", "value"),
    [
        ("state_dim=12", "", "spaces: columns of state()", 10),
        (
            "state_dim=9, sensors={'fingers': Sensor((0, 1), '', '')}",
            "",
            "spaces: columns of state()",
            10,
        ),
        ("goal_dim=3", "", "spaces: columns of goals", 2),
        ("goal_dim=1", "[:, :1]", "spaces: columns of goals", 2),
        ("goal_dim=2", "[:, :1]", "spaces: columns of achieved_goal()", 1),
        ("action_dim=3", "", "spaces: columns of expert()", 2),
        (
            "sensors={'far': Sensor((0, 10), '', '')}",
            "",
            "spaces: columns of sensor 'far'",
            10,
        ),
        (
            "sensors={'last': Sensor((-1, 3), '', '')}",
            "",
            "spaces: columns of sensor 'last'",
            -1,
        ),
        (
            "goal_dim=2",
            "[:, 0]",
            "spaces: achieved_goal() is (2,), not (2 worlds, 2)",
            math.nan,
        ),
    ],
)
def test_spaces_that_do_not_fit_the_task_are_told_before_all_else(
    change: str, cut: str, row: str, value: float, tmp_path: Path
) -> None:
    file = tmp_path / "sized.py"
    file.write_text(PUSHER + SIZES.format(change=change, cut=cut))
    report = check_task(f"{file}:Sized", num_worlds=4, random_episodes=4)
    found = {r.name: r.value for r in report.rows if not r.ok}
    assert found[row] == pytest.approx(value, nan_ok=True)
    assert row in report.verdict
    # what would only stumble over it is not measured
    assert all(r.name.startswith("spaces: ") for r in report.rows)


def test_an_unknown_task_lists_the_legal_ones() -> None:
    with pytest.raises(UserError, match="pick-place, push, reach, slide"):
        check_task("pull")


@pytest.mark.parametrize(
    ("value", "ok"),
    [(0.0, True), (0.5, True), (1.0, True), (1.001, False), (math.nan, False)],
)
def test_a_value_is_legal_within_closed_bounds(value: float, ok: bool) -> None:
    assert Measurement("share", value, "", 0.0, 1.0).ok is ok


def test_the_table_shows_value_range_and_verdict() -> None:
    rows = (
        Measurement("height", 0.3, "m", 0.42, 0.43),
        Measurement("spread", 0.09, "m", 0.025, math.inf),
    )
    console = Console(width=100)
    with console.capture() as capture:
        console.print(render(CheckReport("push", rows)))
    lines = [line.strip() for line in capture.get().splitlines()]
    cells = [
        [c.strip() for c in line.strip("│").split("│")]
        for line in lines
        if line.startswith("│")
    ]
    assert cells == [
        ["height", "0.3", "0.42 … 0.43", "m", "broken"],
        ["spread", "0.09", "≥ 0.025", "m", "ok"],
    ]
    assert lines[0] == "check push"
    assert lines[-1] == "not sane: height"


def test_a_task_with_one_goal_says_so_in_its_sanity(tmp_path: Path) -> None:
    fixed = (
        "import torch\nfrom puckrl.tasks import Sanity\n"
        "from puckrl.tasks.fetch.reach import FetchReach\n"
        "class OneGoal(FetchReach):\n"
        "    def reset(self, worlds, draws):\n"
        "        goal = super().reset(worlds, draws)\n"
        "        return torch.tensor([1.3, 0.75, 0.6], dtype=goal.dtype).expand_as(goal).clone()\n"
        "class Said(OneGoal):\n"
        "    sanity = Sanity(distinct_resets=(0.0, 1.0), goal_spread=(0.0, float('inf')))\n"
    )
    file = tmp_path / "drawer.py"
    file.write_text(fixed)
    of_goals = {"goals: spread", "reset: distinct episodes"}
    for name, expected in (("OneGoal", of_goals), ("Said", set())):
        report = check_task(f"{file}:{name}", num_worlds=8, random_episodes=8)
        assert {row.name for row in report.rows if not row.ok} & of_goals == expected


def test_a_marker_without_three_coordinates_is_told(tmp_path: Path) -> None:
    file = tmp_path / "two.py"
    file.write_text(
        "from puckrl.tasks.fetch.reach import FetchReach\n"
        "class Pair(FetchReach):\n"
        "    def marker_pos_m(self, goal):\n"
        "        return goal.repeat(1, 2)\n"
    )
    report = check_task(f"{file}:Pair", num_worlds=4, random_episodes=4)
    assert "columns of marker_pos_m()" in report.verdict
