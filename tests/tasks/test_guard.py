"""Slips in a user's task: one line that names the part; siblings load, and are reloaded."""

import sys
from pathlib import Path

import pytest
import torch

from puckrl.core.errors import UserError
from puckrl.core.rng import Draws
from puckrl.core.source import source_of
from puckrl.sim.scene import compiled
from puckrl.tasks.catalog import make_task

HEAD = """import mujoco
import torch
from puckrl.tasks import Sanity, Sensor, Spaces, Viewpoint
from puckrl.tasks.fetch.reach import FetchReach

class Mine(FetchReach):
"""


def _make(folder: Path, body: str, name: str = "mine.py") -> str:
    (folder / name).write_text(HEAD + body)
    return f"{folder / name}:Mine"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("    substeps = 2.5", "Mine.substeps is 2.5; legal: a whole number"),
        ("    substeps = True", "Mine.substeps is True"),
        ("    substeps = 10**12", "legal: a whole number, 1 to 100,000"),
        ("    goal_tol_m = float('nan')", "Mine.goal_tol_m is nan"),
        ("    film_view = (1.0, 2.0)", "Mine.film_view is a tuple"),
        (
            "    film_view = Viewpoint((0, 0, 1), (0, 0, 0), 45)",
            "looks straight up or down",
        ),
        ("    viewpoints = {'side': None}", "Mine.viewpoints is a dict"),
        (
            "    sanity = Sanity(random_moved=0.5)",
            r"Mine.sanity .* ranges \(low, high\)",
        ),
        ("    reward_bounds = (0.0, -1.0)", "Mine.reward_bounds is a tuple"),
        ("    state = None", r"Mine.state is not a method"),
        ("    def __init__(self): ...", r"Mine.__init__\(\): TypeError"),
        ("    def __init__(self, reward): pass", "Mine lacks: spaces"),
    ],
)
def test_an_attribute_of_a_wrong_kind_is_named(
    tmp_path: Path, body: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        make_task(_make(tmp_path, body))


@pytest.mark.parametrize(
    ("spaces", "message"),
    [
        ("dict(state_dim=10)", "Mine.spaces is a dict"),
        ("Spaces(10, 3, 4, 0)", "Mine.spaces.horizon is 0"),
        ("Spaces(10, 3, 4, 10**9)", "horizon is 1000000000; legal: .* to 1,000,000"),
        ("Spaces(10**9, 3, 4, 50)", "spaces.state_dim is 1000000000; legal"),
        ("Spaces(10, 3.0, 4, 50)", "Mine.spaces.goal_dim is 3.0"),
        ("Spaces(10, 3, 4, 50, {'a': (1, 2)})", "Mine.spaces is a Spaces .* dict of"),
        (
            "Spaces(10, 3, 4, 50)\n    def __init__(self, reward): ...",
            "Mine.reward_kind",
        ),
    ],
)
def test_spaces_of_a_wrong_kind_are_named(
    tmp_path: Path, spaces: str, message: str
) -> None:
    (tmp_path / "mine.py").write_text(
        "from puckrl.tasks import Spaces, Task\n"
        "class Mine(Task):\n"
        "    scene = bind = reset = apply = state = achieved_goal = lambda self: None\n"
        f"    spaces = {spaces}\n"
    )
    with pytest.raises(UserError, match=message):
        make_task(f"{tmp_path / 'mine.py'}:Mine")


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    body = "    import numpy as np\n    substeps, goal_tol_m = np.int64(3), np.float32(0.1)"
    assert make_task(_make(tmp_path, body)).substeps == 3


@pytest.mark.parametrize(
    ("body", "call", "message"),
    [
        ("    def scene(self): return '<mujoco/>'", "scene", "scene.*wanted: a mujoco.MjSpec"),
        ("    def state(self): return torch.ones(2).numpy()", "state", "a ndarray of numpy"),
        ("    def state(self): return torch.ones(2, 3).int()", "state", r"\(2, 3\) of int32"),
        ("    def state(self):\n        return 1 / 0", "state", "line 8: Mine.state.*Zero"),
        ("    def settle(self):\n        exit(0)", "settle", "line 8: Mine.settle.*Exit"),
        ("    def scene(self):\n        return mujoco.MjSpec.from_file('no.xml')", "scene",
         "opening file 'no.xml'; relative paths begin at the working directory"),
        ("    def scene(self):\n        return mujoco.MjSpec.from_file('here.xml')", "scene",
         r"write Path\(__file__\).parent / 'here.xml'"),
    ],
)  # fmt: skip
def test_a_method_that_fails_is_named(
    tmp_path: Path, body: str, call: str, message: str
) -> None:
    (tmp_path / "here.xml").write_text("<mujoco/>")
    with pytest.raises(UserError, match=message):
        getattr(make_task(_make(tmp_path, body)), call)()


@pytest.mark.parametrize(
    ("method", "result", "message"),
    [
        ("reward", "achieved[..., :1]", r"reward.achieved \(5, 3\), .*wanted.* \(5,\)"),
        ("success", "achieved[..., 0]", "success.*wanted: a torch.Tensor of bool"),
        ("terminated", "None", "terminated.*returned None"),
    ],
)
def test_functions_of_goals_are_held_to_their_shapes(
    tmp_path: Path, method: str, result: str, message: str
) -> None:
    body = f"    def {method}(self, achieved, desired): return {result}"
    task, goals = make_task(_make(tmp_path, body)), torch.zeros(5, 3)
    with pytest.raises(UserError, match=message):
        getattr(task, method)(goals, goals)


def test_a_forgotten_argument_is_told(tmp_path: Path) -> None:
    task = make_task(_make(tmp_path, "    def reset(self, worlds): ..."))
    worlds = torch.arange(2)
    with pytest.raises(UserError, match=r"reset\(worlds \(2,\)\): TypeError"):
        task.reset(worlds, Draws(0, worlds, worlds))


def test_the_cause_is_kept(tmp_path: Path) -> None:
    task = make_task(_make(tmp_path, "    def settle(self): return 1 / 0"))
    with pytest.raises(UserError) as caught:
        task.settle()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("spec.worldbody.add_geom(size=[0, 0, 0])", "size 0 must be positive"),
        ("spec.option.timestep = 0", "the timestep is 0 s"),
    ],
)
def test_a_scene_that_mujoco_refuses_has_mujocos_reason(
    tmp_path: Path, change: str, reason: str
) -> None:
    body = f"    def scene(self):\n        spec = super().scene()\n        {change}\n        return spec"
    task = make_task(_make(tmp_path, body))
    with pytest.raises(UserError, match=f"Mine.scene.*{reason}") as caught:
        compiled(task.scene(), "Mine")
    assert "\n" not in str(caught.value)


def test_each_task_gets_the_module_beside_it_as_it_is_now(tmp_path: Path) -> None:
    """Two tasks import modules of one name; then one of these is edited."""
    names = []
    for index in (1, 2):
        folder = tmp_path / str(index)
        folder.mkdir()
        (folder / "puckrl_test_sizes.py").write_text(f"TOL_M = {index}.0\n")
        (folder / "mine.py").write_text(
            "import puckrl_test_sizes\n"
            + HEAD
            + "    goal_tol_m = puckrl_test_sizes.TOL_M"
        )
        names.append(f"{folder / 'mine.py'}:Mine")
    assert [make_task(name).goal_tol_m for name in [*names, names[0]]] == [1, 2, 1]
    kept = sys.modules["puckrl_test_sizes"]
    make_task(names[0])
    assert sys.modules["puckrl_test_sizes"] is kept
    (tmp_path / "1/puckrl_test_sizes.py").write_text("TOL_M = 7.0\n")
    assert make_task(names[0]).goal_tol_m == 7
    assert not list(tmp_path.rglob("__pycache__"))


def test_an_error_in_a_module_beside_the_task_names_that_module(tmp_path: Path) -> None:
    (tmp_path / "puckrl_test_broken.py").write_text("\n\nX = 1 / 0\n")
    name = _make(tmp_path, "    import puckrl_test_broken")
    with pytest.raises(UserError, match=r"puckrl_test_broken.py, line 3: ZeroDivision"):
        make_task(name)


def test_runs_and_environments_are_no_part_of_a_task(tmp_path: Path) -> None:
    name = _make(tmp_path, "    files = 'scene.xml', 'data.npy', 'film.mp4'")
    for folder in ("runs/one/task", ".venv", "a/b", "site-packages"):
        (tmp_path / folder).mkdir(parents=True)
        for file in ("scene.xml", "film.mp4"):
            (tmp_path / folder / file).touch()
    for file in ("manifest.json", "config.yaml"):
        (tmp_path / "runs/one" / file).touch()
    parts = source_of(Path(name.rpartition(":")[0])).parts
    assert set(parts) == {"mine.py", "a/b/scene.xml"}


def test_a_slip_in_the_body_of_a_class_is_told_with_its_own_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also from the file's folder, and where code that has no file raises it."""
    body = "    film_view = Viewpoint((0, 0, 1), (0, 0, 0), 45)"
    _make(tmp_path, body)
    monkeypatch.chdir(tmp_path)
    line = HEAD.count("\n") + 1
    with pytest.raises(UserError, match=rf"^mine\.py, line {line}: a viewpoint at"):
        make_task("mine.py:Mine")
