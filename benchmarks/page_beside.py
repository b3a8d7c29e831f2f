"""Measure what being watched costs a training beside it -> results/page_beside.csv.

    python benchmarks/page_beside.py           twelve pairs of windows of ten seconds
    python benchmarks/page_beside.py 4 5       fewer, shorter ones

One run of ``push`` trains. ``puck watch`` runs beside it all the time; in every other window
somebody watches: events, the drawn curves when they change, the verdict as often as the page
asks for it. A row is a pair: updates per second of training without and with a reader, and
the processor time of the server in each, as a share of one core.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from page import cpu_s, served

from puckrl.report.tables import TableRow, manifest, write_table

PAIRS, WINDOW_S = 12, 10.0
NAMES = "train/critic_loss,train/q_mean,replay/recent_moving_share,rate/updates_per_s"


class Reader:
    """Ask for what the page asks for, in a thread of its own."""

    def __init__(self, address: str) -> None:
        self._address, self._gone = address, threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _ask(self, path: str) -> None:
        with urllib.request.urlopen(self._address + path) as answer:
            answer.read()

    def _read(self) -> None:
        told = 0.0
        with urllib.request.urlopen(self._address + "events") as events:
            for line in events:
                if self._gone.is_set():
                    return
                if not line.startswith(b"data: "):
                    continue
                for row in json.loads(line.removeprefix(b"data: "))["rows"]:
                    for names in ("eval/success", NAMES):
                        self._ask(f"curves?runs={row['id']}&names={names}")
                    if time.monotonic() > told + 3:
                        told = time.monotonic()
                        self._ask(f"run/{row['id']}")

    def leave(self) -> None:
        """Stop watching."""
        self._gone.set()
        self._thread.join()


def progress(log: Path) -> tuple[float, float]:
    """Return updates and seconds of training so far."""
    lines = [json.loads(line) for line in log.read_text().splitlines()[-6:-1]]
    rows = [row for row in lines if "train_s" in row]
    return rows[-1]["updates"], rows[-1]["train_s"]


def window(log: Path, process: int, seconds: float) -> tuple[float, float]:
    """Return updates per second of training, and the server's share of a core."""
    begin, spent, clock = progress(log), cpu_s(process), time.monotonic()
    time.sleep(seconds)
    end = progress(log)
    share = (cpu_s(process) - spent) / (time.monotonic() - clock)
    return (end[0] - begin[0]) / max(1e-9, end[1] - begin[1]), share


def main(words: list[str]) -> None:
    """Train, watch in every other window, write the table."""
    pairs, seconds = (int(words[0]), float(words[1])) if words else (PAIRS, WINDOW_S)
    table: list[TableRow] = []
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "puckrl", "train", "push", "--runs", folder]
        with (
            subprocess.Popen([*command, "--stop", "never"], stdout=-3) as training,
            served(Path(folder)) as (address, process, _),
        ):
            while not any(
                f.stat().st_size > 60_000 for f in Path(folder).glob("*/metrics.jsonl")
            ):
                time.sleep(1)
            (log,) = Path(folder).glob("*/metrics.jsonl")
            for pair in range(pairs):
                found: dict[bool, tuple[float, float]] = {}
                for watched in (pair % 2 == 0, pair % 2 == 1):
                    reader = Reader(address) if watched else None
                    time.sleep(2)
                    found[watched] = window(log, process, seconds)
                    if reader:
                        reader.leave()
                table.append(
                    {
                        "pair": pair,
                        "updates_per_s_alone": round(found[False][0], 2),
                        "updates_per_s_watched": round(found[True][0], 2),
                        "server_share_alone": round(found[False][1], 4),
                        "server_share_watched": round(found[True][1], 4),
                    }
                )
                print(table[-1], flush=True)
            training.terminate()
    about = manifest(pairs=pairs, window_s=seconds)
    write_table(Path("results/page_beside.csv"), table, about)


if __name__ == "__main__":
    main(sys.argv[1:])
