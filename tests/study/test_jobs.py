"""The runs of a study: their order, their names, what they run with."""

from dataclasses import replace
from pathlib import Path

from puckrl.config.run_cfg import config_hash
from puckrl.study.design import Arm
from puckrl.study.jobs import jobs_of, with_threads
from tests.study.small import TINY, small_study


def test_every_arm_runs_a_seed_before_the_next_and_takes_turns_in_being_first() -> None:
    study = small_study(seeds=3)
    assert [job.key for job in jobs_of(study)] == [
        ("base", 0),
        ("low, 0.9", 0),
        ("low, 0.9", 1),
        ("base", 1),
        ("base", 2),
        ("low, 0.9", 2),
    ]


def test_a_name_is_a_file_name_of_its_own_for_every_configuration_and_seed() -> None:
    arms = [Arm(name, cfg=TINY) for name in ("a/b", "a b", "A b", "..", "x" * 300, "é")]
    study = replace(small_study(), arms=tuple(arms))
    names = [job.name for job in jobs_of(study)]
    assert len({name.lower() for name in names}) == len(names) == 14
    assert names[0] == f"base-{config_hash(TINY)}-s0"
    assert all(Path(name).name == name and len(name) < 120 for name in names)
    other = replace(study, base=Arm("base", cfg=replace(TINY, reward="dense")))
    assert jobs_of(other)[0].name != names[0]


def test_a_run_can_be_resumed_and_makes_no_video() -> None:
    job = jobs_of(small_study())[3]
    assert job.cfg.seed == job.seed == 1
    assert (job.cfg.save.replay, job.cfg.save.video) == (True, False)
    assert config_hash(job.cfg) == config_hash(TINY)


def test_runs_that_exist_are_no_jobs() -> None:
    study = replace(small_study(), arms=(Arm("other", folders=(Path("x"),)),))
    assert {job.arm for job in jobs_of(study)} == {"base"}


def test_threads_are_the_studys_unless_an_arm_names_them() -> None:
    assert with_threads(TINY, 3).sim.num_threads == 3
    own = replace(TINY, sim=replace(TINY.sim, num_threads=2))
    assert with_threads(own, 3).sim.num_threads == 2
