"""docs/tasks.md does what it says."""

import re
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import pytest

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs/tasks.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_class_in_the_text_is_that_of_the_example() -> None:
    example = (ROOT / "examples/planar_pusher.py").read_text()
    for line in BLOCKS[0].splitlines():
        assert line in example, line


def test_the_programs_in_the_text_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in BLOCKS[1:]:
        exec(block, names)  # one after the other, as a reader would
    image = iio.imread(tmp_path / "scene.png")
    assert image.shape == (320, 320, 3)
    assert image.std() > 10, "a blank image"
    assert "tensor(" in capsys.readouterr().out
