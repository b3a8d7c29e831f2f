"""Tasks by name and from files, and one clear line for every mistake."""

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.envs.goal_env import GoalEnv
from puckrl.sim.cpu import CpuSim
from puckrl.tasks.catalog import TASKS, make_task
from puckrl.tasks.task import Task

ROOT = Path(__file__).parent.parent.parent
PUSHER = f"{ROOT / 'examples/planar_pusher.py'}:PlanarPusher"


def _write(folder: Path, source: str) -> Path:
    path = folder / "mine.py"
    path.write_text(source)
    return path


@pytest.mark.parametrize("name", TASKS)
def test_every_name_gives_a_fresh_task(name: str) -> None:
    assert type(make_task(name)) is TASKS[name]
    assert make_task(name) is not make_task(name)
    assert make_task(name, "dense").reward_kind == "dense"


def test_an_unknown_name_lists_the_legal_ones() -> None:
    with pytest.raises(UserError, match="unknown task 'pusher'") as caught:
        make_task("pusher")
    for name in [*TASKS, "path/to/file.py:ClassName"]:
        assert name in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file .*mine\.py.*ClassName"):
        make_task(f"{tmp_path / 'mine.py'}:Mine")


def test_a_file_that_is_no_python(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("hello")
    with pytest.raises(UserError, match="not a Python file"):
        make_task(f"{path}:Mine")


@pytest.mark.parametrize("name", ["Mine", "number", "Other", "Task"])
def test_what_is_no_task_is_refused_and_tasks_are_listed(
    tmp_path: Path, name: str
) -> None:
    path = _write(
        tmp_path,
        "from puckrl.tasks import Task\n"
        "number = 3\n"
        "class Other: ...\n"
        "class Real(Task): ...\n",
    )
    with pytest.raises(UserError, match=f"'{name}'.*tasks there: Real$"):
        make_task(f"{path}:{name}")


def test_a_file_without_tasks_says_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="tasks there: none"):
        make_task(f"{_write(tmp_path, '')}:Mine")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nimport nowhere\n", "mine.py, line 2: ModuleNotFoundError: No module"),
        ("def f():\n    return 1 / 0\n\nf()\n", "mine.py, line 2: ZeroDivisionError"),
        ("\n\nclass Mine(\n", "mine.py, line 3: SyntaxError: '\\(' was never closed"),
        ("import json\njson.loads('no')\n", "mine.py, line 2: JSONDecodeError"),
    ],
)
def test_a_file_that_fails_says_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_task(f"{_write(tmp_path, text)}:Mine")
    assert "puckrl_task_mine" not in sys.modules


def test_an_unfinished_task_says_what_it_lacks(tmp_path: Path) -> None:
    source = (
        "from puckrl.tasks import Task\nclass Mine(Task):\n    def state(self): ..."
    )
    with pytest.raises(UserError, match="lacks: achieved_goal, apply, bind, reset"):
        make_task(f"{_write(tmp_path, source)}:Mine")


def test_a_task_without_sizes_says_so(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        "from puckrl.tasks import Task\n"
        "class Mine(Task):\n"
        "    scene = bind = reset = apply = state = achieved_goal = lambda self: None\n",
    )
    with pytest.raises(UserError, match="lacks: spaces"):
        make_task(f"{path}:Mine")


def test_a_file_may_define_dataclasses(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from puckrl.tasks.fetch.reach import FetchReach\n"
        "@dataclass\n"
        "class Cfg:\n"
        "    width: float = 1.0\n"
        "class Mine(FetchReach): ...\n",
    )
    assert type(make_task(f"{path}:Mine")).__name__ == "Mine"


def _play(task: Task, env: GoalEnv, action_of: str) -> tuple[Tensor, Tensor]:
    """How far the puck went (m), and success, of one episode in every world."""
    obs = env.reset()
    start = obs["achieved_goal"]
    rng = torch.Generator().manual_seed(0)
    success = torch.zeros(env.num_worlds, dtype=torch.bool)
    for _ in range(env.spaces.horizon):
        action = torch.rand(env.num_worlds, 2, generator=rng) * 2 - 1
        if action_of == "expert":
            scripted = task.expert(obs)
            assert scripted is not None
            action = scripted.float()
        step = env.step(action)
        obs, success = step.obs, step.success
    return task.distance(obs["achieved_goal"], start), success


@pytest.mark.parametrize(
    ("action_of", "moved", "succeeded"),
    # random play finds the puck, and does not solve the task; the script does
    [("random", (0.2, 0.8), (0.0, 0.2)), ("expert", (0.8, 1.0), (0.95, 1.0))],
)
def test_the_example_is_a_sane_task(
    action_of: str, moved: tuple[float, float], succeeded: tuple[float, float]
) -> None:
    task = make_task(PUSHER)
    env = GoalEnv(task, CpuSim(task.scene().compile(), 256), auto_reset=False)
    went, success = _play(task, env, action_of)
    assert moved[0] <= (went > 0.02).double().mean() <= moved[1]
    assert succeeded[0] <= success.double().mean() <= succeeded[1]


def test_the_examples_state_is_what_its_docstring_says() -> None:
    task = make_task(PUSHER)
    sim = CpuSim(task.scene().compile(), 4)
    env = GoalEnv(task, sim, auto_reset=False)
    env.reset()
    for _ in range(5):
        env.step(torch.ones(4, 2))
    obs = env.observe()
    state = obs["state"]
    assert torch.equal(state[:, :4], sim.field("qpos"))
    assert torch.equal(state[:, 4:6], state[:, 2:4] - state[:, :2])
    assert torch.equal(state[:, 6:], sim.field("qvel"))
    assert torch.equal(obs["achieved_goal"], state[:, 2:4])
    assert sorted(c for s in task.spaces.sensors.values() for c in s.columns) == [
        *range(10)
    ]


def test_planar_goals_are_shown_above_the_ground() -> None:
    goal = torch.tensor([[0.1, -0.2]], dtype=torch.float64)
    shown = make_task(PUSHER).marker_pos_m(goal)
    assert shown.tolist() == [[0.1, -0.2, 0.02]]
    goal = torch.tensor([[0.1, -0.2, 0.5]])
    assert make_task("reach").marker_pos_m(goal) is goal


def test_the_example_stays_small() -> None:
    assert len(Path(PUSHER.rpartition(":")[0]).read_text().splitlines()) < 100
