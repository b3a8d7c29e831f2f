"""The report: exit codes, comparisons, and what is called confounded."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from puckrl.cli import main
from puckrl.config.presets import preset
from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.doctor.consult import consult, render
from puckrl.runner import run_folder


def run(root: Path, cfg: RunCfg, level: float = 0.9, **signals: float) -> Path:
    """A run folder that takes off half-way to a level."""
    folder = run_folder.create(root, cfg)
    with folder.metrics.open("w") as file:
        for i in range(1, 61):
            won = 0.05 if i < 30 else min(level, 0.05 + 0.06 * (i - 30))
            row = {"env_steps": 1000 * i, "updates": 250 * i, "episodes": 20 * i}
            file.write(json.dumps({**row, "train/success": won, **signals}) + "\n")
    return folder.path


def text(paths: list[Path]) -> str:
    console = Console(width=200, file=io.StringIO())
    with console.capture() as captured:
        console.print(render(consult(paths)))
    return captured.get()


def test_one_run(tmp_path: Path) -> None:
    path = run(tmp_path, preset("push"))
    shown = text([path])
    assert "converg" in shown
    assert "flat 1 k" in shown
    assert "advice" in shown
    assert "verdict changes if" in shown
    assert consult([path]).exit_code == 0
    assert consult([path]).comparable is None


def test_two_seeds_one_setting_two_settings(tmp_path: Path) -> None:
    base = preset("push")
    seed = run(tmp_path, replace(base, seed=1))
    first = run(tmp_path, base)
    ratio = replace(base, loop=replace(base.loop, update_ratio=0.5))
    other = run(tmp_path, ratio)
    both = run(tmp_path, replace(ratio, agent=replace(base.agent, gamma=0.98)))
    assert "the difference is the seed" in text([first, seed])
    assert "one setting differs: loop.update_ratio: " in text([first, other])
    found = consult([first, both])
    assert found.comparable is False
    assert set(found.differences) == {"loop.update_ratio", "agent.gamma"}
    assert "CONFOUNDED: 2 settings differ" in text([first, both])


def test_three_seeds_are_comparable(tmp_path: Path) -> None:
    seeds = [run(tmp_path, replace(preset("push"), seed=seed)) for seed in range(3)]
    found = consult(seeds)
    assert found.comparable is True
    assert found.differences == {}
    assert found.as_dict()["comparable"] is True
    assert "same settings: the difference is the seed" in text(seeds)


def test_one_setting_of_three_values_is_comparable(tmp_path: Path) -> None:
    base, gammas = preset("push"), (0.9, 0.95, 0.98)
    found = consult(
        [
            run(tmp_path, replace(base, agent=replace(base.agent, gamma=g)))
            for g in gammas
        ]
    )
    assert found.comparable is True
    assert found.differences == {"agent.gamma": gammas}
    assert found.as_dict()["differences"] == {"agent.gamma": list(gammas)}


def test_runs_of_unknown_settings_are_not_called_comparable(tmp_path: Path) -> None:
    """Neither beside one whose settings are known, nor beside another unknown one."""
    known = run(tmp_path, preset("push"))
    unknown = [run(tmp_path, replace(preset("push"), seed=seed)) for seed in (1, 2)]
    for path in unknown:
        (path / "config.yaml").unlink()
    for paths in ([known, unknown[0]], unknown):
        assert consult(paths).comparable is None
        assert "settings unknown" in text(paths)


def test_an_unreadable_run_does_not_count_in_the_comparison(tmp_path: Path) -> None:
    good = [run(tmp_path, replace(preset("push"), seed=seed)) for seed in (0, 1)]
    broken = run(tmp_path, replace(preset("push"), seed=2))
    (broken / "metrics.jsonl").write_text("no JSON\n{}\n")
    found = consult([*good, broken])
    assert len(found.patients) == 3
    assert found.comparable is True


def test_a_foreign_file_is_contamination(tmp_path: Path) -> None:
    path = run(tmp_path, preset("push"))
    (path / "events.out.tfevents.1.other.2.0").write_text("")
    found = consult([path])
    assert found.exit_code == 3
    assert found.patients[0].verdict.phase == "unknown"
    assert "did not write" in text([path])


def test_a_log_without_success_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"env_steps": 1, "train/critic_loss": 0.5}\n')
    with pytest.raises(UserError, match="neither success nor return"):
        consult([path])


def test_one_unreadable_run_does_not_silence_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = run(tmp_path, preset("push"))
    broken = run(tmp_path, replace(preset("push"), seed=1))
    (broken / "metrics.jsonl").write_text("no JSON\n{}\n")
    young = run(tmp_path, replace(preset("push"), seed=2))
    (young / "metrics.jsonl").write_text("")
    found = consult([tmp_path])
    said = {p.log.name: p.verdict for p in found.patients}
    assert said[good.name].phase == "converged"
    assert said[broken.name].phase == "unknown"
    assert said[broken.name].finding("unreadable log") is not None
    assert found.empty == (young.name,)  # not "unreadable: repair it"
    assert found.exit_code == 0
    assert found.comparable is None  # of those that were read there is one
    assert main(["doctor", str(tmp_path), "--plot", str(tmp_path / "a.png")]) == 0
    shown = capsys.readouterr().out
    assert "line 1 is no JSON object" in " ".join(shown.split())
    assert f"no rows yet: {young.name}" in " ".join(shown.split())


def test_a_missing_path_does_not_refuse_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = run(tmp_path, preset("push"))
    typo = tmp_path / "typo"
    found = consult([good, typo])
    assert [p.verdict.phase for p in found.patients] == ["converged", "unknown"]
    assert found.missing == (str(typo),)
    assert main(["doctor", str(good), str(typo), "--json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["missing"] == [str(typo)]
    assert "no log at" in report["runs"][1]["verdict"]["findings"][0]["reason"]


def test_an_error_is_json_where_json_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(tmp_path / "typo"), "--json"]) == 2
    assert "no log at" in json.loads(capsys.readouterr().out)["error"]


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    for seed in (0, 1):
        path = run(tmp_path, replace(preset("push"), seed=seed))
        (path / "metrics.jsonl").write_text("no JSON\n{}\n")
    assert main(["doctor", str(tmp_path)]) == 2


@pytest.mark.parametrize(
    "text", ["", "preset: push\nagent:\n", "preset: [push", "preset: push\nsim: {a"]
)
def test_a_broken_configuration_is_one_line(tmp_path: Path, text: str) -> None:
    path = run(tmp_path, preset("push"))
    (path / "config.yaml").write_text(text)
    with pytest.raises(
        UserError, match=r"config\.yaml .*judge the numbers alone"
    ) as info:
        consult([path])
    assert "\n" not in str(info.value)
    (path / "config.yaml").unlink()
    assert consult([path]).patients[0].verdict.phase == "converged"


def test_a_log_is_read_without_its_task_file(tmp_path: Path) -> None:
    path = run(tmp_path, preset("moved/away.py:Task"))
    assert consult([path]).patients[0].facts.horizon is None
    folder = run_folder.RunFolder(path)
    folder.update_manifest(spaces={"horizon": 80, "action_dim": 3})
    facts = consult([path]).patients[0].facts
    assert (facts.horizon, facts.action_dim) == (80, 3)


def test_reading_a_log_runs_no_foreign_code(tmp_path: Path) -> None:
    task = tmp_path / "mine.py"
    task.write_text("raise SystemExit('I was run')")
    path = run(tmp_path, preset(f"{task}:Mine"))
    assert consult([path]).patients[0].verdict.phase == "converged"


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = run(tmp_path / "good", preset("push"))
    ill = run(tmp_path / "ill", preset("push"), level=0.05, **{"train/q_mean": -90.0})
    plot = tmp_path / "plot.png"
    assert main(["doctor", str(good), "--plot", str(plot)]) == 0
    assert plot.stat().st_size > 10_000
    capsys.readouterr()
    assert main(["doctor", str(good), str(ill), "--json", "--plot", str(plot)]) == 3
    report = json.loads(capsys.readouterr().out)
    assert [r["verdict"]["color"] for r in report["runs"]][1] == "red"
    assert report["runs"][1]["verdict"]["findings"][0]["name"] == "divergence"
    assert main(["doctor", str(tmp_path / "none")]) == 2
    assert "no log at" in capsys.readouterr().err
    assert main(["doctor", str(good), "--fact", "modality=smell"]) == 2


@pytest.mark.parametrize(
    ("plot", "words"),
    [
        ("a.xyz", "legal endings: "),
        ("no/folder/a.png", "No such file or directory"),
        ("taken.png", "Is a directory"),
    ],
)
def test_where_nothing_can_be_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], plot: str, words: str
) -> None:
    good = run(tmp_path / "good", preset("push"))
    (tmp_path / "taken.png").mkdir()
    assert main(["doctor", str(good), "--plot", str(tmp_path / plot)]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_a_success_in_percent_is_no_success(tmp_path: Path) -> None:
    path = tmp_path / "acc.csv"
    path.write_text(
        "env_steps,acc\n" + "".join(f"{i}000,{i / 10}\n" for i in range(31))
    )
    with pytest.raises(
        UserError,
        match=r"from 0 to 3; a share must lie in .* with --map 'acc=eval/success%'",
    ):
        consult([path], ["acc=eval/success"])


def test_names_are_shown_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What rich takes for markup, and matplotlib for a formula."""
    path = tmp_path / "runs.csv"
    names = ("a[/b]", r"$\frac$")
    head = ",".join(f"{name} - eval/success" for name in names)
    rows = "".join(f"{1000 * i},{i / 20},{i / 40}\n" for i in range(20))
    path.write_text(f"Step,{head}\n{rows}")
    plot = tmp_path / "a.png"
    main(["doctor", str(path), "--plot", str(plot)])
    shown = capsys.readouterr().out
    assert all(shown.count(name) >= 2 for name in names)
    assert plot.stat().st_size > 10_000
