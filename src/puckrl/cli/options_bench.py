"""Define the options of ``puck bench``."""

import argparse
from pathlib import Path

from puckrl.cli import completion
from puckrl.cli.completion import completed


def bench_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck bench``."""
    sub.add_argument(
        "what",
        choices=("sim", "render", "replay", "update"),
        metavar="BENCHMARK",
        help="sim: physics; render: camera; replay: replay buffer; update: updates",
    )
    task = sub.add_argument(
        "--task",
        default="push",
        metavar="TASK",
        help="task of sim and render (default: push)",
    )
    completed(task, completion.task_names)
    preset = sub.add_argument(
        "--preset",
        default="push",
        metavar="PRESET",
        help="preset of update (default: push)",
    )
    completed(preset, completion.preset_names)
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
