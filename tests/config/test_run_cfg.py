"""Configurations are values: YAML and back, a hash that means something."""

from dataclasses import replace

import pytest

from puckrl.agents.sac import SacCfg
from puckrl.config.presets import PRESETS, preset
from puckrl.config.run_cfg import (
    RunCfg,
    SimCfg,
    config_hash,
    from_dict,
    from_yaml,
    to_dict,
    to_yaml,
)
from puckrl.core.errors import UserError


@pytest.mark.parametrize("name", PRESETS)
def test_yaml_round_trip(name: str) -> None:
    cfg = preset(name)
    assert from_yaml(to_yaml(cfg)) == cfg


def test_the_agents_kind_survives() -> None:
    cfg = RunCfg(agent=SacCfg(alpha=0.1))
    assert from_yaml(to_yaml(cfg)) == cfg


def test_the_hash_sees_what_is_learned_and_nothing_else() -> None:
    cfg = preset("push")
    assert config_hash(cfg) == config_hash(replace(cfg, seed=9, device="cpu"))
    assert config_hash(cfg) == config_hash(replace(cfg, budget=preset("reach").budget))
    assert config_hash(cfg) == config_hash(replace(cfg, eval=preset("reach").eval))
    assert config_hash(cfg) == config_hash(replace(cfg, preset="mine"))
    threads = replace(cfg.sim, num_threads=1)
    assert config_hash(cfg) == config_hash(replace(cfg, sim=threads))
    assert config_hash(cfg) != config_hash(replace(cfg, sim=SimCfg(num_worlds=7)))
    assert config_hash(cfg) != config_hash(replace(cfg, agent=SacCfg()))


def test_unknown_settings_are_named() -> None:
    tree = to_dict(RunCfg())
    with pytest.raises(UserError, match="unknown setting 'sed'"):
        from_dict({**tree, "sed": 1})
    with pytest.raises(UserError, match=r"unknown setting agent\.'gama'"):
        from_dict({**tree, "agent": {"kind": "td3", "gama": 0.9}})
    with pytest.raises(UserError, match="unknown agent 'ppo'; legal: td3, sac"):
        from_dict({**tree, "agent": {"kind": "ppo"}})


def test_unknown_presets_list_the_legal_ones() -> None:
    with pytest.raises(
        UserError, match=r"unknown preset 'pussh'; legal: .*push.*reach"
    ):
        preset("pussh")


def test_presets_are_filed_under_their_own_names() -> None:
    assert all(cfg.preset == name for name, cfg in PRESETS.items())


def test_older_runs_say_wall_s_for_train_s() -> None:
    cfg = preset("pick-place")
    assert cfg.budget.train_s > 0
    older = to_yaml(cfg).replace(
        "budget:\n  env_steps: 2000000\n  train_s",
        "budget:\n  env_steps: 2000000\n  wall_s",
    )
    assert "wall_s" in older
    assert from_yaml(older) == cfg


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("agent: null", "agent is None; wanted: a section"),
        ("sim: 5", "sim is 5; wanted: a section"),
        ("seed: abc", "seed is 'abc'; wanted: a whole number"),
        ("seed: true", "seed is True; wanted: a whole number"),
        ("agent: {kind: td3, hidden: 5}", "agent.hidden is 5; wanted: a list"),
        ("agent: {gamma: x}", "agent.gamma is 'x'; wanted: a number"),
        ("save: {replay: 1}", "save.replay is 1; wanted: true or false"),
        ("sim: {backend: gpu}", "sim.backend is 'gpu'; legal: cpu, warp"),
        ("agent: {hidden: [a]}", "agent.hidden is 'a'; wanted: a whole number"),
        ("agent: {kind: 5}", "unknown agent 5; legal: td3, sac, distill"),
        ("", "the configuration is None; wanted: a section"),
    ],
)
def test_a_value_of_another_type_is_named(text: str, said: str) -> None:
    with pytest.raises(UserError, match=f"^{said}$"):
        from_yaml(text)


def test_a_whole_number_is_a_number() -> None:
    assert from_yaml("agent: {gamma: 1}").agent.gamma == 1
