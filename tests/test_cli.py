"""The command line: what is printed, what is refused, and the exit codes."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import puckrl
from puckrl.agents.settings import MODES
from puckrl.cli import main
from puckrl.cli.commands import COMMANDS
from puckrl.cli.settings import one_line, parse
from puckrl.config.presets import preset
from puckrl.config.run_cfg import ExpectCfg
from puckrl.core.errors import UserError
from puckrl.runner.run_folder import Lock, create, find

OWN_TASK = str(Path(__file__).parent.parent / "examples/planar_pusher.py")
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
        (
            ["train", "pussh"],
            "unknown preset 'pussh'; did you mean push? Legal: those of puck",
        ),
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
        (["train", "push", "--reward", "lavish"], "legal: sparse, dense; see"),
        (["train", "push", "--agent.hidden", "wide"], "'wide' is not a whole number"),
        (
            ["train", "push", "--agent.gamma=abc"],
            "--agent.gamma 'abc' is not a number; legal: a number, from 0 to below 1",
        ),
        (["train", "push", "--seed", "1", "2"], "takes one value, and gets 2; legal"),
        (["train", "push", "--loop.overlap", "yes"], "takes no value, and gets 'yes'"),
        (["train", "push", "--sim.backend", "wrap"], "did you mean warp? Legal: cpu"),
        (
            ["train", "push", "--gamma", "1"],
            "not a setting; did you mean --agent.gamma?",
        ),
        (["train", OWN_TASK], "append :ClassName; classes there: PlanarPusher"),
        (["eval", "run", "--seed", "-1"], "'-1' is not a whole number 0 or more"),
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
        (
            ["train", "--stop", "soon"],
            "--stop 'soon' is not one of the choices; legal: auto, budget, never",
        ),
        (["record", "run", "--worlds", "two"], "'two' is not a whole number above 0"),
        (["eval"], "puck eval needs RUN; see: puck eval --help"),
        (
            ["trains"],
            "unknown command 'trains'; did you mean train? Legal: bench, check",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    argv: list[str], words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root = [] if argv == ["train"] else ["--runs", str(tmp_path)]
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
    root = ["--runs", str(tmp_path)]
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
    said = capsys.readouterr().out.split("\n")
    assert re.match(r"finished after \d.* of it training: .*card\.md", said[-2])
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
    assert main(["train", "reach", *wide, "--runs", str(tmp_path)]) == 2
    assert "puck: no memory for 400,000.0 GB more; lower" in capsys.readouterr().err


def test_a_likely_name_is_offered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "puhs"]) == 2
    assert "'puhs'; did you mean push? Legal: " in capsys.readouterr().err


@pytest.mark.parametrize("word", ["list", "doctor {runs}"])
def test_output_that_cannot_be_written_is_one_line(
    word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = word.format(runs=Path(__file__).parent / "old_runs").split()
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        assert main(argv) == 2
    expected = "puck: cannot write the output: No space left on device\n"
    assert capsys.readouterr().err == expected
    monkeypatch.setattr("sys.stdout", None)
    assert main(argv) == 2
    assert capsys.readouterr().err.startswith("puck: the output is closed; to discard")


@pytest.mark.parametrize(
    "sink", [">&-", ">/dev/full", "2>&- >/dev/full", ">&- 2>&- <&-"]
)
def test_python_itself_adds_nothing_when_it_ends(sink: str) -> None:
    """At its end the interpreter flushes once more, and would tell of it."""
    command = f"{sys.executable} -m puckrl --help {sink}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == (0 if "2>&-" in sink else 1)


def test_a_bug_is_one_line_and_debug_shows_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def faulty(*args: object) -> int:
        raise KeyError("lost")

    monkeypatch.setitem(COMMANDS, "list", faulty)
    assert main(["list"]) == 70
    told = capsys.readouterr().err
    assert told.startswith("puck: a bug in puckrl: KeyError: 'lost' (")
    assert told.count("\n") == 1
    assert main(["--debug", "list"]) == main(["list", "--debug"]) == 70
    assert capsys.readouterr().err.count("Traceback") == 2


def test_debug_shows_what_is_behind_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "task.py").write_text("import nothing_of_that_name\n")
    assert main(["check", f"{tmp_path}/task.py:Task"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert main(["check", f"{tmp_path}/task.py:Task", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_memory_that_is_lacking_is_told_in_the_words_of_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def large(*args: object) -> int:
        raise MemoryError

    for name, advice in (("record", "--worlds"), ("eval", "--episodes")):
        monkeypatch.setitem(COMMANDS, name, large)
        assert main([name, "run"]) == 2
        assert capsys.readouterr().err == f"puck: no memory; lower {advice}\n"


def test_a_signal_that_an_import_swallows_still_interrupts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """C extensions turn whatever is raised while they load into an ImportError."""

    def swallowing(*args: object) -> int:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None
        return 0

    monkeypatch.setitem(COMMANDS, "list", swallowing)
    assert main(["list"]) == 143
    assert capsys.readouterr().err == "puck: interrupted\n"


def test_ctrl_c_before_the_command_line_is_there_ends_without_a_traceback() -> None:
    code = (
        "import os, signal, sys\n"
        # as from a terminal: a shell's background jobs begin with SIGINT ignored
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import puckrl.__main__\n"
        "class Slow:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'puckrl.cli': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Slow()); puckrl.__main__.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "list"], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_ends_a_command_at_once(
    number: int,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def busy(*args: object) -> int:
        signal.raise_signal(number)
        return 0

    monkeypatch.setitem(COMMANDS, "list", busy)
    assert main(["list"]) == code
    assert capsys.readouterr().err == "puck: interrupted\n"


def test_the_name_of_a_usual_list_of_sensors_is_a_setting() -> None:
    base = preset("push-pixels")
    named = parse(base, ["--agent.actor-sensors", "full-state"], "puck")
    assert named.agent.actor_sensors == MODES["full-state"]
    alone = parse(base, ["--agent.critic-sensors", "state", "desired_goal"], "puck")
    assert alone.agent.critic_sensors == ("state", "desired_goal")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gamma": 1}, r"'gamma' is not a setting; did you mean agent\.gamma\?"),
        ({"agent.gama": 1}, r"did you mean agent\.gamma\?"),
        ({"seed": "1"}, "seed is '1'; wanted: a whole number"),
        ({"agent": 3}, "agent is 3; wanted: a section"),
        ({"agent.gamma": 1}, r"--agent\.gamma 1 is out of range"),
        ({"reward": "Dense"}, "legal: sparse, dense"),
    ],
)
def test_python_is_told_what_the_command_line_is_told(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=words):
        puckrl.train(puckrl.preset("reach").with_(**changes), runs=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_run_without_a_snapshot_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = create(tmp_path, preset("reach"))
    argv = ["eval", folder.path.name, "--runs", str(tmp_path)]
    assert main(argv) == 2
    assert "(killed before its first one), so there is no policy; continue" in (
        capsys.readouterr().err
    )
    folder.update_manifest(status="interrupted")
    assert main(["record", *argv[1:]]) == 2
    assert "(interrupted before its first one)" in capsys.readouterr().err
    with Lock(folder.path):
        assert main(argv) == 2
    assert "is running and has no snapshot yet; wait" in capsys.readouterr().err


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
