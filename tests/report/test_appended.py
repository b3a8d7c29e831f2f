"""Reading what is appended to a log, and no line twice."""

import os
from pathlib import Path

from puckrl.report.appended import Appended, Piece


def test_whole_lines_are_read_once(tmp_path: Path) -> None:
    file = tmp_path / "log"
    log = Appended(file)
    assert log.read() == Piece(b"", False)
    file.write_bytes(b"a\nb\nha")
    assert log.read() == Piece(b"a\nb\n", False)
    assert log.read() == Piece(b"", False)
    with file.open("ab") as end:
        end.write(b"lf\nc")
    assert log.read() == Piece(b"half\n", False)


def test_a_piece_is_no_longer_than_asked_but_for_one_line(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"aa\nbb\n" + b"c" * 50 + b"\nd\n")
    log = Appended(file)
    assert log.read(7).lines == b"aa\nbb\n"
    assert log.read(7).lines == b"c" * 50 + b"\n"
    assert log.read(7).lines == b"d\n"


def test_a_log_that_was_cut_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"a\nb\n")
    log = Appended(file)
    log.read()
    file.write_bytes(b"x\n")
    assert log.read() == Piece(b"x\n", True)


def test_a_log_that_was_replaced_by_one_as_long_is_read_anew(tmp_path: Path) -> None:
    file, other = tmp_path / "log", tmp_path / "other"
    file.write_bytes(b"a\nb\n")
    log = Appended(file)
    log.read()
    other.write_bytes(b"x\ny\n")
    os.replace(other, file)
    assert log.read() == Piece(b"x\ny\n", True)


def test_a_log_that_vanished_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"a\n")
    log = Appended(file)
    log.read()
    file.unlink()
    assert log.read() == Piece(b"", True)
    assert log.read() == Piece(b"", False)
    file.write_bytes(b"b\n")
    assert log.read() == Piece(b"b\n", False)
