"""The log of a run that was interrupted after its last snapshot."""

import json
from pathlib import Path

from puckrl.training.sinks import JsonLines


def test_rows_beyond_the_snapshot_are_written_once(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    log = JsonLines(path)
    for env_steps in (100, 200, 300):
        log.write({"env_steps": env_steps, "updates": 1})
    log.close()
    with path.open("a") as file:
        file.write('{"env_steps": 400, "upda')  # killed while it wrote
    log = JsonLines(path, keep_until=200)
    log.write({"env_steps": 300, "updates": 2})
    log.close()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["env_steps"], row["updates"]) for row in rows] == [
        (100, 1),
        (200, 1),
        (300, 2),
    ]
