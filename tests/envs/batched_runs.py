"""A short run of the whole command, for libraries that step thousands of worlds."""

import os
import subprocess
import sys
from pathlib import Path

SMALL = (
    *("--device", "cpu", "--sim.num-worlds", "4", "--loop.no-compile"),
    *(
        "--agent.batch-size",
        "32",
        "--agent.hidden",
        "16",
        "--loop.update-ratio",
        "0.02",
    ),
    *("--loop.collect-steps", "24", "--loop.warm-up-steps", "24"),
    *("--replay.capacity", "4000", "--budget.env-steps", "400"),
    *("--eval.every-env-steps", "200", "--eval.episodes", "4"),
    *("--eval.final-episodes", "4", "--save.no-video", "--save.no-tensorboard"),
)


def run(task: str, folder: Path, *settings: str) -> Path:
    """Train in another process; return the run folder.

    Raises:
        AssertionError: with the end of what the command printed, if it failed.
    """
    out = folder / "run"
    argv = ["train", task, "--out", str(out), *SMALL, *settings]
    done = subprocess.run(
        [sys.executable, "-m", "puckrl", *argv],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return out
