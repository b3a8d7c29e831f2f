"""What can be trained, on a narrow terminal."""

from rich.console import Console

from puckrl.config.presets import PRESETS, preset
from puckrl.runner import listing


def test_every_name_can_be_copied_from_eighty_columns() -> None:
    console = Console(width=80)
    with console.capture() as printed:
        console.print(listing.render())
    lines = printed.get().splitlines()
    assert max(map(len, lines)) <= 80
    words = {line.split()[0] for line in lines if line.strip()}
    assert set(PRESETS) <= words
    assert {"achieved_goal", "reference,"} <= set(printed.get().split())


def test_what_a_policy_sees_is_what_it_is_given() -> None:
    assert listing.sees(preset("push")) == "state"
    assert listing.sees(preset("push-pixels")) == "32 x 32 side, proprio"
    assert listing.sees(preset("reach-pixels")) == "32 x 32 side + front"
    told = listing.sees(preset("push-pixels-lessons"))
    assert told == "84 x 84 reference, proprio, achieved_goal"


def test_what_a_preset_is_held_to() -> None:
    assert listing.promise(preset("push")) == "0.95 in 2:00"
    assert listing.promise(preset("slide")) == "-"
