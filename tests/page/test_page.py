"""The page in a browser: what a reader sees and does."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as images
import numpy as np
import pytest

from puckrl.runner.run_folder import Lock
from puckrl.web.board import Board
from puckrl.web.one_file import write_page
from puckrl.web.server import Server
from tests.web.made import STEPS, VERDICT, clocks, made_run, rows, text

pytestmark = pytest.mark.page
Open = Callable[..., Any]
Serve = Callable[..., Server]
CASES = Path(__file__).parent.parent / "logs/cases"
INK = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let inked = 0;
  for (let i = 3; i < data.length; i += 4) inked += data[i] > 0;
  return inked;
}"""


def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Wait for the page, which draws when it has heard."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def colors(page: Any) -> int:
    """Number of colors that the large chart shows."""
    return page.locator(".chart canvas").first.evaluate("""(canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const seen = new Set();
      for (let i = 0; i < data.length; i += 4)
        if (data[i + 3] === 255) seen.add(`${data[i]} ${data[i + 1]} ${data[i + 2]}`);
      return seen.size;
    }""")


def test_a_run_is_told_in_words_and_drawn(
    tmp_path: Path, serve: Serve, window: Open
) -> None:
    folder = made_run(tmp_path)
    (folder.path / "card.md").write_text(
        "# card\n\n| a | b |\n|---|---|\n| 1 | **2** |\n"
    )
    it = window(serve(tmp_path).address)
    page = it.page
    page.locator("#panel .headline").wait_for()
    line = page.locator("#runs tbody tr").first.inner_text()
    for words in (folder.path.name, "take-off: stalled", "done", "5 k"):
        assert words in line
    assert page.locator("#fallback").count() == 0
    assert page.locator("#state").inner_text() == "live"
    until(lambda: page.locator(".chart").count() >= 3)
    until(lambda: colors(page) > 1)
    said = page.locator(".plot").first.get_attribute("aria-label")
    assert said.startswith("Success over env steps: reach-")
    page.get_by_role("tab", name="Card").click()
    assert page.locator("#panel td").all_inner_texts() == ["1", "2"]
    assert not it.complaints


def test_it_changes_while_a_run_writes(
    tmp_path: Path, serve: Serve, window: Open
) -> None:
    folder = made_run(tmp_path, evaluations=4)
    folder.update_manifest(status="running", result=None)
    it = window(serve(tmp_path).address)
    page = it.page
    with Lock(folder.path):
        until(lambda: page.locator(".status-running").count() == 1)
        assert "1 running" in page.title()
        with folder.metrics.open("a") as file:
            file.write(text(rows(8, begin=4)))
            file.write(text([{**clocks(40), **VERDICT, "doctor/phase": "converged"}]))
        row = page.locator("#runs tbody tr").first
        until(lambda: "converged" in row.inner_text() and "4 k" in row.inner_text())
        plot = page.locator(".plot").first
        until(lambda: "ends at 0.9" in plot.get_attribute("aria-label"))
        second = made_run(tmp_path, seed=1)
        until(lambda: page.locator("#runs tbody tr").count() == 2)
        shutil.rmtree(second.path)
        until(lambda: page.locator(".status-gone").count() == 1)
    assert not it.complaints


def test_the_server_may_go_and_come_back(
    tmp_path: Path, serve: Serve, window: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_run(tmp_path)
    server = serve(tmp_path)
    it = window(server.address)
    page = it.page
    until(lambda: page.locator("#runs tbody tr").count() == 1)
    server.shutdown()
    server.close()
    until(lambda: "server is gone" in page.locator("#state").inner_text())
    assert page.locator("#runs tbody tr").count() == 1


def test_clocks_seeds_and_numbers(tmp_path: Path, serve: Serve, window: Open) -> None:
    for seed in range(3):
        made_run(tmp_path, seed=seed)
    other: dict[str, Any] = {"agent.gamma": 0.9}
    made_run(tmp_path, **other)
    page = window(serve(tmp_path).address).page
    until(lambda: page.locator("#runs tbody tr").count() == 4)
    plot = page.locator(".plot").first
    until(lambda: "3 seeds ends at" in (plot.get_attribute("aria-label") or ""))
    for clock in ("updates", "training", "total"):
        page.get_by_label(clock, exact=True).check()
        name = {"training": "training seconds", "total": "total seconds"}.get(
            clock, clock
        )
        until(lambda n=name: f"over {n}:" in plot.get_attribute("aria-label"))
    page.get_by_label("each run", exact=True).check()
    until(lambda: "seeds" not in plot.get_attribute("aria-label"))
    page.get_by_label("numbers", exact=True).check()
    table = page.locator(".numbers").first
    table.wait_for()
    assert "Success over total seconds" in table.inner_text()
    cells = table.locator("tbody tr").last.locator("td").all_inner_texts()
    assert cells == ["0.998"] * 4
    page.get_by_role("tab", name="Settings").click()
    until(lambda: "One setting differs" in page.locator("#panel").inner_text())
    assert "agent.gamma" in page.locator("#panel tbody").first.inner_text()
    page.reload()
    page.locator(".numbers").first.wait_for()
    assert "clock=wall_s" in page.url


def test_keys_are_enough(tmp_path: Path, serve: Serve, window: Open) -> None:
    for seed in range(3):
        made_run(tmp_path, seed=seed)
    page = window(serve(tmp_path).address).page
    until(lambda: page.locator("#runs tbody tr").count() == 3)
    page.locator("#runs tbody .name").first.focus()
    page.keyboard.press("ArrowDown")
    second = page.locator("#runs tbody tr").nth(1)
    until(lambda: "focus" in (second.get_attribute("class") or ""))
    assert second.locator(".name").evaluate("e => e === document.activeElement")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    until(lambda: not second.locator("input").is_checked())
    page.get_by_role("tab", name="Verdict").focus()
    page.keyboard.press("ArrowRight")
    until(
        lambda: (
            page.get_by_role("tab", name="Film").get_attribute("aria-selected")
            == "true"
        )
    )
    page.locator(".plot").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    until(page.locator(".tip").first.is_visible)
    page.keyboard.press("/")
    page.keyboard.type("s2")
    until(lambda: page.locator("#runs tbody tr").count() == 1)


@pytest.mark.parametrize("wide", [360, 800, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_screen(
    tmp_path: Path, serve: Serve, window: Open, wide: int, scheme: str
) -> None:
    made_run(tmp_path / "a-folder-with-quite-a-long-name-for-a-telephone")
    page = window(serve(tmp_path).address, wide=wide, color_scheme=scheme).page
    page.locator("#panel .headline").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= wide
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = sum(int(n) for n in background[4:-1].split(",")) > 3 * 128
    assert light == (scheme == "light")


def test_a_film_plays_and_is_seen_at_a_glance(
    tmp_path: Path, serve: Serve, window: Open
) -> None:
    folder = made_run(tmp_path)
    frames = np.random.default_rng(0).integers(0, 255, (50, 64, 96, 3), np.uint8)
    images.imwrite(folder.path / "policy.mp4", frames, fps=25)
    it = window(serve(tmp_path).address + "#tab=film")
    page = it.page
    until(lambda: page.locator(".strip canvas").count() == 8, 20)
    assert page.locator("video").evaluate("v => v.duration") == pytest.approx(2.0, 0.1)
    page.get_by_text("frame ›").click()
    until(lambda: page.locator("video").evaluate("v => v.currentTime") > 0)
    assert page.locator(".strip canvas").first.evaluate(INK) > 0
    assert not it.complaints


def test_a_file_opens_without_a_server_or_a_network(
    tmp_path: Path, window: Open
) -> None:
    folder = made_run(tmp_path / "runs")
    frames = np.zeros((10, 64, 64, 3), np.uint8)
    images.imwrite(folder.path / "policy.mp4", frames, fps=25)
    file = tmp_path / "page.html"
    write_page(Board([tmp_path / "runs", CASES / "three-seeds.csv"]), file, "runs")
    shutil.rmtree(tmp_path / "runs")
    it = window(file.as_uri(), offline=True)
    page = it.page
    page.locator("#panel .headline").wait_for()
    assert page.locator("#runs tbody tr").count() >= 4
    assert page.locator("#state").inner_text().startswith("saved")
    until(lambda: colors(page) > 1)
    until(lambda: page.locator(".small canvas").count() >= 2)
    page.get_by_role("tab", name="Film").click()
    until(lambda: page.locator(".strip canvas").count() == 8, 20)
    assert not it.complaints
    assert [url for url in it.asked if not url.startswith("data:")] == [file.as_uri()]


def test_a_browser_without_scripts_gets_words_and_numbers(
    tmp_path: Path, serve: Serve, window: Open
) -> None:
    folder = made_run(tmp_path / "runs")
    page = window(serve(tmp_path).address, java_script_enabled=False).page
    assert "needs JavaScript and a browser of 2021" in page.inner_text("body")
    write_page(Board([tmp_path / "runs"]), tmp_path / "page.html", "runs")
    page = window((tmp_path / "page.html").as_uri(), java_script_enabled=False).page
    assert folder.path.name in page.inner_text("body table")


def test_an_old_browser_gets_words(tmp_path: Path, serve: Serve, window: Open) -> None:
    """It knows no ResizeObserver: the script ends before it has shown anything."""
    made_run(tmp_path)
    address = serve(tmp_path).address
    it = window(address)
    it.page.add_init_script("delete window.EventSource; delete window.JSON")
    it.page.goto(address)
    assert "a browser of 2021" in it.page.inner_text("body")


def test_names_and_cards_stay_text(tmp_path: Path, serve: Serve, window: Open) -> None:
    folder = made_run(tmp_path)
    evil = "<img src=x onerror=alert(1)>"
    moved = folder.path.rename(tmp_path / evil)
    (moved / "card.md").write_text(
        f"# {evil}\n\n[x](javascript:alert(1)) ![y](http://evil.example/a.png)\n"
        f"<script>alert(1)</script>\n\n| {evil} |\n|---|\n"
    )
    it = window(serve(tmp_path).address + "#tab=card")
    page = it.page
    page.locator("#panel .prose").wait_for()
    assert evil in page.locator("#runs tbody .name").inner_text()
    assert page.locator("#app img, #app script, #app a").count() == 0
    assert not it.complaints


def test_a_study_shows_its_answer_first(
    tmp_path: Path, serve: Serve, window: Open
) -> None:
    study = tmp_path / "gamma-1a2b3c4d"
    made_run(study / "runs")
    (study / "study.json").write_text('{"arms": [{"name": "base"}], "seeds": [0]}')
    (study / "report.md").write_text(
        "# gamma\n\n**Shown:** it helps.\n\nMeasure: `success`.\n\n![curves](curves.png)\n"
    )
    images.imwrite(study / "curves.png", np.zeros((8, 8, 3), np.uint8))
    it = window(serve(study).address)
    page = it.page
    page.locator(".summary").wait_for()
    assert page.locator(".summary").inner_text() == "Shown: it helps."
    page.get_by_text("The whole report").click()
    until(lambda: page.locator("#studies img").evaluate("i => i.naturalWidth") == 8)
    assert not it.complaints


@pytest.mark.parametrize("case", ["three-seeds.csv", "resumed-worse", "nested.jsonl"])
def test_logs_of_others_are_drawn(serve: Serve, window: Open, case: str) -> None:
    it = window(serve(CASES / case).address)
    it.page.locator("#panel .headline").wait_for()
    until(lambda: colors(it.page) > 1)
    assert not it.complaints


def test_a_hundred_runs_are_listed_at_once(
    tmp_path: Path, serve: Serve, window: Open
) -> None:
    for seed in range(100):
        made_run(tmp_path, evaluations=20, seed=seed)
    server = serve(tmp_path)
    server.board.look()
    it = window(server.address)
    page = it.page
    until(lambda: page.locator("#runs tbody tr").count() == 100)
    page.get_by_text("Draw all").click()
    until(lambda: page.locator("#runs tbody input:checked").count() == 100)
    page.get_by_label("each run", exact=True).check()
    until(lambda: colors(page) > 5)
    assert not it.complaints
    assert STEPS
