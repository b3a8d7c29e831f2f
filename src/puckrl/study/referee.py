"""Judge a study before it runs: refuse what could not be believed afterwards.

The rules are generators of refusals. They speak of *resolved* configurations: what an arm
would really run with, not what its file says. Lessons 6, 7 and 8 are the reason for all of
them: two things changed at once, judged by eye, after different numbers of steps.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from puckrl.study.design import Study
from puckrl.study.refusal import Refusal
from puckrl.study.rules import clocks, existing, seeds, variables


@dataclass(frozen=True)
class Review:
    """Hold what the referee says of a study."""

    refusals: tuple[Refusal, ...]
    """Why it may not run; empty: it may."""
    notes: tuple[str, ...]
    """What the report must say beside the answer."""


def review(study: Study) -> Review:
    """Return what is wrong with a study, and what a reader of its report must know."""
    refusals = tuple(refusal for rule in RULES for refusal in rule(study))
    notes = tuple(note for rule in NOTES for note in rule(study))
    return Review(refusals, notes)


RULES: tuple[Callable[[Study], Iterator[Refusal]], ...] = (
    seeds.seeds_are_the_studys,
    seeds.enough_for_looks,
    variables.one_variable,
    variables.some_variable,
    variables.same_question,
    clocks.one_clock,
    clocks.early_end_changes_nothing,
    clocks.measurable,
    clocks.says_what_censored_counts,
    seeds.judge_apart,
    existing.existing_runs_fit,
)
NOTES: tuple[Callable[[Study], Iterator[str]], ...] = (
    clocks.clocks_in_words,
    variables.coupled,
    variables.partially_observable,
    seeds.few_seeds,
    existing.not_controlled,
)
