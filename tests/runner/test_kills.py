"""Kills at random moments: whatever is resumed equals what was never interrupted."""

import multiprocessing
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch

from puckrl.agents.settings import Td3Cfg
from puckrl.config.run_cfg import (
    BudgetCfg,
    EvalCfg,
    LoopCfg,
    RunCfg,
    SaveCfg,
    SimCfg,
)
from puckrl.replay.settings import ReplayCfg
from puckrl.report.rows import read_rows, read_verdicts
from puckrl.runner import session
from puckrl.runner.foreign_files import foreign_files
from puckrl.runner.policies import record_run
from puckrl.runner.run_folder import RunFolder
from puckrl.training.checkpoint import read_state

CFG = RunCfg(
    preset="tiny",
    task="pick-place",
    device="cpu",
    sim=SimCfg(num_worlds=2, num_threads=1),
    agent=Td3Cfg(hidden=(16,), batch_size=8, precision="fp32"),
    replay=ReplayCfg(capacity=400),
    loop=LoopCfg(
        update_ratio=0.1, warm_up_episodes=2, normalize_episodes=6, compile=False
    ),
    eval=EvalCfg(every_env_steps=200, episodes=2, final_episodes=2),
    budget=BudgetCfg(env_steps=800),
    save=SaveCfg(every_s=1e-3, tensorboard=False, video=False),
)


def whole(root: Path, seed: int) -> RunFolder:
    """Train a run without interruption."""
    return session.start(replace(CFG, seed=seed), root)


def go_on(root: str, last_seed: int) -> None:
    """Train seeds 0, 1, ... as a series does that is started again and again."""
    torch.set_num_threads(1)
    for seed in range(last_seed + 1):
        cfg = replace(CFG, seed=seed)
        begun = sorted(Path(root).glob(f"*-s{seed}*/config.yaml"))
        folder = RunFolder(begun[0].parent) if begun else None
        if folder is None:
            folder = session.start(cfg, Path(root))
        elif folder.manifest().get("status") != "finished":
            session.resume(folder, cfg)
        if folder.manifest()["status"] == "interrupted":
            return


def film(root: str, video: str) -> None:
    """Film a run again and again."""
    torch.set_num_threads(1)
    (folder,) = Path(root).glob("*/config.yaml")
    while True:
        record_run(
            folder.parent.name, Path(root), Path(video), worlds=1, episodes=1, seed=0
        )


def child_of(function: Callable[..., None], *args: object) -> BaseProcess:
    """Start a function in a process of its own, with the libraries loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["puckrl.runner.session", "matplotlib.pyplot"])
    child = context.Process(target=function, args=args)
    child.start()
    return child


def end(child: BaseProcess, moments: random.Random, longest_s: float) -> None:
    """Kill a process, or ask it to end, at a random moment; its first ones included."""
    time.sleep(moments.uniform(0.02, longest_s))
    number = moments.choice((signal.SIGKILL, signal.SIGTERM))
    if number == signal.SIGKILL:
        child.kill()
    else:
        child.terminate()
    child.join(60)
    assert child.exitcode is not None, "it did not end"


def assert_equal(one: RunFolder, other: RunFolder) -> None:
    """Compare the last snapshots, and what the logs hold."""
    ours, theirs = read_state(one.checkpoints), read_state(other.checkpoints)
    assert ours.tensors.keys() == theirs.tensors.keys()
    different = [
        n for n, x in ours.tensors.items() if not torch.equal(x, theirs.tensors[n])
    ]
    assert not different, one.path
    assert ours.scalars["debt"] == theirs.scalars["debt"]
    steps = [row["env_steps"] for row in read_rows(one.metrics)]
    judged = [row["env_steps"] for row in read_verdicts(one.metrics)]
    assert steps[-1] == CFG.budget.env_steps
    trained = [
        row["env_steps"] for row in read_rows(one.metrics) if "eval/success" not in row
    ]
    for written in (trained, judged):  # rows beyond a snapshot are written once
        assert written == sorted(set(written))


@pytest.mark.parametrize("kills", [1, pytest.param(150, marks=pytest.mark.slow)])
def test_a_series_killed_at_random_moments_equals_one_left_alone(
    tmp_path: Path, kills: int
) -> None:
    moments, last = random.Random(0), 0
    for _ in range(kills):
        end(child_of(go_on, str(tmp_path / "killed"), last), moments, 1.5)
        done = list((tmp_path / "killed").glob(f"*-s{last}/card.md"))
        last += bool(done)
    final = child_of(go_on, str(tmp_path / "killed"), last)
    final.join()
    assert final.exitcode == 0
    for seed in range(last + 1):
        begun = sorted((tmp_path / "killed").glob(f"*-s{seed}*/config.yaml"))
        assert_equal(RunFolder(begun[0].parent), whole(tmp_path / "whole", seed))


@pytest.mark.slow
def test_a_film_that_is_killed_leaves_the_run_and_a_whole_video(tmp_path: Path) -> None:
    root, video = tmp_path / "runs", tmp_path / "policy.gif"
    folder = whole(root, 0)
    before = read_state(folder.checkpoints)
    record_run(folder.path.name, root, video, worlds=1, episodes=1, seed=0)
    expected, moments = video.read_bytes(), random.Random(0)
    for _ in range(50):
        end(child_of(film, str(root), str(video)), moments, 4.0)
        assert video.read_bytes() == expected
    record_run(folder.path.name, root, video, worlds=1, episodes=1, seed=0)
    assert video.read_bytes() == expected
    after = read_state(folder.checkpoints)
    assert all(torch.equal(x, after.tensors[n]) for n, x in before.tensors.items())
    assert foreign_files(folder) == []
