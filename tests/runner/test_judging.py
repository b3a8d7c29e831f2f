"""A judge in a process of its own: the same run as with a judge in turn."""

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from puckrl.config.run_cfg import BudgetCfg, EvalCfg, RunCfg
from puckrl.core.errors import RunFailed, UserError
from puckrl.runner import kept_task, session
from puckrl.runner.build import build
from puckrl.runner.judging import Beside, stands_beside
from puckrl.runner.run_folder import RunFolder
from puckrl.training.checkpoint import read_state
from puckrl.training.judge import Episodes
from tests.runner.test_session import TINY, rows

EASY = """
from puckrl.tasks.fetch.reach import FetchReach

print("a task may print")

class Easy(FetchReach):
    goal_tol_m = 10.0

class Fails(Easy):
    def reset(self, worlds, draws):
        if len(worlds) == 2:  # the judge's worlds; there are three to train in
            raise ValueError("the drawer is stuck")
        return super().reset(worlds, draws)
"""


def with_judge(
    tmp_path: Path, judge: Literal["in-turn", "beside"], name: str, success: float
) -> RunCfg:
    task = tmp_path / "easy.py"
    task.write_text(EASY)
    return replace(
        TINY,
        task=f"{task}:{name}",
        sim=replace(TINY.sim, num_worlds=3),
        replay=replace(TINY.replay, sampling=type(TINY.replay.sampling)()),
        eval=EvalCfg(every_env_steps=150, episodes=2, final_episodes=2, judge=judge),
        budget=BudgetCfg(env_steps=600, until_success=success),
    )


@pytest.mark.parametrize("success", [0.9, 0.0], ids=["success", "budget"])
def test_a_judge_beside_the_learner_changes_nothing(
    tmp_path: Path, success: float
) -> None:
    """Neither rows, nor what is kept, nor the result; also if its verdict ends the run."""
    folders: list[RunFolder] = []
    for judge in ("in-turn", "beside"):
        cfg = with_judge(tmp_path, judge, "Easy", success)
        folders.append(session.start(cfg, tmp_path / judge))
    one, other = folders

    assert rows(one) == rows(other)
    assert one.manifest()["stop"] == ("success" if success else "budget")
    assert one.manifest()["result"] == other.manifest()["result"]
    kept, same = (read_state(f.checkpoints) for f in folders)
    agent = {n: x for n, x in kept.tensors.items() if n.startswith("agent")}
    assert len(agent) > 10
    for name, tensor in agent.items():
        assert torch.equal(tensor, same.tensors[name]), name
    assert (
        kept.scalars["progress"]["successes"] == same.scalars["progress"]["successes"]
    )
    timeless = {"seconds": None, "total_s": None}
    clocks = [s.scalars["progress"]["clock"] | timeless for s in (kept, same)]
    assert clocks[0] == clocks[1]


def test_an_error_of_a_task_is_that_of_the_run(tmp_path: Path) -> None:
    cfg = with_judge(tmp_path, "beside", "Fails", 0.0)
    with pytest.raises(UserError, match=r"Fails.reset.*the drawer is stuck"):
        session.start(cfg, tmp_path)


def test_a_judge_plays_the_task_as_it_was_when_the_run_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Edited before its process has read it; and without a copy, it is one line."""
    cfg, begin = with_judge(tmp_path, "beside", "Easy", 0.0), Beside.__init__

    def edited(judge: Beside, *args: Any) -> None:
        (tmp_path / "easy.py").write_text("1 / 0")
        begin(judge, *args)

    monkeypatch.setattr(Beside, "__init__", edited)
    folder = session.start(cfg, tmp_path / "runs")
    assert folder.manifest()["result"]["success"] == 1.0
    (tmp_path / "easy.py").write_text(EASY)
    monkeypatch.setattr(kept_task, "keep", lambda *_: None)
    with pytest.raises(UserError, match=r"easy\.py, line 1: ZeroDivisionError"):
        session.start(cfg, tmp_path / "runs")
    assert "Traceback" not in capfd.readouterr().err


def test_a_judge_that_is_killed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Beside.ask

    def killed(judge: Beside, episodes: Episodes, moment: int) -> object:
        os.kill(judge.pid, signal.SIGKILL)
        return asked(judge, episodes, moment)

    monkeypatch.setattr(Beside, "ask", killed)
    with pytest.raises((UserError, RunFailed), match=r"signal 9.*--eval.judge in-turn"):
        session.start(with_judge(tmp_path, "beside", "Easy", 0.0), tmp_path)


def test_its_process_ends_with_the_run(tmp_path: Path) -> None:
    parts = build(with_judge(tmp_path, "beside", "Easy", 0.0))
    assert isinstance(parts.judge, Beside)
    os.kill(parts.judge.pid, 0)
    parts.close()
    with pytest.raises(ProcessLookupError):
        os.kill(parts.judge.pid, 0)


@pytest.mark.parametrize(
    ("judge", "device", "cores", "beside"),
    [
        ("auto", "cpu", 64, False),
        ("auto", "cuda", 2, False),
        ("auto", "cuda", 4, True),
        ("beside", "cpu", 1, True),
        ("in-turn", "cuda", 64, False),
    ],
)
def test_who_stands_beside(
    monkeypatch: pytest.MonkeyPatch,
    judge: Literal["auto", "in-turn", "beside"],
    device: str,
    cores: int,
    beside: bool,
) -> None:
    monkeypatch.setattr("puckrl.runner.judging.usable_cores", lambda: cores)
    cfg = replace(TINY, eval=replace(TINY.eval, judge=judge))
    assert stands_beside(cfg, torch.device(device)) is beside
