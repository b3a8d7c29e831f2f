"""Define the commands and what help says of them.

Nothing heavy is imported, so help appears at once.
"""

import argparse
import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, NoReturn

from puckrl.cli.examples import epilog
from puckrl.cli.options import OPTIONS
from puckrl.core.errors import UserError, unknown
from puckrl.core.version import VERSION

COMMANDS: dict[str, dict[str, str]] = {
    "before a run": {
        "list": "list presets and tasks, or the sensors of a task",
        "plan": "predict memory, time and what the encoder can see",
        "warm-up": "compile ahead of time what runs compile first",
        "check": "check that a task is sane: resets, contact, expert, camera",
    },
    "runs": {
        "train": "train a preset or a task of your own, or continue a run",
        "runs": "list runs: status, success, verdict, both clocks",
        "compare": "compare runs: settings that differ, curves side by side",
        "watch": "open a page on runs: live, afterwards, or as one file",
        "study": "compare arms over seeds: one variable at a time, judged",
        "doctor": "diagnose logs: the phase of a run, why, and what to do",
    },
    "encoders": {
        "pretrain": "train an encoder before the policy, on frames alone",
        "probe": "measure how exactly an encoder knows where things are",
    },
    "policies": {
        "eval": "evaluate a trained policy: success with a Wilson interval",
        "record": "film a trained policy",
        "export": "export a trained policy to ONNX with a contract, proven first",
        "dataset": "write episodes of a policy as a LeRobot or Minari data set",
    },
    "this machine": {
        "bench": "measure physics, camera, replay and updates, beside other libraries",
        "completion": "print the code that lets a shell complete puck's words",
    },
}
"""What each command does, under headings."""

_BEGIN = """\
  puck train reach          a first run, less than a minute
  puck train push --help    every setting of a preset
  puck COMMAND --help       the options of a command"""
_EXIT = """\
exit codes:
  0    done; a run is finished
  1    puck check, puck plan: not sane
  2    refused: nothing was trained that could be resumed
  3    puck doctor: a run is sick
  4    a run failed after its first snapshot; continue with puck train --resume RUN;
       puck study: runs failed, or the study stopped; continue with --resume
  70   a bug in puckrl
  130  interrupted by ctrl-C (SIGINT); 143 by SIGTERM; --resume continues"""
_DEBUG = "print the traceback of an error too, wherever it stands"
_NOT_OPTIONAL = re.compile("the following arguments are required: (.+)")
_NO_VALUE = re.compile("argument (.+): expected (?:one|at least one) argument")


class Parser(argparse.ArgumentParser):
    """Report a wrong command line in one line, without the usage."""

    def __init__(self, **given: Any) -> None:
        super().__init__(
            **given,
            allow_abbrev=False,  # or --s of puck train would be --stop, not a setting
            formatter_class=_Help,
        )
        self._positionals.title = "arguments"
        self.commands: dict[str, Parser] = {}
        """Parsers of the commands, by name."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found as a ``UserError``."""
        raise UserError(f"{self._in_words(message)}; see: {self.prog} --help")

    def _in_words(self, message: str) -> str:
        """Return a message of argparse's as puck says it."""
        if missing := _NOT_OPTIONAL.fullmatch(message):
            return f"{self.prog} needs {missing[1]}"
        if alone := _NO_VALUE.fullmatch(message):
            return f"{alone[1]} needs a value"
        return message.removeprefix("argument ")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a value that is none of the choices."""
        if action.choices is None or value in action.choices:
            return
        if not action.option_strings:
            noun = str(action.metavar or action.dest).lower()
            raise unknown(noun, str(value), map(str, action.choices))
        legal = [str(choice) for choice in action.choices]
        close = get_close_matches(str(value), legal, n=1)
        meant = f"did you mean {close[0]}? Legal" if close else "legal"
        raise UserError(
            f"{action.option_strings[-1]} {value!r} is not one of the choices; {meant}: "
            f"{', '.join(legal)}"
        )

    def refuse(self, arg: str) -> NoReturn:
        """Refuse an argument that no option of a command takes.

        Raises:
            UserError: it names the closest option.
        """
        given = arg.partition("=")[0]
        close = get_close_matches(given, self._option_string_actions, n=1)
        meant = f"did you mean {close[0]}? See" if close else "see"
        raise UserError(f"unknown argument {given!r}; {meant}: {self.prog} --help")


class _Help(argparse.RawDescriptionHelpFormatter):
    """Lay out help for people: names and texts in two columns."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)


def make_parser() -> Parser:
    """Return the parser of the commands and their own options; tyro parses settings."""
    parser = Parser(
        prog="puck",
        usage="puck COMMAND [options]",
        description="Train robot manipulation policies from sparse rewards, "
        "and always know\nwhether the run is working.\n\n" + "\n".join(_overview()),
        epilog=f"{_EXIT}\n\nTab completes in your shell after: puck completion --help",
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"puckrl {VERSION}",
        help="print the version",
    )
    parser.add_argument("--debug", action="store_true", help=_DEBUG)
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", prog="puck", help=argparse.SUPPRESS
    )
    for words in COMMANDS.values():
        for name, text in words.items():
            sub = commands.add_parser(
                name,
                description=f"{text[0].upper()}{text[1:]}.",
                add_help=name != "train",
            )
            OPTIONS[name](sub)
            parts = (epilog(name), sub.epilog)
            sub.epilog = "\n\n".join(filter(None, parts)) or None
            parser.commands[name] = sub
    return parser


def _overview() -> Iterator[str]:
    """Yield the lines that list the commands."""
    yield _BEGIN
    for title, words in COMMANDS.items():
        yield f"\n{title}:"
        yield from (f"  {name:<11} {text}" for name, text in words.items())
