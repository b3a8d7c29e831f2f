"""Options and tables of pictures of goals, for ``puck eval`` and ``puck record``."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from puckrl.core.errors import UserError

if TYPE_CHECKING:
    from rich.table import Table

    from puckrl.runner.pictured import Pictured


def picture_options(sub: argparse.ArgumentParser, *, saves: bool = False) -> None:
    """Add ``--goal-image``, and ``--save-goals`` where pictures can be saved."""
    sub.add_argument(
        "--goal-image",
        type=Path,
        metavar="FILE",
        help="picture of the goal, a PNG of the policy's cameras",
    )
    if saves:
        sub.add_argument(
            "--save-goals",
            type=Path,
            metavar="DIR",
            help="also write the pictures of the worlds' goals",
        )


def tell_picture(table: "Table", pictured: "Pictured") -> None:
    """Add what was done with a picture of a goal."""
    words = {
        "the picture shows the goal at": pictured.goal,
        "the policy takes the goal to be at": pictured.read_goal,
        "episodes end at (median)": pictured.end,
    }
    for title, at in words.items():
        said = "unknown" if at is None else ", ".join(f"{one:.3f}" for one in at)
        table.add_row(title, said)
    table.add_row("nine of ten within", f"{pictured.spread_m:.3f} m of that")
    if pictured.evaluation is None:
        table.add_row(
            "success", "not measured: the file does not say where the goal is"
        )


def write_json(path: Path | None, result: dict[str, Any]) -> None:
    """Write a result, if a file was asked for."""
    if path is None:
        return
    try:
        path.write_text(json.dumps(result, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
