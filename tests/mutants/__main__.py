"""Put every listed fault into a copy of the source and see whether a test notices.

python -m tests.mutants [NAME ...]

Exit code 1: a fault survived that is not listed as a survivor. 2: the list is wrong.
"""

import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.mutants.mutants import (
    ROOT,
    ListError,
    Outcome,
    check,
    choose,
    copy,
    judge,
    read,
    run_tests,
)

_STYLES: dict[Outcome, str] = {
    "caught": "green",
    "survived": "red",
    "known survivor": "yellow",
}


def main(names: list[str]) -> int:
    """Return the exit code."""
    console = Console()
    table = Table("mutant", "outcome", "s", "what it would cost", box=None)
    mutants = choose(read(), names)
    check(mutants)
    survived = 0
    with tempfile.TemporaryDirectory(prefix="puck-mutants-") as folder:
        root = Path(folder)
        copy(ROOT, root)
        console.print("the tests without a fault ...")
        code, output = run_tests(sorted({t for m in mutants for t in m.tests}), root)
        if code:
            raise ListError(f"tests fail without any fault:\n{output}")
        for number, mutant in enumerate(mutants, start=1):
            start = time.perf_counter()
            outcome = judge(mutant, root)
            survived += outcome == "survived"
            seconds = f"{time.perf_counter() - start:.0f}"
            console.print(f"{number} of {len(mutants)}: {mutant.name}: {outcome}")
            note = mutant.survives or mutant.why
            table.add_row(
                mutant.name, f"[{_STYLES[outcome]}]{outcome}[/]", seconds, note
            )
    console.print(table)
    return 1 if survived else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ListError as error:
        sys.exit(f"{error}\ncorrect tests/mutants/mutants.toml")
