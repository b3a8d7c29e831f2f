"""Commands that draw or step nothing load neither torch nor mujoco."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest

import puckrl
from puckrl.core.version import VERSION

ROOT = Path(__file__).parent.parent
OLD_RUNS = Path(__file__).parent / "old_runs"
RUN = str(OLD_RUNS / "reach-5f0c6ce8-s0")
RUNS = [str(path) for path in sorted(OLD_RUNS.iterdir())]
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
        (("runs", "--runs", str(OLD_RUNS)), 0),
        (("runs", "--runs", str(OLD_RUNS), "--json"), 0),
        (("compare", *RUNS), 0),
        (("watch", "nowhere"), 2),
        (("completion", "bash"), 0),
        ((), 0),
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
        "puckrl.web.watch",
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


def test_a_source_tree_alone_says_its_version_and_its_help() -> None:
    """Without site-packages: no metadata of puckrl, and no other library."""
    source = Path(puckrl.__file__).parent.parent
    for argv, words in ((["--version"], "puckrl "), (["--help"], "puck train reach")):
        done = subprocess.run(
            [sys.executable, "-S", "-m", "puckrl", *argv],
            env=os.environ | {"PYTHONPATH": str(source)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert words in done.stdout


_NO_METADATA = """
from importlib import metadata
found = metadata.version
def version(name):
    if name == "puckrl":
        raise metadata.PackageNotFoundError(name)
    return found(name)
metadata.version = version
"""


def test_a_run_records_our_version_where_it_is_not_installed() -> None:
    code = (
        f"{_NO_METADATA}from puckrl.report.provenance import versions; "
        "print('loaded', versions()['puckrl'], versions()['numpy'])"
    )
    found, _ = loaded(code)
    assert VERSION in found
    assert "absent" not in found


def test_the_version_is_the_one_that_is_built() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    file = ROOT / project["tool"]["hatch"]["version"]["path"]
    assert f'VERSION = "{VERSION}"' in file.read_text()


_BLOCKED = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("imageio_ffmpeg", "imageio", "matplotlib", "polars"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
"""


@pytest.mark.parametrize(
    "module",
    ["puckrl.report.video", "puckrl.runner.policies", "puckrl.logs.read"],
)
def test_a_module_does_without_what_it_does_not_use(module: str) -> None:
    code = f"{_BLOCKED}import {module}; print('loaded')"
    assert loaded(code) == (set(), 0)
