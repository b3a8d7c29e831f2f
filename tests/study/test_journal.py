"""The journal: whatever is cut or changed is not believed, and nothing else is lost."""

import errno
import json
import os
from pathlib import Path

import pytest

from puckrl.study import journal
from puckrl.study.journal import Journal


def texts(log: Journal) -> list[str]:
    return [entry["text"] for entry in log.read().entries]


def test_entries_are_read_in_the_order_of_writing(tmp_path: Path) -> None:
    log = Journal(tmp_path / "journal.jsonl")
    assert log.read().entries == ()
    log.append(text="α", numbers=(1, 2.5), by={10: "ten", 9: "nine"})
    log.append(text="second")
    first, second = log.read().entries
    assert first["numbers"] == [1, 2.5]
    assert first["by"] == {"10": "ten", "9": "nine"}
    assert first["time"] <= second["time"]
    assert texts(log) == ["α", "second"]
    assert log.read().damaged == 0


def test_wherever_it_is_cut_only_whole_lines_count_and_the_next_one_is_kept(
    tmp_path: Path,
) -> None:
    log = Journal(tmp_path / "journal.jsonl")
    ends = [0]
    for text in ("one", "two", "three"):
        log.append(text=text)
        ends.append(log.path.stat().st_size)
    whole = log.path.read_bytes()
    for cut in range(len(whole) + 1):
        log.path.write_bytes(whole[:cut])
        # a line without its last character, the line's end, is whole
        count = sum(end - 1 <= cut for end in ends[1:])
        before = ["one", "two", "three"][:count]
        assert texts(log) == before, cut
        log.append(text="next")
        assert texts(log) == [*before, "next"], cut


def test_a_changed_digit_is_not_believed(tmp_path: Path) -> None:
    log = Journal(tmp_path / "journal.jsonl")
    log.append(text="seed", seed=3)
    log.append(text="kept")
    log.path.write_text(log.path.read_text().replace('"seed": 3', '"seed": 4'))
    read = log.read()
    assert [entry["text"] for entry in read.entries] == ["kept"]
    assert read.damaged == 1


def test_other_text_in_it_does_no_harm(tmp_path: Path) -> None:
    log = Journal(tmp_path / "journal.jsonl")
    log.path.write_bytes(b'[1]\n"x"\n\xff\xfe\n\n' + json.dumps({"a": 1}).encode())
    log.append(text="kept")
    assert texts(log) == ["kept"]
    assert log.read().damaged == 4


def test_a_full_disk_leaves_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Journal(tmp_path / "journal.jsonl")
    log.append(text="before")
    real, calls = os.write, iter([5, None])

    def write(file: int, data: bytes) -> int:
        taken = next(calls)
        if taken is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data[:taken])

    monkeypatch.setattr(journal.os, "write", write)
    with pytest.raises(OSError, match="No space left"):
        log.append(text="lost")
    monkeypatch.undo()
    assert texts(log) == ["before"]
    log.append(text="after")
    assert texts(log) == ["before", "after"]
    assert log.read().damaged == 1
