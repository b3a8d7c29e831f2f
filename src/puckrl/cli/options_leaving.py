"""Define the options of commands whose results leave the house."""

import argparse
from pathlib import Path

from puckrl.cli.numbers import seed
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
