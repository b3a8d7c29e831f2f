"""The command line: what is printed, what is refused, and the exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import puckrl
from puckrl.cli import main
from puckrl.cli.settings import one_line, parse
from puckrl.config.presets import preset
from puckrl.config.run_cfg import ExpectCfg
from puckrl.runner.run_folder import find

TINY = [
    *("--sim.num-worlds", "2", "--sim.num-threads", "1", "--device", "cpu"),
    *("--agent.hidden", "16", "--agent.batch-size", "8", "--agent.precision", "fp32"),
    *("--loop.warm-up-episodes", "2", "--budget.env-steps", "200"),
    *("--eval.episodes", "2", "--eval.final-episodes", "2"),
    *("--save.no-video", "--save.no-tensorboard"),
]


def test_list_names_presets_and_the_way_to_ones_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert "push" in out
    assert "path/to/task.py:ClassName" in out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["train", "pussh"], "unknown preset 'pussh'; legal:"),
        (["train"], "either a preset, before its settings, or --resume"),
        (["train", "--seed", "1", "push"], "either a preset, before its settings"),
        (["train", "--resume", "nowhere"], "no run 'nowhere'"),
        (["eval", "nowhere"], "no run 'nowhere'"),
        (["record", "nowhere"], "no run 'nowhere'"),
        (["train", "nothing.py:Task"], "no file 'nothing.py'"),
        (
            ["train", "reach", "--agent.actor-sensors", "odor"],
            "unknown sensor 'odor'",
        ),
        (["train", "reach", "--device", "abacus"], "no device 'abacus'"),
        (["train", "push", "--reward", "lavish"], "('sparse', 'dense')"),
        (["train", "push", "--agent.hidden", "wide"], "(--agent.hidden [INT"),
        (
            ["train", "push", "--agent.gama", "1"],
            "--agent.gama is not a setting; did you mean --agent.gamma? See: puck",
        ),
        (["train", "push", "--agent.gamma"], "puck train push --help"),
        (
            ["train", "push", "--agent", "sac"],
            "the learning rule comes with the preset",
        ),
        (["train", "push", "--agent.kind", "td3"], "--agent is not a setting"),
        (
            ["train", "push", "--agent.sight.lr", "1"],
            "--agent.sight.lr was renamed; use --agent.vision.lr\n",
        ),
        (
            ["train", "push", "--agent.sight.no-use-guess"],
            "use --agent.vision.no-condition-on-prediction\n",
        ),
        (["train", "push", "--loop.turn_steps=5"], "use --loop.collect-steps\n"),
        (
            ["plan", "push-pixels", "--agent.vision.encoder-gradient", "guess"],
            "use --agent.vision.encoder-gradient goal-prediction\n",
        ),
        (
            ["plan", "push-pixels", "--agent.vision.augment=shift+colour"],
            "use --agent.vision.augment shift+color\n",
        ),
        (["train", "push", "--agent.gamma", "1.5"], "legal: from 0 to below 1\n"),
        (
            ["plan", "push", "--nope", "1"],
            "--nope is not a setting; see: puck train push",
        ),
        (["train", "--stop", "soon"], "'auto', 'budget', 'never'"),
        (["record", "run", "--worlds", "two"], "two is not a whole number above 0"),
        (["eval"], "required: RUN; see: puck eval --help"),
        (["plot"], "choose from 'list', 'plan', 'train'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    argv: list[str], words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root = [] if argv == ["train"] else ["--root", str(tmp_path)]
    assert main([*argv, *root]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


FRAMED = """\
╭─ Unrecognized options ───────────────────────────────╮
│ Unrecognized options: --agent.batchsize, 3           │
│ ──────────────────────────────────────────────────── │
│ Perhaps you meant:                                   │
│     --agent.batch-size INT                           │
│         Transitions per critic update. (default: 512)│
│ ──────────────────────────────────────────────────── │
│ For full helptext, run puck train push --help        │
╰──────────────────────────────────────────────────────╯
"""
PLAIN = """
 Invalid choice
 ------------------------------------------------
  invalid choice 'foo' for argument
  '--sim.backend'. Expected one of ('cpu', 'warp').
  -----------------------------------------------
  For full helptext, run puck train push --help
"""


@pytest.mark.parametrize(
    ("panel", "line"),
    [
        (
            FRAMED,
            "--agent.batchsize is not a setting; did you mean --agent.batch-size?",
        ),
        (
            PLAIN,
            "invalid choice 'foo' for argument '--sim.backend'. Expected one of ('cpu', 'warp')",
        ),
        ("something else", "something else"),
    ],
)
def test_a_panel_becomes_a_line(panel: str, line: str) -> None:
    assert one_line(panel) == line


def test_help_shows_every_setting_of_the_preset(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", "reach", "--help"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert "--agent.gamma" in out
    assert "--loop.update-ratio" in out
    assert "--agent.kind" not in out
    assert "Settings of TD3." in out


def test_train_eval_and_resume(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ["--root", str(tmp_path)]
    assert main(["train", "reach", *root, *TINY]) == 0
    (name,) = (p.name for p in tmp_path.iterdir())
    assert name.startswith("reach-")
    assert find(name, tmp_path).config().agent.hidden == (16,)

    result = tmp_path / "result.json"
    assert main(["eval", name, *root, "--episodes", "3", "--json", str(result)]) == 0
    judged = json.loads(result.read_text())
    assert judged["episodes"] >= 3
    assert 0.0 <= judged["interval"][0] <= judged["success"] <= judged["interval"][1]

    assert main(["train", "--resume", name, *root, "--budget.env-steps", "400"]) == 0
    assert find(name, tmp_path).manifest()["clock"]["env_steps"] == 400
    assert main(["train", "--resume", name, *root, "--agent.gamma", "0.5"]) == 2
    assert "another configuration" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "10000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "passive"}, "None"),
    ],
)
def test_waiting_threads_sleep_unless_the_user_says_otherwise(
    given: dict[str, str], expected: str
) -> None:
    """Said before torch loads, or its threads do not hear it."""
    code = (
        "import os, sys, puckrl.__main__; "
        "print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"
    )
    kept = {
        k: v
        for k, v in os.environ.items()
        if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=kept | given,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [expected, "False"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["update", "--sim", "warp"], "--sim is for sim and render"),
        (["replay", "--sim", "warp"], "--sim is for sim and render"),
        (["sim", "--plot", "x.png"], "--plot needs the sweep"),
    ],
)
def test_a_bench_refuses_what_it_would_ignore(
    argv: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *argv]) == 2
    assert words in capsys.readouterr().err


def test_no_memory_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    wide = ["--agent.hidden", "10000000", "10000000"]
    assert main(["train", "reach", *wide, "--root", str(tmp_path)]) == 2
    assert "puck: no memory for 400,000.0 GB more; lower" in capsys.readouterr().err


def test_a_likely_name_is_offered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "puhs"]) == 2
    assert capsys.readouterr().err.rstrip().endswith("did you mean push?")


def test_help_loads_no_library() -> None:
    code = (
        "import sys, puckrl.cli as c\n"
        "try: c.main(['--help'])\n"
        "except SystemExit: print('torch' in sys.modules, 'tyro' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-2:] == ["False", "False"]


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = f"{sys.executable} -m puckrl list | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_python_offers_is_not_hidden_by_a_package() -> None:
    """Importing puckrl.training, say, puts the package where a function of that name was."""
    folder = Path(puckrl.__file__).parent
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    modules = {path.stem for path in folder.glob("*.py")}
    assert not set(puckrl.__all__) & (packages | modules)


def test_another_task_is_not_held_to_the_presets_bounds() -> None:
    base = preset("push-pixels")
    other = parse(base, ["--task", "slide"], "puck")
    assert (other.task, other.expect) == ("slide", ExpectCfg())
    asked = ["--task", "slide", "--expect.success", "0.5"]
    assert parse(base, asked, "puck").expect.success == 0.5
    assert parse(base, ["--seed", "3"], "puck").expect == base.expect
