"""Facts from configurations and from the command line."""

import pytest

from puckrl.core.errors import UserError
from puckrl.lab.logs.facts import facts_of, with_facts
from puckrl.lab.presets import preset
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
        ("colour=red", "names: modality"),
        ("gamma", "wanted name=value"),
        ("modality=smell", "legal: state, pixels"),
        ("sparse=maybe", "legal: true, false"),
        ("gamma=high", "is no number"),
    ],
)
def test_bad_facts(item: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        with_facts(RunFacts(), [item])
