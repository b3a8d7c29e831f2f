"""Define the options that several commands have."""

import argparse
from pathlib import Path
from typing import Any

from puckrl.cli import completion
from puckrl.cli.completion import completed
from puckrl.cli.output import say
from puckrl.runner.runs_dir import VARIABLE, runs_dir

RUN = "a run folder, or its name in --runs"


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


def run_argument(sub: argparse.ArgumentParser) -> None:
    """Add the run that a command is about."""
    completed(
        sub.add_argument("run_name", metavar="RUN", help=RUN), completion.run_names
    )


def json_option(sub: argparse.ArgumentParser) -> None:
    """Add the option of commands that print for programs."""
    sub.add_argument("--json", action="store_true", help="print JSON")
