"""What a plan says of an encoder that was trained before."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.nets.own import make_encoder
from puckrl.representation.weights import save_encoder
from puckrl.runner.encoder_files import (
    check_weights,
    describe_encoder,
    encoder_notices,
    knows,
)
from tests.api.tiny import SEEING


def beginning(cfg: RunCfg, path: Path, **changes: Any) -> RunCfg:
    """Return a run that begins with a file, and other settings of its vision."""
    encoder = replace(cfg.agent.vision.encoder, weights=str(path))
    vision = replace(cfg.agent.vision, encoder=encoder, **changes)
    return replace(cfg, agent=replace(cfg.agent, vision=vision))


def saved(path: Path, known_mm: float, task: str = "push") -> Path:
    """Write an encoder that knows the object so exactly; return its path."""
    errors = {"linear": {"median_mm": known_mm + 4.0, "p95_mm": 90.0}}
    errors["mlp"] = {"median_mm": known_mm, "p95_mm": 80.0}
    about = replace(
        describe_encoder(SEEING), task=task, probe={"errors": {"object": errors}}
    )
    save_encoder(path, make_encoder(SEEING.agent.vision.encoder, 6, 16, 16), about)
    return path


@pytest.mark.parametrize(
    ("known_mm", "gradient", "level", "verdict"),
    [
        (31.0, "none", "warning", "not enough"),
        (31.0, "actor", "note", "not enough"),
        (6.0, "none", "note", "enough"),
    ],
)
def test_a_plan_compares_what_is_known_with_what_is_needed(
    known_mm: float, gradient: str, level: str, verdict: str, tmp_path: Path
) -> None:
    path = saved(tmp_path / "eyes.safetensors", known_mm)
    [notice] = encoder_notices(beginning(SEEING, path, encoder_gradient=gradient))
    assert notice.level == level
    assert notice.text == (
        f"this encoder knows the object to {known_mm:.0f} mm: push needs about 10: {verdict}"
    )


def test_what_was_probed_in_another_task_is_not_known(tmp_path: Path) -> None:
    path = saved(tmp_path / "eyes.safetensors", 6.0, task="slide")
    [notice] = encoder_notices(beginning(SEEING, path))
    assert "is unknown; measure it: puck probe" in notice.text


def test_without_a_file_a_plan_says_nothing() -> None:
    assert encoder_notices(SEEING) == []
    assert check_weights(SEEING) is None


def test_the_resolution_that_a_model_was_trained_on_is_said() -> None:
    encoder = replace(SEEING.agent.vision.encoder, kind="timm/resnet18")
    vision = replace(SEEING.agent.vision, encoder=encoder)
    cfg = replace(SEEING, agent=replace(SEEING.agent, vision=vision))
    [notice] = encoder_notices(cfg)
    assert "224 x 224 pixels; at 16 things look smaller" in notice.text


def test_a_file_of_another_program_is_refused_for_our_encoders(tmp_path: Path) -> None:
    path = tmp_path / "eyes.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot be read"):
        check_weights(beginning(SEEING, path))


def test_a_sentence() -> None:
    assert knows("object", 31.2, "push", 10.0) == (
        "this encoder knows the object to 31 mm: push needs about 10: not enough"
    )
