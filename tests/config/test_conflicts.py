"""Every rule fires on the configuration that it is about, and on no healthy preset."""

from dataclasses import replace
from typing import Any

import pytest

from puckrl.agents.settings import MODES
from puckrl.config.conflicts import Finding, Level, conflicts
from puckrl.config.presets import PRESETS, preset
from puckrl.config.run_cfg import RunCfg
from puckrl.core.types import PixelSpace, Spaces
from puckrl.tasks.catalog import make_task


def spaces(cfg: RunCfg) -> Spaces:
    size, views = cfg.pixels, len(cfg.pixels.viewpoints)
    pixels = PixelSpace(size.height, size.width, 3 * views, size.stack)
    return replace(make_task(cfg.task).spaces, pixels=pixels if views else None)


def levels(cfg: RunCfg) -> dict[str, str]:
    return {f.text: f.level for f in conflicts(cfg, spaces(cfg))}


def sight(cfg: RunCfg, **changes: Any) -> RunCfg:
    seen = replace(cfg.agent.vision, **changes)
    return replace(cfg, agent=replace(cfg.agent, vision=seen))


PIXELS = preset("push-pixels")
SYMMETRIC = preset("push-pixels-symmetric")


@pytest.mark.parametrize(
    ("cfg", "level", "words"),
    [
        (
            replace(preset("push"), pixels=PIXELS.pixels),
            "warning",
            "no network sees them",
        ),
        (sight(PIXELS, encoder_gradient="critic"), "error", "learns from nobody"),
        (sight(PIXELS, encoder_gradient="none"), "warning", "learns from nobody"),
        (
            sight(PIXELS, encoder_gradient="guess", aux_weight=0.0),
            "error",
            "learns from nobody",
        ),
        (
            sight(PIXELS, condition_on_prediction=True, aux_weight=0.0),
            "error",
            "a guess that nobody teaches",
        ),
        (sight(SYMMETRIC, encoder_gradient="actor"), "warning", "from the actor alone"),
        (
            replace(
                PIXELS,
                agent=replace(PIXELS.agent, actor_sensors=MODES["pixels-no-proprio"]),
            ),
            "warning",
            "proprio is left out",
        ),
        (
            replace(
                preset("reach-pixels"),
                agent=replace(
                    preset("reach-pixels").agent, actor_sensors=MODES["pixels"]
                ),
            ),
            "warning",
            "needs no camera",
        ),
        (
            replace(
                preset("push"),
                agent=replace(
                    preset("push").agent, actor_sensors=MODES["proprio-only"]
                ),
            ),
            "warning",
            "not how it lies or moves",
        ),
        (PIXELS, "note", "thrown away"),
        (preset("push-pixels-lessons"), "note", "does not have it"),
        (sight(PIXELS, augment="shift"), "warning", "up to 0.25 of its range"),
        (sight(PIXELS, augment="shift+color"), "warning", "up to 0.25 of its range"),
        (preset("push-pixels-lessons-nature"), "warning", "one cell in 8 pixels"),
        (
            replace(PIXELS, loop=replace(PIXELS.loop, update_ratio=0.01)),
            "warning",
            "very low",
        ),
        (
            replace(PIXELS, budget=replace(PIXELS.budget, env_steps=100_000)),
            "warning",
            "takes off after about 7,000: plan for 14,000",
        ),
        (
            replace(
                preset("push"),
                sim=replace(preset("push").sim, backend="warp", num_worlds=1),
            ),
            "warning",
            "waste a GPU",
        ),
        (replace(preset("push"), device="cuda"), "warning", "waste a GPU"),
        (
            replace(
                preset("push"), budget=replace(preset("push").budget, env_steps=60_000)
            ),
            "warning",
            "plan for 14,000",
        ),
        (
            replace(preset("push"), loop=replace(preset("push").loop, overlap=True)),
            "warning",
            "overlap gains nothing",
        ),
        (
            replace(
                preset("push"), budget=replace(preset("push").budget, env_steps=100)
            ),
            "error",
            "spent in the warm-up",
        ),
    ],
)
def test_each_rule_names_its_conflict(cfg: RunCfg, level: str, words: str) -> None:
    found = levels(cfg)
    assert [found[text] for text in found if words in text] == [level], found


@pytest.mark.parametrize("name", ["reach", "push", "push-pixels", "push-gpu"])
def test_healthy_presets_have_no_conflict(name: str) -> None:
    assert set(levels(preset(name)).values()) <= {"note"}


def test_the_gravest_comes_first() -> None:
    levels: tuple[Level, ...] = ("note", "error", "warning", "note")
    found = sorted((Finding(level, "") for level in levels), key=Finding.rank)
    assert [f.level for f in found] == ["error", "warning", "note", "note"]


def test_no_preset_is_refused() -> None:
    for name, cfg in PRESETS.items():
        assert "error" not in levels(cfg).values(), name


@pytest.mark.parametrize(
    ("name", "first_turn_with_updates"),
    # 16 episodes in 16 worlds; 400 in 1024, 50 steps, in turns of 10; one turn later
    [("reach", 16 * 50), ("push-gpu", 1024 * 50), ("pick-place-gpu", 1024 * 60)],
)
def test_a_budget_is_spent_in_the_warm_up_only_if_nothing_is_learned(
    name: str, first_turn_with_updates: int
) -> None:
    cfg = preset(name)
    per_turn = cfg.sim.num_worlds * (cfg.loop.collect_steps or 50)
    least = first_turn_with_updates - per_turn + 1  # a turn is played to its end
    for env_steps, said in ((least, False), (least - 1, least > 1)):
        asked = replace(cfg, budget=replace(cfg.budget, env_steps=env_steps))
        assert any("spent in the warm-up" in text for text in levels(asked)) is said
