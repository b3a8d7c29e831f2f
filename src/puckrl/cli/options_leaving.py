"""Define the options of commands whose results leave the house."""

import argparse
from pathlib import Path

from puckrl.cli import completion
from puckrl.cli.completion import completed
from puckrl.cli.numbers import positive, seed, share
from puckrl.cli.options_common import MOVED_TASK, SEED, run_option, runs_option


def export_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck export``."""
    run_option(sub)
    sub.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="the folder (default: export in the run folder)",
    )
    sub.add_argument("--seed", type=seed, default=10_000, metavar="N", help=SEED)
    sub.add_argument("--task", metavar="FILE[:CLASS]", help=MOVED_TASK)
    runs_option(sub)


def dataset_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck dataset``."""
    source = sub.add_argument(
        "source",
        metavar="RUN",
        help="a run folder, or its name in --runs; with --script, a task",
    )
    completed(source, completion.run_names)
    sub.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="the folder to write; it must be empty or absent",
    )
    sub.add_argument(
        "--episodes",
        type=positive,
        default=1000,
        metavar="N",
        help="episodes to write (default: 1000)",
    )
    sub.add_argument(
        "--format",
        choices=("lerobot", "minari"),
        default="lerobot",
        metavar="FORMAT",
        help="lerobot (version 3.0) or minari (default: lerobot)",
    )
    sub.add_argument(
        "--script", action="store_true", help="the task's script acts, not a policy"
    )
    _images(sub)
    _variety(sub)
    sub.add_argument(
        "--all", action="store_true", help="keep episodes without success too"
    )
    sub.add_argument(
        "--worlds",
        type=positive,
        default=64,
        metavar="N",
        help="worlds that step together (default: 64)",
    )
    sub.add_argument(
        "--seed",
        type=seed,
        default=20_000,
        metavar="N",
        help="seed of the episodes (default: 20000)",
    )
    sub.add_argument("--task", metavar="FILE[:CLASS]", help=MOVED_TASK)
    runs_option(sub)


def _images(sub: argparse.ArgumentParser) -> None:
    """Add the options of a data set's images."""
    sub.add_argument(
        "--cameras",
        nargs="+",
        default=[],
        metavar="NAME",
        help="viewpoints of the task: side, front, wrist, ... (default: no images)",
    )
    sub.add_argument(
        "--size",
        type=positive,
        default=96,
        metavar="PX",
        help="rows and columns of an image (default: 96)",
    )
    sub.add_argument(
        "--video",
        action="store_true",
        help="images as H.264 video: smaller, and not exact (default: PNG)",
    )


def _variety(sub: argparse.ArgumentParser) -> None:
    """Add the options of how episodes differ."""
    sub.add_argument(
        "--noise",
        type=share,
        default=0.0,
        metavar="S",
        help="standard deviation of noise on actions, in shares of their limits "
        "(default: 0)",
    )
    sub.add_argument(
        "--randomize",
        action="store_true",
        help="every episode has colors, lights and camera poses of its own",
    )
