"""Compiled code is found again, and damage is noticed: with files in place of compilers."""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from puckrl.config.presets import preset
from puckrl.core.errors import UserError
from puckrl.runner import caches, warm_up
from puckrl.runner.caches import caches_of, kept_code, notices

TORCH = "TORCHINDUCTOR_CACHE_DIR"
PUSH = preset("push")


@pytest.fixture
def warp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a module in Warp's cache; our caches are beside it."""
    monkeypatch.setenv("PUCK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(TORCH, raising=False)
    monkeypatch.setattr(caches, "has_compiler", lambda: True)
    module = tmp_path / "warp" / "wp_solver_1234567"
    monkeypatch.setattr(caches, "_modules", lambda: [module])
    return module


def compile_(warp: Path) -> Callable[[], None]:
    """Write what compilers write."""

    def run() -> None:
        graph = Path(os.environ[TORCH]) / "fxgraph" / "abc"
        for file in (graph, warp / "solver.sm90.cubin"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"code")

    return run


def run(warp: Path) -> None:
    with kept_code(PUSH):
        compile_(warp)()


def test_a_run_warms_the_next_of_its_configuration(warp: Path) -> None:
    assert caches_of(PUSH).state() == "cold"
    run(warp)
    assert caches_of(PUSH).state() == "warm"
    same = replace(PUSH, seed=7, budget=replace(PUSH.budget, env_steps=9))
    assert caches_of(same).state() == "warm"
    other = replace(PUSH, agent=replace(PUSH.agent, gamma=0.9))
    assert caches_of(other).state() == "cold"


def test_another_version_or_device_starts_cold(
    warp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(warp)
    with monkeypatch.context() as patch:
        patch.setattr(caches, "_version", lambda name: f"{name} 99")
        assert caches_of(PUSH).state() == "cold"
    monkeypatch.setattr(caches, "accelerator_name", lambda device: "NVIDIA H200")
    assert caches_of(PUSH).state() == "cold"


@pytest.mark.parametrize("harm", ["cut", "gone"])
@pytest.mark.parametrize("whose", ["torch", "warp"])
def test_damage_is_said_dropped_and_made_again(
    warp: Path, caplog: pytest.LogCaptureFixture, harm: str, whose: str
) -> None:
    run(warp)
    kept = caches_of(PUSH)
    graph, kernel = kept.torch / "fxgraph" / "abc", warp / "solver.sm90.cubin"
    harmed, sound = (graph, kernel) if whose == "torch" else (kernel, graph)
    _ = harmed.write_bytes(b"co") if harm == "cut" else harmed.unlink()
    assert kept.state() == "damaged"
    assert "damaged" in notices(PUSH)[0].text
    with caplog.at_level(logging.WARNING), kept_code(PUSH):
        assert not harmed.exists()
        assert sound.read_bytes() == b"code"
        compile_(warp)()
    assert "damaged compiled code" in caplog.text
    assert kept.state() == "warm"


def test_a_list_of_files_that_cannot_be_read_is_as_none(warp: Path) -> None:
    run(warp)
    (caches_of(PUSH).folder / "contents.json").write_text('{"files": 3')
    assert caches_of(PUSH).state() == "cold"
    run(warp)
    assert caches_of(PUSH).state() == "warm"


def test_a_folder_of_the_users_own_stands(
    warp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = str(tmp_path / "own")
    monkeypatch.setenv(TORCH, own)
    with kept_code(PUSH):
        assert os.environ[TORCH] == own


def test_what_cannot_be_written_costs_a_warning(
    warp: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("")
    with caplog.at_level(logging.WARNING), kept_code(PUSH):
        pass
    assert "PUCK_CACHE names another folder" in caplog.text


def test_a_warm_up_compiles_once_and_notes_what_it_took(
    warp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = list[str]()

    def compile_now(cfg: object) -> None:
        made.append("compiled")
        compile_(warp)()

    monkeypatch.setattr(warm_up, "_compile", compile_now)
    assert "(cold)" in notices(PUSH)[0].text
    assert "puck warm-up push" in notices(PUSH)[0].text
    assert "push: compiled now (" in warm_up.render(warm_up.warm_up(PUSH))
    took = caches_of(PUSH).took_s()
    assert took is not None
    assert "(warm), which took" in notices(PUSH)[0].text
    assert "push: was warm (" in warm_up.render(warm_up.warm_up(PUSH))
    assert caches_of(PUSH).took_s() == took


def test_a_run_that_compiles_nothing_has_nothing_to_warm_up(
    warp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(cfg: object) -> None:
        raise AssertionError("it compiles")

    monkeypatch.setattr(warm_up, "_compile", fail)
    plain = replace(PUSH, loop=replace(PUSH.loop, compile=False))
    assert notices(plain) == []
    assert "nothing to warm up" in warm_up.render(warm_up.warm_up(plain))
    assert not caches_of(plain).folder.exists()


def test_a_refused_configuration_is_refused(warp: Path) -> None:
    wrong = replace(PUSH, replay=replace(PUSH.replay, capacity=-1))
    with pytest.raises(UserError):
        warm_up.warm_up(wrong)


def test_the_parts_of_a_run_are_run_once(
    warp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the parts themselves, uncompiled: two rounds, and the kernels of the film."""
    filmed = list[object]()
    monkeypatch.setattr(warm_up, "record", lambda *a, **k: filmed.append(k["size"]))
    agent = replace(PUSH.agent, hidden=(16,), batch_size=8, precision="fp32")
    sim = replace(PUSH.sim, num_worlds=2, num_threads=1)
    loop = replace(PUSH.loop, compile=False)
    learned = list[int]()
    learn = warm_up.learn
    monkeypatch.setattr(
        warm_up, "learn", lambda parts, n: learned.append(learn(parts, n))
    )
    warm_up._compile(replace(PUSH, agent=agent, sim=sim, loop=loop, device="cpu"))
    assert learned[0] >= 2
    assert filmed == [(16, 16)]
