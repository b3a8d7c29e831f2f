"""Keep what a study compares on disk: written before the first run, amended in the open.

studies/discount-1a2b3c4d/      name of the study file - digest of what it compares
study.json                      arms, seeds, measure, circumstances, the file word by word
journal.jsonl                   what happened since; amendments are among it
lock                            held by the study's process while it lives
runs/low-5e6f7a8b-s0/           a run folder for every arm and seed
output/low-5e6f7a8b-s0.log      what its process printed
"""

import json
import os
from collections.abc import Mapping, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any, cast

import yaml

from puckrl.config.run_cfg import to_dict
from puckrl.core.errors import UserError
from puckrl.study.design import Study
from puckrl.study.journal import Journal


def create(root: Path, study: Study, about: Mapping[str, Any], file: Path) -> Path:
    """Make a study's folder and write ``study.json``.

    Args:
        root: folder of study folders.
        study: what is compared.
        about: what else is to be kept: provenance, circumstances, threads.
        file: the study file, which is kept word by word.

    Raises:
        UserError: if the folder cannot be written.
    """
    path = folder_name(root, study)
    described = {**description(study), "file": _file_text(file), **about}
    try:
        for part in ("runs", "output"):
            (path / part).mkdir(parents=True, exist_ok=True)
        _write_whole(path / "study.json", _json(described))
    except OSError as error:
        raise UserError(f"cannot write to {path}: {error.strerror}") from error
    return path


def amend(
    path: Path,
    study: Study,
    file: Path,
    reasons: Sequence[str],
    circumstances: Mapping[str, str],
) -> None:
    """Record that a study's file or its circumstances have changed, and how.

    ``study.json`` stays as it was before the first run; the journal has the difference.
    Runs whose arm has changed get folders of their own, by their configuration's hash; the
    earlier ones stay.

    Args:
        path: the study's folder, which the caller has locked.
        study: what is compared from now on.
        file: the study file as it is now.
        reasons: what else has changed, in words.
        circumstances: what surrounds the runs from now on.

    Raises:
        OSError: if the journal cannot be written.
    """
    before = described_now(path)
    after = {**description(study), "file": _file_text(file)}
    journal_of(path).append(
        kind="amendment",
        digest=study.digest,
        diff=_difference(str(before.get("file", "")), str(after["file"])),
        changed=_changed_settings(before, after),
        reasons=list(reasons),
        circumstances=dict(circumstances),
        study=json.loads(_json(after)),
    )


def description(study: Study) -> dict[str, Any]:
    """Return what a study compares as plain values."""
    return {
        "name": study.name,
        "digest": study.digest,
        "seeds": list(study.seeds),
        "measure": str(study.measure),
        "stopping": study.stopping,
        "budget": dict(study.budget),
        "couple": [sorted(group) for group in study.couple],
        "arms": [
            {
                "name": arm.name,
                "changes": dict(arm.changes),
                "levels": dict(arm.levels),
                "runs": [str(path) for path in arm.folders],
                "config": to_dict(arm.cfg) if arm.cfg else None,
            }
            for arm in study.every_arm
        ],
        "text": dict(study.text),
    }


def folder_name(root: Path, study: Study) -> Path:
    """Return the folder of a study."""
    return root / f"{study.name}-{study.digest}"


def earlier(root: Path, name: str) -> list[Path]:
    """Return the folders of studies of a name, whatever they compare."""
    found = root.glob(f"{name}-*/study.json")
    suffix = len(name) + 1
    return sorted(f.parent for f in found if len(f.parent.name) == suffix + 8)


def find(root: Path, study: Study) -> Path | None:
    """Return the folder that holds exactly this study, amended or not; None if none does.

    Raises:
        UserError: if the ``study.json`` of a study of this name is not JSON.
    """
    same = (
        path
        for path in earlier(root, study.name)
        if described_now(path).get("digest") == study.digest
    )
    return next(same, None)


def described(path: Path) -> dict[str, Any]:
    """Return ``study.json``: what was compared before the first run.

    Raises:
        UserError: if it is missing or not JSON.
    """
    file = path / "study.json"
    try:
        return json.loads(file.read_text())
    except FileNotFoundError as error:
        raise UserError(f"{path} is no study's folder: no study.json") from error
    except ValueError as error:
        raise UserError(f"{file} is not JSON: {error}; start the study anew") from error


def amendments(path: Path) -> list[Mapping[str, Any]]:
    """Return the changes since a study began, oldest first; each has ``time`` and ``diff``."""
    entries = journal_of(path).read().entries
    return [entry for entry in entries if entry.get("kind") == "amendment"]


def journal_of(path: Path) -> Journal:
    """Return the journal of a study's folder."""
    return Journal(path / "journal.jsonl")


def described_now(path: Path) -> dict[str, Any]:
    """Return what a study compares after its last amendment."""
    changes = amendments(path)
    return dict(changes[-1]["study"]) if changes else described(path)


def circumstances_of(path: Path) -> Mapping[str, str]:
    """Return what surrounded the runs when a study began, or was last amended."""
    changes = amendments(path)
    return (changes[-1] if changes else described(path)).get("circumstances", {})


def _file_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {file}: {error}") from error


def _json(values: Mapping[str, Any]) -> str:
    """Return plain values as JSON; dates and the like, which YAML may hold, as text."""
    return json.dumps(values, indent=1, default=str) + "\n"


def _write_whole(file: Path, text: str) -> None:
    """Write a file so that it is there as a whole or not at all."""
    temporary = file.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _difference(before: str, after: str) -> list[str]:
    """Return the lines that differ, as ``diff -U0`` does, without the file's names."""
    lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def _changed_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the parts of a study, other than its words, that differ."""
    left_out = ("file", "text", "digest")
    old = _flat({k: v for k, v in before.items() if k not in left_out})
    new = _flat({k: v for k, v in after.items() if k not in left_out})
    return [
        f"{name}: {old.get(name, 'absent')} -> {new.get(name, 'absent')}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _flat(values: Any, name: str = "") -> dict[str, str]:
    """Return nested values by dotted names; arms by their names."""
    dot = f"{name}." if name else ""
    if isinstance(values, dict):
        inner = cast(dict[str, Any], values).items()
        pairs = [_flat(value, f"{dot}{key}") for key, value in inner]
    elif name == "arms":
        pairs = [_flat(arm, f"{dot}{arm['name']}") for arm in values]
    else:
        plain = json.loads(json.dumps(values, default=str))
        return {name: yaml.safe_dump(plain, default_flow_style=True).split("\n")[0]}
    return {key: value for pair in pairs for key, value in pair.items()}
