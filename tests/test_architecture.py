"""The house keeps its own rules: floors, docstring tables, sizes, a true map."""

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
MAX_ROOM_SHARE = 0.15  # of all lines under src/

MAP = ROOT / "ARCHITECTURE.md"
_BEGINS_ROOM = re.compile(r"(?:- )?\*\*([a-z_]+)\*\*|#+ `?([a-z_]+)/?`?$")
_ENDS_ROOM = re.compile(r"#+ ")
_FILE = re.compile(r"`([\w/]+\.py)`")


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
        "from puckrl.interop.gym import PuckEnv; "
        "PuckEnv('reach', render_mode='rgb_array').reset(); "
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


def test_no_room_becomes_a_store() -> None:
    lines = dict.fromkeys(rooms(ROOT), 0)
    for path in ROOT.glob("src/puckrl/*/**/*.py"):
        lines[path.relative_to(ROOT / "src/puckrl").parts[0]] += len(
            path.read_text().splitlines()
        )
    assert len(lines) > 10
    total = sum(lines.values())
    large = {room: n for room, n in lines.items() if n > MAX_ROOM_SHARE * total}
    assert not large, f"more than {MAX_ROOM_SHARE:.0%} of {total} lines: {large}"


def test_the_map_shows_the_house_as_it_is() -> None:
    found = problems(MAP.read_text(), ROOT)
    assert not found, "\n".join(["ARCHITECTURE.md:", *found])


def rooms(root: Path) -> dict[str, set[str]]:
    """The packages of the library, each with its modules, as paths in it."""
    found: dict[str, set[str]] = {}
    for folder in sorted((root / "src/puckrl").iterdir()):
        if (folder / "__init__.py").is_file():
            modules = {p.relative_to(folder).as_posix() for p in folder.rglob("*.py")}
            found[folder.name] = {m for m in modules if not m.endswith("__init__.py")}
    return found


def problems(text: str, root: Path) -> list[str]:
    """What ARCHITECTURE.md says that is not so, and what it leaves out.

    - The first code block is the map. Each row begins with rooms, ` · ` or ` | ` between
      them, and two spaces or more before what they are for.
    - Each room has a section: from a line that begins with its name, bold or a heading,
      to the next such line or heading. It names every module of the room, as
      `goal_env.py`, or `fetch/push.py` in a folder of the room.
    - Files are named with their `.py` between backticks, and are there: in the room,
      under src/puckrl, or under the root.
    """
    known, shown, told = rooms(root), _on_map(text), _sections(text)
    found = [f"the map shows {room}, which is gone" for room in shown - known.keys()]
    found += [f"the map lacks {room}" for room in known.keys() - shown]
    for room, modules in known.items():
        if room not in told:
            found.append(f"no section begins with **{room}**")
            continue
        missing = modules - _named(room, told[room])
        found += [f"the section of {room} does not name `{m}`" for m in missing]
    found += [
        f"a section of {room}, which is gone" for room in told.keys() - known - {""}
    ]
    for room, section in told.items():
        bases = (root / "src/puckrl" / room, root / "src/puckrl", root)
        for file in set(_FILE.findall(section)):
            if not any((base / file).is_file() for base in bases):
                found.append(f"`{file}` is gone ({room or 'outside the sections'})")
    return sorted(found)


def _named(room: str, section: str) -> set[str]:
    """Files that a section names, as paths in its room."""
    return {file.removeprefix(f"{room}/") for file in _FILE.findall(section)}


def _on_map(text: str) -> set[str]:
    """Rooms in the first code block, indented or fenced."""
    block = re.search(r"^```.*\n([\s\S]*?)^```|(?:^ {4}.*\n)+", text, re.MULTILINE)
    assert block is not None, "ARCHITECTURE.md begins with a map of the rooms"
    rows = (block[1] or block[0]).splitlines()
    heads = [re.split(r"\s{2,}", row.strip())[0] for row in rows if row.strip()]
    return {room for head in heads for room in re.split(r" [·|] ", head)} - {"__main__"}


def _sections(text: str) -> dict[str, str]:
    """Text by room; what stands outside of any is under the empty name."""
    room, found = "", {"": ""}
    for line in text.splitlines():
        if begins := _BEGINS_ROOM.match(line):
            room = begins[1] or begins[2]
        elif _ENDS_ROOM.match(line):
            room = ""
        found[room] = found.get(room, "") + line + "\n"
    return found


_HOUSE = """# Architecture

    upper · lower    what is done
    base             what all need

## Rooms

**upper** does it in `work.py` and, with care, in `deep/down.py`.

**lower** helps: `help.py`, after `upper/work.py`.

### base

| file | what |
|---|---|
| `sums.py` | sums |

## Where to add

A helper goes to `lower/help.py`, its test to `tests/test_help.py`.
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """The small house that _HOUSE describes."""
    files = ["upper/work", "upper/deep/down", "lower/help", "base/sums"]
    packages = [
        "upper/__init__",
        "upper/deep/__init__",
        "lower/__init__",
        "base/__init__",
    ]
    for file in [f"src/puckrl/{f}.py" for f in files + packages] + [
        "tests/test_help.py"
    ]:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return tmp_path


def test_a_true_map_has_no_problems(house: Path) -> None:
    assert problems(_HOUSE, house) == []
    fenced = _HOUSE.replace("    upper", "```\nupper").replace("    base  ", "base  ")
    fenced = fenced.replace("all need\n", "all need\n```\n").replace(" · ", " | ")
    assert problems(fenced, house) == []


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("upper/new.py", ["the section of upper does not name `new.py`"]),
        ("upper/deep/new.py", ["the section of upper does not name `deep/new.py`"]),
        ("lower/work.py", ["the section of lower does not name `work.py`"]),
        (
            "attic/__init__.py",
            ["no section begins with **attic**", "the map lacks attic"],
        ),
    ],
)
def test_what_is_new_must_be_on_the_map(
    house: Path, file: str, expected: list[str]
) -> None:
    (house / "src/puckrl/attic").mkdir()
    (house / "src/puckrl" / file).write_text("")
    assert problems(_HOUSE, house) == expected


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ("src/puckrl/upper/deep/down.py", ["`deep/down.py` is gone (upper)"]),
        ("tests/test_help.py", ["`tests/test_help.py` is gone (outside the sections)"]),
        (
            "src/puckrl/base/__init__.py",
            ["a section of base, which is gone", "the map shows base, which is gone"],
        ),
    ],
)
def test_what_is_gone_must_leave_the_map(
    house: Path, gone: str, expected: list[str]
) -> None:
    (house / gone).unlink()
    assert problems(_HOUSE, house) == expected
