"""Tell what differs if another version made a run."""

from collections.abc import Iterator

from puckrl.report.provenance import git_state, versions
from puckrl.runner.run_folder import RunFolder


def other_version(folder: RunFolder) -> str | None:
    """Return which versions a run was made with that are not those here; None if none."""
    changed = ", ".join(_changes(folder))
    if not changed:
        return None
    return (
        f"{folder.path} was made by other versions, so its numbers may differ here: "
        f"{changed}"
    )


def _changes(folder: RunFolder) -> Iterator[str]:
    """Yield each package of another version, and our source's revision if it differs."""
    manifest = folder.manifest()
    here = versions()
    for package, theirs in manifest.get("versions", {}).items():
        if package in here and here[package] != theirs:
            yield f"{package} {theirs} (here {here[package]})"
    theirs = manifest.get("git", {}).get("revision")
    ours = git_state().get("revision")
    if theirs and ours and theirs != ours:
        yield f"puckrl at revision {theirs[:8]} (here {ours[:8]})"
