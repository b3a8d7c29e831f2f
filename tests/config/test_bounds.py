"""What numbers a configuration may hold."""

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any

import pytest

from puckrl.agents.settings import DistillCfg, SacCfg, Td3Cfg
from puckrl.config.bounds import check_bounds, numbers
from puckrl.config.fields import settings
from puckrl.config.presets import PRESETS
from puckrl.config.run_cfg import PixelsCfg, RunCfg, SimCfg, from_dict, to_dict
from puckrl.core.errors import UserError
from puckrl.core.settings import COUNT, SHARE
from puckrl.runner.plan import admit, plan


@pytest.mark.parametrize("agent", [Td3Cfg(), SacCfg(target_entropy=-4.0), DistillCfg()])
def test_every_number_has_its_bounds(agent: Td3Cfg | SacCfg | DistillCfg) -> None:
    cfg = replace(RunCfg(), agent=agent)
    found = [each for each in settings(cfg) if list(numbers(each.value))]
    assert len(found) > 40
    assert [each.name for each in found if each.bounds is None] == []


def test_numbers_of_a_setting() -> None:
    assert list(numbers(3)) == [3]
    assert list(numbers((1, 0.5))) == [1, 0.5]
    assert list(numbers((True, "7", None))) == []


@dataclass(frozen=True)
class Part:
    sides: Annotated[tuple[int, ...], COUNT] = (1, 2)
    share: Annotated[float | None, SHARE] = None
    free: float = -1e30


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Part(sides=(3, 0)), "--all.sides 0 is out of range; legal: a whole number"),
        (Part(share=1.5), "--all.share 1.5 is out of range; legal: from 0 to 1"),
        (Part(share=math.nan), "--all.share nan is out of range"),
    ],
)
def test_bounds_hold_in_a_tuple_and_where_a_number_is_optional(
    part: Part, said: str
) -> None:
    with pytest.raises(UserError, match=f"^{said}"):
        check_bounds(part, "all.")


def test_none_and_a_number_without_bounds_are_legal() -> None:
    check_bounds(Part())
    check_bounds(Part(share=1.0, sides=()))


@pytest.mark.parametrize("cfg", PRESETS.values(), ids=PRESETS)
def test_no_preset_is_out_of_range(cfg: RunCfg) -> None:
    check_bounds(cfg)


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
        ("pixels.randomize.camera_deg", 91.0),
        ("agent.target_entropy", math.inf),
        ("agent.vision.encoder.channels", 0),
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
    for act in (check_bounds, admit, plan):
        with pytest.raises(UserError, match="out of range; legal: ") as caught:
            act(cfg)
        assert name.replace("_", "-") in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["hidden", "actor_sensors", "critic_sensors"])
def test_a_list_that_must_not_be_empty(name: str) -> None:
    """``--agent.hidden`` without a value is a slip, not a policy without hidden layers."""
    empty: dict[str, Any] = {name: ()}
    cfg = RunCfg(agent=Td3Cfg(**empty))
    with pytest.raises(UserError, match=f"agent.{name.replace('_', '-')} has no value"):
        check_bounds(cfg)
    check_bounds(RunCfg(pixels=PixelsCfg(viewpoints=())))  # no camera


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (replace(RunCfg(), seed="1"), "seed='1'; legal: a whole number"),  # pyright: ignore[reportArgumentType]
        (RunCfg(reward="Dense"), "reward='Dense'; legal: sparse, dense"),  # pyright: ignore[reportArgumentType]
        (RunCfg(agent={}), "agent={}; legal: Td3Cfg, SacCfg, DistillCfg"),  # pyright: ignore[reportArgumentType]
        (RunCfg(sim=SimCfg(num_worlds=2.5)), "sim.num_worlds=2.5; legal: a whole"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_types_are_checked_too(part: RunCfg, said: str) -> None:
    with pytest.raises(UserError, match=f"^{said}"):
        check_bounds(part)
