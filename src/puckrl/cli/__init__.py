"""Parse the command line, run the command, and report errors in one line."""

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence

from puckrl.cli.parser import make_parser
from puckrl.core.errors import UserError, out_of_memory

_WITH_SETTINGS = ("train", "plan")


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``puck`` and return its exit code.

    0 success, 1 a task or a plan is not sane, 2 bad input, 3 a run is sick.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks γ or ≥
            stream.reconfigure(errors="replace")
    try:
        args, rest = make_parser().parse_known_args(argv)
        if rest and args.command not in _WITH_SETTINGS:
            raise UserError(
                f"unknown argument {rest[0]!r}; see: puck {args.command} --help"
            )
        return _run(args.command, args, rest)
    except UserError as error:
        print(f"puck: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("puck: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of the pipe has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (MemoryError, RuntimeError) as error:
        said = out_of_memory(error)
        if said is None:
            raise
        print(f"puck: {said}", file=sys.stderr)
        return 2


def _run(name: str, args: argparse.Namespace, rest: list[str]) -> int:
    """Run a command; its libraries take seconds to load, so they are imported here."""
    from rich.logging import RichHandler

    from puckrl.cli import commands

    logging.basicConfig(
        # as core/team.py reads it, which loads torch: the doctor needs none
        level=logging.INFO if os.environ.get("RANK", "0") == "0" else logging.ERROR,
        format="%(message)s",
        handlers=[
            RichHandler(console=commands.console, show_time=False, show_path=False)
        ],
    )
    code = commands.COMMANDS[name](args, rest)
    sys.stdout.flush()
    return code
