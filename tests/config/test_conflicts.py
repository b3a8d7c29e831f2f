"""Every rule fires on the configuration that it is about, and on no healthy preset."""

import re
from dataclasses import replace
from typing import Any

import pytest

from puckrl.agents.settings import MODES
from puckrl.config.conflicts import conflicts
from puckrl.config.conflicts_memory import may_need_memory, memory
from puckrl.config.notices import Level, Notice
from puckrl.config.presets import PRESETS, preset
from puckrl.config.run_cfg import RunCfg
from puckrl.core.types import PixelSpace, Spaces
from puckrl.replay.settings import GoalImagesCfg, ReplayCfg
from puckrl.tasks.catalog import make_task


def spaces(cfg: RunCfg) -> Spaces:
    size, views = cfg.pixels, len(cfg.pixels.viewpoints)
    pixels = PixelSpace(size.height, size.width, 3 * views, size.stack)
    return replace(make_task(cfg.task).spaces, pixels=pixels if views else None)


def levels(cfg: RunCfg) -> dict[str, str]:
    return {notice.text: notice.level for notice in conflicts(cfg, spaces(cfg))}


def with_vision(cfg: RunCfg, **changes: Any) -> RunCfg:
    seen = replace(cfg.agent.vision, **changes)
    return replace(cfg, agent=replace(cfg.agent, vision=seen))


PIXELS = preset("push-pixels")
SYMMETRIC = preset("push-pixels-symmetric")
SHOWN = preset("push-image-goal")


@pytest.mark.parametrize(
    ("cfg", "level", "words"),
    [
        (
            replace(preset("push"), pixels=PIXELS.pixels),
            "warning",
            "no network gets them",
        ),
        (
            with_vision(PIXELS, encoder_gradient="critic"),
            "error",
            "no gradient reaches",
        ),
        (
            replace(PIXELS, pixels=SHOWN.pixels),
            "warning",
            "no network gets them; add goal_image",
        ),
        (replace(SHOWN, pixels=PIXELS.pixels), "error", "goals are not rendered"),
        (
            replace(SHOWN, replay=ReplayCfg(goal_images=GoalImagesCfg(0.7, 0.4))),
            "error",
            "more than all goals of a batch",
        ),
        (with_vision(SHOWN, augment="shift"), "error", "not the pictures of goals"),
        (
            replace(
                SHOWN,
                agent=replace(
                    SHOWN.agent,
                    actor_sensors=(*MODES["image-goal"], "desired_goal"),
                ),
            ),
            "warning",
            "desired_goal, which says all",
        ),
        (
            with_vision(PIXELS, encoder_gradient="none"),
            "warning",
            "no gradient reaches",
        ),
        (
            with_vision(PIXELS, encoder_gradient="goal-prediction", aux_weight=0.0),
            "error",
            "no gradient reaches",
        ),
        (
            with_vision(PIXELS, condition_on_prediction=True, aux_weight=0.0),
            "error",
            "a goal prediction that no loss trains",
        ),
        (
            with_vision(SYMMETRIC, encoder_gradient="actor"),
            "warning",
            "from the actor's loss alone",
        ),
        (
            replace(
                PIXELS,
                agent=replace(PIXELS.agent, actor_sensors=MODES["pixels-no-proprio"]),
            ),
            "warning",
            "without proprio the actor must infer",
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
            "not its orientation or velocity",
        ),
        (PIXELS, "note", "the teacher and critics use the state"),
        (preset("push-pixels-lessons"), "note", "a robot with a camera does not have"),
        (
            with_vision(PIXELS, encoder_gradient="none", self_supervised=("vae",)),
            "error",
            "vae trains no encoder",
        ),
        (
            with_vision(PIXELS, augment="color", self_supervised=("vae",)),
            "error",
            "changes frames but not those",
        ),
        (
            with_vision(PIXELS, encoder_gradient="self-supervised", aux_weight=0.0),
            "error",
            "no gradient reaches the encoder",
        ),
        (with_vision(PIXELS, augment="shift"), "warning", "up to 0.25 of its range"),
        (
            with_vision(PIXELS, augment="shift+color"),
            "warning",
            "up to 0.25 of its range",
        ),
        (preset("push-pixels-lessons-nature"), "warning", "one cell every 8 pixels"),
        (
            replace(PIXELS, loop=replace(PIXELS.loop, update_ratio=0.01)),
            "warning",
            "very low",
        ),
        (
            replace(PIXELS, budget=replace(PIXELS.budget, env_steps=100_000)),
            "warning",
            "takes off after about 7,000; plan for at least 14,000",
        ),
        (
            replace(
                preset("push"),
                sim=replace(preset("push").sim, backend="warp", num_worlds=1),
            ),
            "warning",
            "leave most of a GPU idle",
        ),
        (replace(preset("push"), device="cuda"), "warning", "leave most of a GPU idle"),
        (
            replace(
                preset("push"), budget=replace(preset("push").budget, env_steps=60_000)
            ),
            "warning",
            "plan for at least 14,000",
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
            "uses up the budget",
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
    found = sorted((Notice(level, "") for level in levels), key=Notice.rank)
    assert [notice.level for notice in found] == ["error", "warning", "note", "note"]


def test_no_preset_is_refused() -> None:
    for name, cfg in PRESETS.items():
        assert "error" not in levels(cfg).values(), name


@pytest.mark.parametrize(
    ("name", "first_iteration_with_updates"),
    # 16 episodes in 16 worlds; 400 in 1024, 50 steps, in iterations of 10; one later
    [("reach", 16 * 50), ("push-gpu", 1024 * 50), ("pick-place-gpu", 1024 * 60)],
)
def test_a_budget_is_spent_in_the_warm_up_only_if_nothing_is_learned(
    name: str, first_iteration_with_updates: int
) -> None:
    cfg = preset(name)
    per_iteration = cfg.sim.num_worlds * (cfg.loop.collect_steps or 50)
    smallest = (
        first_iteration_with_updates - per_iteration + 1
    )  # an iteration is collected to its end
    for env_steps, said in ((smallest, False), (smallest - 1, smallest > 1)):
        asked = replace(cfg, budget=replace(cfg.budget, env_steps=env_steps))
        assert any("uses up the budget" in text for text in levels(asked)) is said


def test_a_warm_up_of_control_steps_is_none_of_episodes() -> None:
    cfg = preset("mjlab:Fake").with_(**{"sim.num_worlds": 600})
    spaces = Spaces(state_dim=2, goal_dim=0, action_dim=1, horizon=1000)
    spent = 600 * 32  # two iterations of 16 control steps; an episode has 1,000

    def told(env_steps: int, **changes: Any) -> list[str]:
        asked = cfg.with_(**{"budget.env_steps": env_steps, **changes})
        return [notice.text for notice in conflicts(asked, spaces)]

    assert told(spent) == []
    assert "uses up the budget" in told(spent - 600 * 16)[0]
    # few updates of large batches are not few samples
    few = told(spent, **{"agent.batch_size": 256})
    assert any("updates per env step is very low" in text for text in few)


def remembering(**settings: Any) -> RunCfg:
    """Return peg insertion with a GRU, and other settings of its memory."""
    changes = {f"agent.memory.{name}": value for name, value in settings.items()}
    return preset("peg-insert-touch").with_(**{"agent.memory.kind": "gru"} | changes)


@pytest.mark.parametrize(
    ("cfg", "level", "text"),
    [
        (remembering(), None, ""),
        (remembering(kind="stack"), None, ""),
        (remembering(steps=15), "error", "multiple of --agent.memory.steps 15.* 510"),
        (remembering(burn_in=100), "error", "burn-in 100 leaves no transition"),
        (remembering(window=50), "warning", "begin within episodes of 100"),
        (remembering(window=50, burn_in=20), None, ""),
        (
            remembering().with_(**{"params.horizon": 400}),
            "warning",
            "sequences of 400 steps are slow",
        ),
        (
            remembering().with_(**{"pixels.viewpoints": ("wrist",)}),
            "error",
            "remembers vectors, and this run has cameras",
        ),
    ],
)
def test_memory(cfg: RunCfg, level: str | None, text: str) -> None:
    horizon = make_task(cfg.task, cfg.reward, cfg.params).spaces.horizon
    found = list(memory(cfg, replace(spaces(cfg), horizon=horizon)))
    assert [notice.level for notice in found] == ([level] if level else [])
    assert re.search(text, found[0].text) if found else True


def test_an_actor_that_gets_less_than_its_critics_may_need_memory() -> None:
    def notes(name: str, **changes: Any) -> list[str]:
        cfg = preset(name).with_(**changes)
        return [notice.text for notice in may_need_memory(cfg, spaces(cfg))]

    (note,) = notes("peg-insert-touch")
    assert "the critics get socket, stop" in note
    assert not notes("peg-insert-touch", **{"agent.memory.kind": "stack"})
    assert not notes("push")


def test_a_buffer_of_steps_is_not_read_while_it_is_written() -> None:
    push = preset("push")
    dense = replace(
        push,
        task="gym:Pusher-v5",
        replay=replace(push.replay, her_ratio=0.0),
        loop=replace(push.loop, overlap=True),
    )
    found = [n.text for n in conflicts(dense, spaces(push)) if n.level == "error"]
    assert len(found) == 1
    assert "use --loop.no-overlap" in found[0]
