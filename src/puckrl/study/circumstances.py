"""Compare what surrounds runs: source, versions, machine, device.

An arm that ran on other source, or a faster machine, differs in more than it declares.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch

from puckrl.report.provenance import git_state, machine, source_hash, versions

_OF_CLOCKS = ("cpu", "cores", "gpu")
"""What changes seconds, and numbers only by rounding."""


def here(device: torch.device) -> dict[str, str]:
    """Return the circumstances of a run that this process would begin."""
    return of_manifest(
        {
            "versions": versions(),
            "git": git_state(),
            "source": source_hash(),
            "machine": machine(device),
        }
    )


def of_manifest(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the circumstances that a run folder's manifest records.

    A manifest of an older version lacks some; what is unknown is left out.
    """
    found = {
        f"{name} version": str(version)
        for name, version in manifest.get("versions", {}).items()
    }
    git = manifest.get("git") or {}
    if "source" in manifest:
        found["puckrl source"] = str(manifest["source"])
    elif git:
        dirty = ", uncommitted changes" if git.get("dirty") else ""
        found["puckrl revision"] = str(git.get("revision", ""))[:8] + dirty
    about = manifest.get("machine") or {}
    found |= {name: str(about[name]) for name in _OF_CLOCKS if name in about}
    if "device" in about:
        found["device"] = str(about["device"]).partition(":")[0]
    hashes = (manifest.get("task") or {}).get("sha256")
    if hashes:
        found["task file"] = _digest(hashes)
    if manifest.get("processes", 1) != 1:
        found["processes"] = str(manifest["processes"])
    return found


def unlike(
    ours: Mapping[str, str], theirs: Mapping[str, str], *, in_seconds: bool
) -> list[str]:
    """Return in words how the circumstances of two runs differ, as far as both are known.

    Args:
        ours: of one run.
        theirs: of the other.
        in_seconds: whether seconds are compared: then processors count as well.
    """
    known = ours.keys() & theirs.keys()
    if not in_seconds:
        known -= set(_OF_CLOCKS)
    return [
        f"{name} {theirs[name]} here, {ours[name]} there"
        for name in sorted(known)
        if ours[name] != theirs[name]
    ]


def _digest(hashes: Mapping[str, str]) -> str:
    """Return eight hex digits of the hashes of a task's files."""
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()[:8]
