"""Show a study: its report, and how far it is."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from puckrl.core.errors import UserError
from puckrl.runner.runs_dir import changed_at
from puckrl.study.folder import described_now
from puckrl.web import files


@dataclass(frozen=True)
class StudyView:
    """Tell what is known of a study."""

    id: str
    """Stands for the study in addresses."""
    name: str
    """Name of its folder."""
    question: str
    """What is compared by what, in a sentence."""
    report: str | None
    """Its report.md; None until nothing is left to run."""
    figures: Mapping[str, str] = field(default_factory=dict[str, str])
    """Name of a figure in the report -> its address."""
    runs: tuple[str, ...] = ()
    """Ids of its runs."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


class StudyFolder:
    """Follow the folder of a study.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = hashlib.sha256(f"study {path.resolve()}".encode()).hexdigest()[:10]
        self._seen: tuple[Any, ...] = ()
        self.view = StudyView(self.id, path.name, "", None)

    def look(self, runs: tuple[str, ...]) -> bool:
        """Read what has changed; return whether anything has.

        Args:
            runs: ids of the study's runs.
        """
        report = self.path / "report.md"
        seen = (changed_at(report), changed_at(self.path / "journal.jsonl"), runs)
        if seen == self._seen:
            return False
        self._seen, before = seen, self.view
        self.view = StudyView(
            self.id,
            self.path.name,
            question(self.path),
            files.text_of(report),
            {file["name"]: file["url"] for file in files.shown(self.path, self.id)},
            runs,
        )
        return self.view != before


def is_study(path: Path) -> bool:
    """Return whether a folder is that of a study."""
    return (path / "study.json").is_file()


def question(path: Path) -> str:
    """Return what a study compares, in a sentence; or why that is not known."""
    try:
        about = described_now(path)
        arms = [arm["name"] for arm in about["arms"]]
        seeds = len(about["seeds"])
    except (UserError, OSError, LookupError, TypeError, ValueError) as error:
        return f"study.json cannot be read: {error}"
    return (
        f"{', '.join(arms[1:])} against {arms[0]}, {seeds} seeds each at most, "
        f"by {about.get('measure', 'an unknown measure')}"
    )
