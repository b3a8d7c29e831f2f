"""How many runs at a time: tables by hand, refusals with their numbers."""

from dataclasses import replace
from pathlib import Path

import pytest

from puckrl.config.presets import preset
from puckrl.config.run_cfg import BudgetCfg
from puckrl.core.errors import UserError
from puckrl.runner.memory import memory_of
from puckrl.statistics.measure import parse_measure
from puckrl.study import admission
from puckrl.study.admission import (
    Demand,
    Gpu,
    Machine,
    demand_of,
    demands_of,
    is_exclusive,
    refuse_company,
    share,
    this_machine,
)
from puckrl.study.jobs import jobs_of
from puckrl.tasks.catalog import make_task
from tests.study.small import small_study

GB = 10**9
RUN = Demand(ram=1.5 * GB, gpu=0, disk=GB)
BOX = Machine(cores=8, ram=20 * GB, disk=100 * GB)
TWO_GPUS = (Gpu("GPU-a", 80 * GB), Gpu("GPU-b", 30 * GB))


@pytest.mark.parametrize(
    ("runs", "demand", "machine", "most", "slots", "threads", "why"),
    [
        (4, RUN, BOX, None, 4, 2, "runs"),
        (20, RUN, BOX, None, 8, 1, "cores"),
        (3, RUN, BOX, None, 3, 2, "runs"),  # two cores stay idle: equal for all
        (20, replace(RUN, ram=4 * GB), BOX, None, 4, 2, "RAM"),  # 18 of 20 GB
        (20, replace(RUN, ram=18 * GB), BOX, None, 1, 8, "RAM"),
        (20, RUN, BOX, 2, 2, 4, "--parallel"),
        (20, replace(RUN, threads=4), BOX, None, 2, 4, "cores"),
        (20, replace(RUN, threads=16), BOX, None, 1, 16, "cores"),
        # 72 and 27 of 80 and 30 GB: three runs and one
        (20, replace(RUN, gpu=20 * GB), replace(BOX, gpus=TWO_GPUS), None, 4, 2, "GPU memory"),
    ],
)  # fmt: skip
def test_as_many_as_fit_with_equal_threads(
    runs: int,
    demand: Demand,
    machine: Machine,
    most: int | None,
    slots: int,
    threads: int,
    why: str,
) -> None:
    found = share([demand] * runs, machine, exclusive=False, at_most=most)
    assert (found.slots, found.threads, found.why) == (slots, threads, why)
    assert found.slots * found.threads <= max(machine.cores, threads)


def test_the_largest_run_decides_for_all() -> None:
    large = replace(RUN, ram=6 * GB)
    found = share([RUN, large, RUN, RUN], BOX, exclusive=False)
    assert (found.slots, found.threads) == (3, 2)
    assert found.demand.disk == 4 * GB


def test_a_clock_in_seconds_has_the_machine_to_itself() -> None:
    found = share([RUN] * 20, BOX, exclusive=True, at_most=5)
    assert (found.slots, found.threads) == (1, 8)
    assert "seconds" in found.why


def test_threads_stay_what_a_study_began_with() -> None:
    found = share([RUN], BOX, exclusive=False, threads=2)
    assert (found.slots, found.threads) == (1, 2)
    found = share([RUN] * 9, replace(BOX, cores=2), exclusive=False, threads=2)
    assert (found.slots, found.threads) == (1, 2)


@pytest.mark.parametrize(
    ("demand", "machine", "words"),
    [
        (replace(RUN, ram=19 * GB), BOX, "needs 19.0 GB of RAM and 20.0 GB is free"),
        (replace(RUN, gpu=GB), BOX, "needs a GPU and this machine has none"),
        (
            replace(RUN, gpu=75 * GB),
            replace(BOX, gpus=TWO_GPUS),
            "75.0 GB of GPU memory and the GPU with the most has 80.0 GB free",
        ),
        (replace(RUN, disk=31 * GB), BOX, "3 runs take up to 93.0 GB and the disk has 100.0"),
    ],
)  # fmt: skip
def test_what_never_fits_is_refused_with_the_numbers(
    demand: Demand, machine: Machine, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        share([demand] * 3, machine, exclusive=False)


def test_a_demand_is_the_plans_own_figure_and_an_allowance() -> None:
    study = small_study(cfg=replace(preset("push"), device="cpu"))
    job = jobs_of(study)[0]
    memory = memory_of(job.cfg, make_task("push").spaces)
    found = demand_of(job)
    assert found.ram == memory.replay + 1e9
    assert found.disk == memory.snapshots > 0
    assert found.gpu == 0
    jobs = jobs_of(study)
    assert demands_of(jobs) == {job.name: found for job in jobs}


def test_a_gpu_that_is_absent_is_demanded_all_the_same() -> None:
    found = demand_of(jobs_of(small_study(cfg=preset("push-gpu")))[0])
    assert found.gpu > 6e9


def test_an_arm_that_is_refused_is_named() -> None:
    study = small_study()
    low = study.arms[0]
    assert low.cfg
    bad = replace(low.cfg, replay=replace(low.cfg.replay, capacity=10**12))
    jobs = jobs_of(replace(study, arms=(replace(low, cfg=bad),)))
    with pytest.raises(UserError, match=r"arm low, 0\.9: the replay needs"):
        demands_of(jobs)


@pytest.mark.parametrize(
    ("measure", "train_s", "expected"),
    [
        ("final_success", 0.0, False),
        ("time_to(0.9, clock=env_steps, censored=rank)", 0.0, False),
        ("time_to(0.9, clock=total_s, censored=rank)", 0.0, True),
        ("area_under(train_s)", 0.0, True),
        ("final_success", 60.0, True),
    ],
)
def test_seconds_count_where_they_are_measured_or_end_a_run(
    measure: str, train_s: float, expected: bool
) -> None:
    study = small_study()
    cfg = replace(preset("push"), budget=BudgetCfg(env_steps=0, train_s=train_s))
    study = small_study(cfg=cfg)
    assert is_exclusive(replace(study, measure=parse_measure(measure))) == expected


def test_company_is_refused_where_seconds_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def busy(cores: float) -> None:
        monkeypatch.setattr(admission, "busy_cores", lambda: cores)

    monkeypatch.setattr(admission, "other_runs", list)
    busy(0.3)
    refuse_company(2)
    busy(1.2)
    with pytest.raises(UserError, match=r"1\.2 of 2 cores busy"):
        refuse_company(2)
    busy(0.0)
    monkeypatch.setattr(admission, "other_runs", lambda: [77])
    with pytest.raises(UserError, match="process 77"):
        refuse_company(2)


def test_a_busy_loop_is_seen() -> None:
    import threading

    done = threading.Event()

    def spin() -> None:
        while not done.is_set():
            pass

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        assert admission.busy_cores(0.3) > 0.5
    finally:
        done.set()
        thread.join()


def test_the_machine_is_asked(tmp_path: Path) -> None:
    found = this_machine(tmp_path / "absent" / "folder")
    assert found.cores >= 1
    assert found.ram > 0
    assert found.disk > 0
