"""Make a release: build the wheel, check it in an empty environment, write the notes.

    python tools/release.py              what make release runs
    python tools/release.py --rehearse   the same of what is not released yet

    dist/puckrl-VERSION-py3-none-any.whl    the wheel
    dist/NOTES.md                           the version's part of CHANGELOG.md

Nothing is uploaded or tagged: the last lines say how.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "tests/old_runs/reach-5f0c6ce8-s0"
"""A run that ``puck doctor`` reads."""
CPU_TORCH = "https://download.pytorch.org/whl/cpu"
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)


class Refused(Exception):
    """A release that must not be made; the message says why, and what to do."""


def version() -> str:
    """Return the version: the place that the build reads it from."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]
    text = (ROOT / build["version"]["path"]).read_text()
    (found,) = re.findall(r'^VERSION = "(.+)"$', text, re.MULTILINE)
    return found


def notes(changelog: str, heading: str) -> str:
    """Return the section of a changelog.

    Args:
        changelog: its text.
        heading: a version, or Unreleased; a date may follow it in the changelog.

    Raises:
        Refused: if there is no such section, or it is empty.
    """
    parts = _SECTION.split(changelog)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    for title, text in sections.items():
        if title.split(" ")[0].strip("[]") == heading:
            if not text.strip():
                raise Refused(f"CHANGELOG.md says nothing below ## {heading}")
            return text.strip() + "\n"
    raise Refused(
        f"CHANGELOG.md has no section ## {heading}; rename ## Unreleased to "
        f"## {heading} - DATE, and begin an empty ## Unreleased above it"
    )


def build(folder: Path) -> Path:
    """Build the wheel into a folder; return its path."""
    shutil.rmtree(folder, ignore_errors=True)
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    (wheel,) = folder.glob("*.whl")
    return wheel


def check(wheel: Path, installer: str) -> None:
    """Install the wheel into an empty environment, and use it there.

    Args:
        wheel: the file.
        installer: pip or uv.

    Raises:
        CalledProcessError: if a command fails.
        Refused: if another puckrl than the wheel's answers.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        venv.create(home / "env", with_pip=installer == "pip")
        python = home / "env/bin/python"
        index = cpu_index()
        pins = ("-c", str(ROOT / "constraints.txt"))
        installers = {
            "pip": (str(python), "-m", "pip", "install", "-q"),
            "uv": ("uv", "pip", "install", "-q", "--python", str(python)),
        }
        if installer == "uv" and index:  # pip compares the indexes by itself
            index = (*index, "--index-strategy", "unsafe-best-match")
        _run(*installers[installer], *pins, *index, str(wheel))
        puck = str(home / "env/bin/puck")
        said = _run(puck, "--version", cwd=home)
        if said.split() != ["puckrl", version()]:
            raise Refused(f"the wheel says {said!r}; wanted: puckrl {version()}")
        _run(puck, "list", cwd=home)
        _run(puck, "doctor", str(SAMPLE), cwd=home)
        _run(puck, "train", "reach", "--budget.env-steps", "1200", cwd=home)


def cpu_index() -> tuple[str, ...]:
    """Return the options for PyTorch's small CPU build, if it fits and can be reached."""
    if shutil.which("nvidia-smi"):
        return ()
    try:
        urllib.request.urlopen(CPU_TORCH, timeout=5).close()
    except OSError:
        return ()
    return ("--extra-index-url", CPU_TORCH)


def _run(*line: str, cwd: Path = ROOT) -> str:
    """Run a command without our paths; return what it prints."""
    clean = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PUCK_RUNS")
    }
    print("$", *line, flush=True)
    done = subprocess.run(
        line, cwd=cwd, env=clean, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def refuse_unless_ready() -> None:
    """Refuse what is not committed, and a version that is released already.

    Raises:
        Refused: with what to do.
    """
    if _run("git", "status", "--porcelain").strip():
        raise Refused("the working tree has changes; commit them first")
    if _run("git", "tag", "--list", f"v{version()}").strip():
        raise Refused(f"v{version()} is released; raise VERSION in core/version.py")


def main() -> int:
    """Make a release; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help="use ## Unreleased, and any working tree",
    )
    rehearse = parser.parse_args().rehearse
    try:
        if not rehearse:
            refuse_unless_ready()
        heading = "Unreleased" if rehearse else version()
        text = notes((ROOT / "CHANGELOG.md").read_text(), heading)
        wheel = build(ROOT / "dist")
        for installer in ("pip", "uv") if shutil.which("uv") else ("pip",):
            check(wheel, installer)
        (ROOT / "dist/NOTES.md").write_text(text)
    except Refused as error:
        print(f"no release: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        line = " ".join(map(str, error.cmd))
        print(f"no release: failed: {line}", file=sys.stderr)
        return 1
    tag = f"git tag -a v{version()} -F dist/NOTES.md && git push origin v{version()}"
    print(f"{wheel} is good; dist/NOTES.md has its notes. To publish it:\n  {tag}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
