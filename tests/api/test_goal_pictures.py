"""A picture of a goal from a file to a trained policy: in Python and on the command line."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import puckrl
from puckrl.cli import main
from puckrl.runner import policies, session
from puckrl.training.checkpoint import read_state
from tests.api.tiny import SHOWN


@pytest.fixture(scope="module")
def pictures(shown_run: puckrl.Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the picture of a goal, and the film of its world."""
    folder = tmp_path_factory.mktemp("pictures")
    film = ["--worlds", "1", "--episodes", "1", "-o", str(folder / "film.mp4")]
    argv = ["record", str(shown_run.path), *film, "--save-goals", str(folder)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policies, "_TILE_PX", (80, 64))  # rendering takes the time
        assert main(argv) == 0
    return folder


def test_the_contract_names_the_picture_and_no_goal_vector(
    shown_run: puckrl.Run,
) -> None:
    policy = puckrl.load(shown_run.path)
    inputs = {one.name: one for one in policy.spec.inputs}
    assert set(inputs) == {"pixels", "proprio", "goal_image"}
    assert inputs["goal_image"].shape == (3, 16, 16)
    assert inputs["goal_image"].dtype == "uint8"


def test_a_policy_acts_on_a_picture_from_a_file(
    shown_run: puckrl.Run, tmp_path: Path
) -> None:
    policy, cfg = puckrl.load(shown_run.path), shown_run.config
    with puckrl.make(cfg.task, num_worlds=2, pixels=cfg.pixels) as env:
        obs = env.reset()
    policy.write_goal(tmp_path / "goal.png", obs["goal_image"][0])
    image = policy.read_goal(tmp_path / "goal.png")
    assert np.array_equal(image, obs["goal_image"][0].numpy())
    given = {name: obs[name][0].numpy() for name in ("pixels", "state")}
    action = policy.act({**given, "goal_image": image})
    assert np.allclose(action, policy.act(obs)[0].numpy(), atol=1e-6)
    with pytest.raises(puckrl.UserError, match="lacks goal_image"):
        policy.act(given)
    with pytest.raises(
        puckrl.UserError, match=r"shape \(3, 8, 8\); wanted \(3, 16, 16\)"
    ):
        policy.act({**given, "goal_image": image[:, :8, :8]})


def test_eval_measures_success_where_the_file_says_where_the_goal_is(
    shown_run: puckrl.Run,
    pictures: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = pictures / "goal-0.png"
    options = ["--episodes", "4", "--goal-image", str(file)]
    found = tmp_path / "found.json"
    assert main(["eval", str(shown_run.path), *options, "--json", str(found)]) == 0
    said = capsys.readouterr().out
    assert "success at the last step" in said
    assert "the picture shows the goal at" in said
    assert json.loads(found.read_text())["episodes"] == 4


def test_eval_of_an_unknown_goal_says_where_episodes_end(
    shown_run: puckrl.Run,
    pictures: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    policy, file = puckrl.load(shown_run.path), tmp_path / "bare.png"
    policy.write_goal(file, policy.read_goal(pictures / "goal-0.png"))
    argv = ["eval", str(shown_run.path), "--episodes", "4", "--goal-image", str(file)]
    assert main([*argv, "--json", str(tmp_path / "found.json")]) == 0
    said = capsys.readouterr().out
    assert "not measured" in said
    assert "success at the last step" not in said
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["goal"] is None
    assert len(found["read_goal"]) == len(found["end"]) == 3


def test_the_film_shows_the_goal_beside_the_world(pictures: Path) -> None:
    import imageio_ffmpeg

    frames = imageio_ffmpeg.read_frames(str(pictures / "film.mp4"))
    width, height = next(frames)["source_size"]
    tall, seam, edge = 64, 4, 12
    # a world is 80 wide; beside it the policy's pixels and the picture, both square
    assert width == 80 + seam + tall + seam + tall + edge
    assert height == tall + edge


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("seeing_run", "takes no pictures of goals"),
        ("tiny_run", "no pictures of goals"),
    ],
)
def test_a_policy_without_pictures_refuses_them(
    run: str,
    said: str,
    pictures: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made: puckrl.Run = request.getfixturevalue(run)
    file = str(pictures / "goal-0.png")
    assert main(["eval", str(made.path), "--goal-image", file]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    with pytest.raises(puckrl.UserError, match="takes no goal_image"):
        puckrl.load(made.path).read_goal(file)


@pytest.mark.parametrize("overlap", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(
    overlap: bool, tmp_path: Path
) -> None:
    def limited(env_steps: int) -> puckrl.RunCfg:
        budget = replace(SHOWN.budget, env_steps=env_steps)
        # no whole episodes: the snapshot holds the pictures of unfinished ones
        loop = replace(SHOWN.loop, collect_steps=20, overlap=overlap)
        return replace(SHOWN, budget=budget, loop=loop)

    whole = session.start(limited(200), tmp_path, tmp_path / "whole")
    parted = session.start(limited(120), tmp_path, tmp_path / "parted")
    session.resume(parted, limited(200))
    one, other = read_state(whole.checkpoints), read_state(parted.checkpoints)
    assert one.tensors.keys() == other.tensors.keys()
    assert any("goal_image" in name for name in one.tensors)
    different = [
        n for n, x in one.tensors.items() if not torch.equal(x, other.tensors[n])
    ]
    assert different == []
