"""The plan: bytes of an allocated buffer, images of a moved object."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
import torch
from rich.console import Console

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.settings import MODES, DistillCfg
from puckrl.config.presets import preset
from puckrl.config.run_cfg import BudgetCfg, PixelsCfg, RunCfg, SimCfg
from puckrl.core.errors import UserError
from puckrl.nets.layers import EncoderCfg
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.runner import plan as plan_
from puckrl.runner.build import make_agent, make_replay
from puckrl.runner.memory import memory_of
from puckrl.runner.plan import _reduced, admit, plan, render
from puckrl.runner.visibility import Footprint, footprints
from puckrl.runner.worlds import make_env
from puckrl.sim.settings import RandomizeCfg
from puckrl.training.collect import Collector

SMALL = PixelsCfg(viewpoints=("side",), height=32, width=32, stack=2)
CPU = torch.device("cpu")
EXAMPLES = Path(__file__).parents[2] / "examples"


def _small_pixels(capacity: int = 500) -> RunCfg:
    cfg = preset("push-pixels")
    return replace(
        cfg,
        pixels=SMALL,
        sim=SimCfg(num_worlds=2),
        replay=replace(cfg.replay, capacity=capacity),
    )


def test_the_planned_bytes_are_those_that_the_replay_allocates() -> None:
    cfg = _small_pixels()
    env = make_env(cfg.task, cfg.sim, pixels=cfg.pixels)
    buffer = make_replay(cfg, env, CPU)
    assert isinstance(buffer, EpisodeReplayBuffer)
    stored = [*buffer.rows.values(), *buffer._staging.values()]
    allocated = sum(rows.numel() * rows.element_size() for rows in stored)
    assert memory_of(cfg, env.spaces).replay == allocated


def test_a_replay_that_does_not_fit_is_refused_with_the_largest_that_does() -> None:
    cfg = _small_pixels(capacity=10**12)
    with pytest.raises(UserError, match=r"--replay.capacity (\d+)") as refused:
        admit(cfg)
    largest = int(str(refused.value).rsplit(" ", 1)[1])
    admit(replace(cfg, replay=replace(cfg.replay, capacity=largest // 2)))


def test_a_folder_for_frames_must_exist() -> None:
    cfg = _small_pixels()
    replay = replace(cfg.replay, frames_on="disk", frames_folder="/nowhere/at/all")
    for look in (admit, plan):
        with pytest.raises(UserError, match="/nowhere/at/all is not a folder"):
            look(replace(cfg, replay=replay))


def test_the_probe_shrinks_every_batch_of_pictures_alike() -> None:
    cfg = preset("push-pixels")
    few, times = _reduced(cfg, 800)
    assert isinstance(cfg.agent, DistillCfg)
    assert isinstance(few.agent, DistillCfg)
    assert (cfg.agent.batch_size, cfg.agent.student_batch) == (512, 128)
    assert (few.agent.batch_size, few.agent.student_batch, times) == (64, 16, 8)
    assert _reduced(preset("push"), 800)[1] == 1


def test_no_budget_is_said_and_not_zero_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan_, "footprints", lambda *_: [])  # drawing takes the time
    cfg = replace(_small_pixels(), budget=BudgetCfg(env_steps=0))
    made = plan(cfg)
    assert (
        json.loads(json.dumps(made.as_dict(), allow_nan=False))["speed"]["budget_s"]
        is None
    )
    timed = plan(replace(cfg, budget=BudgetCfg(env_steps=0, train_s=600.0)))
    assert timed.speed is not None
    assert timed.speed.budget_s == 600.0
    out = Console(width=200, record=True, file=StringIO())
    out.print(render(made), render(timed))
    told = out.export_text()
    assert "there is no budget" in told
    assert "at most 10 min" in told


class _Timed(Collector):
    """Collects as ever, at 400 env steps/s by a clock of its own."""

    now = 0.0

    def collect(self, policy: Any, steps: int, *args: Any, **named: Any) -> Any:
        _Timed.now += steps * self.worlds.num_worlds / 400.0
        return super().collect(policy, steps, *args, **named)


@pytest.mark.parametrize(
    ("train_s", "budget_s"),
    [
        # 10,000 steps at 400/s, and 0.05 updates a step, 0.1 s * 8 / 2 each
        (0.0, 25.0 + 500 * 0.4),
        (1000.0, 25.0 + 500 * 0.4),
        (100.0, 100.0),
    ],
)
def test_the_budgets_time_is_that_of_steps_and_updates_or_its_own_limit(
    monkeypatch: pytest.MonkeyPatch, train_s: float, budget_s: float
) -> None:
    took = iter((50.0, 0.3, 0.1, 0.2, 0.4))  # the first update is slow

    def timed_agent(*args: Any) -> ActorCritic:
        made = make_agent(*args)
        assert made.updates_per_round == 2

        def update(data: object) -> None:
            _Timed.now += next(took)

        monkeypatch.setattr(made, "update", update)
        return made

    monkeypatch.setattr(plan_, "footprints", lambda *_: [])  # drawing takes the time
    cfg = _small_pixels()
    cfg = replace(
        cfg,
        agent=replace(cfg.agent, actor_delay=2),  # an eighth of its pictures is probed
        loop=replace(cfg.loop, update_ratio=0.05),
        budget=BudgetCfg(env_steps=10_000, train_s=train_s),
    )
    timer = SimpleNamespace(  # other programs let ours run a tenth of the time
        perf_counter=lambda: 10 * _Timed.now, process_time=lambda: _Timed.now
    )
    monkeypatch.setattr(plan_, "time", timer)
    monkeypatch.setattr(plan_, "Collector", _Timed)
    monkeypatch.setattr(plan_, "make_agent", timed_agent)
    speed = plan(cfg).speed
    assert speed is not None
    assert speed.env_steps_per_s == pytest.approx(400.0)
    assert speed.update_s == pytest.approx(0.4)
    assert speed.budget_s == pytest.approx(budget_s)


@pytest.mark.parametrize(
    ("seen_share", "cells", "words"),
    [
        (0.74, 9.0, "from side the object is seen in only 74 % of worlds"),
        (0.75, 1.0, ""),
        (1.0, 0.9, "falls between cells"),
    ],
)
def test_an_object_that_is_hard_to_see_is_called_out(
    monkeypatch: pytest.MonkeyPatch, seen_share: float, cells: float, words: str
) -> None:
    layers = (("3/2", "4 x 16 x 16", 50.0), ("3/1", "4 x 16 x 16", cells))
    shot = Footprint("side", 100.0, seen_share, layers)
    monkeypatch.setattr(plan_, "footprints", lambda *args: [shot])
    monkeypatch.setattr(plan_, "_probe", lambda *args: None)
    texts = [f.text for f in plan(_small_pixels()).findings if "object" in f.text]
    assert [words in text for text in texts] == ([True] if words else [])


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_a_gpus_preset_is_planned_without_one() -> None:
    made = plan(preset("push-gpu"))
    assert made.ok
    assert (made.speed, made.memory.free, made.memory.largest_capacity) == (None,) * 3
    out = Console(width=200, record=True, file=StringIO())
    out.print(render(made))
    told = out.export_text()
    assert "of a GPU that this machine lacks" in told
    assert "not measured" in told


@pytest.mark.parametrize("backend", ["cpu", "warp"])
def test_a_contact_set_of_another_task_is_refused_before_the_run(
    backend: Literal["cpu", "warp"],
) -> None:
    push, planar = preset("push"), f"{EXAMPLES / 'planar_pusher.py'}:PlanarPusher"
    cfg = replace(push, sim=SimCfg(backend=backend, contacts="hand", num_worlds=2))
    admit(cfg)
    for refuse in (admit, plan):
        with pytest.raises(
            UserError, match=r"'hand'; legal: all, touching; .*contacts"
        ):
            refuse(replace(cfg, task=planar))


def test_an_appearance_out_of_range_is_refused_before_the_run() -> None:
    cfg = _small_pixels()
    pixels = replace(SMALL, randomize=RandomizeCfg(brightness=2.0))
    with pytest.raises(UserError, match=r"randomize\.brightness 2 .* 0 to 1"):
        admit(replace(cfg, pixels=pixels))


def test_critics_beside_a_teacher_see_no_pixels() -> None:
    cfg = _small_pixels()
    agent = replace(cfg.agent, critic_sensors=MODES["pixels"])
    for refuse in (admit, plan):
        with pytest.raises(UserError, match="push-pixels-symmetric"):
            refuse(replace(cfg, agent=agent))


def test_the_footprint_counts_the_object_and_puts_it_back() -> None:
    env = make_env("push", SimCfg(num_worlds=4), pixels=SMALL)
    small, large = (
        footprints(env, replace(SMALL, height=px, width=px), EncoderCfg())[0]
        for px in (32, 64)
    )
    assert large.pixels == pytest.approx(4 * small.pixels, rel=0.5)
    assert large.seen_share > 0.7
    # stride 2: a quarter of the pixels, and no less after that
    assert [row[2] for row in large.layers] == [large.pixels / 4] * 4
    assert float(env.sim.field("geom_xpos")[..., 2].min()) > -1.0


def test_a_task_without_object_has_no_footprint() -> None:
    env = make_env("reach", SimCfg(num_worlds=2), pixels=SMALL)
    assert footprints(env, SMALL, EncoderCfg()) == []


def test_the_plan_goes_to_json_and_says_what_is_seen() -> None:
    made = plan(_small_pixels())
    tree = json.loads(json.dumps(made.as_dict()))
    assert tree["ok"]
    assert tree["sensors"]["actor"] == ["pixels", "proprio", "desired_goal"]
    assert tree["speed"]["env_steps_per_s"] > 0
    assert tree["footprints"][0]["viewpoint"] == "side"


def test_nature_in_the_far_view_is_called_out() -> None:
    cfg = preset("push-pixels-lessons-nature")
    cfg = replace(cfg, agent=replace(cfg.agent, batch_size=8), sim=SimCfg(num_worlds=2))
    texts = [f.text for f in plan(cfg).findings if f.level == "warning"]
    assert any("falls between cells" in text for text in texts), texts


def test_an_unknown_viewpoint_is_refused_before_the_run() -> None:
    cfg = _small_pixels()
    cfg = replace(cfg, pixels=replace(cfg.pixels, viewpoints=("nowhere",)))
    with pytest.raises(UserError, match=r"unknown viewpoint 'nowhere'; legal: .*free"):
        admit(cfg)
