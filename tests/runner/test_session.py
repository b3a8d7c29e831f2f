"""Runs from beginning to end: resume, kill, interrupt, broken disks."""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import imageio_ffmpeg
import pytest
import torch
from torch import Tensor

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.settings import MODES, SacCfg, Td3Cfg, VisionCfg
from puckrl.config.run_cfg import (
    BudgetCfg,
    EvalCfg,
    LoopCfg,
    PixelsCfg,
    RunCfg,
    SaveCfg,
    SimCfg,
)
from puckrl.core import timeline
from puckrl.core.errors import Interrupted, UserError
from puckrl.core.sections import under
from puckrl.nets.layers import EncoderCfg
from puckrl.nets.memory import MemoryCfg, MemoryKind
from puckrl.replay.settings import ReplayCfg, SamplingCfg
from puckrl.report.rows import read_rows
from puckrl.runner import compile as compile_
from puckrl.runner import finish, policies, run_folder, session, snapshot
from puckrl.runner.policies import judge_run, record_run
from puckrl.training.checkpoint import read_state

TINY = RunCfg(
    preset="tiny",
    task="pick-place",  # its actions depend on derived fields that lag: the hard case
    device="cpu",
    sim=SimCfg(num_worlds=2, num_threads=1),
    agent=Td3Cfg(hidden=(16,), batch_size=8, precision="fp32"),
    replay=ReplayCfg(capacity=400, sampling=SamplingCfg(moving_share=0.5)),
    loop=LoopCfg(
        update_ratio=0.1, warm_up_episodes=2, normalize_episodes=6, compile=False
    ),
    eval=EvalCfg(every_env_steps=300, episodes=2, final_episodes=2),
    budget=BudgetCfg(env_steps=600),
    save=SaveCfg(every_s=0.0, tensorboard=False, video=False),
)


def limited(env_steps: int) -> RunCfg:
    return replace(TINY, budget=BudgetCfg(env_steps=env_steps))


def rows(folder: run_folder.RunFolder) -> list[dict[str, float]]:
    """Return logged rows without the columns that measure time."""
    found = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    timed = (
        "train_s",
        "wall_s",
        "total_s",
        "rate/env_steps_per_s",
        "rate/updates_per_s",
    )
    return [{k: v for k, v in row.items() if k not in timed} for row in found]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nobody changes: ``finished`` gives each test a copy."""
    return session.start(limited(400), tmp_path_factory.mktemp("once")).path


@pytest.fixture
def finished(once: Path, tmp_path: Path) -> run_folder.RunFolder:
    """A finished run of 400 env steps, in ``tmp_path``."""
    return run_folder.RunFolder(shutil.copytree(once, tmp_path / once.name))


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize(
    "backend", ["cpu", pytest.param("warp", marks=pytest.mark.slow)]
)
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(
    tmp_path: Path, backend: Literal["cpu", "warp"], overlap: bool
) -> None:
    def on_backend(env_steps: int) -> RunCfg:
        return replace(
            limited(env_steps),
            sim=replace(TINY.sim, backend=backend),
            loop=replace(TINY.loop, overlap=overlap),
        )

    whole = session.start(on_backend(700), tmp_path / "whole")
    parted = session.start(on_backend(400), tmp_path / "parted")
    session.resume(parted, on_backend(700))

    one, other = read_state(whole.checkpoints), read_state(parted.checkpoints)
    assert one.tensors.keys() == other.tensors.keys()
    different = [
        n for n, x in one.tensors.items() if not torch.equal(x, other.tensors[n])
    ]
    assert different == []
    assert one.scalars["debt"] == other.scalars["debt"]
    evaluations = [[r for r in rows(f) if "eval/success" in r] for f in (whole, parted)]
    assert evaluations[0] == [r for r in evaluations[1] if r["env_steps"] != 400]


@pytest.mark.draws
def test_the_folder_tells_everything(tmp_path: Path) -> None:
    folder = session.start(TINY, tmp_path)
    manifest = folder.manifest()
    assert manifest["status"] == "finished"
    assert manifest["stop"] == "budget"
    assert manifest["result"]["episodes"] == 2
    assert {"python", "torch", "mujoco"} <= manifest["versions"].keys()
    assert folder.config() == TINY
    assert 0.1 < manifest["memory_gb"]["ram"] < 20
    assert manifest["memory_gb"]["gpu"] == 0.0
    for name in ("metrics.jsonl", "curve.png", "card.md", "checkpoints"):
        assert (folder.path / name).exists(), name
    assert (folder.path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert not (folder.path / "lock").exists()


def test_a_resumed_run_adds_its_commands_up(
    finished: run_folder.RunFolder,
) -> None:
    """Also the seconds that a kill has lost: they stand in the log, or in the manifest."""
    first = finished.manifest()["clock"]["total_s"]
    assert first > finished.manifest()["clock"]["seconds"]["collect"]
    assert read_rows(finished.metrics)[-1]["total_s"] < first
    finished.update_manifest(clock={"total_s": 1000.0})
    with timeline.command(time.perf_counter() - 50.0):
        session.resume(finished, limited(600))
    later = [row for row in read_rows(finished.metrics) if row["env_steps"] > 400]
    assert all(1050.0 < row["total_s"] < 1100.0 for row in later)
    assert 1050.0 < finished.manifest()["clock"]["total_s"] < 1100.0


def test_a_snapshot_of_another_version_is_one_line(
    finished: run_folder.RunFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = ActorCritic.tensors

    def more(self: ActorCritic) -> dict[str, Tensor]:
        return {**known(self), "novelty": torch.zeros(1)}

    monkeypatch.setattr(ActorCritic, "tensors", more)
    with pytest.raises(UserError, match="no 'novelty': another version of puckrl"):
        judge_run(finished.path.name, tmp_path, episodes=3, seed=5)


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("kind", [pytest.param("stack", marks=pytest.mark.slow), "gru"])
def test_a_run_with_memory_resumes_exactly_within_episodes(
    tmp_path: Path, kind: MemoryKind, overlap: bool
) -> None:
    def remembering(env_steps: int) -> RunCfg:
        memory = MemoryCfg(kind, size=8, steps=4)
        return replace(
            limited(env_steps),
            agent=replace(TINY.agent, memory=memory),
            loop=replace(TINY.loop, overlap=overlap, collect_steps=30),
        )

    whole = session.start(remembering(360), tmp_path / "whole")
    parted = session.start(remembering(180), tmp_path / "parted")
    halfway = read_state(parted.checkpoints).tensors["agent.memory.state"]
    assert halfway.abs().sum() > 0
    session.resume(parted, remembering(360))
    one, other = read_state(whole.checkpoints), read_state(parted.checkpoints)
    different = [
        n for n, x in one.tensors.items() if not torch.equal(x, other.tensors[n])
    ]
    assert different == []


def test_it_resumes_on_another_kind_of_device(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU's generator has 16 bytes, a CPU's 5,056: neither accepts the other's state."""

    def as_on_a_gpu(section: str, values: dict[str, Tensor]) -> dict[str, Tensor]:
        cut = 16 if section == "rng" else None
        short = {name: x[:cut] if cut else x for name, x in values.items()}
        return under(section, short)

    with monkeypatch.context() as patched:
        patched.setattr(snapshot, "under", as_on_a_gpu)
        folder = session.start(limited(400), tmp_path)
    session.resume(folder, limited(600))
    assert folder.manifest()["clock"]["env_steps"] == 600
    assert "from another kind of device" in caplog.text


def test_a_film_that_fails_costs_nothing_but_the_film(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **named: object) -> None:
        raise IndexError("the marker has six coordinates")

    monkeypatch.setattr(finish, "film", fail)
    filmed = replace(limited(300), save=replace(TINY.save, video=True))
    folder = session.start(filmed, tmp_path)
    assert folder.manifest()["status"] == "finished"
    assert "no video: the marker has six coordinates" in caplog.text


def test_ctrl_c_during_the_film_leaves_a_finished_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(finish, "film", interrupt)
    filmed = replace(limited(300), save=replace(TINY.save, video=True))
    with pytest.raises(KeyboardInterrupt):
        session.start(filmed, tmp_path, tmp_path / "run")
    folder = run_folder.RunFolder(tmp_path / "run")
    assert folder.manifest()["status"] == "finished"
    with pytest.raises(UserError, match="spent its budget"):
        session.resume(folder, filmed)


def test_resume_refuses_another_configuration(finished: run_folder.RunFolder) -> None:
    changed = replace(TINY, agent=replace(TINY.agent, gamma=0.9))
    with pytest.raises(UserError, match="another configuration"):
        session.resume(finished, changed)


def test_without_a_replay_it_can_be_judged_and_not_resumed(tmp_path: Path) -> None:
    bare = replace(limited(400), save=replace(TINY.save, replay=False))
    folder = session.start(bare, tmp_path)
    names = read_state(folder.checkpoints).tensors
    assert not any(name.startswith("replay.") for name in names)
    assert not list(folder.checkpoints.glob("episodes-*"))
    assert judge_run(folder.path.name, tmp_path, 2, 0).episodes == 2
    with pytest.raises(UserError, match=r"no saved replay buffer \(--save.no-replay\)"):
        session.resume(folder, limited(1000))


def test_a_run_ended_before_its_first_snapshot_begins_anew(tmp_path: Path) -> None:
    whole = session.start(limited(300), tmp_path / "whole")
    parted = run_folder.create(tmp_path / "parted", limited(300))
    (parted.path / "metrics.jsonl").write_text('{"env_steps": 100, "updates": 0}\n')
    session.resume(parted, limited(300))
    assert rows(parted) == rows(whole)
    one, other = read_state(whole.checkpoints), read_state(parted.checkpoints)
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, other.tensors[name]), name


def test_a_finished_run_goes_on_only_if_its_limits_allow(
    finished: run_folder.RunFolder,
) -> None:
    folder = finished
    with pytest.raises(UserError, match="spent its budget; to continue, raise"):
        session.resume(folder, limited(400))
    assert folder.manifest()["status"] == "finished"
    folder.update_manifest(stop="success", stopped_at=0.9)
    asked = replace(TINY, budget=BudgetCfg(env_steps=1000, until_success=0.9))
    with pytest.raises(UserError, match="twice in a row; to continue, raise"):
        session.resume(folder, asked)
    session.resume(folder, limited(500))
    assert folder.manifest()["clock"]["env_steps"] == 500


def test_an_interrupted_run_ends_with_a_snapshot_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    folder = session.start(limited(1_000_000), tmp_path)
    assert folder.manifest()["status"] == "interrupted"
    assert folder.manifest()["signal"] == "SIGINT"
    steps = read_state(folder.checkpoints).scalars["progress"]["clock"]["env_steps"]
    assert steps == rows(folder)[-1]["env_steps"]
    assert (
        "stopping after this iteration; ctrl-C again ends it now"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("number", "words"),
    [(28, "No space left on device"), (30, "Read-only file system")],
)
def test_a_broken_disk_ends_in_one_line_and_costs_nothing(
    finished: run_folder.RunFolder,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    words: str,
) -> None:
    folder = finished
    before = read_state(folder.checkpoints)

    def broken(handle: int) -> None:
        raise OSError(number, words)

    with monkeypatch.context() as patch:
        patch.setattr("puckrl.training.checkpoint.os.fsync", broken)
        with pytest.raises(UserError, match=words) as caught:
            session.resume(folder, limited(600))
    assert "--resume" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert words in folder.manifest()["status"]
    after = read_state(folder.checkpoints)
    assert all(torch.equal(x, after.tensors[n]) for n, x in before.tensors.items())
    session.resume(folder, limited(600))
    assert folder.manifest()["status"] == "finished"


def test_without_a_snapshot_none_is_called_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("puckrl.training.checkpoint.os.fsync", full)
    with pytest.raises(
        UserError, match="before its first snapshot: No space"
    ) as caught:
        session.start(limited(300), tmp_path)
    assert caught.value.exit_code == 2
    assert "intact" not in str(caught.value)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_a_run_at_once(tmp_path: Path, number: int) -> None:
    def twice() -> None:
        os.kill(os.getpid(), number)
        time.sleep(0.05)
        os.kill(os.getpid(), number)

    threading.Timer(1.5, twice).start()
    out = tmp_path / "run"
    long = replace(limited(1_000_000), loop=replace(TINY.loop, collect_steps=100_000))
    with pytest.raises(Interrupted):
        session.start(long, tmp_path, out)
    manifest = run_folder.RunFolder(out).manifest()
    assert manifest["status"] == "interrupted"
    assert manifest["signal"] == signal.Signals(number).name
    assert not (out / "lock").exists()


def test_ctrl_c_gives_a_compilation_up_and_the_run_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compiler of the same process group dies of ctrl-C, too, and torch raises."""

    def slow(function: Callable[..., object]) -> Callable[..., object]:
        def compiling(*args: object) -> object:
            function(*args)  # even if a part of the round has been computed
            signal.raise_signal(signal.SIGINT)
            raise RuntimeError("the C++ compiler was killed")

        return compiling

    cfg = replace(limited(600), loop=replace(TINY.loop, compile=True))
    with monkeypatch.context() as patched:
        patched.setattr(compile_, "compile_at_first_call", slow)
        parted = session.start(cfg, tmp_path / "parted")
    assert parted.manifest()["status"] == "interrupted"
    assert parted.manifest()["clock"]["updates"] == 0
    monkeypatch.setattr(compile_, "compile_at_first_call", compile_.uncompiled)
    session.resume(parted, cfg)
    whole = session.start(cfg, tmp_path / "whole")
    one, other = read_state(whole.checkpoints), read_state(parted.checkpoints)
    different = [
        n for n, x in one.tensors.items() if not torch.equal(x, other.tensors[n])
    ]
    assert different == []
    assert one.scalars["debt"] == other.scalars["debt"]


def test_a_run_killed_in_its_report_trains_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: object) -> None:
        raise Interrupted(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(session, "finish", killed)
        with pytest.raises(Interrupted):
            session.start(limited(300), tmp_path, tmp_path / "run")
    folder = run_folder.RunFolder(tmp_path / "run")
    before = read_state(folder.checkpoints)
    session.resume(folder, limited(300))
    assert folder.manifest()["status"] == "finished"
    assert folder.manifest()["clock"]["env_steps"] == 300
    after = read_state(folder.checkpoints)
    assert all(torch.equal(x, after.tensors[n]) for n, x in before.tensors.items())


def test_what_another_version_made_is_said(
    finished: run_folder.RunFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = finished
    judge_run(folder.path.name, tmp_path, episodes=2, seed=5)
    assert "other versions" not in caplog.text
    known = folder.manifest()["versions"]
    folder.update_manifest(versions={**known, "torch": "1.0"})
    judge_run(folder.path.name, tmp_path, episodes=2, seed=5)
    assert f"torch 1.0, now {known['torch']}" in caplog.text


def test_an_unwritable_root_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write to"):
        session.start(TINY, tmp_path / "file" / "runs")


SEEING = replace(
    TINY,
    preset="seeing",
    task="push",
    pixels=PixelsCfg(viewpoints=("side",), height=16, width=16, stack=2),
    agent=SacCfg(
        hidden=(16,),
        batch_size=8,
        precision="fp32",
        actor_sensors=MODES["pixels"],
        vision=VisionCfg(encoder=EncoderCfg(channels=4)),
    ),
)


def test_a_run_from_pixels_resumes_exactly_and_can_be_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def until(env_steps: int) -> RunCfg:
        return replace(SEEING, budget=BudgetCfg(env_steps=env_steps))

    whole = session.start(until(300), tmp_path / "whole")
    parted = session.start(until(200), tmp_path / "parted")
    session.resume(parted, until(300))
    one, other = read_state(whole.checkpoints), read_state(parted.checkpoints)
    assert one.tensors.keys() == other.tensors.keys()
    assert all(torch.equal(x, other.tensors[name]) for name, x in one.tensors.items())

    name = str(whole.path)
    assert judge_run(name, tmp_path, episodes=3, seed=5).episodes == 3
    film = tmp_path / "film.gif"
    monkeypatch.setattr(policies, "_TILE_PX", (80, 64))  # rendering takes the time
    record_run(name, tmp_path, film, worlds=1, episodes=1, seed=5)
    assert film.stat().st_size > 1_000
    # beside the scene, the 16 x 16 pixels of the policy
    meta = next(imageio_ffmpeg.read_frames(str(film)))
    assert meta["size"] == (80 + 4 + 64 + 12, 64 + 12)
