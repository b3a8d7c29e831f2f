"""Facts from configurations and from the command line."""

from dataclasses import replace

import pytest

from puckrl.agents.settings import Td3Cfg
from puckrl.config.facts import facts_of
from puckrl.config.presets import PRESETS, preset
from puckrl.config.run_cfg import BudgetCfg, EvalCfg, ExpectCfg, RunCfg
from puckrl.core.errors import UserError
from puckrl.logs.facts import with_facts
from puckrl.monitor.facts import RunFacts


def test_a_preset_tells_everything() -> None:
    cfg = preset("push")
    facts = facts_of(cfg)
    assert facts.modality == "state"
    assert facts.sparse
    assert facts.her
    assert (facts.gamma, facts.horizon) == (0.95, 50)
    assert facts.update_ratio == cfg.loop.update_ratio
    assert facts.usual_takeoff_updates == cfg.expect.takeoff_updates
    assert facts_of(preset("push-pixels")).modality == "pixels"
    assert facts_of(preset("push-dense")).sparse is False


PUSH = preset("push")


@pytest.mark.parametrize("name", PRESETS)
def test_a_presets_take_off_is_its_own(name: str) -> None:
    told = PRESETS[name].expect.takeoff_updates or None
    assert facts_of(preset(name)).usual_takeoff_updates == told


@pytest.mark.parametrize(
    "cfg",
    [
        replace(PUSH, task="slide"),
        replace(PUSH, reward="dense"),
        replace(PUSH, agent=Td3Cfg()),
        replace(PUSH, agent=replace(PUSH.agent, actor_sensors=("pixels",))),
        replace(PUSH, loop=replace(PUSH.loop, update_ratio=1.0)),
        preset("some/file.py:Task"),
    ],
)
def test_another_recipe_has_no_usual_take_off(cfg: RunCfg) -> None:
    known = {"horizon": 50, "action_dim": 4}
    assert facts_of(cfg, known).usual_takeoff_updates is None


@pytest.mark.parametrize(
    ("cfg", "updates"),
    [
        (replace(PUSH, seed=7, budget=BudgetCfg(env_steps=9)), 7_000),
        (replace(PUSH, eval=EvalCfg(every_env_steps=500)), 7_000),
        (replace(PUSH, task="slide", expect=ExpectCfg(takeoff_updates=123)), 123),
        (replace(PUSH, preset="mine", expect=ExpectCfg(takeoff_updates=123)), 123),
    ],
)
def test_the_presets_own_take_off_or_what_the_user_says(
    cfg: RunCfg, updates: int
) -> None:
    assert facts_of(cfg).usual_takeoff_updates == updates


def test_what_a_manifest_tells_is_not_asked_of_the_task() -> None:
    cfg = preset("moved/away.py:Task")
    facts = facts_of(cfg, {"horizon": 80, "action_dim": 3})
    assert (facts.horizon, facts.action_dim) == (80, 3)
    unknown = facts_of(cfg, {})
    assert (unknown.horizon, unknown.action_dim) == (None, None)
    with pytest.raises(UserError, match="no file"):
        facts_of(cfg)


def test_facts_from_the_command_line() -> None:
    items = ["modality=pixels", "gamma=0.9", "horizon=100", "sparse=true", "her=false"]
    facts = with_facts(RunFacts(update_ratio=1.0), items)
    assert facts == RunFacts(
        modality="pixels",
        gamma=0.9,
        horizon=100,
        sparse=True,
        her=False,
        update_ratio=1.0,
    )
    assert with_facts(facts, ["gamma=unknown"]).gamma is None


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("color=red", "names: modality"),
        ("gamma", "is no fact; write NAME=VALUE"),
        ("modality=smell", "legal: state, pixels"),
        ("sparse=maybe", "legal: true, false"),
        ("gamma=high", "is no number"),
        ("gamma=2", "legal: 0 to 1"),
        ("gamma=nan", "legal: 0 to 1"),
        ("horizon=0", "legal: 1 or more, finite"),
        ("update_ratio=-1", "legal: 0 or more, finite"),
        ("success_asked=none", "is no number"),
    ],
)
def test_bad_facts(item: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        with_facts(RunFacts(), [item])
