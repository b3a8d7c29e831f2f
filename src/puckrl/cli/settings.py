"""Parse the settings of a run, and report what is wrong with them in one line."""

import contextlib
import io
import itertools
import re
from dataclasses import replace

import tyro

from puckrl.agents.settings import with_modes
from puckrl.cli.explain import explain
from puckrl.config.fields import flag
from puckrl.config.renamed import new_name, new_value
from puckrl.config.run_cfg import ExpectCfg, RunCfg
from puckrl.core.errors import UserError

_RULE = re.compile("[─-]{8,}")
_UNKNOWN = re.compile(r"Unrecognized options: ([^,\s]+)")


def parse(base: RunCfg, args: list[str], prog: str) -> RunCfg:
    """Return a configuration with the changes of the command line.

    A preset's promise does not hold for another task.

    Args:
        base: the configuration to change.
        args: settings, ``--agent.gamma 0.9 ...``; ``--help`` prints all and exits.
        prog: the command, for help and errors.

    Raises:
        UserError: for an unknown or a renamed setting, or a value of another type.
    """
    flags = [arg.partition("=")[0] for arg in args]
    if {"--agent", "--agent.kind"} & set(flags):
        raise UserError(
            "--agent is not a setting: the learning rule comes with the preset (puck list); "
            "its settings are --agent.gamma and so on"
        )
    _refuse_old_names(args)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            cfg = tyro.cli(
                RunCfg,
                default=base,
                args=args,
                prog=prog,
                config=(tyro.conf.AvoidSubcommands,),
            )
    except SystemExit as leaving:
        if not leaving.code:  # help
            raise
        what = explain(base, args) or one_line(said.getvalue())
        see = " See" if what.endswith("?") else "; see"
        raise UserError(f"{what}{see}: {prog} --help") from None
    cfg = replace(cfg, agent=with_modes(cfg.agent))
    other = cfg.task != base.task and cfg.expect == base.expect
    return replace(cfg, expect=ExpectCfg()) if other else cfg


def _refuse_old_names(args: list[str]) -> None:
    """Refuse settings and values that were renamed, with their present names."""
    for arg, following in itertools.pairwise([*args, ""]):
        given, equals, value = arg.partition("=")
        if not given.startswith("--"):
            continue
        name, no = _without_no(given[2:].replace("-", "_"))
        present = new_name(name)
        if present != name:
            raise UserError(f"{given} was renamed; use {flag(_with_no(present, no))}")
        value = value if equals else following
        if value != new_value(name, value):
            raise UserError(
                f"{given} {value} was renamed; use {given} {new_value(name, value)}"
            )


def _without_no(name: str) -> tuple[str, str]:
    """Return a dotted name and, apart, the ``no_`` that switches a setting off."""
    section, dot, last = name.rpartition(".")
    no = "no_" if last.startswith("no_") else ""
    return section + dot + last.removeprefix(no), no


def _with_no(name: str, no: str) -> str:
    """Return the inverse of ``_without_no``."""
    section, dot, last = name.rpartition(".")
    return section + dot + no + last


def one_line(panel: str) -> str:
    """Return an error of tyro's as one line: what is wrong, and what was probably meant.

    Args:
        panel: the error as tyro prints it: a title, then sections with rules between
            them; framed where the terminal can draw frames.
    """
    sections: list[list[str]] = [[]]
    for line in panel.splitlines():
        if _RULE.search(line):
            sections.append([])
        elif text := line.strip("│ "):
            sections[-1].append(text)
    title, *rest = sections  # the first rule ends the title
    about, *more = rest or [title]
    what = " ".join(about).rstrip(".")
    if unknown := _UNKNOWN.match(what):
        what = f"{unknown[1]} is not a setting"
    for heading, words in (
        ("Perhaps", "; did you mean {name}?"),
        ("Argument", " ({usage})"),
    ):
        for section in more:
            likely = [line for line in section[1:] if line.startswith("--")]
            if likely and section[0].startswith(heading):
                name = likely[0].partition(" ")[0]
                return what + words.format(name=name, usage=likely[0])
    return what
