"""The wheel: what is in it, and that it works where no source tree is."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from puckrl.core.version import VERSION
from tools import release

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this source tree."""
    return release.build(tmp_path_factory.mktemp("built") / "dist")


def test_it_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    about = f"puckrl-{VERSION}.dist-info/"
    inside = {name for name in names if not name.startswith(about)}
    source = ROOT / "src"
    files = {
        path.relative_to(source).as_posix()
        for path in (source / "puckrl").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert inside == files
    assert {"puckrl/py.typed", "puckrl/logs/libraries.toml"} <= inside
    assert "puckrl/monitor/prognosis.json" in inside
    assert f"{about}licenses/LICENSE" in names


def test_it_answers_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    pip = ("-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-compile")
    subprocess.run(
        [sys.executable, *pip, "--target", str(target), str(wheel)], check=True
    )
    puck = target / "bin/puck"
    environment = {**os.environ, "PYTHONPATH": str(target)}
    for words, expected in (
        (["--version"], f"puckrl {VERSION}"),
        (["list"], "push-pixels"),
        (["doctor", str(release.SAMPLE)], "advice"),
    ):
        done = subprocess.run(
            [sys.executable, str(puck), *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout
    code = "import puckrl; print(puckrl.__file__)"
    where = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert where.startswith(str(target)), "the wheel answered, not the source tree"


@pytest.mark.slow
def test_it_trains_in_an_empty_environment(wheel: Path) -> None:
    release.check(wheel, "pip")
