"""Following runs by their folders: newest numbers, time left."""

import json
import math
from pathlib import Path

from puckrl.runner.run_folder import RunFolder
from puckrl.study.jobs import State, jobs_of
from puckrl.study.watch import Follower, Seen, seconds_left
from tests.study.small import small_study, with_budget


def row(steps: int, **more: object) -> str:
    return json.dumps({"env_steps": steps, "updates": 1, "wall_s": 2.0, **more}) + "\n"


def test_a_follower_reads_what_is_new_and_waits_for_whole_lines(tmp_path: Path) -> None:
    follower = Follower(RunFolder(tmp_path))
    log = tmp_path / "metrics.jsonl"
    assert follower.look().row == {}
    log.write_text(row(1) + row(2)[:9])
    assert follower.look().row["env_steps"] == 1
    with log.open("a") as file:
        file.write(row(2)[9:] + row(3, **{"eval/success": 0.5}))
        file.write(row(3, **{"doctor/phase": "flat", "doctor/color": "yellow"}))
        file.write("not json\n" + row(4))
    seen = follower.look()
    assert (seen.row["env_steps"], seen.success) == (4, 0.5)
    assert (seen.phase, seen.color) == ("flat", "yellow")
    assert follower.look() == seen


def test_a_log_that_was_cut_for_a_resume_is_read_anew(tmp_path: Path) -> None:
    follower = Follower(RunFolder(tmp_path))
    log = tmp_path / "metrics.jsonl"
    log.write_text(row(1, **{"eval/success": 0.5}) + row(2) + row(3))
    assert follower.look().row["env_steps"] == 3
    log.write_text(row(1))
    seen = follower.look()
    assert seen.row["env_steps"] == 1
    assert math.isnan(seen.success)


def test_the_time_left_by_hand() -> None:
    jobs = jobs_of(with_budget(small_study(seeds=3), 1000))
    base = [job.name for job in jobs if job.arm == "base"]
    low = [job.name for job in jobs if job.arm != "base"]
    states: dict[str, State] = {job.name: "queued" for job in jobs}
    assert math.isnan(seconds_left(jobs, states, {}, 2))

    def at(steps: float, wall: float) -> Seen:
        clocks = {"env_steps": steps, "wall_s": wall, "train_s": wall}
        return Seen(clocks, math.nan, "", "")

    seen = {base[0]: at(1000, 60), base[1]: at(250, 10)}
    states |= {base[0]: "done", base[1]: "running"}
    # base: 60 s and 40 s, mean 50; left 50 - 10 and 50; low as base: 3 x 50
    assert seconds_left(jobs, states, seen, 1) == 40 + 50 + 150
    assert seconds_left(jobs, states, seen, 2) == 120
    states |= {low[0]: "failed"}
    assert seconds_left(jobs, states, seen, 1) == 40 + 50 + 100
    seen |= {low[1]: at(500, 100)}
    states |= {low[1]: "running", low[2]: "done"}  # low: 200 s, its own speed
    assert seconds_left(jobs, states, seen, 1) == 40 + 50 + 100
    states = dict.fromkeys(states, "done")
    assert seconds_left(jobs, states, seen, 1) == 0
