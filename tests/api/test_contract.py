"""What the contract says of numbers is so: measured, counted, or drawn again."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import puckrl
from puckrl.core.rng import Draws
from puckrl.core.spec import Column, Description, PolicySpec, from_plain, to_plain
from puckrl.envs.goal_env import GoalEnv
from puckrl.runner.contract import _images, described
from puckrl.runner.worlds import pixel_space
from puckrl.tasks import catalog
from puckrl.tasks.fetch import fetch
from puckrl.tasks.fetch.viewpoints import VIEWPOINTS
from tests.api.tiny import TINY

EVERY_TASK = pytest.mark.parametrize("task", ["reach", "push", "slide", "pick-place"])


def test_it_is_there_before_the_first_step(tmp_path: Path) -> None:
    seen: list[PolicySpec] = []

    class Look(puckrl.Callback):
        def on_step(self, run: puckrl.TrainingView) -> None:
            tree = json.loads((run.path / "contract.json").read_text())
            seen.append(from_plain(PolicySpec, tree))
            raise RuntimeError("enough")

    with pytest.raises(puckrl.RunFailed):
        puckrl.train(TINY, callbacks=[Look()], runs=tmp_path)
    (spec,) = seen
    assert spec.task == "reach"


def test_it_comes_back_from_json_as_it_was(seeing_run: puckrl.Run) -> None:
    spec = seeing_run.policy().spec
    assert from_plain(PolicySpec, json.loads(json.dumps(to_plain(spec)))) == spec


def test_a_resumed_run_keeps_the_contract_that_it_began_with(tmp_path: Path) -> None:
    run = puckrl.train(TINY.with_(**{"budget.env_steps": 200}), runs=tmp_path)
    file = run.path / "contract.json"
    file.write_text(file.read_text().replace("puckrl 0", "puckrl 00"))
    run.resume(run.config.with_(**{"budget.env_steps": 300}))
    assert "puckrl 00" in file.read_text()


def named(env: GoalEnv, names: str) -> Tensor:
    """Return the state columns whose names match."""
    columns = [
        i
        for i, column in enumerate(described(env.task).state)
        if re.fullmatch(names, column.name)
    ]
    assert columns, names
    return env.observe()["state"][:, columns]


def played(task: str, worlds: int = 8, steps: int = 12) -> GoalEnv:
    """Return worlds after random play."""
    env = puckrl.make(task, worlds, seed=3)
    env.reset()
    rng = torch.Generator().manual_seed(0)
    for _ in range(steps):
        env.step(torch.rand(worlds, 4, generator=rng) * 2 - 1)
    return env


@EVERY_TASK
def test_columns_hold_what_their_names_say(task: str) -> None:
    """Compare with the simulation's own sites and joints."""
    env = played(task)
    sim, model = env.sim, env.sim.model
    site = model.site("robot0:grip").id
    torch.testing.assert_close(
        named(env, "gripper position [xyz]"), sim.field("site_xpos")[:, site]
    )
    joints = [f"robot0:{side}_gripper_finger_joint" for side in "rl"]
    slides = [int(model.joint(name).qposadr[0]) for name in joints]
    torch.testing.assert_close(
        named(env, "[rl] finger position"), sim.field("qpos")[:, slides]
    )
    speeds = [int(model.joint(name).dofadr[0]) for name in joints]
    torch.testing.assert_close(
        named(env, "[rl] finger velocity"),
        sim.field("qvel")[:, speeds] * env.control_dt_s,
    )
    if task != "reach":
        place = sim.field("site_xpos")[:, model.site("object0").id]
        torch.testing.assert_close(named(env, "object position [xyz]"), place)
        torch.testing.assert_close(
            named(env, "object position minus gripper position [xyz]"),
            place - sim.field("site_xpos")[:, site],
        )


@EVERY_TASK
def test_velocities_are_per_control_step(task: str) -> None:
    """Against the way of a control step: m/s would be 25 times as large.

    The hand does not move steadily within a step, so that both agree roughly.
    """
    env = puckrl.make(task, 1, seed=0)
    env.reset()
    push = torch.tensor([[0.0, 1.0, 0.5, 0.0]])
    for _ in range(6):
        env.step(push)
    before = named(env, "gripper position [xyz]")
    env.step(push)
    way = named(env, "gripper position [xyz]") - before
    speed = named(env, "gripper velocity [xyz]")
    assert way[0, 1] > 0.02
    assert 0.5 < speed[0, 1] / way[0, 1] < 1.5
    units = {c.unit for c in described(env.task).state if "velocity" in c.name}
    assert all("per control step" in unit for unit in units)


def test_a_full_action_moves_the_hand_as_far_as_it_says() -> None:
    env = puckrl.make("reach", 3, seed=0)
    env.reset()
    for _ in range(4):
        env.step(torch.zeros(3, 4))
    before = named(env, "gripper position [xyz]")
    env.step(torch.eye(3, 4))
    env.step(torch.eye(3, 4))
    way = (named(env, "gripper position [xyz]") - before).diagonal() / 2
    assert "30 to 33 mm" in described(env.task).action[0].meaning
    assert (way > 0.020).all(), way
    assert (way < 0.035).all(), way


@pytest.mark.parametrize(("task", "moves"), [("push", False), ("pick-place", True)])
def test_the_fourth_number_drives_the_fingers_or_nothing(
    task: str, moves: bool
) -> None:
    env = puckrl.make(task, 1, seed=0)
    env.reset()
    for _ in range(10):
        env.step(torch.tensor([[0.0, 0.0, 0.0, 1.0]]))
    opened = bool((named(env, "[rl] finger position") > 0.01).all())
    assert opened is moves
    assert ("ignored" in described(env.task).action[3].meaning) is not moves


@EVERY_TASK
def test_goals_lie_in_the_range_and_fill_it(task: str) -> None:
    env = puckrl.make(task, 1, seed=0)
    env.reset()
    said = described(env.task)
    assert said.goal_min is not None
    assert said.goal_max is not None
    low, high = (
        torch.tensor(end, dtype=torch.float64) for end in (said.goal_min, said.goal_max)
    )
    draws = Draws(0, torch.arange(2000), torch.zeros(2000, dtype=torch.int64))
    assert isinstance(env.task, fetch.FetchTask)
    settled = env.task._settled
    grip = torch.as_tensor(settled.grip_pos_m)
    goals = env.task._draw_goals(grip, draws).double()
    slack = 0.02 * (high - low) + 1e-9
    assert (goals.amin(0) >= low - 1e-6).all()
    assert (goals.amax(0) <= high + 1e-6).all()
    assert (goals.amin(0) <= low + slack).all()
    assert (goals.amax(0) >= high - slack).all()


def test_the_control_rate_is_that_of_the_physics(tiny_run: puckrl.Run) -> None:
    control = tiny_run.policy().spec.control
    assert (control.rate_hz, control.substeps, control.horizon) == (25.0, 20, 50)
    assert (control.dt_s, control.physics_dt_s) == (0.04, 0.002)


def test_images_are_described_as_they_come(seeing_run: puckrl.Run) -> None:
    spec, cfg = seeing_run.policy().spec, seeing_run.config
    assert spec.images is not None
    (camera,) = spec.images.cameras
    view = VIEWPOINTS["side"]
    assert (camera.pos_m, camera.look_at_m) == (view.pos_m, view.look_at_m)
    assert (camera.fovy_deg, camera.body) == (38.0, "")
    assert any("textures" in one for one in spec.images.leaves_out)
    with puckrl.make(cfg.task, 2, pixels=cfg.pixels) as env:
        env.reset()
        step = env.step(torch.ones(2, 4))
    pixels, newest = step.obs["pixels"], step.obs["frame"]
    found = [
        (age, color)
        for channel in spec.images.channels
        for age, _, color in [channel.removeprefix("frame ").split(", ")]
    ]
    assert found == [
        (age, color) for age in ("-1", "0") for color in ("red", "green", "blue")
    ]
    now = [i for i, (age, _) in enumerate(found) if age == "0"]
    assert torch.equal(pixels[:, now], newest.permute(0, 3, 1, 2))
    then = [i for i, (age, _) in enumerate(found) if age == "-1"]
    assert not torch.equal(pixels[:, then], pixels[:, now]), "the hand has moved"
    middle = newest[0, :, :, 0].float().mean()
    assert 0 < middle < 255


def test_the_free_camera_is_resolved(seeing_run: puckrl.Run) -> None:
    cfg = seeing_run.config
    pixels = replace(cfg.pixels, viewpoints=("free", "side"))
    free = catalog.make_task("push")
    spaces = replace(free.spaces, pixels=pixel_space(pixels))
    made = _images(pixels, free, free.scene(), spaces, ("pixels",))
    assert made is not None
    assert [one.name for one in made.cameras] == ["free", "side"]
    assert len(made.channels) == 3 * 2 * cfg.pixels.stack
    assert made.channels[3] == "frame -1, side, red"


PUSHER = "examples/planar_pusher.py:PlanarPusher"


def test_a_task_without_descriptions_has_numbers_for_names() -> None:
    said = described(catalog.make_task(PUSHER))
    assert said.state[9] == Column("state[9]", "unknown", "unknown")
    assert [one.name for one in said.action] == ["action[0]", "action[1]"]
    assert said.goal_min is None


def test_a_description_of_another_length_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = catalog.make_task("reach")
    short = Description((Column("x"),), task.describe().goal, task.describe().action)
    monkeypatch.setattr(type(task), "describe", lambda self: short)
    with pytest.raises(
        puckrl.UserError, match=r"describe\(\) returned 1 entries of state; wanted: 10"
    ):
        described(task)
