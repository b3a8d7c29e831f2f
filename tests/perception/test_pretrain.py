"""Pretraining from frames to a run that begins with its encoder, and probes of both."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from puckrl.agents.pixel_features import PixelFeatures
from puckrl.cli import main
from puckrl.config.run_cfg import RunCfg, config_hash, pinned
from puckrl.core.errors import UserError
from puckrl.nets.layers import EncoderCfg
from puckrl.perception import heat_map
from puckrl.perception.frames import Shares, play_frames
from puckrl.perception.pretrain import PretrainCfg, Pretrained, pretrain
from puckrl.perception.probe import measure
from puckrl.perception.subject import probe_subject
from puckrl.replay.frames import FrameStore
from puckrl.runner import session
from puckrl.runner.encoder_files import check_weights
from tests.api.tiny import SEEING

CPU = torch.device("cpu")
HOW = PretrainCfg(
    objectives=("time-contrastive", "inverse-dynamics=0.5"),
    frames=200,
    updates=4,
    batch_size=16,
)


def with_encoder(cfg: RunCfg, **changes: Any) -> RunCfg:
    vision = cfg.agent.vision
    encoder = replace(vision.encoder, **changes)
    return replace(
        cfg, agent=replace(cfg.agent, vision=replace(vision, encoder=encoder))
    )


@pytest.fixture(scope="module", autouse=True)
def _soon() -> Iterator[None]:
    """Probe a few episodes with few steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("puckrl.perception.pretrain._PROBE_EPISODES", 8)
        patch.setattr("puckrl.representation.probe._STEPS", 50)
        yield


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> Pretrained:
    """A pretrained encoder, and what was found of it."""
    path = tmp_path_factory.mktemp("eyes") / "eyes.safetensors"
    return pretrain(SEEING, HOW, path, path.parent)


def test_pretraining_writes_an_encoder_and_says_what_it_knows(
    eyes: Pretrained,
) -> None:
    assert eyes.path.is_file()
    assert set(eyes.probe.errors) == {"object", "hand"}
    assert eyes.probe.needs_mm == 10.0
    assert eyes.verdict
    said = eyes.as_dict()
    assert json.loads(json.dumps(said)) == said
    assert "train/time_contrastive_loss" in eyes.metrics


def test_a_run_begins_with_the_weights_of_its_file(
    eyes: Pretrained, tmp_path: Path
) -> None:
    cfg = with_encoder(SEEING, weights=str(eyes.path))
    frozen = replace(cfg.agent.vision, encoder_gradient="none")
    cfg = replace(cfg, agent=replace(cfg.agent, vision=frozen))
    folder = session.start(cfg, tmp_path)
    stored = folder.config().agent.vision.encoder
    assert stored.weights_sha256 == eyes.sha256
    saved = load_file(eyes.path)
    from puckrl.runner.snapshot import trained_agent
    from puckrl.runner.worlds import pixel_space
    from puckrl.tasks.catalog import make_task

    eyes.path.rename(eyes.path.with_suffix(".gone"))  # snapshots hold the weights
    try:
        spaces = replace(make_task("push").spaces, pixels=pixel_space(cfg.pixels))
        agent = trained_agent(folder, folder.config(), spaces, CPU)
        features = agent.averaged.features
        assert isinstance(features, PixelFeatures)
        live = dict(features.vision.encoder.named_parameters())  # pyright: ignore
        for name, parameter in live.items():
            assert torch.equal(parameter, saved[name]), name
        found = probe_subject(
            str(folder.path),
            tmp_path,
            preset_name=None,
            episodes=8,
            sources=("random",),
            seed=1,
        )
        assert found.episodes >= 8
    finally:
        eyes.path.with_suffix(".gone").rename(eyes.path)


def test_content_counts_for_the_hash_and_place_does_not(
    eyes: Pretrained, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(eyes.path.read_bytes())
    one, two = (with_encoder(SEEING, weights=str(p)) for p in (eyes.path, copy))
    assert config_hash(one) == config_hash(two) == config_hash(pinned(one))
    assert config_hash(one) != config_hash(SEEING)
    with pytest.raises(UserError, match="puck pretrain PRESET"):
        config_hash(with_encoder(SEEING, weights=str(tmp_path / "none.safetensors")))


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        ({"viewpoints": ("corner",)}, "pos_m of side is"),
        ({"viewpoints": ("side", "front")}, "side, the run has side, front"),
        ({"height": 24}, "16 x 16 pixels, the run has 24 x 16"),
        ({"stack": 3}, "2 frames, the run has 3 frames"),
    ],
)
def test_another_camera_is_refused(
    eyes: Pretrained, pixels: dict[str, Any], words: str
) -> None:
    cfg = with_encoder(SEEING, weights=str(eyes.path))
    with pytest.raises(UserError, match="was trained on another camera") as told:
        check_weights(replace(cfg, pixels=replace(cfg.pixels, **pixels)))
    assert words in str(told.value)


def test_another_encoder_is_refused(eyes: Pretrained) -> None:
    cfg = with_encoder(SEEING, weights=str(eyes.path), channels=8)
    with pytest.raises(UserError, match="channels 4"):
        check_weights(cfg)


def test_frames_come_in_whole_episodes_from_every_source(tmp_path: Path) -> None:
    seen: list[int] = []
    replay = play_frames(
        SEEING, CPU, 150, ("random", "scripted"), tmp_path, seen.append
    )
    assert replay.added == 4  # two worlds, rounded up
    assert seen[-1] == 200
    assert isinstance(replay._frames, FrameStore)
    moved = replay.rows["achieved_goal"][:, -1] - replay.rows["achieved_goal"][:, 0]
    scripted = moved[1::2].norm(dim=1)
    assert bool((scripted > 0.01).any()), "the expert moves the object"


def test_worlds_are_divided_among_policies() -> None:
    class Constant:
        device = CPU

        def __init__(self, value: float) -> None:
            self.value = value

        def reset(self, done: torch.Tensor) -> None:
            return

        def act(self, obs: dict[str, torch.Tensor], *, explore: bool) -> torch.Tensor:
            return torch.full((len(obs["x"]), 1), self.value)

    both = Shares([Constant(1.0), Constant(2.0)], CPU)
    found = both.act({"x": torch.zeros(5)}, explore=True)
    assert found[:, 0].tolist() == [1.0, 1.0, 1.0, 2.0, 2.0]


def test_an_encoder_that_knows_everything_helps(eyes: Pretrained) -> None:
    """A probe of features that hold the position finds it; shuffled labels do not."""
    from puckrl.perception.probe import Scene

    rng = torch.Generator().manual_seed(0)
    where = 0.3 * torch.rand(400, 3, generator=rng)
    pixels = torch.randint(256, (400, 6, 16, 16), generator=rng, dtype=torch.uint8)
    number = torch.arange(400)
    pixels[:, 0, 0, 0] = (number % 256).to(torch.uint8)
    pixels[:, 0, 0, 1] = (number // 256).to(torch.uint8)

    def knows(images: torch.Tensor) -> torch.Tensor:
        index = images[:, 0, 0, 0].long() + 256 * images[:, 0, 0, 1].long()
        return where[index]

    scene = Scene(pixels, number // 4, {"object": where}, None)
    found = measure("planted", SEEING, scene, knows)
    errors = found.errors["object"]
    assert errors["encoder"]["linear"].median_mm < 0.1
    assert found.helps
    assert "to 0 mm" in found.sentence
    assert errors["shuffled labels"]["linear"].median_mm > 80
    assert errors["random weights"]["linear"].median_mm > 50
    assert float(found.off_mm.median()) < 0.1


def test_a_cell_shows_the_median_of_its_frames() -> None:
    where = np.array([[0.01, 0.01]] * 3 + [[0.09, 0.01]] * 3 + [[0.01, 0.09]] * 2)
    off = np.array([1.0, 2.0, 9.0, 4.0, 5.0, 6.0, 7.0, 7.0])
    medians, extent = heat_map.cells(where, off, cell_m=0.05)
    assert medians.shape == (2, 2)
    assert medians[0, 0] == 2.0
    assert medians[1, 0] == 5.0 or np.isnan(medians[1, 0])
    assert np.isnan(medians[0, 1]), "two frames are too few"
    assert extent[0] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["pretrain", "push", "-o", "a.safetensors"], "push has no camera"),
        (["pretrain", "push-pixels", "-o", "a.pt"], "ends with .safetensors"),
        (["pretrain", "push-pixels"], "puck pretrain needs -o"),
        (
            ["pretrain", "push-pixels", "-o", "a.safetensors", "--lr", "0"],
            "--lr 0 is not above 0",
        ),
        (
            [
                *[
                    "pretrain",
                    "push-pixels",
                    "-o",
                    "a.safetensors",
                    "--objective",
                    "vae",
                    "vae=2",
                ]
            ],
            "names one twice",
        ),
        (
            [*["pretrain", "push-pixels", "-o", "a.safetensors", "--objective", "vea"]],
            "did you mean vae",
        ),
        (["probe", "none.safetensors"], "none.safetensors cannot be read"),
        (["probe", "no-such-run"], "no-such-run"),
    ],
)
def test_bad_input_is_one_line(
    command: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    told = capsys.readouterr().err.strip()
    assert words in told
    assert len(told.splitlines()) == 1
    assert not [*tmp_path.glob("*.safetensors")]


def test_the_command_probes_a_file_and_draws_a_map(
    eyes: Pretrained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = tmp_path / "map.png"
    command = ["probe", str(eyes.path), "--episodes", "16", "--map", str(drawn)]
    assert main([*command, "--frames-from", "random", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["needs_mm"] == 10.0
    assert set(said["errors_mm"]["object"]) == {
        "encoder",
        "random weights",
        "pixels",
        "shuffled labels",
    }
    assert drawn.stat().st_size > 5_000


def test_the_cfg_of_a_kind_is_that_of_the_setting() -> None:
    assert EncoderCfg().weights == ""
