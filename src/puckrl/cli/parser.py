"""Define the commands and their options.

Nothing heavy is imported, so help appears at once.
"""

import argparse
import re
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from puckrl.core.errors import UserError

_ROOT = Path("runs")
_ROOT_HELP = "folder of the run folders (default: runs)"
_RUN_HELP = "a run folder, or its name in --root"
_TASK_HELP = (
    "the new place of the run's task file; kept: the run's own copy "
    "(default: the file, or the copy if the file has changed or is gone)"
)
_SEED_HELP = "seed of the test episodes (default: 10000)"


_EPILOG = """\
exit codes:
  0    done; a run is finished
  1    puck check, puck plan: not sane
  2    refused: nothing was trained that could be resumed
  3    puck doctor: a run is sick
  4    a run failed after its first snapshot; continue with puck train --resume RUN;
       puck study: runs failed, or the study stopped; continue with --resume
  70   a bug in puckrl
  130  interrupted by ctrl-C (SIGINT); 143 by SIGTERM; --resume continues

Begin with: puck list, then puck train reach"""


class _Parser(argparse.ArgumentParser):
    """Report a wrong command line in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found as a ``UserError``."""
        raise UserError(f"{message}; see: {self.prog} --help")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the commands and their own options; tyro parses settings."""
    parser = _Parser(
        prog="puck",
        description="Train robot manipulation policies from sparse rewards, "
        "and always know whether the run is working.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"puckrl {metadata.version('puckrl')}"
    )
    parser.add_argument(
        "--debug",
        action="store_true",
        help="print the traceback of an error too; anywhere on the command line",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name, help=text, description=text, add_help=name != "train"
        )

    _list_options(command("list", "list presets and tasks, or the sensors of a task"))

    sub = command(
        "plan",
        "predict a run before it starts: memory, time, what the encoder can see, "
        "conflicting settings; takes every setting of puck train",
    )
    _plan_options(sub)

    _train_options(
        command("train", "train a preset or a task of your own, or continue a run")
    )

    _eval_options(
        command("eval", "evaluate a trained policy: success with a Wilson interval")
    )
    _record_options(command("record", "film a trained policy"))
    _doctor_options(
        command("doctor", "diagnose logs: the phase of a run, why, and what to do")
    )

    _bench_options(
        command(
            "bench", "measure this machine, beside other libraries where there are any"
        )
    )

    _study_options(
        command("study", "compare arms over seeds: one variable at a time, judged")
    )

    _check_options(
        command("check", "check that a task is sane: resets, contact, expert, camera")
    )
    return parser


def _plan_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck plan`` that are not settings of the run."""
    sub.add_argument(
        "preset", metavar="PRESET", help="preset, or path/to/task.py:ClassName"
    )
    sub.add_argument("--json", action="store_true", help="print JSON")


def _check_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck check``."""
    sub.add_argument(
        "task", metavar="TASK", help="name of a task, or path/to/task.py:ClassName"
    )


def _list_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck list``."""
    sub.add_argument(
        "--sensors",
        nargs="?",
        const="push",
        metavar="TASK",
        help="list the sensors of a task instead (default: push)",
    )


def _train_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck train`` that are not settings of the run."""
    sub.add_argument("--resume", metavar="RUN", help="continue this run")
    sub.add_argument("--root", type=Path, default=_ROOT, help=_ROOT_HELP)
    sub.add_argument(
        "--out", type=Path, help="write into this folder instead of a new one in --root"
    )
    sub.add_argument(
        "--stop", choices=("auto", "budget", "never"), help="what may end the run"
    )
    sub.add_argument(
        "-h", "--help", action="store_true", help="list every setting of the preset"
    )


def _eval_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck eval``."""
    sub.add_argument("run_name", metavar="RUN", help=_RUN_HELP)
    sub.add_argument(
        "--episodes",
        type=_positive,
        default=500,
        help="minimum number of episodes (default: 500)",
    )
    sub.add_argument("--seed", type=_seed, default=10_000, help=_SEED_HELP)
    sub.add_argument("--task", metavar="FILE[:CLASS]", help=_TASK_HELP)
    sub.add_argument(
        "--json", type=Path, metavar="FILE", help="also write the result as JSON"
    )
    sub.add_argument("--root", type=Path, default=_ROOT, help=_ROOT_HELP)


def _record_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck record``."""
    sub.add_argument("run_name", metavar="RUN", help=_RUN_HELP)
    sub.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE.mp4|.gif",
        help="the video (default: policy.mp4 in the run folder)",
    )
    sub.add_argument(
        "--worlds",
        type=_positive,
        help="worlds side by side (default: 6, from pixels 4)",
    )
    sub.add_argument(
        "--episodes",
        type=_positive,
        default=2,
        help="episodes of each world (default: 2)",
    )
    sub.add_argument("--seed", type=_seed, default=10_000, help=_SEED_HELP)
    sub.add_argument("--task", metavar="FILE[:CLASS]", help=_TASK_HELP)
    sub.add_argument("--root", type=Path, default=_ROOT, help=_ROOT_HELP)


def _doctor_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck doctor``."""
    sub.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        type=Path,
        help="run folder, TensorBoard folder, table, JSON lines, or a folder of these",
    )
    sub.add_argument("--json", action="store_true", help="print JSON")
    sub.add_argument("--plot", type=Path, metavar="FILE.png", help="plot the curves")
    sub.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="THEIRS=OURS",
        help="rename a signal of a foreign log, OURS%% for percent, OURS*1000 for another "
        "unit; repeatable; OURS: docs/metrics.md",
    )
    sub.add_argument(
        "--fact",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="state what the log does not contain: modality=pixels, gamma=0.95, "
        "horizon=50, update_ratio=0.25, sparse=true, ...; repeatable",
    )


def _study_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck study``."""
    sub.add_argument("file", metavar="FILE", type=Path, help="study file, .yaml or .py")
    sub.add_argument(
        "--dry-run",
        action="store_true",
        help="print the plan: runs, cost, memory, order, what each arm differs in",
    )
    sub.add_argument(
        "--resume", action="store_true", help="continue a study where it was"
    )
    sub.add_argument(
        "--amend",
        nargs="?",
        const="",
        metavar="DIGEST",
        help="continue although the file or the machine has changed; the report shows it",
    )
    sub.add_argument(
        "--workers",
        choices=("local", "ray"),
        default="local",
        help="processes of this machine, or tasks of a Ray cluster (default: local)",
    )
    sub.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="Ray cluster; auto: the one that runs here (default: one of this machine)",
    )
    sub.add_argument(
        "--parallel",
        type=_positive,
        metavar="N",
        help="most runs at a time (default: as many as fit)",
    )
    sub.add_argument(
        "--root",
        type=Path,
        default=Path("studies"),
        help="folder of study folders (default: studies)",
    )


def _bench_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck bench``."""
    sub.add_argument(
        "what",
        choices=("sim", "render", "replay", "update"),
        help="physics, camera, replay buffer, or updates",
    )
    sub.add_argument(
        "--task", default="push", help="task of sim and render (default: push)"
    )
    sub.add_argument(
        "--preset", default="push", help="preset of update (default: push)"
    )
    sub.add_argument(
        "--sim",
        choices=("cpu", "warp"),
        default="cpu",
        help="backend of sim and render; with warp, sim measures 1 to 8192 worlds "
        "(default: cpu)",
    )
    sub.add_argument(
        "--plot",
        type=Path,
        metavar="FILE.png",
        help="plot the rates of sim --sim warp",
    )


def _positive(text: str) -> int:
    """Return an argument as a whole number above 0."""
    return _whole(text, 1, 10**9, "above 0, at most 1,000,000,000")


def _seed(text: str) -> int:
    """Return an argument as a seed."""
    return _whole(text, 0, 2**62, "0 or more, below 2^62")


def _whole(text: str, low: int, high: int, words: str) -> int:
    """Return an argument as a whole number in an interval, which ``words`` describe."""
    number = int(text) if re.fullmatch(r"\d{1,20}", text) else -1
    if not low <= number <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {words}")
    return number
