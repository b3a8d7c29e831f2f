"""Define the options of each command.

Nothing heavy is imported. What a shell completes is said beside an argument, with
``completed``, and looked up by ``cli/completion.py`` when somebody presses tab.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from puckrl.cli import completion
from puckrl.cli.completion import completed
from puckrl.cli.numbers import positive, seed
from puckrl.cli.options_bench import bench_options
from puckrl.cli.options_common import (
    MOVED_TASK,
    RUN,
    SEED,
    json_option,
    run_option,
    runs_option,
)
from puckrl.cli.options_encoders import pretrain_options, probe_options
from puckrl.cli.options_leaving import dataset_options, export_options
from puckrl.cli.options_watch import watch_options
from puckrl.cli.pictures import picture_options

STATUSES = ("running", "done", "stopped", "failed", "damaged")
SORTS = (
    "age",
    "name",
    "preset",
    "status",
    "success",
    "env-steps",
    "updates",
    "wall",
    "total",
)
SHELLS = {
    "bash": 'eval "$(puck completion bash)"    in ~/.bashrc',
    "zsh": 'eval "$(puck completion zsh)"     in ~/.zshrc, after compinit',
    "fish": "puck completion fish | source     in ~/.config/fish/config.fish",
}
"""What to write into a shell's own file."""
_OWN_TASK = "path/to/task.py:ClassName"

Add = Callable[[argparse.ArgumentParser], None]


def _foreign(sub: argparse.ArgumentParser) -> None:
    """Add the options that say what a foreign log means."""
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


def list_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck list``."""
    sensors = sub.add_argument(
        "--sensors",
        nargs="?",
        const="push",
        metavar="TASK",
        help="list the sensors of a task instead (default: push)",
    )
    completed(sensors, completion.task_names)


def plan_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck plan``."""
    preset = sub.add_argument(
        "preset", metavar="PRESET", help=f"preset, or {_OWN_TASK}"
    )
    completed(preset, completion.preset_names)
    json_option(sub)
    sub.epilog = "Takes every setting of puck train: puck train PRESET --help"


def warm_up_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck warm-up``."""
    presets = sub.add_argument(
        "presets",
        nargs="+",
        metavar="PRESET",
        help=f"presets, or {_OWN_TASK}",
    )
    completed(presets, completion.preset_names)


def check_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck check``."""
    task = sub.add_argument(
        "task", metavar="TASK", help=f"name of a task, or {_OWN_TASK}"
    )
    completed(task, completion.task_names)


def train_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck train`` that are not settings of the run."""
    resumed = sub.add_argument("--resume", metavar="RUN", help="continue this run")
    completed(resumed, completion.run_names)
    runs_option(sub)
    sub.add_argument(
        "--out", type=Path, help="write into this folder instead of a new one in --runs"
    )
    sub.add_argument(
        "--stop", choices=("auto", "budget", "never"), help="what may end the run"
    )
    sub.add_argument(
        "--seeds",
        type=positive,
        metavar="N",
        help="train N seeds, each in a process of its own, and compare them",
    )
    sub.add_argument(
        "--devices",
        default="all",
        metavar="GPUS",
        help="GPUs of --seeds, one run on each: all (default), or numbers such as 0,1",
    )
    sub.add_argument(
        "--profile",
        action="store_true",
        help="print what took the time, and write RUN/profile.json (a Chrome trace)",
    )
    sub.add_argument(
        "-h", "--help", action="store_true", help="list every setting of the preset"
    )


def runs_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck runs``."""
    preset = sub.add_argument(
        "--preset",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only runs of this preset; push* matches all that begin so; repeatable",
    )
    completed(preset, completion.preset_names)
    sub.add_argument(
        "--status",
        action="append",
        default=[],
        choices=STATUSES,
        metavar="STATUS",
        help=f"only runs of this status: {', '.join(STATUSES)}; repeatable",
    )
    sub.add_argument(
        "--sort",
        choices=SORTS,
        default="age",
        metavar="COLUMN",
        help=f"order by {', '.join(SORTS)} (default: age, the newest first)",
    )
    sub.add_argument("--reverse", action="store_true", help="reverse the order")
    sub.add_argument(
        "-n", "--last", type=positive, metavar="N", help="only the first N in order"
    )
    json_option(sub)
    runs_option(sub)


def compare_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck compare``."""
    names = sub.add_argument("run_names", metavar="RUN", nargs="+", help=RUN)
    completed(names, completion.run_names)
    json_option(sub)
    runs_option(sub)


def doctor_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck doctor``."""
    paths = sub.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        type=Path,
        help="run folder or its name in --runs, TensorBoard folder, table, JSON lines, or "
        "a folder of these",
    )
    completed(paths, completion.runs_and_files)
    json_option(sub)
    sub.add_argument("--plot", type=Path, metavar="FILE.png", help="plot the curves")
    _foreign(sub)
    runs_option(sub)


def eval_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck eval``."""
    run_option(sub)
    sub.add_argument(
        "--episodes",
        type=positive,
        default=500,
        metavar="N",
        help="minimum number of episodes (default: 500)",
    )
    picture_options(sub)
    sub.add_argument("--seed", type=seed, default=10_000, metavar="N", help=SEED)
    sub.add_argument("--task", metavar="FILE[:CLASS]", help=MOVED_TASK)
    sub.add_argument(
        "--json", type=Path, metavar="FILE", help="also write the result as JSON"
    )
    runs_option(sub)


def record_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck record``."""
    run_option(sub)
    sub.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="the video, .mp4 or .gif (default: policy.mp4 in the run folder)",
    )
    sub.add_argument(
        "--worlds",
        type=positive,
        metavar="N",
        help="worlds side by side (default: 6, from pixels 4)",
    )
    sub.add_argument(
        "--episodes",
        type=positive,
        default=2,
        metavar="N",
        help="episodes of each world (default: 2)",
    )
    picture_options(sub, saves=True)
    sub.add_argument("--seed", type=seed, default=10_000, metavar="N", help=SEED)
    sub.add_argument("--task", metavar="FILE[:CLASS]", help=MOVED_TASK)
    runs_option(sub)


def study_options(sub: argparse.ArgumentParser) -> None:
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
        help="continue although the file or the machine has changed; the report shows it; "
        "DIGEST says which study, where several have the name",
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
        type=positive,
        metavar="N",
        help="most runs at a time (default: as many as fit)",
    )
    sub.add_argument(
        "--root",
        type=Path,
        default=Path("studies"),
        metavar="DIR",
        help="folder of study folders (default: studies)",
    )


def watch_page_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck watch``."""
    watch_options(sub)
    _foreign(sub)
    runs_option(sub)


def completion_options(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``puck completion``."""
    sub.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    lines = "\n".join(f"  {name:<6}{line}" for name, line in SHELLS.items())
    sub.epilog = f"to use it, write one line into the shell's own file:\n{lines}"


OPTIONS: dict[str, Add] = {
    "list": list_options,
    "plan": plan_options,
    "warm-up": warm_up_options,
    "check": check_options,
    "train": train_options,
    "runs": runs_options,
    "compare": compare_options,
    "doctor": doctor_options,
    "watch": watch_page_options,
    "pretrain": pretrain_options,
    "probe": probe_options,
    "eval": eval_options,
    "record": record_options,
    "export": export_options,
    "dataset": dataset_options,
    "study": study_options,
    "bench": bench_options,
    "completion": completion_options,
}
"""Map the name of a command to the function that adds its options."""
