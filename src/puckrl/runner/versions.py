"""Tell that a run was made with other versions, before anything is done with it."""

import logging
from typing import Any

from puckrl.report.provenance import git_state, versions
from puckrl.runner.run_folder import RunFolder

log = logging.getLogger(__name__)


def tell_other_versions(folder: RunFolder) -> None:
    """Log a warning that says which versions differ from the run's, if any do."""
    manifest = folder.manifest()
    changes = changed(manifest.get("versions", {}), versions())
    if not any(change.startswith("puckrl ") for change in changes):
        changes += changed(_revision(manifest.get("git", {})), _revision(git_state()))
    if changes:
        log.warning(
            "%s was made with other versions: %s; numbers may differ, and what was renamed "
            "since stands in the changelog",
            folder.path,
            ", ".join(changes),
        )


def changed(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return what differs among the versions that are known of both, as text."""
    return [
        f"{name} {then[name]}, now {now[name]}"
        for name in sorted(then.keys() & now.keys())
        if then[name] != now[name]
    ]


def _revision(git: dict[str, Any]) -> dict[str, str]:
    """Return the revision of our source, if it is known."""
    revision = git.get("revision")
    return {"puckrl at revision": revision[:8]} if revision else {}
