"""The face that outsiders see: what it exports, what it loads, what it refuses."""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import gymnasium
import numpy as np
import pytest
import torch

import puckrl
from puckrl.config.presets import PRESETS
from puckrl.tasks.peg.insert import PegInsert
from puckrl.tasks.peg.settings import PegInsertCfg, PegVaryCfg
from tests.api.tiny import TINY

train: Any = puckrl.train  # as those call them who run no type checker
load: Any = puckrl.load
make: Any = puckrl.make
run_of: Any = puckrl.Run
HEAVY = ("torch", "mujoco", "numpy", "gymnasium", "yaml", "warp")


def test_importing_it_loads_nothing_that_takes_time() -> None:
    code = (
        "import sys, puckrl; dir(puckrl); puckrl.UserError; "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_everything_that_it_promises_is_there() -> None:
    for name in puckrl.__all__:
        assert getattr(puckrl, name).__doc__, name
        assert name in dir(puckrl)
    with pytest.raises(AttributeError, match="no attribute 'gone'"):
        _ = puckrl.gone  # pyright: ignore[reportAttributeAccessIssue]


def test_settings_change_by_name_and_leave_the_preset_alone() -> None:
    cfg = puckrl.preset("push").with_(**{"agent.gamma": 0.98, "seed": 3})
    assert (cfg.agent.gamma, cfg.seed) == (0.98, 3)
    assert puckrl.preset("push") == PRESETS["push"] != cfg
    with pytest.raises(puckrl.UserError, match=r"did you mean agent\.gamma"):
        cfg.with_(gamma=0.9)
    with pytest.raises(puckrl.UserError, match="unknown preset 'pusch'; did you mean"):
        puckrl.preset("pusch")


def test_a_run_gives_what_it_left(tiny_run: puckrl.Run) -> None:
    assert tiny_run.status == "finished"
    assert tiny_run.config == TINY
    assert {"env_steps", "updates"} <= tiny_run.rows[-1].keys()
    assert tiny_run.card.startswith(f"# {tiny_run.path.name}")
    assert tiny_run.verdict.headline
    assert repr(tiny_run) == f"<puckrl.Run {tiny_run.path}: finished>"
    assert puckrl.Run(tiny_run.path.name, runs=tiny_run.path.parent).path
    with pytest.raises(puckrl.UserError, match=r"no run 'gone'.*tiny-"):
        puckrl.Run("gone", runs=tiny_run.path.parent)


def test_a_run_that_has_just_begun_says_what_it_lacks(tmp_path: Path) -> None:
    class Look(puckrl.Callback):
        def on_step(self, run: puckrl.TrainingView) -> None:
            begun = puckrl.Run(run.path)
            assert begun.status == "running"
            assert begun.snapshots == []
            with pytest.raises(puckrl.UserError, match="has no card yet"):
                _ = begun.card
            with pytest.raises(puckrl.UserError, match="there is none yet"):
                begun.policy()
            run.stop("seen")

    run = puckrl.train(TINY, callbacks=[Look()], runs=tmp_path)
    assert run.manifest["stop_reason"] == "seen"


def test_a_preset_trains_by_its_name_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRESETS, "tiny", TINY.with_(**{"budget.env_steps": 100}))
    assert puckrl.train("tiny", runs=tmp_path).path.parent == tmp_path


def test_the_old_name_works_for_a_release_and_says_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    with pytest.warns(DeprecationWarning, match=r"puckrl\.run is deprecated.*\.train"):
        folder = puckrl.run("tiny", tmp_path, **{"budget.env_steps": 100})
    assert folder.manifest()["status"] == "finished"


# -- environments ------------------------------------------------------------------------


def test_environments_have_the_spaces_of_gymnasium() -> None:
    with puckrl.make("push", 3) as env:
        obs = env.reset()
        arrays = {name: value.numpy() for name, value in obs.items()}
        assert env.observation_space.contains(arrays)
        one = {name: value[0] for name, value in arrays.items()}
        assert env.single_observation_space.contains(one)
        assert not env.single_observation_space.contains(arrays)
        env.action_space.seed(0)
        action = env.action_space.sample()
        assert isinstance(env.single_action_space, gymnasium.spaces.Box)
        assert action.shape == (3, 4)
        assert env.action_space.contains(action)
        again = env.action_space
        again.seed(0)
        np.testing.assert_array_equal(again.sample(), action)
        env.step(torch.as_tensor(action))
        assert "GoalEnv of FetchPush: 3 worlds on cpu, state 25, goal 3" in repr(env)


def test_with_cameras_spaces_hold_images() -> None:
    pixels = puckrl.PixelsCfg(viewpoints=("side",), height=16, width=24, stack=2)
    with puckrl.make("reach", 2, pixels=pixels) as env:
        obs = {name: value.numpy() for name, value in env.reset().items()}
        assert env.observation_space.contains(obs)
        assert obs["pixels"].shape == (2, 6, 16, 24)
        assert "pixels 6x16x24" in repr(env)
    with pytest.raises(RuntimeError, match="closed"):
        env.step(torch.zeros(2, 4))


@pytest.mark.parametrize(
    ("slip", "message"),
    [
        ({"pixels": "sid"}, "unknown viewpoint 'sid'; did you mean side"),
        ({"pixels": 3}, "pixels=3; legal: PixelsCfg, text, a sequence of text, None"),
        ({"backend": "gpu"}, "backend='gpu'; legal: cpu, warp"),
        ({"device": "tpu"}, "no device 'tpu'; legal: auto, cpu, cuda"),
        ({"num_worlds": 0}, "num_worlds=0; legal: a whole number from 1 on"),
    ],
)
def test_a_slip_is_one_line(slip: dict[str, object], message: str) -> None:
    with pytest.raises(puckrl.UserError, match=message):
        puckrl.make("reach", **slip)  # pyright: ignore[reportArgumentType]


def test_viewpoints_by_name_give_pixels() -> None:
    with puckrl.make("reach", 1, pixels=("side", "wrist")) as env:
        assert env.reset()["pixels"].shape == (1, 18, 64, 64)


# -- packaging and types -----------------------------------------------------------------


def test_the_package_says_that_it_is_typed() -> None:
    assert files("puckrl").joinpath("py.typed").is_file()


def test_a_strict_type_checker_sees_the_public_api_whole(tmp_path: Path) -> None:
    """As an outsider has it: the package from its path, the sample in another folder."""
    sample = Path(__file__).with_name("typed.py")
    (tmp_path / "sample.py").write_text(sample.read_text())
    source = Path(puckrl.__file__).parent.parent
    (tmp_path / "pyrightconfig.json").write_text(
        json.dumps({"extraPaths": [str(source)], "typeCheckingMode": "strict"})
    )
    pyright = Path(sys.executable).with_name("pyright")
    done = subprocess.run(
        [pyright, "--pythonpath", sys.executable, "--outputjson", "-p", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == 1
    assert [d["message"] for d in report["generalDiagnostics"]] == []


def test_a_task_is_made_with_settings_of_its_own() -> None:
    given = {"clearance_m": 0.0005, "vary.friction": 0.2}
    with puckrl.make("peg-insert", 2, params=given) as env:
        assert isinstance(env.task, PegInsert)
        assert env.task.cfg == PegInsertCfg(
            clearance_m=0.0005, vary=PegVaryCfg(friction=0.2)
        )
    with puckrl.make("peg-insert", params=PegInsertCfg(horizon=30)) as env:
        assert env.spaces.horizon == 30


@pytest.mark.parametrize(
    ("task", "params", "words"),
    [
        ("reach", {"x": 1}, "task reach has no settings of its own; leave params out"),
        ("reach", PegInsertCfg(), "task reach does not take the settings"),
        ("peg-insert", {"clearnce_m": 1}, "params.'clearnce_m'; legal: shape, walls"),
        (
            "peg-insert",
            {"horizon": "long"},
            "params.horizon is 'long'; wanted: a whole",
        ),
        ("peg-insert", {"clearance_m": 1.0}, "legal: 0.0001 to 0.005 m"),
        ("peg-insert", 3, "params=3; legal: PegInsertCfg, Mapping, None"),
    ],
)
def test_settings_that_a_task_does_not_have_are_one_line(
    task: str, params: Any, words: str
) -> None:
    with pytest.raises(puckrl.UserError) as caught:
        puckrl.make(task, params=params)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: train(3), "cfg=3; legal: a RunCfg"),
        (lambda: train(None), "cfg=None; legal: a RunCfg"),
        (
            lambda: train(TINY, callbacks=3),
            "callbacks=3; legal: a sequence of Callback",
        ),
        (lambda: train(TINY, callbacks=puckrl.Callback()), "callbacks=<"),
        (lambda: train(TINY, callbacks=[print]), "legal: a sequence of Callback"),
        (lambda: train(TINY, runs=3), "runs=3; legal: text, Path, None"),
        (lambda: load(3), "path=3; legal: text, Path"),
        (lambda: load("a\0b"), "no run"),
        (lambda: load("x", runs=3), "runs=3; legal"),
        (lambda: run_of(None), "path=None; legal"),
        (
            lambda: make("reach", 10**9),
            "num_worlds=1000000000: no memory.*fewer worlds",
        ),
        (lambda: make("peg-insert", params={3: 1}), "a name in params=3; legal: text"),
        (
            lambda: make("peg-insert", params={"vary": 1, "vary.depth": 0.1}),
            r"params\.vary\.depth lies in 'vary', which has a value",
        ),
    ],
)
def test_arguments_that_mean_nothing_are_refused_before_anything_is_made(
    call: Callable[[], object],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(puckrl.UserError, match=told):
        call()
    assert not list(tmp_path.iterdir())


def test_loading_refuses_arguments_that_mean_nothing(tiny_run: puckrl.Run) -> None:
    for argument in (
        {"snapshot": "x"},
        {"snapshot": 1.5},
        {"snapshot": 0},
        {"device": None},
        {"seed": -1},
        {"seed": "x"},
    ):
        (name,) = argument
        with pytest.raises(puckrl.UserError, match=f"{name}=.*; legal: "):
            load(tiny_run.path, **argument)
    policy: Any = tiny_run.policy()
    for wrong in (3, None, np.zeros(4)):
        with pytest.raises(puckrl.UserError, match="wanted: a dict with"):
            policy.act(wrong)
    with pytest.raises(puckrl.UserError, match="cfg=3; legal: a RunCfg"):
        tiny_run.resume(cast(Any, 3))


def test_the_environment_names_the_folder_of_a_run_too(
    tiny_run: puckrl.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUCK_RUNS", str(tiny_run.path.parent))
    assert puckrl.Run(tiny_run.path.name).path == tiny_run.path
