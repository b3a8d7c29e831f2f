"""docs/python.md and the README's example do what they say, with runs of a second."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import puckrl
from puckrl.config.presets import PRESETS
from tests.api.tiny import TINY

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_programs_in_the_text_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("reach", "push"):
        monkeypatch.setitem(PRESETS, name, replace(TINY, preset=name, task=name))
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(block, names)
    assert isinstance(names["run"], puckrl.Run)
    assert isinstance(names["policy"], puckrl.Policy)


def test_the_readmes_example_has_ten_lines_or_less() -> None:
    (block,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    assert len([line for line in block.splitlines() if line.strip()]) <= 10


def test_the_page_names_every_public_function_and_the_parts_of_a_run() -> None:
    text = (ROOT / "docs/python.md").read_text()
    for name in ("preset", "train", "load", "make", "Run", "Callback", "UserError"):
        assert f"puckrl.{name}" in text, name
    parts = [n for n in vars(puckrl.Run) if not n.startswith("_")]
    assert [n for n in parts if f"`{n}" not in text] == []
