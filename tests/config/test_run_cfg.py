"""Configurations are values: YAML and back, a hash that means something."""

from dataclasses import replace

import pytest

from puckrl.agents.settings import DistillCfg, SacCfg, Td3Cfg
from puckrl.config.fields import Setting, changed, settings
from puckrl.config.presets import PRESETS, preset
from puckrl.config.run_cfg import (
    RunCfg,
    SimCfg,
    config_hash,
    from_dict,
    from_yaml,
    is_hashed,
    to_dict,
    to_yaml,
)
from puckrl.config.tree import as_tree
from puckrl.core.errors import UserError
from puckrl.core.settings import HASHED_IF_CHANGED


@pytest.mark.parametrize("name", PRESETS)
def test_yaml_round_trip(name: str) -> None:
    cfg = preset(name)
    assert from_yaml(to_yaml(cfg)) == cfg


@pytest.mark.parametrize("agent", [Td3Cfg(), SacCfg(alpha=0.1), DistillCfg()])
def test_the_agents_kind_survives(agent: Td3Cfg | SacCfg | DistillCfg) -> None:
    cfg = RunCfg(agent=agent)
    assert from_yaml(to_yaml(cfg)) == cfg
    assert next(iter(to_dict(cfg)["agent"].items())) == ("kind", agent.kind)


def test_an_agent_without_a_kind_is_td3() -> None:
    assert from_yaml("agent: {gamma: 0.5}").agent == Td3Cfg(gamma=0.5)


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


_APART = {"preset", "seed", "device", "sim.num_threads"}
_APART_SECTIONS = ("eval.", "budget.", "save.", "expect.")


def _another(value: object) -> object:
    """A value that a hash can tell from ``value``."""
    return (not value) if isinstance(value, bool) else f"not {value}"


@pytest.mark.parametrize("name", ["reach", "push", "push-pixels"])
def test_each_setting_is_in_the_hash_unless_it_is_marked(name: str) -> None:
    cfg = preset(name)
    for setting in settings(cfg):
        if setting.name == "agent.kind":  # the class has it
            continue
        if setting.name == "agent.vision.encoder.weights":  # a file: its content counts
            assert is_hashed(setting.name)
            continue

        def change(each: Setting, name: str = setting.name) -> object:
            return _another(each.value) if each.name == name else each.value

        apart = setting.name in _APART or setting.name.startswith(_APART_SECTIONS)
        same = config_hash(changed(cfg, change)) == config_hash(cfg)
        assert same is apart, setting.name
        assert is_hashed(setting.name) is not apart


def test_the_kind_of_agent_is_in_the_hash() -> None:
    kinds = (Td3Cfg(), SacCfg(), DistillCfg())
    assert len({config_hash(RunCfg(agent=agent)) for agent in kinds}) == 3


def test_a_setting_whose_name_only_begins_like_a_marked_section_is_hashed() -> None:
    assert not is_hashed("eval")
    assert not is_hashed("eval.episodes")
    assert is_hashed("evaluator")


def test_unknown_settings_are_named() -> None:
    tree = to_dict(RunCfg())
    with pytest.raises(UserError, match="unknown setting 'sed'"):
        from_dict({**tree, "sed": 1})
    with pytest.raises(UserError, match=r"unknown setting agent\.'gama'"):
        from_dict({**tree, "agent": {"kind": "td3", "gama": 0.9}})
    with pytest.raises(UserError, match=r"agent\.kind is 'ppo'; legal: td3, sac"):
        from_dict({**tree, "agent": {"kind": "ppo"}})


def test_unknown_presets_name_the_closest_and_the_list() -> None:
    with pytest.raises(UserError) as caught:
        preset("pussh")
    assert "did you mean push? Legal: those of puck list, or path/to/" in str(
        caught.value
    )


def test_presets_are_filed_under_their_own_names() -> None:
    assert all(cfg.preset == name for name, cfg in PRESETS.items())


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
        ("agent: {kind: 5}", "agent.kind is 5; legal: td3, sac, distill"),
        ("agent: {kind: [sac]}", r"agent.kind is \['sac'\]; legal: td3, sac, distill"),
        (
            "agent: {kind: sac, target_noise: 1}",
            "unknown setting agent.'target_noise'.*",
        ),
        ("agent: {target_entropy: x}", "unknown setting agent.'target_entropy'.*"),
        (
            "agent: {kind: sac, target_entropy: x}",
            "agent.target_entropy is 'x'; wanted: a number or null",
        ),
        ("", "the configuration is None; wanted: a section"),
    ],
)
def test_a_value_of_another_type_is_named(text: str, said: str) -> None:
    with pytest.raises(UserError, match=f"^{said}$"):
        from_yaml(text)


def test_a_whole_number_is_a_number() -> None:
    assert from_yaml("agent: {gamma: 1}").agent.gamma == 1


def test_a_section_counts_for_the_hash_only_where_it_was_changed() -> None:
    """Configurations without memory keep the hash that they had before it existed."""
    cfg = RunCfg()
    assert "memory" not in as_tree(cfg, frozenset({HASHED_IF_CHANGED}))["agent"]
    changed = cfg.with_(**{"agent.memory.kind": "gru"})
    assert config_hash(changed) != config_hash(cfg)
    assert from_yaml(to_yaml(changed)) == changed
