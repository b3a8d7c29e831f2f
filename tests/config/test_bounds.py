"""What numbers a configuration may hold."""

from dataclasses import replace
from typing import Any

import pytest

from puckrl.agents.distill import DistillCfg
from puckrl.agents.sac import SacCfg
from puckrl.agents.td3 import Td3Cfg
from puckrl.config.bounds import LIMITS, check_limits, numbers
from puckrl.config.presets import PRESETS
from puckrl.config.run_cfg import RunCfg, from_dict, to_dict
from puckrl.core.errors import UserError
from puckrl.runner.plan import admit, plan


@pytest.mark.parametrize("agent", [Td3Cfg(), SacCfg(target_entropy=-4.0), DistillCfg()])
def test_every_number_has_its_limits(agent: Td3Cfg | SacCfg | DistillCfg) -> None:
    named = {name for name, _ in numbers(to_dict(replace(RunCfg(), agent=agent)))}
    assert {n for n in named if not n.startswith("pixels.randomize.")} <= set(LIMITS)


@pytest.mark.parametrize("cfg", PRESETS.values(), ids=PRESETS)
def test_no_preset_is_out_of_range(cfg: RunCfg) -> None:
    check_limits(cfg)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("agent.gamma", 1.0),
        ("agent.gamma", float("nan")),
        ("agent.alpha", 0.0),
        ("agent.tau", 5.0),
        ("agent.actor_delay", 0),
        ("agent.critics", 0),
        ("agent.batch_size", 0),
        ("agent.hidden", (64, 0)),
        ("sim.num_worlds", 0),
        ("pixels.height", 0),
        ("pixels.randomize.colors", 2.0),
        ("replay.her_ratio", 4.0),
        ("replay.sampling.moving_share", -1.0),
        ("loop.update_ratio", -1.0),
        ("loop.collect_steps", -1),
        ("eval.episodes", 0),
        ("seed", -1),
    ],
)
def test_what_makes_no_run_is_refused_in_one_line(name: str, value: object) -> None:
    tree = to_dict(PRESETS["push"])
    section: dict[str, Any] = tree
    *path, last = name.split(".")
    for key in path:
        section = section[key]
    section[last] = value
    cfg = from_dict(tree)
    for act in (check_limits, admit, plan):
        with pytest.raises(UserError, match="out of range; legal: ") as caught:
            act(cfg)
        assert name.replace("_", "-") in str(caught.value)
        assert "\n" not in str(caught.value)
