"""Commands and their options; nothing heavy is imported, so that help is there at once."""

import argparse
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from puckrl.core.errors import UserError

_ROOT = Path("runs")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UserError(f"{message}; see: {self.prog} --help")


def make_parser() -> argparse.ArgumentParser:
    """Commands and their own options; a run's settings are tyro's."""
    parser = _Parser(
        prog="puck",
        description="Train robot manipulation policies from sparse rewards, "
        "and know whether the run is working.",
        epilog="begin with: puck list, then puck train reach",
    )
    parser.add_argument(
        "--version", action="version", version=f"puckrl {metadata.version('puckrl')}"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name, help=text, description=text, add_help=name != "train"
        )

    _list_options(command("list", "what can be trained: presets and tasks"))

    sub = command(
        "plan",
        "before a run: memory, time, what can be seen, conflicts; takes every setting "
        "that puck train takes",
    )
    sub.add_argument("preset", help="preset, or path/to/task.py:ClassName")
    sub.add_argument("--json", action="store_true", help="print JSON instead")

    _train_options(command("train", "train a preset, or go on with a run"))

    _eval_options(
        command("eval", "success of a trained policy, with a confidence interval")
    )
    _record_options(command("record", "a video of a trained policy"))
    _doctor_options(command("doctor", "which phase a run is in, why, and what to do"))

    _bench_options(command("bench", "speeds of this machine, side by side"))

    sub = command("check", "is a task sane: resets, contact, script, camera")
    sub.add_argument("task", help="task, or path/to/task.py:ClassName")
    return parser


def _list_options(sub: argparse.ArgumentParser) -> None:
    """Options of ``puck list``."""
    sub.add_argument(
        "--sensors",
        nargs="?",
        const="push",
        metavar="TASK",
        help="what networks may see of a task instead (default: push)",
    )


def _train_options(sub: argparse.ArgumentParser) -> None:
    """Options of ``puck train`` that are no settings of the run."""
    sub.add_argument("--resume", metavar="RUN", help="go on with this run")
    sub.add_argument("--root", type=Path, default=_ROOT, help="folder of run folders")
    sub.add_argument(
        "--out", type=Path, help="this very folder instead of one in --root"
    )
    sub.add_argument(
        "--stop", choices=("auto", "budget", "never"), help="what may end it"
    )
    sub.add_argument(
        "-h", "--help", action="store_true", help="every setting of the preset"
    )


def _eval_options(sub: argparse.ArgumentParser) -> None:
    """Options of ``puck eval``."""
    sub.add_argument("run_name", metavar="RUN")
    sub.add_argument(
        "--episodes",
        type=_positive,
        default=500,
        help="at least so many (default: 500)",
    )
    sub.add_argument(
        "--seed", type=int, default=10_000, help="seed of the test episodes"
    )
    sub.add_argument(
        "--json", type=Path, metavar="FILE", help="write the result here too"
    )
    sub.add_argument("--root", type=Path, default=_ROOT, help="folder of run folders")


def _record_options(sub: argparse.ArgumentParser) -> None:
    """Options of ``puck record``."""
    sub.add_argument("run_name", metavar="RUN")
    sub.add_argument("-o", "--output", type=Path, metavar="FILE.mp4|.gif")
    sub.add_argument("--worlds", type=_positive, help="default: 6; from pixels 4")
    sub.add_argument("--episodes", type=_positive, default=2)
    sub.add_argument("--seed", type=int, default=10_000)
    sub.add_argument("--root", type=Path, default=_ROOT, help="folder of run folders")


def _doctor_options(sub: argparse.ArgumentParser) -> None:
    """Options of ``puck doctor``."""
    sub.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        type=Path,
        help="run folder, TensorBoard folder, SB3's or W&B's .csv, or a folder of those",
    )
    sub.add_argument("--json", action="store_true", help="print JSON instead")
    sub.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the curves")
    sub.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="THEIRS=OURS",
        help="name of a signal in a foreign log; repeatable; ours: docs/metrics.md",
    )
    sub.add_argument(
        "--fact",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what a log does not tell: modality=pixels, gamma=0.95, horizon=50, "
        "update_ratio=0.25, sparse=true, ...; repeatable",
    )


def _bench_options(sub: argparse.ArgumentParser) -> None:
    """Options of ``puck bench``."""
    sub.add_argument("what", choices=("sim", "render", "replay", "update"))
    sub.add_argument("--task", default="push", help="of sim and render")
    sub.add_argument("--preset", default="push", help="of update")
    sub.add_argument(
        "--sim",
        choices=("cpu", "warp"),
        default="cpu",
        help="warp: sim and render on the GPU, sim over the number of worlds",
    )
    sub.add_argument(
        "--plot",
        type=Path,
        metavar="FILE.png",
        help="of sim --sim warp: draw the curve",
    )


def _positive(text: str) -> int:
    """An argument that must be a whole number above 0."""
    number = int(text) if text.isdecimal() else 0
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return number
