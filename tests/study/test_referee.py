"""Seeded sins are refused with the right reason; clean designs are accepted."""

import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from puckrl.config.fields import settings
from puckrl.config.presets import preset
from puckrl.core.errors import UserError
from puckrl.runner.worlds import EVAL_SEED_OFFSET
from puckrl.study.file import read_study
from puckrl.study.referee import Review, review

OLD_RUN = Path("tests/old_runs/reach-5f0c6ce8-s0").resolve()
CLEAN: dict[str, Any] = {
    "base": "push",
    "seeds": 5,
    "measure": "success_at(env_steps=50000)",
    "arms": {"low discount": {"agent.gamma": 0.9}},
    "budget": {"env_steps": 60_000},
}


def reviewed(folder: Path, **parts: Any) -> Review:
    """Return the referee's review of the clean study with other parts."""
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(CLEAN | parts))
    return review(read_study(file))


def run_folder(
    folder: Path, name: str, changes: Mapping[str, Any] | None = None, **manifest: Any
) -> str:
    """Copy an old run under a name, with another manifest and other settings."""
    path = folder / name
    shutil.copytree(OLD_RUN, path)
    config = yaml.safe_load((path / "config.yaml").read_text())
    for key, value in (changes or {}).items():
        section, _, last = key.rpartition(".")
        (config[section] if section else config)[last] = value
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    old = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(old | manifest))
    return str(path)


def test_the_clean_study_is_accepted(tmp_path: Path) -> None:
    found = reviewed(tmp_path)
    assert found.refusals == ()
    assert found.notes == (
        "every run ends at 60,000 env steps; updates: 7,500 each; seconds differ",
    )


SINS: dict[str, tuple[dict[str, Any], str, str]] = {
    "two settings": (
        {"arms": {"a": {"agent.gamma": 0.9, "agent.tau": 0.01}}},
        "one variable",
        "agent.gamma; agent.tau",
    ),
    "an encoder and its camera": (
        {
            "base": "push-pixels",
            "arms": {"a": {"vision.encoder.kind": "nature", "pixels.height": 64}},
        },
        "one variable",
        "agent.vision.encoder.kind; pixels.height",
    ),
    "another preset": (
        {
            "arms": {"a": {"preset": "push-pixels"}},
            "settings": {"eval.every_env_steps": 9000, "eval.episodes": 64},
        },
        "undeclared",
        "agent.actor_sensors",
    ),
    "no change": ({"arms": {"a": {"agent.gamma": 0.95}}}, "no difference", "the base"),
    "twins": (
        {"arms": {"a": {"agent.gamma": 0.9}, "b": {"agent.gamma": 0.9}}},
        "no difference",
        "same as a",
    ),
    "its own number of episodes": (
        {"arms": {"a": {"eval.episodes": 16}}},
        "same judge",
        "16, the base's 128",
    ),
    "another task": ({"arms": {"a": {"task": "slide"}}}, "same task", "slide"),
    "a seed of its own": (
        {"arms": {"a": {"seed": 7, "agent.gamma": 0.9}}},
        "seeds",
        "sets seed",
    ),
    "a seed for all": ({"settings": {"seed": 7}}, "seeds", "settings sets seed"),
    "one seed": ({"seeds": 1}, "seeds", "2 or more"),
    "too few seeds to stop early": (
        {"seeds": 3, "stopping": "sequential"},
        "seeds",
        "sequential with 3 seeds; legal: 4 or more",
    ),
    "the judge's seed": (
        {"seeds": [0, EVAL_SEED_OFFSET + 20_000]},
        "judge apart",
        str(EVAL_SEED_OFFSET + 20_000),
    ),
    "an arm with a longer budget": (
        {"arms": {"a": {"budget.env_steps": 90_000}}},
        "clock",
        "base at 60,000 env steps; a at 90,000 env steps",
    ),
    "two limits": (
        {"budget": {"env_steps": 60_000, "train_s": 60}},
        "clock",
        "keep one in budget",
    ),
    "no limit": ({"budget": {"env_steps": 0}}, "clock", "no limit"),
    "the doctor ends runs": (
        {"settings": {"budget.stop": "auto"}},
        "clock",
        "legal in a study: budget",
    ),
    "measured after the end": (
        {"measure": "success_at(env_steps=80000)"},
        "clock",
        "before success_at(env_steps=80000)",
    ),
    "fewer updates than measured": (
        {
            "measure": "success_at(updates=7000)",
            "arms": {"a": {"loop.update_ratio": 0.1}},
        },
        "clock",
        "ends after 6,000 updates",
    ),
    "areas over different updates": (
        {"measure": "area_under(updates)", "arms": {"a": {"loop.update_ratio": 0.3}}},
        "clock",
        "The clock that binds is env_steps",
    ),
    "seconds of runs that env steps end": (
        {"measure": "area_under(total_s)"},
        "clock",
        "total_s does not bind",
    ),
    "ended at the first success": (
        {"budget": {"env_steps": 60_000, "until_success": 0.9}},
        "early end",
        "set budget.until_success to 0",
    ),
    "ended before the threshold": (
        {
            "measure": "time_to(0.95, clock=env_steps, censored=rank)",
            "budget": {"env_steps": 60_000, "until_success": 0.9},
        },
        "early end",
        "cannot reach 0.95",
    ),
    "time without censoring": (
        {"measure": "time_to(0.95, clock=total_s)"},
        "censoring",
        "censored=restricted",
    ),
    "a factorial and another change": (
        {
            "arms": {"a": {"agent.gamma": 0.9, "agent.batch_size": 64}},
            "factorial": {"agent.tau": [0.02, 0.01]},
        },
        "one variable",
        "agent.batch_size; agent.gamma",
    ),
}


@pytest.mark.parametrize("sin", SINS)
def test_a_sin_is_refused_with_its_reason(sin: str, tmp_path: Path) -> None:
    parts, rule, reason = SINS[sin]
    refusals = reviewed(tmp_path, **parts).refusals
    assert {refusal.rule for refusal in refusals} == {rule}
    assert reason in str(refusals[0])


RUNS: dict[str, tuple[Mapping[str, Any], dict[str, Any], str]] = {
    "other source": ({}, {"source": "1a2b3c4d"}, "puckrl source"),
    "uncommitted changes": (
        {},
        {"git": {"revision": "0" * 40, "dirty": True}, "source": None},
        "uncommitted changes",
    ),
    "another torch": ({}, {"versions": {"torch": "1.0"}}, "torch version 2"),
    "two processes": ({}, {"processes": 2}, "processes"),
    "interrupted": ({}, {"status": "interrupted"}, "resume it"),
    "two settings": (
        {"agent.gamma": 0.9, "agent.tau": 0.01},
        {},
        "in 2 things: agent.gamma; agent.tau",
    ),
    "another number of threads beside its change": (
        {"sim.num_threads": 7, "agent.gamma": 0.9},
        {},
        "sim.num_threads",
    ),
    "another task file": ({}, {"task": {"sha256": {"t.py": "b"}}}, "task file"),
}


@pytest.mark.parametrize("sin", RUNS)
def test_existing_runs_that_do_not_belong_together(sin: str, tmp_path: Path) -> None:
    changes, manifest, reason = RUNS[sin]
    same = {"source": "00000000", "processes": None, "task": {"sha256": {"t.py": "a"}}}
    if manifest.get("source", 0) is None:
        manifest = {"git": manifest["git"]}
        same = {}
    ours = [run_folder(tmp_path, f"b{s}", {"seed": s}, **same) for s in (0, 1)]
    theirs = [
        run_folder(tmp_path, f"a{s}", {"seed": s, **changes}, **{**same, **manifest})
        for s in (0, 1)
    ]
    found = reviewed(
        tmp_path,
        base={"runs": ours},
        arms={"a": {"runs": theirs}},
        seeds=2,
        measure="final_success",
        budget={},
    )
    assert {refusal.rule for refusal in found.refusals} == {"existing runs"}
    assert reason in str(found.refusals[0])


def test_existing_runs_with_one_change_are_accepted(tmp_path: Path) -> None:
    ours = [run_folder(tmp_path, f"b{s}", {"seed": s}) for s in (0, 1)]
    theirs = [
        run_folder(tmp_path, f"a{s}", {"seed": s, "agent.gamma": 0.9}) for s in (0, 1)
    ]
    arms = {"a": {"runs": theirs}}
    parts: dict[str, Any] = {"base": {"runs": ours}, "arms": arms, "budget": {}}
    parts["measure"] = "final_success"
    assert reviewed(tmp_path, seeds=2, **parts).refusals == ()
    (lacking,) = reviewed(tmp_path, seeds=3, **parts).refusals[:1]
    assert "no run of seeds 2" in str(lacking)


def test_seconds_are_compared_on_one_processor(tmp_path: Path) -> None:
    old = json.loads((OLD_RUN / "manifest.json").read_text())["machine"]
    ours = [run_folder(tmp_path, f"b{s}", {"seed": s}) for s in (0, 1)]
    theirs = [
        run_folder(
            tmp_path,
            f"a{s}",
            {"seed": s, "agent.gamma": 0.9},
            machine=old | {"cpu": "another"},
        )
        for s in (0, 1)
    ]
    parts: dict[str, Any] = {"base": {"runs": ours}, "arms": {"a": {"runs": theirs}}}
    steps = "time_to(0.9, clock=env_steps, censored=rank)"
    seconds = "time_to(0.9, clock=train_s, censored=rank)"
    both = {"seeds": 2, "budget": {}} | parts
    assert reviewed(tmp_path, measure=steps, **both).refusals == ()
    refusals = reviewed(tmp_path, measure=seconds, **both).refusals
    assert "cpu" in str(refusals[0])


def test_two_hundred_clean_designs_are_accepted(tmp_path: Path) -> None:
    rng = random.Random(0)
    values: dict[str, list[Any]] = {
        "agent.gamma": [0.9, 0.97, 0.99],
        "agent.tau": [0.01, 0.03],
        "agent.batch_size": [128, 384],
        "replay.sampling.moving_share": [0.3, 0.7],
        "loop.update_ratio": [0.1, 0.3],
        "reward": ["dense"],
        "agent.hidden": [[96, 96], [128]],
    }
    for _ in range(200):
        steps = rng.choice([30_000, 100_000])
        names = rng.sample(sorted(values), rng.randint(1, 3))
        arms = {
            f"arm {i}": {name: rng.choice(values[name])} for i, name in enumerate(names)
        }
        crossed = rng.sample(sorted(values), 2) if rng.random() < 0.4 else []
        base = rng.choice(["push", "reach", "slide"])
        own = {setting.name: setting.value for setting in settings(preset(base))}
        factorial = {
            name: [own[name], values[name][0]]
            for name in crossed
            if isinstance(own[name], float | int) and name not in names
        }
        parts = {
            "base": base,
            "seeds": (seeds := rng.choice([3, 5, [4, 8, 15, 16, 23, 42]])),
            "measure": rng.choice(
                [
                    "final_success",
                    "area_under(env_steps)",
                    f"success_at(env_steps={steps // 2})",
                    "time_to(0.9, clock=env_steps, censored=restricted)",
                    "time_to(0.5, clock=total_s, censored=rank)",
                ]
            ),
            "arms": arms,
            "factorial": factorial,
            "budget": {"env_steps": steps},
            "stopping": rng.choice(["fixed", "sequential"]) if seeds != 3 else "fixed",
        }
        assert reviewed(tmp_path, **parts).refusals == (), parts


def test_coupled_settings_are_one_variable_and_said(tmp_path: Path) -> None:
    arms = {"larger": {"pixels.height": 64, "pixels.width": 64}}
    couple = [["pixels.height", "pixels.width"]]
    found = reviewed(tmp_path, base="push-pixels", arms=arms, couple=couple)
    assert found.refusals == ()
    assert any("cannot say which of them matters" in note for note in found.notes)


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ({"base": None}, "neither a preset nor a mapping"),
        ({"base": "pusch"}, "pusch"),
        ({"arms": {"a": {"agent.gama": 0.9}}}, "did you mean agent.gamma?"),
        ({"arms": {}}, "compares nothing"),
        ({"arms": {"base": {"agent.gamma": 0.9}}}, "that name is taken"),
        ({"seeds": 0}, "seeds: 0; legal"),
        ({"seeds": [1, 1]}, "listed twice"),
        ({"measure": "success"}, "is not a measure; legal: final_success"),
        ({"stopping": "soon"}, "legal: fixed, sequential"),
        ({"seed": 3}, "did you mean seeds?"),
        ({"couple": [["agent.gamma"]]}, "groups of two settings"),
        ({"couple": [["agent.gamma", "agent.ta"]]}, "did you mean agent.tau?"),
        ({"factorial": {"agent.gamma": 0.9}}, "two levels or more"),
        (
            {"factorial": {"agent.gamma": [0.9, 0.99]}},
            "is the base; put the base's own",
        ),
        ({"budget": {"env_step": 9}}, "env_step"),
        ({"arms": {"a": {"runs": ["nowhere"]}}}, "no run at"),
    ],
)
def test_what_is_no_study_is_one_line(
    parts: dict[str, Any], line: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as raised:
        reviewed(tmp_path, **parts)
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_digest_names_what_the_answer_depends_on(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"

    def digest(**parts: Any) -> str:
        file.write_text(yaml.safe_dump(CLEAN | parts))
        return read_study(file).digest

    same = digest()
    assert digest() == same
    others = [
        digest(seeds=6),
        digest(measure="final_success"),
        digest(stopping="sequential"),
        digest(arms={"low discount": {"agent.gamma": 0.91}}),
        digest(budget={"env_steps": 60_001}),
    ]
    assert len({same, *others}) == 1 + len(others)


def test_a_python_file_is_a_study_too(tmp_path: Path) -> None:
    file = tmp_path / "study.py"
    file.write_text(f"STUDY = {CLEAN!r}\n")
    assert review(read_study(file)).refusals == ()
    file.write_text("1 / 0\n")
    with pytest.raises(UserError, match="division by zero"):
        read_study(file)
