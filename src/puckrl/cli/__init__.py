"""Parse the command line, run the command, and report errors in one line."""

import os
import sys
import traceback
from collections.abc import Sequence

from puckrl.cli import completion
from puckrl.cli.output import ReaderLeft, checked, say
from puckrl.cli.parser import make_parser
from puckrl.core.errors import (
    LESS_MEMORY,
    Exit,
    Interrupted,
    UserError,
    first_line,
    out_of_memory,
    outside_reason,
)
from puckrl.core.foreign import library_of
from puckrl.runner.interrupt import caught

_WITH_SETTINGS = ("train", "plan", "pretrain")
"""And check, where an environment is not ours."""
_LESS_MEMORY = {
    "train": LESS_MEMORY,
    "plan": LESS_MEMORY,
    "pretrain": "lower --frames, --batch-size or --sim.num-worlds",
    "probe": "lower --episodes",
    "eval": "lower --episodes",
    "record": "lower --worlds",
}
"""What to do about a command that lacks memory."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``puck`` and return its exit code; see ``Exit``.

    A signal that ends a command gives 128 and its number, as shells do.
    """
    if completion.ASKED in os.environ:
        parser = make_parser()
        completion.answer(parser, parser.commands)
    given = list(sys.argv[1:] if argv is None else argv)
    args = [arg for arg in given if arg != "--debug"]
    try:
        with checked(), caught():
            return _run(args)
    except ReaderLeft:  # it has read what it wanted
        return Exit.DONE
    except Interrupted as error:
        say("interrupted")
        return error.exit_code
    except Exception as error:  # noqa: BLE001  the user gets a line, and --debug more
        if "--debug" in given and (error.__cause__ or not isinstance(error, UserError)):
            traceback.print_exception(error)
        words, code = _told(error, args)
        say(words)
        return code


def _run(argv: list[str]) -> int:
    """Run a command; its libraries take seconds to load, so they are imported here."""
    parser = make_parser()
    args, rest = parser.parse_known_args(argv)
    if args.command is None:
        (parser.refuse(rest[0]) if rest else parser.print_help())
        return Exit.DONE
    settable = args.command in _WITH_SETTINGS or (
        args.command == "check" and library_of(args.task)
    )
    if rest and not settable:
        parser.commands[args.command].refuse(rest[0])
    from puckrl.cli import commands, log

    with log.printed(commands.console):
        return commands.COMMANDS[args.command](args, rest)


def _told(error: Exception, argv: list[str]) -> tuple[str, int]:
    """Return an error as one line, and the exit code."""
    if isinstance(error, UserError):
        return str(error), error.exit_code
    if reason := outside_reason(error):
        advice = _LESS_MEMORY.get(next(iter(argv), ""), "close other programs")
        return f"{reason}; {advice}" if out_of_memory(error) else reason, Exit.REFUSED
    last = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"a bug in puckrl: {type(error).__name__}: {first_line(error)} "
        f"({last.filename}, line {last.lineno}); for the traceback, add --debug; "
        "please report it"
    ), Exit.BUG
