"""The doctor on the committed corpus: the promise of docs/doctor.md."""

from pathlib import Path

import pytest

from benchmarks import corpus
from benchmarks.corpus import Score, Split

CORPUS = Path(__file__).parents[1] / "curves"


@pytest.fixture(scope="module")
def scores() -> list[Score]:
    labels = corpus.read_labels(CORPUS)
    return [corpus.score(label, corpus.load(CORPUS, label)) for label in labels]


def test_the_corpus_is_large_and_split_by_family(scores: list[Score]) -> None:
    sides: dict[str, set[Split]] = {}
    for score in scores:
        sides.setdefault(score.label.family, set()).add(score.label.split)
    assert len(scores) >= 60
    assert all(len(side) == 1 for side in sides.values())


@pytest.mark.parametrize("split", ["develop", "held-out"])
def test_phases_and_deaths(scores: list[Score], split: Split) -> None:
    summary = corpus.summary([s for s in scores if s.label.split == split])
    assert summary["phases_right"] >= 0.9
    assert summary["healthy_left_in_peace"] >= 0.9


def test_nobody_is_called_dead_who_would_have_taken_off(scores: list[Score]) -> None:
    summary = corpus.summary(scores)
    assert summary["called_dead"] >= 5
    assert summary["dead_precision"] >= 0.95


def test_of_those_that_are_ninety_percent_sure_nine_in_ten_are_right() -> None:
    """Every third labeled run, at ten moments of its life."""
    labels = corpus.read_labels(CORPUS)[::3]
    pairs = [p for x in labels for p in corpus.sureness(x, corpus.load(CORPUS, x))]
    sure = [right for confidence, right in pairs if confidence >= 0.9]
    assert len(sure) >= 20
    assert sum(sure) >= 0.9 * len(sure)
