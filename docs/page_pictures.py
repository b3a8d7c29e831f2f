"""Draw the page of puck watch for README and docs: make pictures-page.

The runs are real ones (``demo_runs.py``); the last of them is shown while it writes. Needs
the extra ``[page]`` and Chromium.
"""

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from demo_runs import DOCS, make_runs, make_study
from playwright.sync_api import Browser, Page, sync_playwright

from puckrl.runner.run_folder import Lock
from puckrl.web.access import Access
from puckrl.web.board import Board
from puckrl.web.server import Server

FOREIGN = DOCS.parent / "tests/logs/cases/three-seeds.csv"


@contextmanager
def served(title: str, *paths: Path) -> Iterator[str]:
    """Serve the page; yield its address."""
    board = Board(paths)
    board.look()
    server = Server(board, Access("127.0.0.1"), 0, title)
    for work in (server.watch, server.serve_forever):
        threading.Thread(target=work, daemon=True).start()
    try:
        yield server.address
    finally:
        server.shutdown()
        server.close()


def shoot(
    browser: Browser,
    address: str,
    name: str,
    size: tuple[int, int],
    scheme: str = "light",
    act: Callable[[Page], None] = lambda page: None,
) -> None:
    """Write a picture of the page, after the reader has done something."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,  # pyright: ignore[reportArgumentType]
        timezone_id="UTC",
        locale="en-US",
    )
    page = context.new_page()
    page.goto(address)
    page.locator("#panel .headline, #panel .film, #panel .prose").first.wait_for()
    act(page)
    page.wait_for_timeout(3_000)
    page.screenshot(path=DOCS / name)
    context.close()


def film(page: Page) -> None:
    """Choose the first run, and look at its film."""
    page.get_by_label("Filter runs").fill("push-7191495c")
    page.locator(".name", has_text="push-7191495c-s0").click()
    page.get_by_role("tab", name="Film").click()
    page.get_by_label("training", exact=True).check()
    page.locator(".strip canvas").nth(7).wait_for()


def worst(page: Page) -> None:
    """Choose a run that does not learn."""
    page.locator(".name", has_text="push-094333a3-s0").click()


def main() -> None:
    """Draw all pictures."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        runs = make_runs(Path(folder) / "runs")
        study = make_study(Path(folder) / "studies")
        with Lock(runs[-1].path), served("runs", Path(folder) / "runs", FOREIGN) as at:
            shoot(browser, at, "page.png", (1440, 1000))
            shoot(browser, at, "page_film.png", (1440, 900), "dark", film)
            shoot(browser, at, "page_narrow.png", (400, 1100), "light", worst)
        with served("studies", study) as at:
            shoot(browser, at, "page_study.png", (1440, 900))
        browser.close()


if __name__ == "__main__":
    main()
