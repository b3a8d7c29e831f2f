"""A run's settings on the command line; what is wrong with them is said in one line."""

import contextlib
import io
import re
from dataclasses import replace

import tyro

from puckrl.config.run_cfg import ExpectCfg, RunCfg
from puckrl.core.errors import UserError

_RULE = re.compile("[─-]{8,}")


def parse(base: RunCfg, args: list[str], prog: str) -> RunCfg:
    """A configuration with the command line's changes.

    Another task is not held to what the preset's was.

    Args:
        base: what is changed.
        args: settings, ``--agent.gamma 0.9 ...``; ``--help`` prints all and leaves.
        prog: the command, for help and errors.

    Raises:
        UserError: for an unknown setting, or a value of another type.
    """
    if any(arg.partition("=")[0] == "--agent" for arg in args):
        raise UserError(
            "--agent is no setting: the learning rule comes with the preset (puck list), and "
            "its settings are --agent.gamma and so on"
        )
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
        what = one_line(said.getvalue())
        raise UserError(f"{what}; every setting: {prog} --help") from None
    other = cfg.task != base.task and cfg.expect == base.expect
    return replace(cfg, expect=ExpectCfg()) if other else cfg


def one_line(panel: str) -> str:
    """What tyro says in a panel: what is wrong, and which setting was probably meant.

    Args:
        panel: a title, then sections with rules between them; framed where the terminal
            can draw frames.
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
    for heading, words in (("Perhaps", "did you mean {}?"), ("Argument", "{}")):
        for section in more:
            likely = [line for line in section[1:] if line.startswith("--")]
            if likely and section[0].startswith(heading):
                return f"{what} ({words.format(likely[0])})"
    return what
