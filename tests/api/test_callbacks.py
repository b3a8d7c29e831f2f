"""Callbacks see what happens, in order; they cost nothing and break nothing."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import puckrl
from puckrl.core.clock import Clock
from puckrl.core.errors import Exit
from puckrl.training.callbacks import Callback, Hooks, TrainingView
from puckrl.training.checkpoint import read_state
from tests.api.tiny import TINY

EVALUATION = "eval/success"


class Record(Callback):
    def __init__(self) -> None:
        self.seen: list[tuple[str, int, int]] = []
        self.views: list[TrainingView] = []

    def _add(self, moment: str, run: TrainingView) -> None:
        self.seen.append((moment, run.env_steps, run.updates))
        self.views.append(run)

    def on_step(self, run: TrainingView) -> None:
        self._add("step", run)

    def on_update(self, run: TrainingView) -> None:
        self._add("update", run)

    def on_evaluation(self, run: TrainingView) -> None:
        self._add("evaluation", run)

    def on_end(self, run: TrainingView) -> None:
        self._add("end", run)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, puckrl.Run]:
    record = Record()
    runs = tmp_path_factory.mktemp("recorded")
    return record, puckrl.train(TINY, callbacks=[record], runs=runs)


def test_every_moment_comes_in_its_place(
    recorded: tuple[Record, puckrl.Run],
) -> None:
    """TINY: 4 iterations of 50 steps in 2 worlds, an evaluation after every second."""
    record, _ = recorded
    steps = [n for moment, n, _ in record.seen if moment == "step"]
    assert steps == list(range(2, 401, 2))
    others = [(m, n) for m, n, _ in record.seen if m != "step"]
    rows = [row for row in recorded[1].rows if EVALUATION not in row]
    learned = [int(row["env_steps"]) for row in rows if "train/critic_loss" in row]
    assert learned == [n for m, n in others if m == "update"]
    assert learned
    assert [n for m, n in others if m == "evaluation"] == [200, 400]
    assert others[-1] == ("end", 400)
    order = [(m, n) for m, n, _ in record.seen]
    assert order.index(("step", 200)) < order.index(("update", 200))
    assert order.index(("update", 200)) < order.index(("evaluation", 200))
    assert order.index(("evaluation", 200)) < order.index(("step", 202))


def test_metrics_are_those_of_the_log(recorded: tuple[Record, puckrl.Run]) -> None:
    record, run = recorded
    judged = [row for row in run.rows if EVALUATION in row]
    seen = [
        v
        for (m, *_), v in zip(record.seen, record.views, strict=True)
        if m == "evaluation"
    ]
    assert [v.metrics[EVALUATION] for v in seen] == [row[EVALUATION] for row in judged]
    final = record.views[-1].metrics
    assert final[EVALUATION] == run.manifest["result"]["success"]
    elapsed = [v.elapsed_s for v in record.views]
    assert elapsed == sorted(elapsed)
    assert elapsed[0] > 0
    assert record.views[0].path == run.path


def test_the_view_cannot_change_the_run(recorded: tuple[Record, puckrl.Run]) -> None:
    view: Any = recorded[0].views[-1]
    with pytest.raises(dataclasses.FrozenInstanceError):
        view.env_steps = 0
    with pytest.raises(TypeError):
        view.metrics["env_steps"] = 0
    policy = view.policy()
    policy._acting.parameters.zero_()
    assert view.policy()._acting.parameters.abs().max() > 0


def test_a_watched_run_is_the_same_run(
    recorded: tuple[Record, puckrl.Run], tiny_run: puckrl.Run
) -> None:
    """Bit for bit: callbacks draw no random number."""
    one, other = (
        read_state(r.path / "checkpoints").tensors for r in (recorded[1], tiny_run)
    )
    assert [n for n, x in one.items() if not torch.equal(x, other[n])] == []


def test_without_callbacks_on_step_nothing_is_called_in_the_loop(
    tmp_path: Path,
) -> None:
    class Late(Callback):
        def on_end(self, run: TrainingView) -> None:
            raise AssertionError

    for callbacks in ((), (Late(),)):
        hooks = Hooks(callbacks, Clock(), tmp_path, _no_policy)
        assert not hooks.watches_steps
    assert Hooks([Record()], Clock(), tmp_path, _no_policy).watches_steps


def _no_policy() -> puckrl.Policy:
    raise AssertionError


def test_a_callback_ends_the_run(tmp_path: Path) -> None:
    class Enough(Callback):
        def on_evaluation(self, run: TrainingView) -> None:
            run.stop("good enough")

    record = Record()
    run = puckrl.train(TINY, callbacks=[Enough(), record], runs=tmp_path)
    assert run.status == "finished"
    assert (run.manifest["stop"], run.manifest["stop_reason"]) == (
        "callback",
        "good enough",
    )
    assert run.manifest["clock"]["env_steps"] == 200
    assert "Ended by: callback (good enough)" in run.card
    assert record.seen[-1][0] == "end"
    run.resume()  # it has not spent its budget
    assert run.manifest["clock"]["env_steps"] == 400


@pytest.mark.parametrize("moment", ["on_step", "on_update", "on_evaluation", "on_end"])
def test_a_callback_that_raises_ends_the_run_cleanly(
    tmp_path: Path, moment: str
) -> None:
    def fail(self: object, run: TrainingView) -> None:
        raise ZeroDivisionError("three worlds\nare not two")

    broken = type("Broken", (Callback,), {moment: fail})()
    record = Record()
    with pytest.raises(puckrl.RunFailed) as caught:
        puckrl.train(TINY, callbacks=[broken, record], runs=tmp_path)
    (folder,) = tmp_path.iterdir()
    run = puckrl.Run(folder)
    line = str(caught.value)
    assert (
        f"callback Broken.{moment} raised ZeroDivisionError: three worlds; are" in line
    )
    assert "\n" not in line
    assert f"puck train --resume {folder}" in line
    assert caught.value.exit_code == Exit.FAILED
    assert run.status.startswith(f"failed: callback Broken.{moment} raised")
    trace = (folder / "callback_error.txt").read_text()
    assert "Traceback" in trace
    assert "in fail" in trace
    assert run.snapshots, "no snapshot was kept"
    clock = run.snapshots[-1]
    expected = {"on_step": 100, "on_update": 100, "on_evaluation": 200, "on_end": 400}
    assert clock.env_steps == expected[moment], "it ends after the present iteration"
    after = [m for m, *_ in record.seen].count("end")
    assert after == 0, "a callback was called after the failure"
    assert run.policy().spec.task == "reach"
    run.resume()
    assert run.status == "finished"
    rows = [json.loads(x) for x in (folder / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["env_steps"] == 400


def test_what_is_no_callback_is_refused(tmp_path: Path) -> None:
    wrong: Any = print
    with pytest.raises(puckrl.UserError, match="legal: a sequence of Callback"):
        puckrl.train(TINY, callbacks=[wrong], runs=tmp_path)
