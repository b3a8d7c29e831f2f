"""Options that several commands share: which run, where runs are, which task file."""

import argparse
from pathlib import Path
from typing import Any

from puckrl.cli import completion
from puckrl.cli.completion import completed
from puckrl.cli.output import say
from puckrl.runner.runs_dir import VARIABLE, runs_dir

RUN = "a run folder, or its name in --runs"
MOVED_TASK = (
    "where the run's task file is now; kept: the run's own copy "
    "(default: the file, or the copy if the file has changed or is gone)"
)
SEED = "seed of the test episodes (default: 10000)"


class _Root(argparse.Action):
    """Take --root for --runs, and say so."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Set the folder of run folders."""
        say("--root was renamed; use --runs")
        namespace.runs = values


def runs_option(sub: argparse.ArgumentParser) -> None:
    """Add the option that says where run folders are."""
    sub.add_argument(
        "--runs",
        type=Path,
        default=runs_dir(),
        metavar="DIR",
        help=f"folder of the run folders (default: {VARIABLE}, else runs)",
    )
    sub.add_argument("--root", type=Path, action=_Root, help=argparse.SUPPRESS)


def run_option(sub: argparse.ArgumentParser) -> None:
    """Add the run that a command is about."""
    completed(
        sub.add_argument("run_name", metavar="RUN", help=RUN), completion.run_names
    )


def json_option(sub: argparse.ArgumentParser) -> None:
    """Add the option of commands that print for programs."""
    sub.add_argument("--json", action="store_true", help="print JSON")
