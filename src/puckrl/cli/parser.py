"""Parse commands and their options, without heavy imports, so that help is instant."""

import argparse
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from puckrl.core.errors import UserError

_ROOT = Path("runs")


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Raise a ``UserError``."""
        raise UserError(f"{message}; see: {self.prog} --help")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; tyro parses a run's settings."""
    parser = _Parser(
        prog="puck",
        description="Train robot manipulation policies from sparse rewards, "
        "and know whether the run is working.",
        epilog="start with: puck list, then puck train reach",
    )
    parser.add_argument(
        "--version", action="version", version=f"puckrl {metadata.version('puckrl')}"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name, help=text, description=text, add_help=name != "train"
        )

    _list_options(command("list", "list presets and tasks"))

    sub = command(
        "plan",
        "estimate memory and time of a run, and check its images and settings; takes the "
        "settings of puck train",
    )
    sub.add_argument("preset", help="preset, or path/to/task.py:ClassName")
    sub.add_argument("--json", action="store_true", help="print JSON instead")

    _train_options(command("train", "train a preset, or resume a run"))

    _eval_options(
        command("eval", "measure the success of a policy, with a confidence interval")
    )
    _record_options(command("record", "record a video of a policy"))
    _doctor_options(
        command("doctor", "tell which phase a run is in, why, and what to do")
    )

    _bench_options(command("bench", "compare speeds on this machine"))

    sub = command("check", "check a task: resets, contacts, scripted expert, camera")
    sub.add_argument("task", help="task, or path/to/task.py:ClassName")
    return parser


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
    sub.add_argument("--resume", metavar="RUN", help="resume this run")
    sub.add_argument(
        "--root", type=Path, default=_ROOT, help="parent of the run folders"
    )
    sub.add_argument(
        "--out", type=Path, help="use this run folder instead of a new one in --root"
    )
    sub.add_argument(
        "--stop", choices=("auto", "budget", "never"), help="what ends the run"
    )
    sub.add_argument(
        "-h", "--help", action="store_true", help="show every setting of the preset"
    )


def _eval_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck eval``."""
    sub.add_argument("run_name", metavar="RUN")
    sub.add_argument(
        "--episodes",
        type=_positive,
        default=500,
        help="minimum number of episodes (default: 500)",
    )
    sub.add_argument("--seed", type=int, default=10_000, help="seed of the episodes")
    sub.add_argument(
        "--json", type=Path, metavar="FILE", help="also write the result to FILE"
    )
    sub.add_argument(
        "--root", type=Path, default=_ROOT, help="parent of the run folders"
    )


def _record_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck record``."""
    sub.add_argument("run_name", metavar="RUN")
    sub.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE.mp4|.gif",
        help="write the video here",
    )
    sub.add_argument(
        "--worlds", type=_positive, help="number of worlds (default: 6, from pixels 4)"
    )
    sub.add_argument(
        "--episodes", type=_positive, default=2, help="one after the other (default: 2)"
    )
    sub.add_argument("--seed", type=int, default=10_000, help="seed of the episodes")
    sub.add_argument(
        "--root", type=Path, default=_ROOT, help="parent of the run folders"
    )


def _doctor_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck doctor``."""
    sub.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        type=Path,
        help="run folder, TensorBoard folder, .csv of SB3 or W&B, or a folder of those",
    )
    sub.add_argument("--json", action="store_true", help="print JSON instead")
    sub.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the curves")
    sub.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="THEIRS=OURS",
        help="map a signal of a foreign log to ours (docs/metrics.md); repeatable",
    )
    sub.add_argument(
        "--fact",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="give a fact that the log lacks: modality=pixels, gamma=0.95, horizon=50, "
        "update_ratio=0.25, sparse=true, ...; repeatable",
    )


def _bench_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck bench``."""
    sub.add_argument("what", choices=("sim", "render", "replay", "update"))
    sub.add_argument("--task", default="push", help="task of sim and render")
    sub.add_argument("--preset", default="push", help="preset of update")
    sub.add_argument(
        "--sim",
        choices=("cpu", "warp"),
        default="cpu",
        help="warp: run sim and render on the GPU; sim sweeps the number of worlds",
    )
    sub.add_argument(
        "--plot",
        type=Path,
        metavar="FILE.png",
        help="draw the curve of sim --sim warp",
    )


def _positive(text: str) -> int:
    """Return an argument as a whole number above 0, or refuse it."""
    number = int(text) if text.isdecimal() else 0
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return number
