"""Define the options of ``puck pretrain`` and ``puck probe``."""

import argparse
from pathlib import Path

from puckrl.cli import completion
from puckrl.cli.completion import completed
from puckrl.cli.numbers import positive, seed
from puckrl.cli.options_common import json_option, runs_option

_SOURCES = "random, scripted: the task's expert with noise, or runs"


def pretrain_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck pretrain`` that are not settings of a run."""
    preset = sub.add_argument(
        "preset", metavar="PRESET", help="whose task, cameras and encoder"
    )
    completed(preset, completion.preset_names)
    sub.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="the encoder's file, FILE.safetensors",
    )
    sub.add_argument(
        "--objective",
        nargs="+",
        default=["time-contrastive", "inverse-dynamics"],
        metavar="NAME[=WEIGHT]",
        help="time-contrastive, inverse-dynamics, masked-patches, vae, infonce; with labels: "
        "goal-prediction (default: the first two)",
    )
    sub.add_argument(
        "--frames",
        type=positive,
        default=50_000,
        metavar="N",
        help="frames to play (default: 50000)",
    )
    sub.add_argument(
        "--frames-from",
        nargs="+",
        default=["random"],
        metavar="SOURCE",
        help=f"who plays: {_SOURCES} (default: random)",
    )
    sub.add_argument(
        "--updates",
        type=positive,
        default=3_000,
        metavar="N",
        help="gradient steps (default: 3000)",
    )
    sub.add_argument(
        "--batch-size",
        type=positive,
        default=256,
        metavar="N",
        help="frames in a batch (default: 256)",
    )
    sub.add_argument(
        "--lr",
        type=float,
        default=1e-3,
        metavar="X",
        help="learning rate, which falls to 0 (default: 0.001)",
    )
    json_option(sub)
    runs_option(sub)
    sub.epilog = "Takes every setting of puck train: puck train PRESET --help"


def probe_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck probe``."""
    what = sub.add_argument(
        "what",
        metavar="ENCODER|RUN",
        help="a file of puck pretrain, a run, or a kind of encoder with --preset",
    )
    completed(what, completion.run_names)
    preset = sub.add_argument(
        "--preset",
        metavar="PRESET",
        help="task and cameras for a kind of encoder (default: push-pixels)",
    )
    completed(preset, completion.preset_names)
    sub.add_argument(
        "--episodes",
        type=positive,
        default=256,
        metavar="N",
        help="episodes, a quarter of them held out (default: 256)",
    )
    sub.add_argument(
        "--frames-from",
        nargs="+",
        default=["random", "scripted"],
        metavar="SOURCE",
        help=f"who plays: {_SOURCES} (default: random scripted)",
    )
    sub.add_argument(
        "--map", type=Path, metavar="FILE.png", help="draw where errors are large"
    )
    sub.add_argument(
        "--seed", type=seed, default=10_000, metavar="N", help="seed (default: 10000)"
    )
    json_option(sub)
    runs_option(sub)
