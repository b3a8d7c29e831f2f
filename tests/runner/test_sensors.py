"""The table of sensors against what an environment and its networks really give."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from puckrl.agents.networks import sensor_columns
from puckrl.agents.settings import MODES
from puckrl.cli import main
from puckrl.config.presets import preset
from puckrl.config.run_cfg import PixelsCfg, SimCfg
from puckrl.core.errors import UserError
from puckrl.envs.play import policy_obs
from puckrl.runner.plan import plan, render
from puckrl.runner.sensors import render as render_sensors
from puckrl.runner.sensors import sensor_rows
from puckrl.runner.worlds import make_env

EXAMPLES = Path(__file__).parents[2] / "examples"
PIXELS = PixelsCfg(viewpoints=("side", "wrist"), height=16, width=20, stack=2)


@pytest.mark.parametrize(
    "task", ["push", "reach", f"{EXAMPLES / 'planar_pusher.py'}:PlanarPusher"]
)
def test_rows_have_the_shapes_and_types_of_observations(task: str) -> None:
    env = make_env(task, SimCfg(num_worlds=1))
    obs = policy_obs(env.reset(), torch.device("cpu"))
    for row in sensor_rows(env.spaces):
        if row.name in env.spaces.sensors:
            given = obs["state"][:, sensor_columns((row.name,), env.spaces)]
        else:
            given = obs[row.name]
        assert row.shape == given.shape[1:], row
        assert f"torch.{row.dtype}" == str(given.dtype), row


def test_push_has_the_sensors_of_the_reference() -> None:
    env = make_env("push", SimCfg(num_worlds=1), pixels=PIXELS)
    shapes = {row.name: row.shape for row in sensor_rows(env.spaces)}
    assert shapes == {
        "proprio": (10,),
        "object": (15,),
        "state": (25,),
        "achieved_goal": (3,),
        "desired_goal": (3,),
        "pixels": (12, 16, 20),
    }
    sources = {row.name: row.source for row in sensor_rows(env.spaces)}
    assert sources["achieved_goal"] == sources["object"] == "simulator"
    assert sources["state"] == "joint encoders, simulator"
    assert env.reset()["pixels"].shape[1:] == shapes["pixels"]


def _text(renderable: object) -> str:
    console = Console(width=160)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_the_list_names_every_mode_with_its_sizes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["list", "--sensors"]) == 0
    assert "operator" in capsys.readouterr().out
    lines = {
        line.split()[0]: line
        for line in _text(render_sensors("push")).splitlines()
        if line
    }
    assert MODES.keys() <= lines.keys()
    assert "pixels 9 x 64 x 64, proprio 10, desired_goal 3" in lines["pixels"]
    assert lines["object"].split()[1:3] == ["15", "float32"]
    with pytest.raises(UserError, match="unknown task 'fly'"):
        render_sensors("fly")


def test_the_plan_shows_what_each_network_gets_with_sizes() -> None:
    cfg = preset("push-pixels")
    cfg = replace(cfg, pixels=replace(PIXELS, viewpoints=("side",)))
    lines = _text(render(plan(cfg))).splitlines()
    actor, critics = (
        next(line for line in lines if line.split()[:1] == [name])
        for name in ("actor", "critics")
    )
    assert "pixels 6 x 16 x 20, proprio 10, desired_goal 3" in actor
    assert "state 25, achieved_goal 3, desired_goal 3" in critics
