"""A worker that trains nothing: units of work, a snapshot after each, in milliseconds.

What it leaves is enough to tell whether work was lost or done twice: ``chain`` is a hash
over all units in their order, and ``starts`` has a line for every start and what it found.
Its success depends on discount and seed. It imports only what starts quickly, so that hundreds of them may be killed in a test.
"""

import fcntl
import hashlib
import json
import os
import re
import signal
import sys
import threading
from pathlib import Path

UNITS, UNIT_S = 6, 0.01
HELD_AT = 2
"""Units after which it waits while there is a file ``hold`` beside its folder."""


def chain(seed: int, units: int) -> str:
    """Return the hash over units of a seed, each with its number."""
    state = str(seed)
    for unit in range(units):
        state = hashlib.sha256(f"{state} {unit}".encode()).hexdigest()
    return state


def write(file: Path, content: dict[str, object]) -> None:
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps(content))
    temporary.replace(file)


def stop_when_asked() -> threading.Event:
    """Return what a signal sets, or the end of the study."""
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: asked.set())

    def watch() -> None:
        while os.read(0, 4096):
            pass
        asked.set()

    threading.Thread(target=watch, daemon=True).start()
    return asked


def lock(folder: Path) -> int:
    """Wait until no other process works in the folder."""
    file = os.open(folder / "lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def fails(path: Path) -> bool:
    """Return whether this start is to fail; the file names a number of such starts."""
    left = int(path.read_text()) if path.is_file() else 0
    if left:
        path.write_text(str(left - 1))
    return left > 0


def number(name: str, config: str) -> int:
    """Return a setting of a configuration in YAML."""
    found = re.search(rf"\b{name}: (\d+)", config)
    assert found, config
    return int(found[1])


def success(seed: int, config: str) -> float:
    """Return a result that a lower discount improves by far more than seeds differ."""
    found = re.search(r"\bgamma: ([\d.]+)", config)
    return 1 - float(found[1]) + seed % 5 / 100 if found else 0.0


def main() -> int:
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(0, 1) or b"\n"
    order = json.loads(line)
    asked = stop_when_asked()
    seed = number("seed", order["config"])
    folder = Path(order["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    lock(folder)
    snapshots = folder / "checkpoints"
    snapshots.mkdir(exist_ok=True)
    done, state = 0, str(seed)
    newest = max(snapshots.glob("snapshot-*.json"), default=None)
    if newest:
        kept = json.loads(newest.read_text())
        done, state = kept["units"], kept["state"]
    with (folder / "starts").open("a") as starts:
        starts.write(f"{done} {os.environ['OMP_NUM_THREADS']}\n")
    (folder / "parent").write_text(str(os.getppid()))
    (folder / "config.yaml").write_text(order["config"])
    write(folder / "manifest.json", {"status": "running"})
    if fails(folder.parent / "fail"):
        sys.stdout.write("puck: No space left on device: a file\n")
        return 4
    clock = {"env_steps": number("env_steps", order["config"])}
    hold = folder.parent / "hold"
    while done < UNITS and not asked.wait(UNIT_S):
        if done == HELD_AT and hold.exists():
            continue
        state = hashlib.sha256(f"{state} {done}".encode()).hexdigest()
        done += 1
        content: dict[str, object] = {"units": done, "state": state}
        write(snapshots / f"snapshot-{done:06d}.json", content)
    if done < UNITS:
        write(folder / "manifest.json", {"status": "interrupted"})
        return 143
    (folder / "chain").write_text(state)
    (folder / "metrics.jsonl").touch()
    result = {"success": success(seed, order["config"])}
    end = {"status": "finished", "stop": "budget", "clock": clock, "result": result}
    write(folder / "manifest.json", end)
    return 0


if __name__ == "__main__":
    sys.exit(main())
