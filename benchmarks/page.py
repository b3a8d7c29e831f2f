"""Measure the page of puck watch -> results/page.csv.

    python benchmarks/page.py            a hundred runs of 10,000 rows, in Chromium
    python benchmarks/page.py 20 2000    fewer, shorter runs

The server is ``puck watch`` in a process of its own. Rows: the server's start, the first
paint (the page is asked for as soon as the address is printed), all curves of all runs, an
update (one of a hundred drawn runs logs a hundred rows and an evaluation), and memory over an
hour of ten runs that log once a second, played thirty times as fast. Processor
times are those of the page's main thread and of the server: they mean something on a busy
machine, too. Needs the extra ``[page]`` and Chromium.
"""

import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

from puckrl.config.presets import preset
from puckrl.report.tables import TableRow, manifest, write_table
from puckrl.runner.run_folder import Lock, create

RUNS, ROWS = 100, 10_000
EACH = 100
"""Rows of training between evaluations."""
LIVE = 10
"""Runs that write during the simulated hour."""
UPDATES = 8
"""Evaluations whose cost is measured; their runs are all drawn."""
HOUR_S, FASTER = 3_600, 30
_SIGNALS = ("critic_loss", "q_mean", "target_std", "reward_mean", "critic_grad_norm",
            "actor_grad_norm", "actor_loss", "action_effort")  # fmt: skip
_REPLAY = ("transitions", "moving_share", "recent_moving_share")


def clocks(number: int) -> dict[str, float]:
    """Return the clocks of a row."""
    return {
        "env_steps": 800 * number,
        "updates": 200 * number,
        "episodes": 16 * number,
        "train_s": round(0.5 * number, 3),
        "wall_s": round(0.6 * number, 3),
    }


def row(number: int, rng: random.Random) -> dict[str, float]:
    """Return a row of training, with twenty numbers."""
    rates = {"rate/env_steps_per_s": 900.0, "rate/updates_per_s": 100.0}
    return {
        **clocks(number),
        **rates,
        **{f"train/{name}": round(rng.random(), 6) for name in _SIGNALS},
        **{f"replay/{name}": round(rng.random(), 6) for name in _REPLAY},
    }


def evaluation(number: int, rows: int, rng: random.Random) -> dict[str, float]:
    """Return the row of an evaluation, on a curve that takes off in the middle."""
    success = 1 / (1 + math.exp(8 - 16 * number / rows)) + 0.02 * rng.random()
    success = round(min(1.0, success), 4)
    return {
        **clocks(number),
        "eval/success": success,
        "eval/success_low": max(0.0, success - 0.05),
        "eval/success_high": min(1.0, success + 0.05),
        "eval/episodes": 128,
        "eval/return": -50 * (1 - success),
        "probe/q_start": -10.0,
        "probe/hindsight_gap": 1.0,
    }


def lines(begin: int, end: int, rows: int, seed: int) -> Iterator[str]:
    """Yield the lines of a log from one row to another."""
    rng = random.Random(seed + begin)
    for number in range(begin + 1, end + 1):
        yield json.dumps(row(number, rng)) + "\n"
        if number % EACH == 0:
            told = evaluation(number, rows, rng)
            yield json.dumps(told) + "\n"
            said = {"env_steps": told["env_steps"], "updates": told["updates"]}
            yield json.dumps({**said, **_SAID}) + "\n"


_SAID = {
    "doctor/phase": "take-off",
    "doctor/color": "green",
    "doctor/confidence": 0.9,
    "doctor/advice": "let it run",
    "doctor/findings": [],
}


def make_runs(root: Path, count: int, rows: int) -> list[Path]:
    """Write the folders of runs that are over."""
    found: list[Path] = []
    for seed in range(count):
        folder = create(root, preset("push").with_(seed=seed))
        with folder.metrics.open("w") as file:
            file.writelines(lines(0, rows, rows, seed))
        folder.update_manifest(
            status="finished",
            stop="env_steps",
            time="2026-11-30T09:00:00+00:00",
            spaces={"horizon": 50, "action_dim": 4, "reward_bounds": [-1.0, 0.0]},
        )
        found.append(folder.path)
    return found


@contextmanager
def served(root: Path, *code: str) -> Iterator[tuple[str, int, float]]:
    """Run puck watch; yield its address, its process, and the seconds to the address."""
    began = time.perf_counter()
    program = "; ".join(
        (*code, "import sys; from puckrl.cli import main; sys.exit(main())")
    )
    command = [sys.executable, "-c", program, "watch", str(root), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            yield address, process.pid, time.perf_counter() - began
        finally:
            process.terminate()


def resident_mb(process: int) -> float:
    """Return the main memory of a process."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_s(process: int) -> float:
    """Return the seconds of processor time that a process has used."""
    words = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def heap_mb(page: Page) -> float:
    """Return the memory that the page's script keeps after a collection."""
    link = page.context.new_cdp_session(page)
    link.send("HeapProfiler.collectGarbage")
    found = link.send("Runtime.getHeapUsage")
    link.detach()
    return found["usedSize"] / 1e6


_PAINTED = """async (count) => {
  while (document.querySelectorAll("#runs tbody tr").length < count
         || !document.querySelector(".plot canvas")
         || !document.querySelector(".plot").getAttribute("aria-label").includes("ends at"))
    await new Promise((done) => setTimeout(done, 5));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now();
}"""
_DRAWN = """async (count) => {
  const began = performance.now();
  [...document.querySelectorAll("button")].find((b) => b.textContent === "Draw all").click();
  document.querySelector("input[name=seeds][value='0']")?.click();
  while ([...curves.values()].filter((one) => one.curves["eval/success"]).length < count)
    await new Promise((done) => setTimeout(done, 5));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - began;
}"""
_QUIET = "() => !drawn().some((row) => stale(row, smallNames()))"
"""Whether the small charts have what they draw."""


class Spent:
    """Count processor time of a page's main thread and of the server."""

    def __init__(self, page: Page, process: int) -> None:
        self._link = page.context.new_cdp_session(page)
        self._link.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._process = process
        self.take()

    def take(self) -> tuple[float, float]:
        """Return the milliseconds of page and server since the last call."""
        told = self._link.send("Performance.getMetrics")["metrics"]
        known = {one["name"]: one["value"] for one in told}
        now = known["TaskDuration"], cpu_s(self._process)
        before, self._before = getattr(self, "_before", now), now
        return (now[0] - before[0]) * 1e3, (now[1] - before[1]) * 1e3


def first_paint(
    page: Page, address: str, count: int, process: int
) -> Iterator[tuple[str, float]]:
    """Yield milliseconds from asking for the page to its table and curves."""
    spent = Spent(page, process)
    page.goto(address, wait_until="commit")
    yield "first paint, table and curves", page.evaluate(_PAINTED, count)
    own, server = spent.take()
    yield "first paint, processor time of the page", own
    yield "first paint, processor time of the server", server
    page.wait_for_function(_QUIET, timeout=600_000)
    spent.take()
    yield "all curves", page.evaluate(_DRAWN, count)
    own, server = spent.take()
    yield "all curves, processor time of the page", own
    yield "all curves, processor time of the server", server


def updates(
    page: Page, runs: list[Path], rows: int, process: int
) -> Iterator[tuple[str, float]]:
    """Yield what an evaluation of one run costs the page and the server, milliseconds."""
    page.wait_for_function(_QUIET, timeout=600_000)
    spent, found = Spent(page, process), list[tuple[float, float]]()
    for i, run in enumerate(runs[:UPDATES]):
        page.wait_for_timeout(2_000)
        idle = spent.take()
        with (run / "metrics.jsonl").open("a") as file:
            file.writelines(lines(rows, rows + EACH, rows, i))
        page.wait_for_timeout(2_000)
        busy = spent.take()
        found.append((busy[0] - idle[0], busy[1] - idle[1]))
    yield "update, processor time of the page", median(own for own, _ in found)
    yield "update, processor time of the server", median(of for _, of in found)


def hour(page: Page, root: Path, runs: list[Path], process: int) -> dict[str, float]:
    """Return memory and processor time of server and page over the simulated hour."""
    stop, beats = threading.Event(), HOUR_S

    def write() -> None:
        for beat in range(beats):
            for seed, run in enumerate(runs):
                with (run / "metrics.jsonl").open("a") as file:
                    file.writelines(lines(beat, beat + 1, beats, seed))
            if stop.wait(1 / FASTER):
                return
        stop.set()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    page.wait_for_timeout(10_000)
    memory, heap, marks = [resident_mb(process)], [heap_mb(page)], 4
    spent = cpu_s(process)
    for _ in range(marks):
        page.wait_for_timeout((beats / FASTER - 10) / marks * 1_000)
        memory.append(resident_mb(process))
        heap.append(heap_mb(page))
    writer.join()
    stop.set()
    return {
        "hour, server, after 5 min": memory[0],
        "hour, server, at its end": memory[-1],
        "hour, page's heap, after 5 min": heap[0],
        "hour, page's heap, at its end": heap[-1],
        "hour, server's processor time": cpu_s(process) - spent,
    }


_LIVE = (
    "from puckrl.web import server",
    f"server.EVERY_S = 1 / {FASTER}",
    "server._SHARE = 1.0",
)


def measure(count: int, rows: int) -> Iterator[tuple[str, str, float]]:
    """Yield name, unit and value of each measurement."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        root = Path(folder) / "runs"
        runs = make_runs(root, count, rows)
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto("about:blank")
        with served(root) as (address, process, began):
            yield "start of the server", "s", began
            for name, value in first_paint(page, address, count, process):
                yield f"{name}, server just started", "ms", value
            page.goto("about:blank")
            for name, value in first_paint(page, address, count, process):
                yield f"{name}, server warm", "ms", value
            for name, value in updates(page, runs, rows, process):
                yield name, "ms", value
            yield "server, a hundred runs read", "MB", resident_mb(process)
        shutil.rmtree(root)
        root.mkdir()
        live = make_runs(root, LIVE, 1)
        locks = [Lock(run) for run in live]
        for lock in locks:
            lock.__enter__()
        for run in live:
            (run / "metrics.jsonl").write_text("")
        with served(root, *_LIVE) as (address, process, _):
            page.goto(address)
            for name, value in hour(page, root, live, process).items():
                yield name, "s" if "time" in name else "MB", value
        browser.close()


def main(words: list[str]) -> None:
    """Measure and write the table."""
    count, rows = (int(words[0]), int(words[1])) if words else (RUNS, ROWS)
    table: list[TableRow] = []
    for name, unit, value in measure(count, rows):
        table.append({"what": name, "unit": unit, "value": round(value, 2)})
        print(table[-1], flush=True)
    write_table(
        Path("results/page.csv"), table, manifest(runs=count, rows=rows, live=LIVE)
    )


if __name__ == "__main__":
    main(sys.argv[1:])
