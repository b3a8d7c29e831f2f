"""Complete presets, runs, tasks and settings when somebody presses tab in a shell.

The shell runs ``puck`` with the line so far in its environment, as argcomplete defines it;
``answer`` says what may follow. It must be quick, so each list is made only when asked for.
"""

import argparse
import os
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from puckrl.runner.runs_dir import run_names as names_in
from puckrl.runner.runs_dir import runs_dir

if TYPE_CHECKING:
    from puckrl.config.fields import Setting

ASKED = "_ARGCOMPLETE"
"""Environment variable that is set when a shell asks."""

Completer = Callable[..., Iterable[str]]
"""Called by argcomplete with prefix=, action=, parser=, parsed_args=."""


def completed(action: argparse.Action, completer: Completer) -> None:
    """Say what completes an argument; argcomplete looks for it in this attribute."""
    setattr(action, "completer", completer)  # noqa: B010  no attribute of the class


def preset_names(prefix: str, **asked: Any) -> Iterable[str]:
    """Return the presets, or files if no preset begins so."""
    from puckrl.config.presets import PRESETS

    return _or_files(PRESETS, prefix)


def task_names(prefix: str, **asked: Any) -> Iterable[str]:
    """Return the tasks, or files if no task begins so."""
    from puckrl.config.presets import TASK_NAMES

    return _or_files(TASK_NAMES, prefix)


def run_names(
    prefix: str, parsed_args: argparse.Namespace, **asked: Any
) -> Iterable[str]:
    """Return the runs, or files if no run begins so."""
    given = getattr(parsed_args, "runs", None)
    return _or_files(names_in(given or runs_dir()), prefix)


def runs_and_files(
    prefix: str, parsed_args: argparse.Namespace, **asked: Any
) -> Iterable[str]:
    """Return the runs, and files."""
    given = getattr(parsed_args, "runs", None)
    return [*names_in(given or runs_dir()), *_files(prefix)]


def _or_files(names: Iterable[str], prefix: str) -> Iterable[str]:
    """Return names, or files if none of the names begins so."""
    known = [name for name in names if name.startswith(prefix)]
    return known or _files(prefix)


def _files(prefix: str) -> Iterable[str]:
    """Return the files that begin so."""
    from argcomplete.completers import FilesCompleter

    return FilesCompleter()(prefix)


def answer(
    parser: argparse.ArgumentParser, commands: Mapping[str, argparse.ArgumentParser]
) -> None:
    """Print what may follow on the command line, and end the process.

    Args:
        parser: of the whole command line.
        commands: parsers of the commands, by name.
    """
    import argcomplete

    line = os.environ.get("COMP_LINE", "").split()
    train, plan = commands["train"], commands["plan"]
    completed(train.add_argument("preset", nargs="?"), preset_names)
    for name, sub in (("train", train), ("plan", plan)):
        if name in line[:2]:
            _add_settings(sub, line)
    argcomplete.autocomplete(parser, always_complete_options=False)


def _add_settings(sub: argparse.ArgumentParser, line: list[str]) -> None:
    """Add the settings of the preset on the command line; without one, those of push."""
    from puckrl.config.fields import settings
    from puckrl.config.presets import PRESETS

    named = next((word for word in line[2:] if word in PRESETS), "push")
    for setting in settings(PRESETS[named]):
        if setting.name != "agent.kind":  # it comes with the preset
            _add_setting(sub, setting)


def _add_setting(sub: argparse.ArgumentParser, setting: "Setting") -> None:
    """Add one setting as an option."""
    from puckrl.agents.settings import MODES

    about = f"default: {setting.value}".replace("%", "%%")
    if setting.value_type is bool:
        section, dot, last = setting.flag.removeprefix("--").rpartition(".")
        off = f"--{section}{dot}no-{last}"
        sub.add_argument(setting.flag, off, action="store_true", help=about)
        return
    several = typing.get_origin(setting.value_type) is tuple
    action = sub.add_argument(setting.flag, nargs="*" if several else None, help=about)
    if typing.get_origin(setting.value_type) is Literal:
        action.choices = [str(one) for one in typing.get_args(setting.value_type)]
    elif setting.name == "task":
        completed(action, task_names)
    elif setting.name.endswith("_sensors"):
        completed(action, lambda **asked: MODES)
    elif setting.name == "device":
        completed(action, lambda **asked: ("auto", "cpu", "cuda"))


def shell_code(shell: str) -> str:
    """Return what a shell must run once to complete puck's words."""
    from argcomplete.shell_integration import shellcode

    return shellcode(["puck"], shell=shell)
