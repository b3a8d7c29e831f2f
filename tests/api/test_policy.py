"""A loaded policy is the judged one, and needs neither simulator nor task."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import puckrl
from puckrl.core.runtime import pick_device
from puckrl.envs.play import play, policy_obs
from puckrl.nets.memory import MemoryCfg, MemoryKind
from puckrl.runner import build
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.snapshot import trained_agent
from puckrl.runner.worlds import make_eval_env
from tests.api.tiny import SEEING, TINY, write_encoder
from tests.runner.test_old_runs import FOLDER as OLD_RUNS
from tests.runner.test_old_runs import each

ATOL = 1e-6


def judged(run: puckrl.Run) -> tuple[dict[str, Tensor], Tensor]:
    """Return observations of the run's environment, and what the judged policy does."""
    folder = RunFolder(run.path)
    env = make_eval_env(run.config, 3, seed=5)
    agent = trained_agent(folder, run.config, env.spaces, pick_device("cpu"))
    obs = env.reset()
    action = agent.averaged.act(policy_obs(obs, agent.device), explore=False)
    env.close()
    return obs, action


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["state", "pixels"])
def test_the_loaded_policy_is_the_judged_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    precision: Literal["fp32", "bf16"],
) -> None:
    """Also if the run learned in bf16, emulated where the CPU has none."""
    monkeypatch.setattr(build, "has_fast_bf16", lambda device: True)
    cfg = TINY if kind == "state" else SEEING
    cfg = replace(cfg, agent=replace(cfg.agent, precision=precision))
    seen: dict[str, Any] = {}

    class Watch(puckrl.Callback):
        def on_end(self, run: puckrl.TrainingView) -> None:
            seen["policy"] = run.policy()

    run = puckrl.train(cfg, callbacks=[Watch()], runs=tmp_path)
    obs, action = judged(run)
    loaded = puckrl.load(run.path)
    torch.testing.assert_close(loaded.act(obs), action, atol=ATOL, rtol=0.0)
    torch.testing.assert_close(seen["policy"].act(obs), action, atol=ATOL, rtol=0.0)
    assert action.abs().max() > 10 * ATOL, "a policy that does nothing proves nothing"


@pytest.mark.parametrize("kind", ["stack", "gru", "lstm", "scan"])
def test_a_loaded_policy_remembers_as_the_judged_one(
    tmp_path: Path, kind: MemoryKind
) -> None:
    memory = MemoryCfg(kind, size=8, steps=4)
    short = replace(TINY.budget, env_steps=200)
    cfg = replace(TINY, agent=replace(TINY.agent, memory=memory), budget=short)
    run = puckrl.train(cfg, runs=tmp_path)
    env = make_eval_env(cfg, 3, seed=5)
    agent = trained_agent(RunFolder(run.path), cfg, env.spaces, pick_device("cpu"))
    loaded, acted = run.policy(), list[Tensor]()
    remembered: dict[str, Tensor] = {}
    for step in play(env, agent.averaged, 6, explore=False):
        acted.append(step.action)
    obs = env.reset()
    first = loaded.act(obs)
    env.close()
    again = make_eval_env(cfg, 3, seed=5)
    obs, wanted = again.reset(), acted[:]
    loaded.reset()
    for number, action in enumerate(wanted):
        found = loaded.act(obs)
        torch.testing.assert_close(found, action, rtol=0, atol=ATOL)
        if number == 2:
            remembered = loaded.memory
        again.step_async(action)
        obs = again.step_wait().obs
    assert first.shape == (3, 4)
    # what it remembers can be taken out and put back
    forgetful = loaded.act(obs)
    loaded.memory = remembered
    assert not torch.equal(loaded.act(obs), forgetful)
    again.close()


def test_numpy_and_torch_one_and_many(tiny_run: puckrl.Run) -> None:
    policy = puckrl.load(tiny_run.path)
    obs, action = judged(tiny_run)
    arrays: dict[str, NDArray[Any]] = {n: v.numpy() for n, v in obs.items()}
    many = policy.act(arrays)
    assert isinstance(many, np.ndarray)
    assert many.dtype == np.float32
    np.testing.assert_allclose(many, action.numpy(), atol=ATOL)
    one = policy.act({n: v[1] for n, v in arrays.items()})
    np.testing.assert_allclose(one, many[1], atol=ATOL)
    tensor = policy.act({n: v[1].double() for n, v in obs.items()})
    assert isinstance(tensor, Tensor)
    np.testing.assert_allclose(tensor.numpy(), one, atol=ATOL)


def test_gymnasiums_name_of_the_state_is_known(tiny_run: puckrl.Run) -> None:
    policy, (obs, action) = puckrl.load(tiny_run.path), judged(tiny_run)
    named = {("observation" if n == "state" else n): v for n, v in obs.items()}
    torch.testing.assert_close(policy.act(named), action, atol=ATOL, rtol=0.0)


def test_a_robot_needs_no_whole_state(seeing_run: puckrl.Run) -> None:
    policy, (obs, action) = puckrl.load(seeing_run.path), judged(seeing_run)
    columns = list(policy.spec.sensors["proprio"])
    robot = {n: obs[n] for n in ("pixels", "desired_goal")}
    robot["proprio"] = obs["state"][:, columns]
    assert {one.name for one in policy.spec.inputs} == robot.keys()
    torch.testing.assert_close(policy.act(robot), action, atol=ATOL, rtol=0.0)


def test_sampling_explores_and_is_reproducible(tiny_run: puckrl.Run) -> None:
    obs, action = judged(tiny_run)
    first, again, other = (
        puckrl.load(tiny_run.path, seed=seed).act(obs, deterministic=False)
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.allclose(first, action)
    assert first.abs().max() <= 1.0


def changed(obs: dict[str, Tensor], **other: Any) -> dict[str, Any]:
    return {n: v for n, v in {**obs, **other}.items() if v is not None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": None}, "lacks state; it holds: achieved_goal, desired_goal"),
        ({"state": torch.zeros(3, 9)}, r"state has shape \(3, 9\); wanted \(10,\)"),
        ({"state": torch.zeros(2, 10)}, "neither one observation nor a batch"),
        ({"state": torch.zeros(10)}, "neither one observation nor a batch"),
        ({"state": torch.full((3, 10), torch.nan)}, "state holds NaN or infinity"),
        ({"state": torch.zeros(3, 10, dtype=torch.bool)}, "state is bool; wanted"),
        ({"state": [["a"] * 10] * 3}, "state holds no numbers"),
    ],
)
def test_what_it_cannot_use_is_refused(
    tiny_run: puckrl.Run, change: dict[str, Any], message: str
) -> None:
    obs, _ = judged(tiny_run)
    with pytest.raises(puckrl.UserError, match=message):
        puckrl.load(tiny_run.path).act(changed(obs, **change))


def test_pixels_must_be_bytes(seeing_run: puckrl.Run) -> None:
    obs, _ = judged(seeing_run)
    with pytest.raises(puckrl.UserError, match="pixels are float32; wanted uint8"):
        puckrl.load(seeing_run.path).act(changed(obs, pixels=obs["pixels"].float()))


@pytest.mark.parametrize("kind", ["tiny_run", "seeing_run"])
def test_it_acts_without_simulator_task_and_configuration(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Only config.yaml's presence says that a folder is a run."""
    run: puckrl.Run = request.getfixturevalue(kind)
    shutil.copytree(run.path, tmp_path / "run")
    text = (tmp_path / "run/config.yaml").read_text()
    (tmp_path / "run/config.yaml").write_text(text.replace("task: ", "task: gone-"))
    code = (
        "import sys, numpy as np, puckrl; policy = puckrl.load('run');"
        "obs = {i.name: np.zeros(i.shape, i.dtype) for i in policy.spec.inputs};"
        "print(policy.act(obs).shape);"
        "loaded = {'mujoco', 'warp', 'gymnasium', 'puckrl.tasks.task', 'puckrl.envs.goal_env', 'puckrl.envs.worlds'};"
        "assert not loaded & set(sys.modules), loaded & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "(4,)"), done.stderr[-2000:]


@each
def test_a_run_without_a_contract_is_rebuilt_from_code(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(OLD_RUNS / name, tmp_path / name)
    with caplog.at_level("WARNING"):
        policy = puckrl.load(name, runs=tmp_path)
    assert "rebuilt from this version's code" in caplog.text
    env = make_eval_env(puckrl.Run(tmp_path / name).config, 2, seed=5)
    expected = torch.tensor(json.loads((tmp_path / name / "actions.json").read_text()))
    torch.testing.assert_close(policy.act(env.reset()), expected, atol=1e-5, rtol=1e-4)
    env.close()


def test_a_contract_of_another_format_says_which_version(
    tiny_run: puckrl.Run, tmp_path: Path
) -> None:
    shutil.copytree(tiny_run.path, tmp_path / "run")
    file = tmp_path / "run/contract.json"
    tree = json.loads(file.read_text())
    file.write_text(json.dumps({**tree, "format": 99, "made_by": "puckrl 9.0"}))
    with pytest.raises(puckrl.UserError, match=r"format 99.*puckrl 9\.0"):
        puckrl.load(tmp_path / "run")
    file.write_text(json.dumps({n: v for n, v in tree.items() if n != "network"}))
    with pytest.raises(puckrl.UserError, match=r"contract is damaged.*network"):
        puckrl.load(tmp_path / "run")
    file.write_text("{")
    with pytest.raises(puckrl.UserError, match=r"contract\.json cannot be read"):
        puckrl.load(tmp_path / "run")
    tree["network"]["hidden"] = [8]
    file.write_text(json.dumps(tree))
    with pytest.raises(puckrl.UserError, match="builds another network"):
        puckrl.load(tmp_path / "run")


def test_snapshots_by_number(tiny_run: puckrl.Run) -> None:
    numbers = [one.number for one in tiny_run.snapshots]
    assert numbers
    assert tiny_run.snapshots[-1].env_steps == 400
    obs, action = judged(tiny_run)
    newest = puckrl.load(tiny_run.path, snapshot=numbers[-1])
    torch.testing.assert_close(newest.act(obs), action, atol=ATOL, rtol=0.0)
    with pytest.raises(puckrl.UserError, match=r"no snapshot 99 in .*; legal: 1"):
        tiny_run.policy(snapshot=99)


def test_a_policy_outlives_the_file_of_its_encoder(tmp_path: Path) -> None:
    name = write_encoder(tmp_path)
    cfg = SEEING.with_(**{"agent.vision.encoder.kind": name})
    run = puckrl.train(cfg, runs=tmp_path / "runs")
    obs, action = judged(run)
    (tmp_path / "eyes.py").unlink()
    (tmp_path / "beside.py").write_text("SIZE = 7\n")
    torch.testing.assert_close(run.policy().act(obs), action, atol=ATOL, rtol=0.0)
    torch.testing.assert_close(judged(run)[1], action, atol=ATOL, rtol=0.0)
    run.resume(run.config.with_(**{"budget.env_steps": 400}))
    assert run.manifest["clock"]["env_steps"] >= 400
    copy = run.path / "plugins/encoder/beside.py"
    copy.write_text("SIZE = 8\n")
    with pytest.raises(puckrl.UserError, match=r"beside\.py, the run's copy.*edited"):
        run.policy()


def test_its_repr_says_what_goes_in_and_out(seeing_run: puckrl.Run) -> None:
    said = repr(seeing_run.policy())
    for part in ("push", "proprio (10,)", "pixels (6, 16, 16)", "action (4,)", "25 Hz"):
        assert part in said
