"""Settings under their old names: what is read, what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from puckrl.agents.settings import DistillCfg, SacCfg, Td3Cfg, VisionCfg
from puckrl.config.fields import settings
from puckrl.config.presets import preset
from puckrl.config.renamed import NAMES, VALUES, new_name, new_value, with_new_names
from puckrl.config.run_cfg import RunCfg, from_dict, from_yaml, to_dict
from puckrl.core.errors import UserError

OLD_RUNS = sorted((Path(__file__).parents[1] / "old_runs").glob("*/config.yaml"))

OLDER = """
pixels:
  randomise: {colours: 0.25}
agent:
  kind: sac
  kept_share: 0.5
  sight: {use_guess: true, encoder_gradient: guess, augment: shift+colour}
loop: {turn_steps: 7, normalise_episodes: 9}
budget: {wall_s: 11.0}
"""


def test_every_old_name_and_value_is_read() -> None:
    cfg = from_yaml(OLDER)
    assert cfg.pixels.randomize.colors == 0.25
    assert cfg.agent == SacCfg(
        average_share=0.5,
        vision=VisionCfg(
            condition_on_prediction=True,
            encoder_gradient="goal-prediction",
            augment="shift+color",
        ),
    )
    assert (cfg.loop.collect_steps, cfg.loop.normalize_episodes) == (7, 9)
    assert cfg.budget.train_s == 11.0
    assert {key for key in NAMES if key.rpartition(".")[2] in OLDER} == set(NAMES)


@pytest.mark.parametrize("path", OLD_RUNS, ids=lambda path: path.parent.name)
def test_runs_that_were_made_before_are_read_whole(path: Path) -> None:
    older: dict[str, Any] = yaml.safe_load(path.read_text())
    cfg = from_yaml(path.read_text())
    agents = {"reach": Td3Cfg, "push-pixels": DistillCfg}
    assert type(cfg.agent) is agents.get(cfg.preset, SacCfg)
    read = {each.name: each.value for each in settings(cfg)}
    given = dict(_leaves(older))
    assert len(given) > 50
    for name, value in given.items():
        wanted = tuple(value) if isinstance(value, list) else value
        assert read[new_name(name)] == new_value(new_name(name), wanted), name


def _leaves(tree: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in tree.items():
        inner = isinstance(value, dict)
        found += _leaves(value, f"{prefix}{key}.") if inner else [(prefix + key, value)]
    return found


def test_there_are_runs_that_were_made_before() -> None:
    assert len(OLD_RUNS) >= 3


def test_a_present_configuration_stays_as_it_is() -> None:
    tree = to_dict(preset("push-pixels"))
    assert with_new_names(tree) == tree


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("agent.sight.use_guess", "agent.vision.condition_on_prediction"),
        ("agent.vision.use_guess", "agent.vision.condition_on_prediction"),
        ("pixels.randomise.light_deg", "pixels.randomize.light_deg"),
        ("agent.sight", "agent.vision"),
        ("sight", "sight"),
        ("agent.gamma", "agent.gamma"),
    ],
)
def test_names_change_section_by_section(old: str, new: str) -> None:
    assert new_name(old) == new


def test_new_names_are_settings_and_old_ones_are_not() -> None:
    cfg = RunCfg(agent=SacCfg())
    names = {each.name for each in settings(cfg)}
    known = names | {name.rpartition(".")[0] for name in names}
    for old in NAMES:
        assert new_name(old) in known
        assert old not in known
    assert set(VALUES) <= names
    for name, values in VALUES.items():
        for old, new in values.items():
            section: dict[str, Any] = {name.rpartition(".")[2]: new}
            assert from_dict({"agent": {"vision": section}})
            assert new_value(name, old) == new != old


def test_a_setting_under_both_names_is_refused() -> None:
    for text in ("{wall_s: 1.0, train_s: 2.0}", "{train_s: 2.0, wall_s: 1.0}"):
        with pytest.raises(UserError, match=r"budget.train_s is there twice.*wall_s"):
            from_yaml(f"budget: {text}")


@pytest.mark.parametrize("value", [["guess"], {"a": 1}, 3, None, True])
def test_what_is_no_text_has_no_old_value(value: object) -> None:
    assert new_value("agent.vision.encoder_gradient", value) == value
