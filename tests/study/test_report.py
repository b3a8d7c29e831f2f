"""A report accounts for every run and says what was shown."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from puckrl.study.design import Study
from puckrl.study.file import read_study
from puckrl.study.outcomes import RunRecord, outcomes_of, read_record
from puckrl.study.report import find, write_report
from puckrl.study.words import amount, binding_clock

MEASURE = "time_to(0.95, clock=env_steps, censored=restricted)"
ARMS = {"slow": {"agent.gamma": 0.9}, "same": {"agent.batch_size": 128}}


def study(tmp_path: Path, **changes: Any) -> Study:
    tree = {"base": "push", "seeds": 6, "measure": MEASURE, "arms": ARMS,
            "budget": {"env_steps": 100_000}} | changes  # fmt: skip
    path = tmp_path / "example.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    return read_study(path)


def record(arm: str, seed: int, arrives: float, utd: float = 0.2) -> RunRecord:
    rows = []
    for steps in np.arange(5_000.0, 100_001.0, 5_000.0):
        success = min(0.97, 0.97 * steps / arrives)
        rows.append({"env_steps": steps, "updates": utd * steps, "wall_s": steps / 100,
                     "eval/success": success})  # fmt: skip
        if success >= 0.95:
            break
    return RunRecord(arm, seed, rows, rows[-1]["eval/success"], {"status": "finished"})


def records(
    made: Study, times: Mapping[str, Callable[[int], float]]
) -> list[RunRecord]:
    return [
        record(arm.name, seed, times[arm.name](seed))
        for arm in made.every_arm
        for seed in made.seeds
    ]


TIMES = {
    "base": lambda s: 20_000.0 + 5_000 * (s % 3),
    "slow": lambda s: 70_000.0 + 20_000 * (s % 4),
    "same": lambda s: 20_000.0 + 5_000 * ((s + 1) % 3),
}


def test_a_report_says_what_was_shown_and_accounts_for_every_run(
    tmp_path: Path,
) -> None:
    made = study(tmp_path, couple=[["agent.gamma", "agent.batch_size"]])
    runs = records(made, TIMES)
    failed = {"status": "failed", "error": "the loss is NaN"}
    runs[7] = RunRecord("slow", 1, runs[7].rows[:3], None, failed)
    runs[8] = RunRecord("slow", 2, problem="missing: no run folder")
    found = write_report(
        made, runs, tmp_path / "out", ["mind the clock"], ["seeds 5 -> 6"]
    )
    assert [e.shown for e in found.effects] == ["worse", "no difference shown"]
    page = (tmp_path / "out" / "report.md").read_text()
    sentences = page.split("\n\n")[1:4]
    assert sentences[0].startswith("**Shown:** `slow` is worse than the base: +")
    assert "`same` may or may not differ" in sentences[1]
    assert "in four cases of five" in sentences[1]
    assert sentences[2].startswith("**Cost:** 17 runs, ")
    for line in (
        "- `slow`, seed 1: failed: the loss is NaN",
        "- `slow`, seed 2: missing: no run folder",
        "`agent.batch_size` + `agent.gamma`",
        "- mind the clock",
        "- seeds 5 -> 6",
        "Arms are compared at equal env steps.",
        "Times count up to 100,000 env steps in every arm.",
        "| slow | 4 of 6 |",
        made.digest,
    ):
        assert line in page
    with (tmp_path / "out" / "runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 18
    assert [r["problem"] for r in rows if r["problem"]] == [
        "failed: the loss is NaN",
        "missing: no run folder",
    ]
    assert sum(int(r["censored"]) for r in rows) == sum(
        e.censored[1] for e in found.effects
    )
    with (tmp_path / "out" / "effects.csv").open() as file:
        effects = list(csv.DictReader(file))
    assert float(effects[0]["estimate"]) == pytest.approx(found.effects[0].estimate)
    assert effects[0]["missing_arm"] == "2"
    for name in ("curves.png", "effects.png"):
        with Image.open(tmp_path / "out" / name) as image:
            assert np.asarray(image.convert("L")).std() > 5  # something is drawn


def test_equal_costs_add_up(tmp_path: Path) -> None:
    made = study(tmp_path)
    runs = records(made, TIMES)
    write_report(made, runs, tmp_path / "out")
    page = (tmp_path / "out" / "report.md").read_text()
    steps = sum(run.rows[-1]["env_steps"] for run in runs)
    minutes, seconds = divmod(round(steps / 100), 60)
    hours, minutes = divmod(minutes, 60)
    assert (
        f"18 runs, {steps:,.0f} env steps, {0.2 * steps:,.0f} updates, "
        f"{hours}:{minutes:02d}:{seconds:02d} of runs." in page
    )
    assert "None: every run that was planned has a value." in page
    assert "as many updates and seconds" in page


def test_clocks_that_arms_do_not_share_are_named(tmp_path: Path) -> None:
    made = study(tmp_path)
    runs = [record("base", 0, 30_000), record("slow", 0, 60_000, utd=0.4)]
    text = binding_clock(made.measure, runs, ["base", "slow"])
    assert text == (
        "Arms are compared at equal env steps. For an env step, `slow` takes 2.00 times "
        "the updates of the base."
    )


def test_a_factorial_has_contrasts_and_a_figure(tmp_path: Path) -> None:
    factorial = {"agent.gamma": [0.95, 0.9], "agent.batch_size": [512, 128]}
    made = study(tmp_path, arms={}, factorial=factorial)
    times = {
        arm.name: (
            lambda s, slow="gamma=0.9," in arm.name: (
                (60_000.0 if slow else 30_000.0) + s
            )
        )
        for arm in made.every_arm
    }
    found = write_report(made, records(made, times), tmp_path / "out")
    gamma = found.contrasts[0]
    assert gamma.name == "gamma: 0.9 - 0.95"
    assert gamma.estimate == pytest.approx(30_000.0)
    page = (tmp_path / "out" / "report.md").read_text()
    assert "## Main effects and interactions" in page
    assert "| gamma: 0.9 - 0.95 | +30,000 env steps |" in page
    assert (tmp_path / "out" / "interactions.png").stat().st_size > 5_000


def test_a_sequential_study_names_the_runs_that_it_did_not_need(tmp_path: Path) -> None:
    made = study(tmp_path, stopping="sequential", seeds=8, arms={"slow": ARMS["slow"]})
    runs = [run for run in records(made, TIMES) if run.seed < 4]
    write_report(made, runs, tmp_path / "out")
    page = (tmp_path / "out" / "report.md").read_text()
    assert "- `slow`, seeds 4, 5, 6, 7: not run, the answer did not need them" in page
    assert "1 of 5 looks" in page
    assert "p ≤ " in page


def test_runs_become_outcomes(tmp_path: Path) -> None:
    made = study(tmp_path)
    arrived = record("base", 0, 20_000)
    never = record("base", 1, 500_000)
    killed = RunRecord(
        "base", 2, never.rows[:4], None, {"status": "failed", "error": "x"}
    )
    late = RunRecord("base", 3, arrived.rows, None, {"status": "interrupted"})
    empty = RunRecord("base", 4, (), None, {"status": "running"})
    found = outcomes_of(made, [arrived, never, killed, late, empty])
    assert [o.value for o in found[:2]] == [20_000, 100_000]
    assert [o.censored for o in found] == [False, True, False, False, False]
    assert found[2].problem == "failed: x"
    assert found[3].value == 20_000  # it had arrived before it was stopped
    assert found[4].problem.startswith("running: it logged no evaluation")
    final = study(tmp_path, measure="final_success")
    (outcome,) = outcomes_of(final, [late])
    assert outcome.problem == "interrupted: it has no final evaluation"


def test_a_run_folder_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    assert read_record("a", 1, tmp_path / "none").problem == "missing: no run folder"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text('{"status": "finished"}')
    assert read_record("a", 1, tmp_path / "run").problem.startswith(
        "unreadable: no metrics"
    )
    row = '{"env_steps": 10, "updates": 2, "eval/success": 0.5}\n'
    (tmp_path / "run" / "metrics.jsonl").write_text(row)
    read = read_record("a", 1, tmp_path / "run")
    assert (read.problem, read.last("updates")) == ("", 2.0)


def test_an_arm_whose_every_run_failed_has_no_value(tmp_path: Path) -> None:
    made = study(tmp_path, arms={"slow": ARMS["slow"]})
    runs = records(made, TIMES)[:6]
    runs += [RunRecord("slow", s, problem="failed: out of memory") for s in range(6)]
    found = write_report(made, runs, tmp_path / "out")
    assert found.effects[0].n == 0
    page = (tmp_path / "out" / "report.md").read_text()
    assert "`slow` has no pair of runs with values" in page
    assert page.count("failed: out of memory") == 6
    assert find(made, found.outcomes).effects[0].shown == "no difference shown"


def test_amounts_in_words(tmp_path: Path) -> None:
    made = study(tmp_path)
    assert amount(made.measure, -41_000.0, signed=True) == "−41,000 env steps"
    final = study(tmp_path, measure="final_success").measure
    assert amount(final, 0.123) == "12.3 %"
    assert amount(final, 0.123, signed=True) == "+12.3 points"
    assert amount(final, float("-inf")) == "−∞"
