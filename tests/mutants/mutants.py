"""A mutation test by hand: put a fault into the source, see the tests fail.

`mutants.toml` lists the faults. Each run works on a copy of the repository, never on
the repository. A fault that no test catches is a hole in the tests: close it, or say in
the list why it may stay.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("mutants.toml")
_LIMIT_S = 600  # a fault that never ends is caught
_PYTEST_FAILED = 1  # pytest's exit code; others mean that no test was run

Outcome = Literal["caught", "survived", "known survivor"]


class ListError(Exception):
    """The list does not fit the source or the tests: correct the list."""


@dataclass(frozen=True)
class Mutant:
    """One fault."""

    name: str
    """Its name in the table and on the command line."""
    file: str
    """Where it goes, from the repository's root."""
    old: str
    """Text that stands there exactly once."""
    new: str
    """What replaces it."""
    tests: tuple[str, ...]
    """What pytest runs."""
    why: str
    """What it would cost."""
    survives: str = ""
    """Why no test has to catch it; empty: one must."""


def read(path: Path = LIST) -> list[Mutant]:
    """Return the faults of a list.

    Raises:
        ListError: for an entry that lacks a field or has a foreign one, and for a name
            that stands there twice.
    """
    entries = tomllib.loads(path.read_text())["mutant"]
    found: list[Mutant] = []
    for entry in entries:
        try:
            found.append(Mutant(**{**entry, "tests": tuple(entry.get("tests", ()))}))
        except TypeError as error:
            raise ListError(f"{entry.get('name', entry)}: {error}") from error
    names = [mutant.name for mutant in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ListError(f"listed twice: {', '.join(twice)}")
    return found


def choose(mutants: Sequence[Mutant], names: Sequence[str]) -> list[Mutant]:
    """Return the faults with these names, all if there are none.

    Raises:
        ListError: for an unknown name.
    """
    known = {mutant.name for mutant in mutants}
    if strange := [name for name in names if name not in known]:
        raise ListError(f"no mutant {', '.join(strange)}; see {LIST.name}")
    return [m for m in mutants if not names or m.name in names]


def check(mutants: Iterable[Mutant], root: Path = ROOT) -> None:
    """Check that every fault still fits the source, and that its tests are there.

    Raises:
        ListError: with a line for each that does not.
    """
    problems = [text for mutant in mutants for text in _problems(mutant, root)]
    if problems:
        raise ListError("\n".join(problems))


def _problems(mutant: Mutant, root: Path) -> list[str]:
    source = root / mutant.file
    count = source.read_text().count(mutant.old) if source.is_file() else 0
    found = [
        f"{mutant.name}: no {test}"
        for test in mutant.tests
        if not (root / test.partition("::")[0]).exists()
    ]
    if count != 1:
        found.append(
            f"{mutant.name}: {mutant.file} holds {mutant.old!r} {count} times, not once"
        )
    if mutant.old == mutant.new or not mutant.tests:
        found.append(f"{mutant.name}: changes nothing, or names no test")
    return found


@contextmanager
def applied(mutant: Mutant, root: Path) -> Generator[None]:
    """Put a fault into the source under ``root`` while the block runs."""
    path = root / mutant.file
    text = path.read_text()
    path.write_text(text.replace(mutant.old, mutant.new))
    try:
        yield
    finally:
        path.write_text(text)


def copy(root: Path, to: Path) -> None:
    """Copy what git tracks, and what is new, into the empty folder ``to``."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        source, target = root / name, to / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def judge(mutant: Mutant, root: Path) -> Outcome:
    """Run the tests of a fault under ``root``.

    Raises:
        ListError: if no test ran: then the fault proves nothing. Or if one catches a
            fault that is listed as a survivor.
    """
    with applied(mutant, root):
        code, output = run_tests(mutant.tests, root)
    if code not in (0, _PYTEST_FAILED):
        raise ListError(f"{mutant.name}: pytest ended with {code}\n{output}")
    if code == 0:
        return "known survivor" if mutant.survives else "survived"
    if mutant.survives:
        raise ListError(f"{mutant.name} is caught now: drop its `survives`")
    return "caught"


def run_tests(tests: Iterable[str], root: Path) -> tuple[int, str]:
    """Run tests of a copy against the source of the same copy.

    Returns:
        Pytest's exit code, and the end of what it said.
    """
    env = os.environ | {
        "PYTHONPATH": str(root / "src"),
        # Two faults may be of the same size and second: Python would reuse its cache
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, *tests],
            cwd=root,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return _PYTEST_FAILED, f"stopped after {_LIMIT_S} s"
    return done.returncode, (done.stdout + done.stderr)[-2000:]
