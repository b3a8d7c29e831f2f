"""What puck compare says: what differs, the curves, and what confounds them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from puckrl.cli import main
from puckrl.config.presets import preset
from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.core.words import age, count, duration, sparkline
from puckrl.runner import run_folder
from puckrl.study.compare import Comparison, Point, at, compare, reached
from puckrl.study.side_by_side import label, render

BASE = preset("reach")
GAMMA = replace(BASE, agent=replace(BASE.agent, gamma=0.9))
MADE = {
    "status": "finished",
    "stop": "budget",
    "versions": {"torch": "2.0"},
    "git": {"revision": "0123456789", "dirty": False},
    "machine": {"device": "cpu", "cpu": "fast", "cores": 2},
    "processes": 1,
    "result": {"success": 0.75, "interval": [0.5, 0.9]},
}


def a_run(
    root: Path, cfg: RunCfg = BASE, curve: tuple[Point, ...] = (), **manifest: Any
) -> str:
    """Make a finished run with a curve; return the name of its folder."""
    folder = run_folder.create(root, cfg)
    folder.update_manifest(**{**MADE, **manifest})
    rows = [
        {"env_steps": p.env_steps, "updates": p.updates, "eval/success": p.success}
        for p in curve
    ]
    folder.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder.path.name


CURVE = (Point(100, 25, 0.0), Point(200, 50, 0.5), Point(300, 75, 0.9))


def compared(root: Path, *names: str) -> Comparison:
    """Compare runs of a folder."""
    return compare(names, root)


def test_one_setting_that_differs_is_comparable(tmp_path: Path) -> None:
    of = compared(tmp_path, a_run(tmp_path, BASE, CURVE), a_run(tmp_path, GAMMA, CURVE))
    assert of.settings == {"agent.gamma": (BASE.agent.gamma, 0.9)}
    assert not of.others
    assert not of.made
    assert of.warnings == [
        "one seed each: how much seeds differ is unknown; train three or more of each (--seed)"
    ]


def test_two_settings_that_differ_are_confounded(tmp_path: Path) -> None:
    two = replace(GAMMA, loop=replace(GAMMA.loop, update_ratio=0.5))
    of = compared(tmp_path, a_run(tmp_path), a_run(tmp_path, two))
    assert set(of.settings) == {"agent.gamma", "loop.update_ratio"}
    assert of.warnings[0].startswith("CONFOUNDED: 2 settings differ")
    assert of.as_dict()["comparable"] is False


def test_settings_that_decide_nothing_stand_apart(tmp_path: Path) -> None:
    seed = replace(BASE, seed=1, expect=preset("push").expect)
    of = compared(tmp_path, a_run(tmp_path), a_run(tmp_path, seed))
    assert not of.settings
    assert of.others == {"seed": (0, 1)}
    assert of.warnings == [
        "the settings are the same: what differs is the spread between seeds"
    ]
    again = compared(tmp_path, a_run(tmp_path), a_run(tmp_path))
    assert again.warnings == [
        "settings and seed are the same: what differs is noise, or how they were made"
    ]


@pytest.mark.parametrize(
    ("made", "names", "words"),
    [
        ({"machine": {**MADE["machine"], "cpu": "slow"}}, ["machine.cpu"], "times do not compare"),
        ({"machine": {**MADE["machine"], "cpu": "slow"}}, ["machine.cpu"], "bf16 is computed in float32"),
        ({"processes": 2}, ["processes"], "hardware differs (processes)"),
        ({"versions": {"torch": "3.0"}}, ["versions.torch"], "the code differs (versions.torch)"),
        ({"git": {"revision": "0123456789", "dirty": True}}, ["git.revision"], "the code differs"),
        ({"task": {"sha256": {"task.py": "abc"}}}, ["task.task.py"], "the code differs (task.task.py)"),
        ({"status": "running"}, [], "is not finished: stopped (killed)"),
    ],
)  # fmt: skip
def test_how_runs_were_made_is_told(
    made: dict[str, Any], names: list[str], words: str, tmp_path: Path
) -> None:
    of = compared(tmp_path, a_run(tmp_path), a_run(tmp_path, GAMMA, **made))
    assert list(of.made) == names
    assert any(words in warning for warning in of.warnings)


def test_precision_is_no_matter_where_none_asks_for_bf16(tmp_path: Path) -> None:
    exact = replace(BASE, agent=replace(BASE.agent, precision="fp32"))
    other = replace(exact, seed=1)
    machine = {**MADE["machine"], "cpu": "slow"}
    of = compared(
        tmp_path, a_run(tmp_path, exact), a_run(tmp_path, other, machine=machine)
    )
    assert not any("bf16" in warning for warning in of.warnings)


@pytest.mark.parametrize(("updates", "told"), [(75, False), (78, False), (80, True)])
def test_unequal_updates_are_told(updates: int, told: bool, tmp_path: Path) -> None:
    longer = (*CURVE[:2], Point(300, updates, 0.9))
    of = compared(
        tmp_path, a_run(tmp_path, BASE, CURVE), a_run(tmp_path, GAMMA, longer)
    )
    words = f"updates differ: 75, {updates}; compare at equal updates"
    assert any(warning.startswith(words) for warning in of.warnings) == told


def test_a_curve_is_the_last_evaluation_at_each_moment() -> None:
    """Oracle: a hand table. None before the first evaluation and after the end."""
    moments = [50, 100, 150, 200, 300, 301]
    assert at(CURVE, "env_steps", moments) == [None, 0.0, 0.0, 0.5, 0.9, None]
    assert at(CURVE, "updates", [25, 49, 50, 76]) == [0.0, 0.0, 0.5, None]
    assert at((), "updates", [1]) == [None]


def test_the_first_reach_is_on_both_clocks(tmp_path: Path) -> None:
    of = compared(tmp_path, a_run(tmp_path, BASE, CURVE), a_run(tmp_path, GAMMA))
    assert reached(of.runs[0], 0.5) == Point(200, 50, 0.5)
    assert reached(of.runs[0], 0.95) is None
    assert reached(of.runs[1], 0.5) is None


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("blocks", [True, False])
def test_the_page_fits_and_shows_curves(
    width: int, blocks: bool, tmp_path: Path
) -> None:
    names = a_run(tmp_path, BASE, CURVE), a_run(tmp_path, GAMMA, CURVE[:2])
    console = Console(width=width)
    with console.capture() as shown:
        console.print(render(compared(tmp_path, *names), width, blocks=blocks))
    text = shown.get()
    assert max(map(len, text.splitlines())) <= width
    assert ("▁" in text, "_" in text.split("success over")[1]) == (blocks, not blocks)
    for words in (*names, "agent.gamma", "success over updates", "0.75"):
        assert words in text
    rows = [line.split() for line in text.splitlines() if line.startswith("0.50")]
    assert rows == [["0.50", "200,", "50", "200,", "50"]]


def test_runs_without_an_evaluation_are_compared_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = a_run(tmp_path, BASE, result=None), a_run(tmp_path, GAMMA, result=None)
    assert main(["compare", *names, "--runs", str(tmp_path)]) == 0
    assert "no evaluation yet" in capsys.readouterr().out


def test_json_holds_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = a_run(tmp_path, BASE, CURVE), a_run(tmp_path, GAMMA, CURVE)
    assert main(["compare", *names, "--runs", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["settings"] == {"agent.gamma": [BASE.agent.gamma, 0.9]}
    first = found["runs"][0]
    assert first["curve"][-1] == {"env_steps": 300, "updates": 75, "success": 0.9}
    assert first["first_reached"]["0.5"]["updates"] == 50
    assert first["first_reached"]["0.95"] is None
    assert first["interval"] == [0.5, 0.9]


def test_what_cannot_be_compared_is_one_line(tmp_path: Path) -> None:
    name = a_run(tmp_path)
    for names in ([name], [name, name], [name, str(tmp_path / name)]):
        with pytest.raises(UserError, match="two runs or more, each named once"):
            compare(names, tmp_path)
    with pytest.raises(UserError, match="no run 'other'"):
        compare([name, "other"], tmp_path)
    shutil.copytree(tmp_path / name, tmp_path / "bad")
    (tmp_path / "bad" / "manifest.json").write_text("{")
    with pytest.raises(UserError, match=r"bad is damaged: manifest\.json is not JSON"):
        compare([name, "bad"], tmp_path)


def test_labels_go_on_after_z() -> None:
    assert [label(i) for i in (0, 25, 26)] == ["A", "Z", "27"]


def test_numbers_in_words() -> None:
    seconds = (-1, 5, 90, 7_200, 200_000, 90 * 86_400)
    ages = ["0 s", "5 s", "2 min", "2 h", "2 d", "13 w"]
    assert [age(s) for s in seconds] == ages
    assert [count(n) for n in (950, 5000, 999_900)] == ["950", "5 k", "1 M"]
    assert duration(7384) == "2:03:04"
    assert sparkline([0.0, 0.5, 1.0, None, 0.2]) == "▁▅█ ▂"
    assert sparkline([0.0, 0.5, 1.0], blocks=False) == "_+@"
