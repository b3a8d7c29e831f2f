"""A robot's program: what does not fit is refused at load, what is late or NaN in the loop."""

import copy
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from puckrl.deploy.export import Exported
from puckrl.deploy.fit import ContractError, check_robot, describe
from puckrl.deploy.golden import golden_pairs
from puckrl.deploy.runtime import Policy, Stopped, load

Tree = dict[str, Any]


def swap(items: list[Any], first: int, second: int) -> None:
    items[first], items[second] = items[second], items[first]


def input_of(robot: Tree, name: str) -> Tree:
    return next(one for one in robot["inputs"] if one["name"] == name)


SEEDED: dict[str, tuple[Callable[[Tree], object], str]] = {
    "no description of actions": (
        lambda robot: robot.pop("action"),
        "the robot's description lacks action",
    ),
    "twice the rate": (
        lambda robot: robot.update(rate_hz=50.0),
        "the robot's loop runs at 50 Hz, the policy at 25 Hz",
    ),
    "a missing sensor": (
        lambda robot: robot["inputs"].remove(input_of(robot, "desired_goal")),
        "the robot has no input desired_goal",
    ),
    "another order of columns": (
        lambda robot: swap(input_of(robot, "desired_goal")["columns"], 0, 1),
        r"desired_goal\[0\] is object position y; the policy's is object position x",
    ),
    "a column less": (
        lambda robot: input_of(robot, "proprio")["columns"].pop(),
        r"proprio\[\d+\] is nothing; the policy's is",
    ),
    "millimeters": (
        lambda robot: input_of(robot, "desired_goal")["columns"][2].update(unit="mm"),
        r"desired_goal\[2\], object position z, has the unit 'mm'; the policy's is 'm'",
    ),
    "velocities per control step": (
        lambda robot: input_of(robot, "proprio")["columns"][-1].update(unit="m"),
        r"has the unit 'm'; the policy's is 'm/s'",
    ),
    "another frame": (
        lambda robot: input_of(robot, "desired_goal")["columns"][0].update(
            frame="base"
        ),
        "has the frame 'base'; the policy's is 'world'",
    ),
    "pixels as floats": (
        lambda robot: input_of(robot, "pixels").update(dtype="float32"),
        "pixels is float32; the policy takes uint8",
    ),
    "larger images": (
        lambda robot: input_of(robot, "pixels").update(shape=[6, 32, 32]),
        r"pixels has shape \[6, 32, 32\]; the policy takes \[6, 16, 16\]",
    ),
    "blue before red": (
        lambda robot: swap(robot["channels"], 0, 2),
        "channel 0 of the pixels is 'frame -1, side, blue'",
    ),
    "a wider lens": (
        lambda robot: robot["cameras"][0].update(fovy_deg=60.0),
        "camera side has a vertical field of view of 60 degrees; the policy's has 38",
    ),
    "a camera elsewhere": (
        lambda robot: robot["cameras"][0]["pos_m"].__setitem__(2, 9.0),
        "camera side: pos_m is .* m off",
    ),
    "a camera on the hand": (
        lambda robot: robot["cameras"][0].update(body="hand"),
        "camera side is on 'hand'; the policy's is on 'the world'",
    ),
    "no camera": (
        lambda robot: robot["cameras"].clear(),
        "the robot has no camera side",
    ),
    "another order of actions": (
        lambda robot: swap(robot["action"], 0, 1),
        r"action\[0\] is hand y; the policy's is hand x",
    ),
    "actions in millimeters": (
        lambda robot: robot["action"][1].update(unit="mm"),
        r"action\[1\], hand y, has the unit 'mm'; the policy's is 'm'",
    ),
    "narrower limits": (
        lambda robot: robot["action"][0].update(high=0.03),
        r"hand x: the robot allows -0.05 to 0.03 m; the policy commands -0.05 to 0.05",
    ),
}


@pytest.mark.parametrize("fault", SEEDED)
def test_a_robot_that_does_not_fit_is_refused(
    fault: str, exported_pixels: Exported
) -> None:
    spoil, words = SEEDED[fault]
    robot = describe(copy.deepcopy(exported_pixels.contract))
    check_robot(exported_pixels.contract, robot)
    spoil(robot)
    with pytest.raises(ContractError, match=words) as error:
        load(exported_pixels.path, robot)
    assert "\n" not in str(error.value)


def _change_contract(folder: Path) -> None:
    file = folder / "contract.json"
    file.write_text(file.read_text().replace('"rate_hz": 25.0', '"rate_hz": 20.0'))


def _change_model(folder: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    model = onnx.load(folder / "policy.onnx")
    change(model)
    onnx.save(model, folder / "policy.onnx")


def _other_weights(model: onnx.ModelProto) -> None:
    (head,) = [one for one in model.graph.initializer if one.name.endswith("head.bias")]
    head.raw_data = (np.frombuffer(head.raw_data, np.float32) + 0.01).tobytes()


def _without_metadata(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


def _later_format(model: onnx.ModelProto) -> None:
    for one in model.metadata_props:
        one.value = one.value.replace('"format": 1', '"format": 7', 1)


def _short_golden(model: onnx.ModelProto) -> None:
    (golden,) = [one for one in model.metadata_props if one.key == "puckrl.golden"]
    golden.value = golden.value[:-8]


def _other_inputs(model: onnx.ModelProto) -> None:
    for one in model.metadata_props:
        one.value = one.value.replace('"shape": [10]', '"shape": [11]')


DAMAGED: dict[str, tuple[Callable[[Path], object], str]] = {
    "contract edited": (_change_contract, "is not the contract inside policy.onnx"),
    "weights changed": (
        lambda folder: _change_model(folder, _other_weights),
        "64 golden pairs are off by",
    ),
    "no metadata": (
        lambda folder: _change_model(folder, _without_metadata),
        "holds no contract; puck export writes",
    ),
    "later format": (
        lambda folder: _change_model(folder, _later_format),
        "the contract has format 7, this runtime reads 1",
    ),
    "golden cut": (
        lambda folder: _change_model(folder, _short_golden),
        "the golden pairs have .* the file is damaged",
    ),
    "inputs differ": (
        lambda folder: [
            _change_model(folder, _other_inputs),
            (folder / "contract.json").unlink(),
        ],
        "policy.onnx takes .* its contract says",
    ),
    "no file": (lambda folder: (folder / "policy.onnx").unlink(), "no exported policy"),
    "half a file": (
        lambda folder: (folder / "policy.onnx").write_bytes(b"\x08\x08half"),
        "cannot be loaded by onnxruntime",
    ),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_is_refused(
    damage: str, exported: Exported, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(exported.path, folder)
    load(folder, None)
    spoil, words = DAMAGED[damage]
    spoil(folder)
    with pytest.raises(ContractError, match=words) as error:
        load(folder, None)
    assert "\n" not in str(error.value)


def an_observation(policy: Policy) -> dict[str, Any]:
    return {
        one["name"]: np.zeros(one["shape"], one["dtype"])
        for one in policy.contract["inputs"]
    }


def test_without_a_fallback_a_fault_stops_at_once(exported: Exported) -> None:
    policy = load(exported.path, describe(exported.contract))
    obs = an_observation(policy)
    assert policy.act(obs).shape == (4,)
    obs["state"][3] = np.nan
    with pytest.raises(Stopped, match="state holds NaN or infinity; stop the robot"):
        policy.act(obs)
    with pytest.raises(Stopped, match=r"1.000 s old; late after 0.04 s"):
        policy.act(an_observation(policy), taken_s=time.monotonic() - 1.0)


def test_the_watchdog_is_patient_with_a_fallback(exported: Exported) -> None:
    fallback = [0.0, 0.0, 0.01, 0.0]
    policy = load(exported.path, None, fallback=fallback, patience=2)
    late, obs = time.monotonic() - 1.0, an_observation(policy)
    for _ in range(2):
        np.testing.assert_allclose(policy.act(obs, late), fallback)
    assert policy.faults == 2
    assert "late" in policy.last_fault
    assert not np.allclose(policy.act(obs), fallback), (
        "a good one begins the count anew"
    )
    policy.act(obs, late)
    policy.act(obs, late)
    with pytest.raises(Stopped, match="3 faults in a row"):
        policy.act(obs, late)
    with pytest.raises(ContractError, match=r"the fallback .* is no action"):
        load(exported.path, None, fallback=[0.0, 0.0, 1.0, 0.0])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("state", None, "the observation lacks state; it holds: achieved_goal"),
        ("state", np.zeros(9), r"state has shape \(9,\); wanted \(10,\)"),
    ],
)
def test_an_observation_of_another_form_is_one_line(
    exported: Exported, name: str, value: Any, words: str
) -> None:
    policy = load(exported.path, None)
    obs = an_observation(policy)
    obs.pop(name) if value is None else obs.update({name: value})
    with pytest.raises(ContractError, match=words):
        policy.act(obs)


def test_pixels_are_bytes(exported_pixels: Exported) -> None:
    policy = load(exported_pixels.path, None)
    obs = an_observation(policy)
    assert policy.act(obs).dtype == np.float32
    with pytest.raises(ContractError, match="pixels is float64; wanted uint8"):
        policy.act({**obs, "pixels": obs["pixels"] / 255.0})


def test_it_remembers_within_an_episode_only(exported_gru: Exported) -> None:
    """Against the golden pairs' own recurrence, one robot at a time."""
    policy = load(exported_gru.path, None)
    golden = (exported_gru.path / "golden.bin").read_bytes()
    pairs = [*golden_pairs(policy.contract, golden)]
    assert len(pairs) == 64
    assert any(inputs["memory"].any() for inputs, _ in pairs)
    sensors = {one["name"] for one in policy.contract["inputs"]}
    obs = {name: value for name, value in pairs[0][0].items() if name in sensors}
    first, second = policy.act(obs).copy(), policy.act(obs).copy()
    assert not np.array_equal(first, second)
    policy.reset()
    np.testing.assert_array_equal(policy.act(obs), first)


def test_latency_is_measured_over_calls(exported: Exported) -> None:
    policy = load(exported.path, None)
    assert policy.latency_us() == {}
    for _ in range(50):
        policy.act(an_observation(policy))
    took = policy.latency_us()
    assert took["calls"] == 50
    assert 0 < took["p50"] <= took["p90"] <= took["p99"] <= took["max"]


def test_a_robot_runs_it_without_torch(exported: Exported, tmp_path: Path) -> None:
    """In a process where torch, MuJoCo and onnx cannot be imported."""
    robot = tmp_path / "robot.json"
    robot.write_text(json.dumps(describe(exported.contract)))
    code = (
        "import sys, runpy\n"
        "for name in ('torch', 'mujoco', 'warp', 'onnx', 'safetensors'):\n"
        "    sys.modules[name] = None\n"
        f"sys.argv = ['runtime', {str(exported.path)!r}, '--robot', {str(robot)!r}]\n"
        "runpy.run_module('puckrl.deploy.runtime', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "golden pairs reproduced; latency" in done.stdout
