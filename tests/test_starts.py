"""Commands that draw or step nothing load neither torch nor mujoco."""

import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

OLD_RUNS = Path(__file__).parent / "old_runs"
RUN = str(OLD_RUNS / "reach-5f0c6ce8-s0")
HEAVY = ("torch", "mujoco", "warp", "mujoco_warp", "gymnasium", "tensorboard")
OPTIONAL = ("imageio_ffmpeg", "imageio", "matplotlib", "gymnasium_robotics", "polars")

_SPY = """
import sys
from puckrl.__main__ import main
sys.argv = ["puck", *sys.argv[1:]]
try:
    code = main()
except SystemExit as leaving:
    code = leaving.code or 0
print("loaded", *{name.partition(".")[0] for name in sys.modules})
sys.exit(code)
"""


def loaded(code: str, *args: str) -> tuple[set[str], int]:
    """Return the packages that a Python program has loaded at its end, and its exit code."""
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        capture_output=True,
        text=True,
        check=False,
    )
    words = done.stdout.splitlines()[-1].split()
    assert words[0] == "loaded", done.stderr
    return set(words[1:]), done.returncode


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (("--version",), 0),
        (("--help",), 0),
        (("list",), 0),
        (("train",), 2),
        (("train", "--help"), 0),
        (("train", "push", "--help"), 0),
        (("train", "push", "--agent.gama", "0.9"), 2),
        (("train", "pusch"), 2),
        (("train", "--resume", "nowhere"), 2),
        (("plan", "push", "--agent.gama", "0.9"), 2),
        (("eval", "nowhere"), 2),
        (("record", "nowhere"), 2),
        (("doctor", RUN), 0),
        (("doctor", "--json", RUN), 0),
    ],
    ids=lambda value: (
        " ".join(Path(v).name for v in value)
        if isinstance(value, tuple)
        else str(value)
    ),
)
def test_a_command_that_draws_nothing_loads_nothing_heavy(
    line: tuple[str, ...], code: int
) -> None:
    found, exit_code = loaded(_SPY, *line)
    assert exit_code == code
    assert not found & {*HEAVY, *OPTIONAL}


@pytest.mark.parametrize(
    "module",
    [
        "puckrl",
        "puckrl.config.presets",
        "puckrl.config.changes",
        "puckrl.config.bounds",
        "puckrl.config.facts",
        "puckrl.config.conflicts",
        "puckrl.runner.run_folder",
        "puckrl.report.rows",
        "puckrl.doctor.consult",
    ],
)
def test_what_is_known_of_a_run_is_read_without_torch(module: str) -> None:
    code = f"import {module}, sys; print('loaded', *{{m.partition('.')[0] for m in sys.modules}})"
    found, _ = loaded(code)
    assert not found & {*HEAVY, *OPTIONAL}


def test_the_heavy_ones_are_ours_to_load() -> None:
    """A misspelt name would be absent from every process."""
    known = {line.split(">")[0].split("<")[0] for line in requires("puckrl") or ()}
    names = {name.replace("_", "-") for name in (*HEAVY, *OPTIONAL)} - {"warp"}
    assert names <= known
