"""Files of encoders: they come back bit for bit, and say what does not fit."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from puckrl.core.errors import UserError
from puckrl.core.source import sha256
from puckrl.core.spec import CameraSpec
from puckrl.nets.encoders import Encoder
from puckrl.nets.layers import EncoderCfg
from puckrl.representation.weights import (
    EncoderFile,
    load_encoder,
    read_about,
    save_encoder,
)

CFG = EncoderCfg(channels=4)
ABOUT = EncoderFile(
    kind="padded",
    channels=4,
    head="spatial-softmax",
    features=50,
    height=16,
    width=16,
    stack=2,
    cameras=(CameraSpec("side", (1.0, 2.0, 3.0), (0.0, 0.0, 0.0), 38.0, ""),),
    task="push",
    frames=100,
    objectives=("vae=0.5",),
    probe={"errors": {"object": {"linear": {"median_mm": 3.0, "p95_mm": 9.0}}}},
    made_by="puckrl",
)


def encoder(seed: int, cfg: EncoderCfg = CFG) -> Encoder:
    torch.manual_seed(seed)
    return Encoder(cfg, 6, 16, 16)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "eyes.safetensors"
    assert save_encoder(path, encoder(0), ABOUT) == sha256(path)
    return path


def test_weights_and_description_come_back(file: Path) -> None:
    assert read_about(file) == ABOUT
    made = encoder(1)
    load_encoder(made, replace(CFG, weights=str(file)))
    for name, tensor in encoder(0).state_dict().items():
        assert torch.equal(made.state_dict()[name], tensor)


def test_the_same_encoder_is_the_same_file(file: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    assert save_encoder(again, encoder(0), ABOUT) == sha256(file)


def test_another_encoder_is_refused_with_the_settings_that_fit(file: Path) -> None:
    other = EncoderCfg(kind="drqv2", channels=8, weights=str(file))
    with pytest.raises(UserError, match="holds another encoder") as told:
        load_encoder(encoder(1, other), other)
    fits = "use --agent.vision.encoder.kind padded --agent.vision.encoder.channels 4"
    assert fits in str(told.value)


def test_other_images_are_refused(file: Path) -> None:
    made = Encoder(CFG, 3, 16, 16)
    with pytest.raises(UserError, match="2 frames of 1 cameras, 16 x 16"):
        load_encoder(made, replace(CFG, weights=str(file)))


def test_a_file_that_has_changed_since_is_refused(file: Path) -> None:
    with pytest.raises(UserError, match="is not the file that this configuration"):
        load_encoder(
            encoder(1), replace(CFG, weights=str(file), weights_sha256="0" * 64)
        )


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(2)}, path)
    assert read_about(path) is None
    with pytest.raises(UserError, match="no encoder of puckrl's"):
        load_encoder(encoder(1), replace(CFG, weights=str(path)))


@pytest.mark.parametrize("content", [b"", b"not a file of tensors", b"\xff" * 64])
def test_a_damaged_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "eyes.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        read_about(path)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_about(tmp_path / "none.safetensors")


@pytest.mark.parametrize("said", ["[]", "{}", '{"format": 9, "made_by": "puckrl 9"}'])
def test_a_description_that_makes_no_sense_is_one_line(
    tmp_path: Path, said: str
) -> None:
    path = tmp_path / "eyes.safetensors"
    save_file({"x": torch.zeros(2)}, path, metadata={"puckrl": said})
    with pytest.raises(UserError, match=r"description is damaged|another version"):
        read_about(path)


def test_the_description_is_plain_json(file: Path) -> None:
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        said = json.loads(opened.metadata()["puckrl"])
    assert said["cameras"][0]["name"] == "side"
    assert said["frames"] == 100


def test_a_folder_that_cannot_be_made_is_one_line(file: Path) -> None:
    with pytest.raises(UserError, match="cannot write"):
        save_encoder(file / "eyes.safetensors", encoder(0), ABOUT)
