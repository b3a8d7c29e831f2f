"""Say which runs a study still asks for, and what it knows so far.

A study with fixed seeds asks for every run. A sequential one looks at the runs that have
ended, and asks for more seeds of the arms that are not decided yet.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from puckrl.statistics.looks import plan_looks
from puckrl.statistics.sequential import Decision, decide, next_runs
from puckrl.study.existing import existing_runs
from puckrl.study.jobs import FINISHED, State
from puckrl.study.ledger import Ledger
from puckrl.study.outcomes import RunRecord, outcomes_of, read_record
from puckrl.study.schedule import all_runs

_ENDED: frozenset[State] = FINISHED | frozenset[State]({"failed"})


class Interim(Protocol):
    """The rule of a study while it runs."""

    def next_runs(
        self, states: Mapping[tuple[str, int], State]
    ) -> Sequence[tuple[str, int]]:
        """Return the runs, by arm and seed, that the study still asks for, in order."""
        ...

    def known(self) -> str:
        """Return what is known so far, in words; empty: nothing."""
        ...


class EverySeed:
    """The rule of fixed seeds: every run."""

    def __init__(self, ledger: Ledger) -> None:
        self._every = all_runs(ledger.jobs)

    def next_runs(
        self, states: Mapping[tuple[str, int], State]
    ) -> Sequence[tuple[str, int]]:
        """Return every run."""
        return self._every(states)

    def known(self) -> str:
        """Return nothing: nobody looks before the end."""
        return ""


class UntilDecided:
    """The rule of sequential stopping: seeds until an arm's answer is known.

    Raises:
        UserError: if the study has too few seeds for looks.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._study = ledger, ledger.study
        self._looks = plan_looks(self._study.seeds, len(self._study.arms))
        self._records = Records(ledger)
        self._ended: frozenset[tuple[str, int]] | None = None
        self._decisions: list[Decision] = []
        self._next: list[tuple[str, int]] = []

    def next_runs(
        self, states: Mapping[tuple[str, int], State]
    ) -> Sequence[tuple[str, int]]:
        """Return the runs of the next look; the tests run again only after an end."""
        ended = frozenset(key for key, state in states.items() if state in _ENDED)
        if ended != self._ended:
            self._ended = ended
            self._look(ended)
        return self._next

    def _look(self, ended: frozenset[tuple[str, int]]) -> None:
        """Decide by the runs that have ended."""
        base, arms = self._study.base.name, [arm.name for arm in self._study.arms]
        outcomes = outcomes_of(self._study, self._records.of(ended))
        measure = self._study.measure
        self._decisions = decide(self._looks, measure, outcomes, base, arms)
        wanted = next_runs(self._looks, self._decisions, outcomes, base)
        self._next = [
            job.key for job in self._ledger.jobs if job.seed in wanted.get(job.arm, ())
        ]

    def known(self) -> str:
        """Return what is known of every arm, in words."""
        return " · ".join(
            f"{d.arm}: {d.state}"
            + (f" (p ≤ {d.p:.2g}, {d.seen} seeds)" if d.seen else "")
            for d in self._decisions
        )


def interim(ledger: Ledger) -> Interim:
    """Return the rule that a study names."""
    sequential = ledger.study.stopping == "sequential"
    return UntilDecided(ledger) if sequential else EverySeed(ledger)


class Records:
    """Read what the runs of a study left behind, each once after its end."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._jobs = {job.key: job for job in ledger.jobs}
        self._read: dict[tuple[str, int], RunRecord] = {}
        self._existing = [
            RunRecord(
                arm.name,
                run.seed,
                run.rows(),
                run.final_success(),
                run.manifest,
                foreign=run.cfg is None,
            )
            for arm in ledger.study.every_arm
            for run in existing_runs(arm)
            if run.seed in ledger.study.seeds
        ]

    def of(self, runs: frozenset[tuple[str, int]]) -> list[RunRecord]:
        """Return the records of runs that have ended, and of those that existed before."""
        for key in runs - self._read.keys():
            folder = self._ledger.folder_of(self._jobs[key])
            self._read[key] = read_record(*key, folder.path)
        return self._existing + [self._read[key] for key in sorted(runs)]


def asked_for(ledger: Ledger) -> list[RunRecord]:
    """Return every run that a study asked for: those never started of fixed seeds, too."""
    sequential = ledger.study.stopping == "sequential"
    keys = {
        (run.arm, run.seed)
        for run in ledger.states.values()
        if not (sequential and run.state == "queued")
    }
    return Records(ledger).of(frozenset(keys))
