"""Record where a number comes from: versions, machine, revision, command."""

import functools
import hashlib
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from puckrl.core.version import VERSION

_PACKAGES = (
    "torch",
    "mujoco",
    "mujoco-warp",
    "warp-lang",
    "numpy",
    "gymnasium",
    "gymnasium-robotics",
)


def provenance(device: torch.device | None = None) -> dict[str, Any]:
    """Return all that is needed to repeat a measurement, as plain JSON values."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "argv": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "versions": versions(),
        "git": git_state(),
        "source": source_hash(),
        "machine": machine(device or torch.device("cpu")),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide results."""
    found = {"python": platform.python_version(), "puckrl": VERSION}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def git_state() -> dict[str, Any]:
    """Return the revision of our source tree and whether it was changed; else nothing.

    An installed package may lie in another repository, whose revision says nothing.
    """
    here = Path(__file__).parent
    revision = _git(here, "rev-parse", "HEAD")
    if revision is None or _git(here, "ls-files", "--error-unmatch", __file__) is None:
        return {}
    return {
        "revision": revision,
        "dirty": bool(_git(here, "status", "--porcelain", "-uno")),
    }


@functools.cache
def source_hash() -> str:
    """Return eight hex digits of puckrl's own source, committed or not."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        digest.update(str(file.relative_to(package)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:8]


def _git(folder: Path, *args: str) -> str | None:
    """Return the output of a git command, None if it fails or there is no git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *args],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def machine(device: torch.device) -> dict[str, Any]:
    """Return processor, cores and accelerator."""
    found: dict[str, Any] = {
        "system": platform.platform(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "device": str(device),
    }
    if device.type == "cuda":
        found["gpu"] = torch.cuda.get_device_name(device)
    return found


def _cpu_name() -> str:
    """Return the processor's name as Linux reports it, elsewhere what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [
        line.partition(":")[2].strip()
        for line in lines
        if line.startswith("model name")
    ]
    return names[0] if names else platform.processor()
