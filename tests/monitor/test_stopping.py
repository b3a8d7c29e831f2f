"""Who may end a run, and when."""

from dataclasses import replace

import pytest

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.stopping import budget_updates, patience_updates, stop_rule
from puckrl.monitor.table import RunTable
from puckrl.monitor.verdict import Number
from tests.monitor.lives import PUSH, life

DEAD_AT = patience_updates(PUSH) / 0.25
DEAD = life([0.06, 0.06], {"train/critic_loss": [0.3, 0.1, 0.1]}, end=1.2 * DEAD_AT)
DONE = life([0.05, 0.5, 0.97, 0.97, 0.97, 0.97, 0.97])
WILD = life([0.06, 0.06], {"train/q_mean": [-5, -80]})


def rule(table: RunTable, mode: str = "auto", facts: RunFacts = PUSH) -> str | None:
    found = stop_rule(diagnose(table, facts), facts, mode)  # pyright: ignore[reportArgumentType]
    return found.name if found else None


@pytest.mark.parametrize(
    ("table", "name"), [(DEAD, "dead"), (DONE, "converged"), (WILD, "diverged")]
)
def test_rules_name_themselves_and_must_be_asked_for(
    table: RunTable, name: str
) -> None:
    assert rule(table) == name
    assert rule(table, "budget") is None
    assert rule(table, "never") is None


def test_converged_holds_for_a_share_of_the_budget() -> None:
    assert rule(DONE, facts=replace(PUSH, budget_env_steps=200_000)) == "converged"
    assert rule(DONE, facts=replace(PUSH, budget_env_steps=2e6)) is None
    assert rule(DONE, facts=replace(PUSH, success_asked=0.99)) is None


def test_evaluations_count_where_there_are_any() -> None:
    noisy, judged = Number("training success", 0.6), Number("success", 0.95)
    done = diagnose(DONE, PUSH)
    assert stop_rule(replace(done, numbers=(noisy,)), PUSH, "auto") is None
    assert stop_rule(replace(done, numbers=(noisy, judged)), PUSH, "auto") is not None


def test_patience_knows_recipe_and_modality() -> None:
    state, pixels = RunFacts(modality="state"), RunFacts(modality="pixels")
    assert 2 <= patience_updates(pixels) / patience_updates(state) <= 4
    assert patience_updates(RunFacts()) == patience_updates(pixels)  # the careful side
    # 2.2 M env steps at a ratio of 1/4 took off; the lessons' state run at 1.2 M
    assert patience_updates(pixels) > 3 * 0.25 * 2.2e6
    assert patience_updates(state) >= 2 * 0.25 * 1.2e6
    assert patience_updates(replace(state, usual_takeoff_updates=4_500)) == 18_000
    assert budget_updates(state) < patience_updates(state)
