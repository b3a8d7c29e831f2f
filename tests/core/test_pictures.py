"""Pictures of goals in files: what comes back, and what is refused with which words."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from puckrl.core.errors import UserError
from puckrl.core.pictures import Picture, read_picture, write_picture
from puckrl.core.spec import CameraSpec, ImageSpec

SIDE = CameraSpec("side", (1.0, 0.0, 1.0), (1.0, 1.0, 0.0), 38.0, "")
FRONT = replace(SIDE, name="front", pos_m=(2.0, 0.0, 1.0))


def images(*cameras: CameraSpec) -> ImageSpec:
    return ImageSpec(4, 6, (), cameras, (), varied=False)


def picture(cameras: int, goal: tuple[float, ...] | None = None) -> Picture:
    drawn = np.random.default_rng(0).integers(256, size=(3 * cameras, 4, 6))
    return Picture(drawn.astype(np.uint8), goal)


@pytest.mark.parametrize("goal", [None, (1.3, 0.75, 0.42)])
@pytest.mark.parametrize("cameras", [(SIDE,), (SIDE, FRONT)])
def test_a_written_picture_is_read_again(
    cameras: tuple[CameraSpec, ...], goal: tuple[float, ...] | None, tmp_path: Path
) -> None:
    of, made, path = images(*cameras), picture(len(cameras), goal), tmp_path / "a.png"
    write_picture(path, made, of)
    with Image.open(path) as opened:
        assert opened.size == (6 * len(cameras), 4)
    found = read_picture(path, of)
    assert np.array_equal(found.image, made.image)
    assert found.goal == goal


def test_another_programs_picture_is_taken_by_its_size(tmp_path: Path) -> None:
    made = picture(1)
    Image.fromarray(made.image.transpose(1, 2, 0).copy()).save(tmp_path / "a.png")
    found = read_picture(tmp_path / "a.png", images(SIDE))
    assert np.array_equal(found.image, made.image)
    assert found.goal is None


@pytest.mark.parametrize(
    ("written", "wanted", "said"),
    [
        (images(SIDE), images(SIDE, FRONT), r"6 x 4 pixels.*side and front.*12 x 4"),
        (images(SIDE), images(FRONT), r"another camera: pos_m of side.*that of front"),
        (
            images(SIDE),
            images(replace(SIDE, fovy_deg=45.0)),
            "fovy_deg of side is 38.0 degrees, that of side 45.0",
        ),
    ],
)
def test_a_picture_that_the_cameras_did_not_take_is_refused(
    written: ImageSpec, wanted: ImageSpec, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    write_picture(path, picture(len(written.cameras)), written)
    with pytest.raises(UserError, match=said):
        read_picture(path, wanted)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(UserError, match="is no image"):
        read_picture(tmp_path / "a.png", images(SIDE))
    with pytest.raises(UserError, match="cannot read"):
        read_picture(tmp_path / "none.png", images(SIDE))
    with pytest.raises(UserError, match="cannot write"):
        write_picture(tmp_path / "a.png" / "b.png", picture(1), images(SIDE))


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "5",
        "null",
        '"text"',
        "[1, 2]",
        '{"goal": 3}',
        '{"goal": "abc"}',
        '{"goal": [[1], [2]]}',
        '{"goal": {"x": 1}}',
        '{"goal": [NaN, 0, 0]}',
        '{"cameras": 3}',
        '{"cameras": "side"}',
        '{"cameras": [1]}',
        '{"cameras": [{"name": "side"}]}',
    ],
)
def test_a_picture_whose_text_is_damaged_is_refused_in_one_line(
    text: str, tmp_path: Path
) -> None:
    said = PngImagePlugin.PngInfo()
    said.add_text("puckrl", text)
    pixels = picture(1).image.transpose(1, 2, 0).copy()
    Image.fromarray(pixels).save(tmp_path / "a.png", pnginfo=said)
    with pytest.raises(UserError, match=r"a\.png: its text 'puckrl'") as refused:
        read_picture(tmp_path / "a.png", images(SIDE))
    assert "\n" not in str(refused.value)


def test_pictures_that_would_fill_the_memory_are_no_images(tmp_path: Path) -> None:
    said = PngImagePlugin.PngInfo()
    said.add_text("puckrl", "a" * 2_000_000, zip=True)
    Image.new("RGB", (6, 4)).save(tmp_path / "text.png", pnginfo=said)
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    for name in ("text.png", "bomb.png"):
        with pytest.raises(UserError, match="is no image"):
            read_picture(tmp_path / name, images(SIDE))
