"""The doctor on invented logs of other libraries, kind by kind."""

import pytest
from foreign import Family, Score, score
from foreign_families import FAMILIES
from foreign_lives import LIVES

SEEDS = range(6)
KINDS = (*FAMILIES, *LIVES)


@pytest.fixture(scope="module")
def scores() -> dict[str, list[Score]]:
    return {f.name: [score(f, seed) for seed in SEEDS] for f in KINDS}


@pytest.mark.parametrize("family", KINDS, ids=lambda f: f.name.replace(" ", "-"))
def test_a_kind_is_judged_rightly(
    family: Family, scores: dict[str, list[Score]]
) -> None:
    wrong = [s.verdict.headline for s in scores[family.name] if not s.right]
    assert len(wrong) <= 1, wrong


def test_nearly_every_verdict_is_right(scores: dict[str, list[Score]]) -> None:
    for split in ("develop", "held-out"):
        every = [
            s for group in scores.values() for s in group if s.family.split == split
        ]
        assert sum(s.right for s in every) >= 0.95 * len(every)


def test_no_divergence_is_praised_and_nothing_unsolved_is_called_done(
    scores: dict[str, list[Score]],
) -> None:
    every = [s for group in scores.values() for s in group]
    assert not [(s.family.name, s.seed) for s in every if s.praised or s.stopped]


def test_no_verdict_contradicts_itself(scores: dict[str, list[Score]]) -> None:
    """No good news and no advice of a healthy phase beside values that run away."""
    ill = [
        s.verdict
        for group in scores.values()
        for s in group
        if s.verdict.finding("divergence")
    ]
    assert len(ill) > 50
    for verdict in ill:
        assert all(f.color != "green" for f in verdict.findings)
        assert verdict.color in ("yellow", "red")
        assert not any(w in verdict.advice for w in ("let it run", "wait", "done"))


def test_what_is_not_judged_says_why(scores: dict[str, list[Score]]) -> None:
    unknown = [
        s.verdict
        for group in scores.values()
        for s in group
        if s.verdict.phase == "unknown"
    ]
    assert unknown
    for verdict in unknown:
        assert verdict.findings or verdict.changes_if.startswith("more data: ")
