"""A release takes its notes from the changelog, and refuses what is not ready."""

import pytest

from puckrl.core.version import VERSION
from tools import release

CHANGELOG = """# Changelog

## Unreleased

### New

- a thing

## 0.2.0 - 2026-12-01

- an older thing

## 0.1.0
"""


def test_notes_are_one_section() -> None:
    assert release.notes(CHANGELOG, "Unreleased") == "### New\n\n- a thing\n"
    assert release.notes(CHANGELOG, "0.2.0") == "- an older thing\n"


@pytest.mark.parametrize(
    ("heading", "words"),
    [("0.1.0", "says nothing below ## 0.1.0"), ("0.3.0", "rename ## Unreleased to")],
)
def test_missing_notes_refuse_a_release(heading: str, words: str) -> None:
    with pytest.raises(release.Refused, match=words):
        release.notes(CHANGELOG, heading)


def test_the_version_comes_from_one_place() -> None:
    assert release.version() == VERSION
    assert release.notes((release.ROOT / "CHANGELOG.md").read_text(), "Unreleased")


@pytest.mark.parametrize(
    ("command", "words"), [("status", "commit them first"), ("tag", "is released")]
)
def test_what_is_not_ready_is_refused(
    command: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        release, "_run", lambda *line, **_: "x" if line[1] == command else ""
    )
    with pytest.raises(release.Refused, match=words):
        release.refuse_unless_ready()
