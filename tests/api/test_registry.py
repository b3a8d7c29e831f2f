"""Classes of others: by entry point of an installed package, and in a file."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import puckrl
from puckrl.agents.settings import VisionCfg
from puckrl.config.run_cfg import config_hash
from puckrl.core.registry import find_class, group_of, provided
from puckrl.nets.layers import EncoderCfg
from puckrl.nets.own import OwnEncoder, make_encoder
from puckrl.representation.own import make_objective
from puckrl.runner.plan import admit
from puckrl.tasks.task import Task
from tests.api.tiny import OWN_ENCODER, SEEING, TINY, write_encoder

Install = Callable[..., None]

AGENT = """
from puckrl.agents.td3 import Td3


class Lazy(Td3):
    def update(self, batch, run=None):
        return {**super().update(batch, run), "own/batches": batch.reward.sum() * 0 + 1}
"""
OBJECTIVE = """
import torch
from torch import nn


class Brightness(nn.Module):
    condition_size = 1

    def __init__(self, features, goal_dim):
        super().__init__()
        self.head = nn.Linear(features, 1)

    def forward(self, features):
        return self.head(features)

    def loss(self, prediction, obs):
        wanted = obs["pixels"].float().mean((1, 2, 3))[:, None] / 255.0
        return (prediction - wanted).square().mean()

    def condition(self, prediction, obs):
        return prediction.detach()

    def update_normalizer(self, obs):
        pass

    def health(self, prediction, obs, distance):
        return {"own/brightness": float(prediction.mean())}
"""
TASK = """
from puckrl.tasks.fetch.reach import FetchReach


class Higher(FetchReach):
    goal_tol_m = 0.1
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package with a module and entry points, as pip would leave it."""

    def installed(kind: str, name: str, value: str, package: str = "theirs") -> None:
        info = tmp_path / f"{package}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {package}\nVersion: 1.2\n")
        text = f"[{group_of(kind)}]\n{name} = {value}\n"
        (info / "entry_points.txt").write_text(text)
        if str(tmp_path) not in sys.path:
            monkeypatch.syspath_prepend(str(tmp_path))

    _forget_modules()  # another test's module of the same name
    yield installed
    _forget_modules()


def _forget_modules() -> None:
    for module in ("their_eyes", "their_task", "their_agent", "their_goal", "beside"):
        sys.modules.pop(module, None)


def test_an_encoder_of_a_package(install: Install, tmp_path: Path) -> None:
    (tmp_path / "their_eyes.py").write_text(OWN_ENCODER)
    (tmp_path / "beside.py").write_text("SIZE = 3\n")
    install("encoder", "mean", "their_eyes:Mean")
    assert provided("encoder") == ["mean"]
    encoder = make_encoder(EncoderCfg(kind="mean"), 6, 16, 16)
    assert isinstance(encoder, OwnEncoder)
    assert encoder.size == 3
    admit(SEEING.with_(**{"agent.vision.encoder.kind": "mean"}))


def test_an_agent_of_a_package_trains_and_is_not_copied(
    install: Install, tmp_path: Path
) -> None:
    (tmp_path / "their_agent.py").write_text(AGENT)
    install("agent", "lazy", "their_agent:Lazy")
    cfg = TINY.with_(**{"agent.rule": "lazy"})
    run = puckrl.train(cfg, runs=tmp_path / "runs")
    assert any(row.get("own/batches") == 1.0 for row in run.rows)
    assert not (run.path / "plugins").exists()
    state, goal = torch.zeros(10), torch.zeros(3)
    obs = {"state": state, "desired_goal": goal, "achieved_goal": goal}
    assert run.policy().act(obs).shape == (4,)


def test_an_objective_of_a_package_is_made_by_name(
    install: Install, tmp_path: Path
) -> None:
    (tmp_path / "their_goal.py").write_text(OBJECTIVE)
    install("objective", "bright", "their_goal:Brightness")
    assert type(make_objective("bright", 3, 3)).__name__ == "Brightness"


def test_a_task_of_a_package_is_a_preset_and_makes_worlds(
    install: Install, tmp_path: Path
) -> None:
    (tmp_path / "their_task.py").write_text(TASK)
    install("task", "reach-higher", "their_task:Higher")
    assert puckrl.preset("reach-higher").task == "reach-higher"
    with puckrl.make("reach-higher", 2) as env:
        assert env.task.goal_tol_m == 0.1
        env.reset()


@pytest.mark.parametrize(
    ("value", "text", "message"),
    [
        ("no_such_module:Mean", "", "ModuleNotFoundError: No module named 'no_such"),
        ("their_eyes:Gone", OWN_ENCODER, "AttributeError: .*Gone"),
        ("their_eyes:Mean", "1 / 0", "ZeroDivisionError: division by zero"),
        ("their_eyes:torch", OWN_ENCODER, "is no subclass of torch.*Module"),
    ],
)
def test_a_bad_entry_point_is_one_line(
    install: Install, tmp_path: Path, value: str, text: str, message: str
) -> None:
    (tmp_path / "their_eyes.py").write_text(text)
    (tmp_path / "beside.py").write_text("SIZE = 3\n")
    install("encoder", "mean", value)
    with pytest.raises(puckrl.UserError, match=message) as caught:
        make_encoder(EncoderCfg(kind="mean"), 6, 16, 16)
    line = str(caught.value)
    assert line.startswith(f"encoder 'mean' of theirs 1.2 ({value})")
    assert "\n" not in line


def test_two_packages_with_one_name_are_told(install: Install, tmp_path: Path) -> None:
    install("task", "twice", "one:A")
    install("task", "twice", "other:B", package="others")
    with pytest.raises(
        puckrl.UserError,
        match=r"several packages provide task 'twice': others 1\.2 \(other:B\), theirs",
    ):
        puckrl.make("twice")


def test_an_unknown_name_lists_those_of_packages_too(install: Install) -> None:
    install("encoder", "mean", "their_eyes:Mean")
    with pytest.raises(
        puckrl.UserError, match=r"unknown encoder 'meen'; did you mean mean\?.*padded"
    ):
        admit(SEEING.with_(**{"agent.vision.encoder.kind": "meen"}))
    with pytest.raises(
        puckrl.UserError, match="unknown objective 'x'; legal: goal-pre"
    ):
        make_objective("x", 3, 3)
    with pytest.raises(puckrl.UserError, match="unknown task 'x'"):
        puckrl.make("x")
    with pytest.raises(puckrl.UserError, match="unknown agent 'x'"):
        admit(TINY.with_(**{"agent.rule": "x"}))


def test_a_file_without_a_class_is_told(tmp_path: Path) -> None:
    name = write_encoder(tmp_path)
    with pytest.raises(puckrl.UserError, match=r"eyes\.py' names no encoder; append"):
        find_class("encoder", name.rpartition(":")[0], torch.nn.Module, ())
    with pytest.raises(
        puckrl.UserError, match=r"'Eye' in .* is no encoder.*; encoders there: Mean"
    ):
        find_class("encoder", name.replace("Mean", "Eye"), torch.nn.Module, ())
    with pytest.raises(puckrl.UserError, match="no file"):
        find_class("task", f"{tmp_path}/gone.py:Task", Task, ())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("nn.Linear(channels,", "nn.Linear(7,", r"eyes\.py, line 14: Mean.forward"),
        ("torch.tanh(", "len(", r"Mean.forward\(pixels \(2, 6, 16, 16\).* a int"),
        (".mean((2, 3))", ".mean((2, 3))[0]", r"returned \(5,\) float32; wanted"),
        (
            "def __init__(self, channels, height, width)",
            "def __init__(self)",
            "TypeErr",
        ),
    ],
)
def test_an_encoder_that_cannot_be_used_is_one_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    name = write_encoder(tmp_path, OWN_ENCODER.replace(old, new))
    assert OWN_ENCODER.replace(old, new) != OWN_ENCODER
    with pytest.raises(puckrl.UserError, match=message) as caught:
        puckrl.train(
            SEEING.with_(**{"agent.vision.encoder.kind": name}), runs=tmp_path / "runs"
        )
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists(), "told before a folder is made"


def test_an_agent_and_an_objective_of_a_user_train_and_are_kept(tmp_path: Path) -> None:
    (tmp_path / "lazy.py").write_text(AGENT)
    (tmp_path / "bright.py").write_text(OBJECTIVE)
    vision = replace(
        SEEING.agent.vision, objective=f"{tmp_path / 'bright.py'}:Brightness"
    )
    rule = f"{tmp_path / 'lazy.py'}:Lazy"
    td3 = replace(
        TINY.agent,
        vision=vision,
        actor_sensors=SEEING.agent.actor_sensors,
        rule=rule,
    )
    run = puckrl.train(replace(SEEING, agent=td3), runs=tmp_path / "runs")
    rows = run.rows
    assert any(row.get("own/batches") == 1.0 for row in rows)
    assert any("own/brightness" in row for row in rows)
    kept = {p.name for p in (run.path / "plugins").rglob("*.py")}
    assert kept == {"lazy.py", "bright.py"}
    for file in ("lazy.py", "bright.py"):
        (tmp_path / file).unlink()
    spec = run.policy().spec
    shapes = {one.name: one.shape for one in spec.inputs}
    one = {
        n: torch.zeros(s, dtype=torch.uint8 if n == "pixels" else torch.float32)
        for n, s in shapes.items()
    }
    assert run.policy().act(one).shape == (4,)
    run.resume(run.config.with_(**{"budget.env_steps": 400}))


def test_an_objective_that_lacks_a_part_is_told(tmp_path: Path) -> None:
    file = tmp_path / "bright.py"
    file.write_text(OBJECTIVE.replace("def loss", "def lost"))
    with pytest.raises(puckrl.UserError, match="Brightness lacks loss; see"):
        make_objective(f"{file}:Brightness", 3, 3)


def test_younger_settings_leave_the_hashes_of_older_runs_alone() -> None:
    """push-pixels had this hash before ``rule`` and ``objective`` were settings."""
    plain = puckrl.preset("push-pixels")
    assert plain.agent.vision.objective == VisionCfg().objective
    for name in ("agent.rule", "agent.vision.objective"):
        assert config_hash(plain.with_(**{name: "mine"})) != config_hash(plain)
