"""The page as one file, and what stands in every page."""

import base64
import errno
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from puckrl.core.errors import UserError
from puckrl.web import one_file
from puckrl.web.board import Board
from puckrl.web.one_file import write_page
from puckrl.web.page import page, policy
from tests.web.made import made_run

MOST = 200_000  # bytes of the page without data


def data_in(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found is not None
    return json.loads(found[1])


class Addresses(HTMLParser):
    """Collect what a page would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [v for k, v in attrs if k in ("src", "href", "action") and v]


def test_the_page_is_small_and_loads_nothing() -> None:
    text = page("runs")
    assert len(text.encode()) <= MOST
    assert Addresses(text).found == ["data:,"]
    assert "@import" not in text
    assert "url(" not in text.split("<style>")[1].split("</style>")[0]
    assert data_in(text)["data"] is None


def test_scripts_are_allowed_by_their_hashes_alone() -> None:
    for server in (True, False):
        rules = dict(rule.split(" ", 1) for rule in policy(server=server).split("; "))
        assert rules["script-src"].startswith("'sha256-")
        assert rules["default-src"] == "'none'"
    assert "connect-src" not in policy(server=False)


def test_a_name_cannot_end_the_script(tmp_path: Path) -> None:
    root = tmp_path / "<img src=x onerror=alert(1)>"
    made_run(root)
    file = tmp_path / "page.html"
    write_page(Board([root]), file, root.name)
    text = file.read_text()
    assert "<img src=x" not in text
    assert data_in(text)["title"] == root.name


def test_the_file_holds_all_that_the_server_tells(tmp_path: Path) -> None:
    folder = made_run(tmp_path / "runs")
    (folder.path / "policy.mp4").write_bytes(b"film")
    board = Board([tmp_path / "runs"])
    file = tmp_path / "page.html"
    size = write_page(board, file, "runs")
    assert size == file.stat().st_size
    text = file.read_text()
    data = data_in(text)["data"]
    (run,) = board.runs
    assert data["rows"] == [run.row.as_dict()]
    assert data["stories"][run.id] == json.loads(json.dumps(run.story().as_dict()))
    assert data["curves"][run.id]["curves"]["train/q_mean"]["y"]
    (film,) = data["media"].values()
    assert film == "data:video/mp4;base64," + base64.b64encode(b"film").decode()
    assert '<meta http-equiv="Content-Security-Policy"' in text
    assert f"<td>{folder.path.name}</td>" in text  # for a browser without scripts


def test_a_film_that_is_too_large_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made_run(tmp_path / "runs")
    (folder.path / "policy.mp4").write_bytes(b"film")
    monkeypatch.setattr(one_file, "MOST_FILM", 3)
    write_page(Board([tmp_path / "runs"]), tmp_path / "page.html", "runs")
    assert data_in((tmp_path / "page.html").read_text())["data"]["media"] == {}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    made_run(tmp_path / "runs")
    file = tmp_path / "page.html"
    file.write_text("before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=f"cannot write .*{os.strerror(number)}"):
        write_page(Board([tmp_path / "runs"]), file, "runs")
    assert file.read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["page.html", "runs"]


def test_only_pages_are_overwritten(tmp_path: Path) -> None:
    folder = made_run(tmp_path / "runs")
    with pytest.raises(UserError, match=r"ends in \.html"):
        write_page(Board([tmp_path]), folder.path / "config.yaml", "runs")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no runs in"):
        write_page(Board([tmp_path / "empty"]), tmp_path / "page.html", "runs")
