"""The house keeps its own rules: floors, docstring tables, sizes."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from puckrl.core.types import Batch
from puckrl.envs.goal_env import Step

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*ROOT.glob("src/**/*.py"), *ROOT.glob("examples/*.py")])
MAX_MODULE_LINES = 350
MAX_FUNCTION_LINES = 60


def test_imports_only_go_down() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [lint_imports, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("slow", ["mujoco_warp", "torch._dynamo"])
def test_a_run_from_state_starts_without(slow: str) -> None:
    """Importing it takes longer than Reach takes to learn; updates need torch's compiler."""
    code = (
        "import sys; from puckrl.cli import commands; from puckrl.runner import plan, session; "
        "from puckrl.runner.build import build; from puckrl.config.presets import preset; "
        f"build(preset('reach')); sys.exit({slow!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _table_rows(docstring: str) -> list[str]:
    """First column of the docstring's table; lines that continue a row have none."""
    lines = [line.strip("\n") for line in docstring.splitlines()]
    rules = [i for i, line in enumerate(lines) if line.strip().startswith("====")]
    head, first, last = rules
    assert head + 2 == first, "a heading of one line"
    indent = len(lines[head]) - len(lines[head].lstrip())
    width = len(re.split(r"\s", lines[head].strip(), maxsplit=1)[0])
    cells = [line[indent : indent + width].strip() for line in lines[first + 1 : last]]
    return [cell for cell in cells if cell]


@pytest.mark.parametrize("table", [Batch, Step])
def test_docstring_tables_list_exactly_the_fields(table: type) -> None:
    fields: tuple[str, ...] = table._fields  # pyright: ignore[reportAttributeAccessIssue]
    assert table.__doc__ is not None
    assert _table_rows(table.__doc__) == list(fields)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_and_functions_stay_small(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= MAX_MODULE_LINES
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{node.name}: {lines} lines"


def test_there_is_something_to_measure() -> None:
    assert len(SOURCES) > 30
