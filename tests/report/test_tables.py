"""Tables and their manifests."""

import json
import math
from pathlib import Path

import pytest

from puckrl.config.presets import preset
from puckrl.config.run_cfg import config_hash
from puckrl.core.errors import UserError
from puckrl.report.tables import (
    manifest,
    manifest_of,
    read_table,
    times_to,
    write_table,
)


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "speed.csv"
    rows = [{"name": "a, b", "per_s": 1.5}, {"name": "c", "per_s": 2}]
    write_table(path, rows, manifest(worlds=64))
    assert read_table(path) == [
        {"name": "a, b", "per_s": "1.5"},
        {"name": "c", "per_s": "2"},
    ]
    about = json.loads(path.with_suffix(".json").read_text())
    assert about["settings"] == {"worlds": 64}
    assert {"versions", "machine", "git", "argv", "torch_threads"} <= about.keys()


def test_a_manifest_names_no_folder_of_a_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ["/home/me/bench.py", "--keep", "/home/me/runs", "--task", "push"]
    monkeypatch.setattr("sys.argv", words)
    assert manifest()["argv"] == ["bench.py", "--keep", "runs", "--task", "push"]


def test_a_manifest_of_runs_names_every_configuration() -> None:
    configs = [preset("reach"), preset("push")]
    about = manifest_of(configs)
    hashes = about["settings"]["config_hashes"]
    assert hashes == {config_hash(cfg): cfg.preset for cfg in configs}
    assert len(hashes) == 2


@pytest.mark.parametrize("rows", [[], [{"a": 1}, {"b": 1}]])
def test_ragged_or_empty_tables_are_refused(
    tmp_path: Path, rows: list[dict[str, int]]
) -> None:
    with pytest.raises(ValueError, match="same columns"):
        write_table(tmp_path / "t.csv", rows, {})


def test_a_missing_table_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run the benchmark"):
        read_table(tmp_path / "none.csv")


def test_times_to_a_level() -> None:
    table = [
        ("push", 0, 10, 0.5),
        ("push", 0, 20, 0.96),
        ("push", 0, 30, 0.90),  # falling back does not undo it
        ("push", 0, 40, 0.99),
        ("push", 1, 15, 0.95),
        ("push", 2, 99, 0.94),
        ("reach", 0, 1, 1.0),
    ]
    names: list[str] = ["preset", "seed", "train_s", "success"]
    rows: list[dict[str, str]] = [
        dict(zip(names, map(str, line), strict=True)) for line in table
    ]
    assert times_to(rows, "push", 0.95) == [15.0, 20.0, math.inf]
    assert times_to(rows, "push", 0.99) == [40.0, math.inf, math.inf]
    assert times_to(rows, "slide", 0.95) == []


def test_the_table_of_all_presets_is_the_sum_of_theirs() -> None:
    """The README and its figures are made from it."""
    folder = Path(__file__).parent.parent.parent / "results"
    parts = sorted(folder.glob("learning_*.csv"))
    assert len(parts) > 15
    wanted = [row for part in parts for row in read_table(part)]
    merged = read_table(folder / "learning.csv")
    assert len(merged) == len(wanted)
    for row, part in zip(merged, wanted, strict=True):
        assert {name: row[name] for name in part} == part
