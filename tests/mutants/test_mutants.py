"""The list of mutants fits the source, and a fault is caught or survives as it should."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants.mutants import ListError, Mutant, check, choose, judge, read

FAULT = Mutant(
    name="minus",
    file="src/small.py",
    old="a + b",
    new="a - b",
    tests=("tests/test_sums.py",),
    why="sums would be differences",
)
BLIND = ("tests/test_zero.py",)  # a - 0 is a + 0


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A repository of one function and its tests."""
    for folder in ("src", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "src/small.py").write_text("def add(a, b):\n    return a + b\n")
    for name, b in (("sums", 1), ("zero", 0)):
        (tmp_path / f"tests/test_{name}.py").write_text(
            f"from small import add\n\n\ndef test():\n    assert add(1, {b}) == {1 + b}\n"
        )
    return tmp_path


def test_every_listed_fault_fits_the_source() -> None:
    check(read())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"old": "a * b"}, r"minus: src/small\.py holds 'a \* b' 0 times, not once"),
        ({"old": "a"}, "holds 'a' 3 times"),
        ({"file": "src/gone.py"}, r"minus: src/gone\.py holds 'a \+ b' 0 times"),
        ({"tests": ("tests/gone.py::test",)}, r"minus: no tests/gone\.py"),
        ({"tests": ()}, "names no test"),
        ({"new": "a + b"}, "changes nothing"),
    ],
)
def test_a_stale_fault_is_named(
    house: Path, change: dict[str, str], words: str
) -> None:
    check([FAULT], house)
    with pytest.raises(ListError, match=words):
        check([FAULT, replace(FAULT, **change)], house)  # type: ignore[arg-type]


def test_outcomes(house: Path) -> None:
    source = (house / FAULT.file).read_text()
    assert judge(FAULT, house) == "caught"
    blind = replace(FAULT, tests=BLIND)
    assert judge(blind, house) == "survived"
    assert judge(replace(blind, survives="no one subtracts"), house) == "known survivor"
    with pytest.raises(ListError, match="minus is caught now: drop its `survives`"):
        judge(replace(FAULT, survives="no one subtracts"), house)
    assert (house / FAULT.file).read_text() == source


def test_a_fault_that_breaks_the_import_proves_nothing(house: Path) -> None:
    with pytest.raises(ListError, match="minus: pytest ended with 2"):
        judge(replace(FAULT, new="a -"), house)


def test_the_list_is_read_strictly(tmp_path: Path) -> None:
    entry = '[[mutant]]\nname = "minus"\nfile = "f"\nold = "a"\nnew = "b"\nwhy = "c"\n'
    path = tmp_path / "mutants.toml"
    path.write_text(entry + 'tests = ["t"]\nwhi = "d"\n')
    with pytest.raises(ListError, match=r"minus: .*whi"):
        read(path)
    path.write_text(2 * (entry + 'tests = ["t"]\n'))
    with pytest.raises(ListError, match="listed twice: minus"):
        read(path)
    assert choose([FAULT], []) == choose([FAULT], ["minus"]) == [FAULT]
    with pytest.raises(ListError, match="no mutant plus"):
        choose([FAULT], ["plus"])
