"""Task files with a slip somewhere end in a report or in one line, never in a traceback.

A slip is any expression of a sane task in place of which a beginner, or a distracted expert,
writes something else: nothing, another kind of number, another shape, numpy, NaN.
"""

import ast
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from puckrl.config.presets import preset
from puckrl.core.errors import UserError
from puckrl.doctor.task_check import check_task
from puckrl.runner.worlds import rehearse

PUSHER = (Path(__file__).parent.parent.parent / "examples/planar_pusher.py").read_text()
INSTEAD = [
    "None",
    "0",
    "-1",
    "2.5",
    "float('nan')",
    "'text'",
    "()",
    "{}",
    "object()",
    "undefined",
    "torch.zeros(0)",
    "torch.zeros(3, 3)",
    "torch.tensor(1)",
    "__import__('numpy').ones((2, 2))",
    "(lambda *_: None)",
    "1 / 0",
    "exit(0)",
]


def mutated(seed: int) -> str:
    """The pusher with one expression, or one statement, replaced or lost."""
    rng = random.Random(seed)
    if seed % 4 == 0:
        return mutated_scene(rng)
    tree = ast.parse(PUSHER)
    (task,) = (n for n in tree.body if isinstance(n, ast.ClassDef))
    spots = [
        (parent, field, index)
        for parent in ast.walk(task)
        for field, value in ast.iter_fields(parent)
        for index, child in enumerate(value if isinstance(value, list) else [value])
        if isinstance(child, ast.expr | ast.stmt)
        and field not in ("annotation", "returns", "targets", "bases", "func")
    ]
    parent, field, index = rng.choice(spots)
    old = getattr(parent, field)
    statement = isinstance(old[index] if isinstance(old, list) else old, ast.stmt)
    new: ast.AST = ast.Pass() if statement else ast.parse(rng.choice(INSTEAD)).body[0]
    if isinstance(new, ast.Expr):
        new = new.value
    if isinstance(old, list):
        old[index] = new
    else:
        setattr(parent, field, new)
    return ast.unparse(ast.fix_missing_locations(tree))


def mutated_scene(rng: random.Random) -> str:
    """The pusher with one attribute or tag of its scene replaced or lost."""
    spots = [*re.finditer(r' \w+="[^"]*"|</?\w+', PUSHER[: PUSHER.index("</mujoco>")])]
    spot = rng.choice(spots)
    name, equals, _ = spot[0].partition("=")
    instead = rng.choice(["", "-1", "0", "nan", "gone", "1 2 3 4 5 6 7 8"])
    new = f'{name}="{instead}"' if equals and instead else ""
    return PUSHER[: spot.start()] + new + PUSHER[spot.end() :]


def outcome(folder: Path, seed: int) -> str:
    """Check a mutated task, and rehearse a run of it: a verdict, or one line.

    Anything but ``UserError`` escapes.
    """
    (folder / "mutated.py").write_text(mutated(seed))
    name = f"{folder / 'mutated.py'}:PlanarPusher"
    checked = told(lambda: check_task(name, num_worlds=3, random_episodes=3).verdict)
    run = told(lambda: rehearse(replace(preset("push"), task=name)) or "")
    assert not (run and checked == "sane"), "a run is refused that the check calls sane"
    return checked


def told(action: Callable[[], str]) -> str:
    """What an action returns, or its error's line."""
    try:
        return action()
    except UserError as error:
        line = str(error)
    assert "\n" not in line
    return line


def test_mutated_tasks_end_in_a_line(tmp_path: Path) -> None:
    found = [outcome(tmp_path, seed) for seed in range(8)]
    assert len(set(found)) > 4  # the mutations do something


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 1400, 100))
def test_many_mutated_tasks_end_in_a_line(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + 100):
        outcome(tmp_path, seed)
