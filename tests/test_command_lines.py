"""Generated command lines: whatever is typed, puck answers, and never with a traceback.

The engines behind the commands are replaced by stubs, so what runs is all that reads,
checks and refuses input: parser, settings, bounds, conflicts, tasks, run folders, logs.
"""

import shutil
import typing
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from puckrl.cli import main
from puckrl.cli.options import SHELLS, SORTS, STATUSES
from puckrl.config.fields import settings
from puckrl.config.presets import PRESETS, preset
from puckrl.core.errors import Exit
from puckrl.core.intervals import Interval
from puckrl.runner import plan, policies, session
from puckrl.tasks.catalog import TASKS, make_task
from puckrl.training.judge import Evaluation

ROOT = Path(__file__).parent
OLD_RUNS = ROOT / "old_runs"

NO_NULL = st.characters(exclude_characters="\0")  # no system passes it on
TEXT = st.text(NO_NULL, max_size=12)
ODD = st.sampled_from(
    [
        "",
        " ",
        "-",
        "--",
        "-1",
        "0",
        "é",
        "日本",
        "🤖",
        "�",
        "a\nb",
        "\x1b[31m",
        "%s",
        "{}",
        "[red]",
        "None",
        "nan",
        "~",
        "/",
        "..",
        "/dev/null",
        "\u2028",
        "x" * 5000,
    ]
)
WHOLE = st.sampled_from(
    [
        "0",
        "1",
        "2",
        "-1",
        "7",
        str(2**31),
        str(2**62),
        str(2**63),
        str(10**40),
        "1e3",
        "0x10",
        " 7",
        "1_000",
        "٣",
        "+5",
        "2.0",
        "-0",
        "9" * 5000,
    ]
)
NUMBER = WHOLE | st.sampled_from(
    ["0.5", "nan", "inf", "-inf", "1e400", "5e-324", "-0.0", ".5", "1,5", "0.999999999"]
)
RUNS = [f"old/{path.name}" for path in sorted(OLD_RUNS.iterdir())]
NAME = st.sampled_from(
    [
        *RUNS,
        *TASKS,
        "reach:Task",
        "nowhere.py",
        "nowhere.py:Task",
        str(ROOT / "oracles.py"),
        f"{ROOT / 'oracles.py'}:Oracle",
        f"{ROOT}:Task",
        ":",
        "::",
        "/dev/null:Task",
    ]
)
ANY = TEXT | ODD | NAME
RUN = st.sampled_from(RUNS)
STUDIES = {
    "good.yaml": "base: reach\nseeds: 2\nmeasure: success\narms: {a: {agent.gamma: 0.9}}",
    "list.yaml": "[1, 2]",
    "broken.yaml": "base: {reach",
    "empty.yaml": "",
    "loop.py": "while",
}
STUDY = st.sampled_from(sorted(STUDIES))
PLACE = ANY.filter(lambda x: not x.startswith(("/", "..")) or x.startswith("/dev/null"))


def value(kind: Any) -> st.SearchStrategy[list[str]]:
    """Values of a setting's type, and some of another."""
    if typing.get_origin(kind) is tuple:
        return st.lists(value(typing.get_args(kind)[0]), max_size=3).map(
            lambda parts: [text for part in parts for text in part]
        )
    if kind is bool:
        return st.just([]) | ANY.map(lambda text: [text])
    members = typing.get_args(kind) or (kind,)
    legal = {int: WHOLE, float: NUMBER, str: ANY}.get(members[0], NUMBER | ANY)
    if typing.get_origin(kind) is Literal:
        legal = st.sampled_from([str(one) for one in members])
    return (legal | legal | ANY).map(lambda text: [text])


@st.composite
def changes(draw: st.DrawFn, preset: str) -> list[str]:
    """Some settings with values."""
    known = list(settings(PRESETS[preset]))
    found: list[str] = []
    for _ in range(draw(st.integers(0, 3))):
        setting = draw(st.sampled_from(known))
        name, values = setting.flag, draw(value(setting.value_type))
        match draw(st.integers(0, 9)):
            case 0:
                name = name.replace("-", "_")
            case 1:
                name = name[: draw(st.integers(0, len(name)))] + draw(TEXT)
            case 2 if setting.value_type is bool:
                section, dot, last = name.rpartition(".")
                name = f"{section}{dot}no-{last}"
            case 3 if values:
                name, values = f"{name}={values[0]}", values[1:]
            case _:
                pass
        found += [name, *values]
    return found


def options(**kinds: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    """Some of a command's options, each with a value."""
    some = [
        strategy.map(lambda text, name=name: [f"--{name}", text])
        for name, strategy in kinds.items()
    ]
    return st.lists(st.one_of(some), max_size=3).map(
        lambda parts: [text for part in parts for text in part]
    )


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """A command line, most of them nearly right."""
    base = draw(st.sampled_from(["reach", "push-pixels", "slide-gpu", "push-dense"]))
    either = st.just(base) | st.just(base) | ANY
    run = options(runs=PLACE, seed=WHOLE, episodes=WHOLE, worlds=WHOLE, json=PLACE)
    arguments: dict[str, st.SearchStrategy[list[str]]] = {
        "list": options(sensors=ANY),
        "plan": st.tuples(either, changes(base)).map(lambda x: [x[0], *x[1]]),
        "train": st.tuples(
            either, changes(base), options(stop=ANY, out=PLACE, runs=PLACE)
        ).map(lambda x: [x[0], *x[1], *x[2]]),
        "resume": st.tuples(RUN | ANY, changes(base)).map(
            lambda x: ["--resume", x[0], *x[1]]
        ),
        "eval": st.tuples(RUN | RUN | ANY, run).map(lambda x: [x[0], *x[1]]),
        "record": st.tuples(RUN | RUN | ANY, run, options(output=PLACE)).map(
            lambda x: [x[0], *x[1], *x[2]]
        ),
        "doctor": st.tuples(
            RUN | ANY, options(map=ANY, fact=ANY | st.just("gamma=x"), plot=PLACE)
        ).map(lambda x: [x[0], *x[1]]),
        "bench": st.tuples(
            st.sampled_from(["sim", "render", "replay", "update", "x"]),
            options(task=ANY, preset=ANY, sim=ANY, plot=PLACE),
        ).map(lambda x: [x[0], *x[1]]),
        "check": (st.sampled_from(sorted(TASKS)) | ANY).map(lambda text: [text]),
        "warm-up": (st.sampled_from(sorted(PRESETS)) | ANY).map(lambda text: [text]),
        "runs": options(
            runs=st.just("old") | PLACE,
            preset=ANY | st.just("push*"),
            status=ANY | st.sampled_from(STATUSES),
            sort=ANY | st.sampled_from(SORTS),
            last=WHOLE,
        ),
        "compare": st.tuples(
            st.lists(RUN | RUN | ANY, max_size=3), options(runs=PLACE)
        ).map(lambda x: [*x[0], *x[1]]),
        "watch": st.tuples(
            st.lists(RUN | ANY, max_size=2),
            options(map=ANY, fact=ANY, runs=PLACE, port=WHOLE),
        ).map(lambda x: [*x[0], *x[1], "--out", "page.html"]),
        "completion": (st.sampled_from(sorted(SHELLS)) | ANY).map(lambda text: [text]),
        "study": st.tuples(
            STUDY | ANY, options(root=PLACE, amend=ANY, parallel=WHOLE, workers=ANY)
        ).map(lambda x: [x[0], "--dry-run", *x[1]]),
    }
    name = draw(st.sampled_from(sorted(arguments)))
    line = ["train" if name == "resume" else name, *draw(arguments[name])]
    if draw(st.integers(0, 9)) == 0:
        line.insert(draw(st.integers(1, len(line))), draw(PLACE))
    return line


@pytest.fixture(scope="module")
def stubbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Commands that read and check as always, and then measure and train nothing."""

    def task_alone(name: str, cfg: object = None) -> SimpleNamespace:
        make_task(name)
        return SimpleNamespace(ok=True)

    def bench_nothing(what: str, task: str, name: str, backend: str) -> list[Any]:
        make_task(task)
        preset(name)
        return []

    def evaluated(*args: object) -> Evaluation:
        nan = float("nan")
        return Evaluation(3, 0.5, Interval(0, 1), -1.0, nan, 0.1, 0.5, 0.5, nan)

    here, make = tmp_path_factory.mktemp("here"), policies.make_eval_env
    shutil.copytree(OLD_RUNS, here / "old")
    for file, text in STUDIES.items():
        (here / file).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setattr(plan, "_probe", lambda *_: None)
        patch.setattr(plan, "footprints", lambda *_: [])
        patch.setattr(session, "_run", lambda *_, **__: None)
        patch.setattr(
            policies, "make_eval_env", lambda c, n, s, **_: make(c, min(n, 2), s)
        )
        patch.setattr(policies, "evaluate", evaluated)
        patch.setattr(policies, "film", lambda cfg, agent, env, path, episodes: path)
        patch.setattr("puckrl.runner.warm_up._compile", lambda *_: None)
        patch.setattr("puckrl.doctor.task_check.check_task", task_alone)
        patch.setattr("puckrl.doctor.task_check.render", str)
        patch.setattr("puckrl.bench.menu.measure", bench_nothing)
        patch.setattr("puckrl.bench.menu.render", lambda *_: "")
        patch.setattr("puckrl.bench.sweep.advice", lambda *_: "")
        patch.setattr("puckrl.bench.sweep.sweep_figure", lambda *_: None)
        yield


ANSWERS = {Exit.DONE, Exit.NOT_SANE, Exit.REFUSED, Exit.SICK, Exit.FAILED}


def answer(line: list[str], capsys: pytest.CaptureFixture[str]) -> int:
    """Run a command line; check that it ends as documented; return the exit code."""
    try:
        code = main(line)
    except SystemExit as leaving:  # help and version
        code = 0 if leaving.code in (0, None) else -1
    error = capsys.readouterr().err
    assert code in ANSWERS, error
    assert "Traceback" not in error
    if code == Exit.REFUSED:
        assert error.startswith("puck: "), error
        assert error.count("\n") == 1, error
    return code


THOROUGH = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.mark.usefixtures("stubbed")
@effort(max_examples=25, derandomize=True, database=None, **THOROUGH)
@given(line=command_lines())
def test_no_command_line_ends_in_a_traceback(
    line: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    answer(line, capsys)


@pytest.mark.slow
@pytest.mark.usefixtures("stubbed")
@effort(max_examples=2000, database=None, **THOROUGH)
@given(line=command_lines())
def test_no_command_line_of_many_ends_in_a_traceback(
    line: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    answer(line, capsys)
