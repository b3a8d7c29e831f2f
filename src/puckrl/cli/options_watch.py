"""Define the options of ``puck watch``."""

import argparse
from pathlib import Path

from puckrl.cli import completion
from puckrl.cli.completion import completed


def watch_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck watch``, but for those that other commands have too."""
    paths = sub.add_argument(
        "paths",
        metavar="RUN",
        nargs="*",
        type=Path,
        help="run folder or its name in --runs, a study's folder, a log that puck doctor "
        "reads, or a folder of these (default: all of --runs)",
    )
    completed(paths, completion.runs_and_files)
    sub.add_argument(
        "--out",
        type=Path,
        metavar="FILE.html",
        help="write the page as one file instead of serving it",
    )
    sub.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="listen on this address; any but this machine's own asks for a token, which "
        "stands in the printed address (default: 127.0.0.1)",
    )
    sub.add_argument(
        "--port",
        type=int,
        metavar="N",
        help="listen on this port, 0: a free one (default: 8420, or a free one if it is in use)",
    )
    sub.add_argument("--open", action="store_true", help="open the page in a browser")
