"""A browser, which refuses every address but the page's own."""

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from puckrl.web import board as boards
from puckrl.web import server as servers
from puckrl.web.access import Access
from puckrl.web.board import Board
from puckrl.web.server import Server

playwright = pytest.importorskip("playwright.sync_api", reason="make test-page")
NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Window:
    """One tab, and all that it asked for and complained of."""

    page: Any
    asked: list[str] = field(default_factory=list[str])
    complaints: list[str] = field(default_factory=list[str])


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    with playwright.sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def window(browser: Any) -> Iterator[Callable[..., Window]]:
    """Open an address; anything that it asks of another host fails the test."""
    opened: list[Any] = []
    strange: list[str] = []

    def open_(address: str, wide: int = 1400, high: int = 1000, **about: Any) -> Window:
        context = browser.new_context(viewport={"width": wide, "height": high}, **about)
        opened.append(context)
        made = Window(context.new_page())

        def heard(request: Any) -> None:
            made.asked.append(request.url)
            if not request.url.startswith((address.split("#")[0], "data:", "blob:")):
                strange.append(request.url)

        made.page.on("request", heard)
        made.page.on(
            "console",
            lambda m: m.type == "error" and made.complaints.append(m.text),
        )
        made.page.on("pageerror", lambda e: made.complaints.append(str(e)))
        made.page.goto(address)
        return made

    yield open_
    for context in opened:
        context.close()
    assert not strange


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], Server]]:
    """Serve a folder, and look at it often."""
    monkeypatch.setattr(servers, "EVERY_S", 0.1)
    monkeypatch.setattr(servers, "_SHARE", 1.0)
    monkeypatch.setattr(boards, "_FIND_S", 0.1)
    monkeypatch.setattr(boards, "_SHARE", 1.0)
    made: list[Server] = []

    def begin(*paths: Path) -> Server:
        server = Server(Board(paths), Access("127.0.0.1"), 0, "runs")
        for work in (server.watch, lambda: server.serve_forever(0.02)):
            threading.Thread(target=work, daemon=True).start()
        made.append(server)
        return server

    yield begin
    for server in made:
        server.shutdown()
        server.close()
