"""Every format, written by those who write it, and what is refused."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3.common.logger import configure
from torch.utils.tensorboard.writer import SummaryWriter

from puckrl.config.presets import preset
from puckrl.core.errors import UserError
from puckrl.logs.names import parse_map
from puckrl.logs.read import read_logs
from puckrl.runner import run_folder

STEPS = range(100, 1100, 100)


def write_sb3(folder: Path, first: int = 0, **more: float) -> None:
    """What SB3's own logger writes for a run."""
    logger = configure(str(folder), ["csv", "tensorboard"])
    for step in STEPS:
        logger.record("rollout/success_rate", step / 2000)
        logger.record("rollout/ep_rew_mean", -50 + step / 100)
        logger.record("rollout/ep_len_mean", 50.0)
        logger.record("train/critic_loss", 0.1)
        logger.record("train/n_updates", step // 4, exclude="tensorboard")
        logger.record("time/total_timesteps", first + step, exclude="tensorboard")
        for name, value in more.items():
            logger.record(name, value)
        logger.dump(first + step)
    logger.close()


def write_events(folder: Path, steps: range, tag: str = "train/critic_loss") -> None:
    writer = SummaryWriter(str(folder))
    for step in steps:
        writer.add_scalar(tag, step * 1e-3, step)
        writer.add_scalar("eval/success", 0.05, step)
    writer.close()


def write_monitor(path: Path, times: list[float], begun: float = 1.0) -> None:
    lines = [f'#{{"t_start": {begun}, "env_id": "FetchPush-v4"}}', "r,l,t,is_success"]
    lines += [f"{-40 - i % 2},50,{t},{i % 2 == 0}" for i, t in enumerate(times)]
    path.write_text("\n".join(lines) + "\n")


def test_sb3_folder_merges_csv_and_events(tmp_path: Path) -> None:
    write_sb3(tmp_path, whatever=1.0)
    (log,) = read_logs(tmp_path)
    table = log.table
    assert set(log.kinds) == {"csv", "tensorboard"}
    assert table.columns["env_steps"].tolist() == list(STEPS)
    assert table.curve("train/success").y == pytest.approx([s / 2000 for s in STEPS])
    assert table.curve("updates").y.tolist() == [s // 4 for s in STEPS]
    assert log.unmapped == ("whatever",)
    assert log.problems == ()
    assert (log.facts.horizon, log.facts.sparse) == (50, True)
    assert log.facts.update_ratio == pytest.approx(0.25)


def test_events_alone_and_one_file_of_them(tmp_path: Path) -> None:
    write_events(tmp_path / "tb", range(0, 100, 10))
    (folder,) = read_logs(tmp_path)
    (file,) = read_logs(next((tmp_path / "tb").iterdir()))
    for log in (folder, file):
        assert log.table.curve("train/critic_loss").x.tolist() == list(
            range(0, 100, 10)
        )
        assert log.table.columns["wall_s"][0] == pytest.approx(0.0, abs=0.1)
    assert folder.name == "tb"


def test_the_event_files_of_a_run_of_ours_are_that_run(tmp_path: Path) -> None:
    cfg = preset("push-pixels")
    run = run_folder.create(tmp_path, cfg)
    write_events(run.tensorboard, range(0, 100, 10))
    (log,) = read_logs(run.tensorboard)
    assert log.name == run.path.name
    assert log.facts.usual_takeoff_updates == cfg.expect.takeoff_updates
    assert (log.settings or {})["task"] == "push"


def test_a_living_writers_half_record_is_left_out(tmp_path: Path) -> None:
    write_events(tmp_path, range(0, 100, 10))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-7])
    assert read_logs(path)[0].table.end == 90


def test_two_runs_in_one_tensorboard_folder_are_contaminated(tmp_path: Path) -> None:
    write_events(tmp_path, range(0, 1000, 100))
    write_events(tmp_path, range(0, 1000, 50))
    (log,) = read_logs(tmp_path)
    assert [p.name for p in log.problems] == ["contaminated log"]


def test_a_purging_writer_hides_what_it_voids(tmp_path: Path) -> None:
    write_events(tmp_path, range(0, 1000, 100))
    writer = SummaryWriter(str(tmp_path), purge_step=500)
    for step in range(500, 1500, 100):
        writer.add_scalar("eval/success", 0.9, step)
    writer.close()
    (log,) = read_logs(tmp_path)
    success = log.table.curve("eval/success")
    assert [p.name for p in log.problems] == ["resumed log"]
    assert success.y[success.x >= 500].tolist() == pytest.approx([0.9] * 10)
    assert log.table.curve("train/critic_loss").x.max() == 400


def test_monitor_files_of_two_worlds(tmp_path: Path) -> None:
    write_monitor(tmp_path / "0.monitor.csv", [float(t) for t in range(400)])
    write_monitor(tmp_path / "1.monitor.csv", [t + 0.5 for t in range(400)])
    (log,) = read_logs(tmp_path)
    table = log.table
    assert log.kinds == ("sb3 monitor",)
    assert table.end == 800 * 50
    assert table.curve("train/success").y.tolist() == [0.5] * 8
    assert table.curve("train/return").y.tolist() == pytest.approx([-40.5] * 8)


def test_a_world_that_begins_later_is_in_its_place(tmp_path: Path) -> None:
    early, late = [float(t) for t in range(10, 410)], [float(t) for t in range(10, 210)]
    write_monitor(tmp_path / "0.monitor.csv", early, begun=1000.0)
    write_monitor(tmp_path / "1.monitor.csv", late, begun=1200.5)
    write_monitor(tmp_path / "2.monitor.csv", [], begun=999.0)
    (log,) = read_logs(tmp_path)
    wall = log.table.curve("wall_s")
    assert log.problems == ()
    # 75 episodes a row; until 1210.5 the first world plays alone
    assert wall.y[0] == 84.0 + 1.0
    assert wall.y[-1] == 409.5 + 1.0
    assert (np.diff(wall.y) > 0).all()


def test_monitor_files_of_two_runs_are_contaminated(tmp_path: Path) -> None:
    times = [float(t) for t in range(10, 210)]
    for i, begun in enumerate((1000.0, 1000.1, 5000.0, 5000.1)):
        write_monitor(tmp_path / f"{i}.monitor.csv", times, begun=begun)
    (log,) = read_logs(tmp_path)
    (finding,) = log.problems
    assert finding.name == "contaminated log"
    assert "2.monitor.csv begins after the others had ended" in finding.reason
    assert finding.numbers[0].value == 2


def test_an_appended_monitor_file_is_contaminated(tmp_path: Path) -> None:
    path = tmp_path / "run.monitor.csv"
    write_monitor(path, [*map(float, range(200)), *map(float, range(150))])
    (log,) = read_logs(path)
    assert [p.name for p in log.problems] == ["contaminated log"]


def test_wandb_chart_of_two_runs(tmp_path: Path) -> None:
    path = tmp_path / "chart.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["Step", "a - eval/success", "a - eval/success__MIN", "b - eval/success"]
        )
        writer.writerows([[10, 0.1, 0.0, ""], [20, 0.2, 0.0, 0.6], [30, "", "", 0.7]])
    one, other = read_logs(path)
    assert (one.name, other.name) == ("chart.csv a", "chart.csv b")
    assert one.table.curve("eval/success").y.tolist() == [0.1, 0.2]
    assert other.table.curve("eval/success").x.tolist() == [20, 30]


def test_wandb_history_prefers_the_global_step(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("_step,global_step,acc,_runtime\n1,100,0.5,9\n2,200,NaN,10\n")
    (log,) = read_logs(path, parse_map(["acc=eval/success"]))
    assert log.table.columns["env_steps"].tolist() == [100, 200]
    assert log.table.not_finite == {"eval/success": 1}
    assert log.table.curve("wall_s").y.tolist() == [9, 10]


def test_a_folder_of_runs_is_many_runs(tmp_path: Path) -> None:
    for name in ("SAC_1", "SAC_2"):
        write_events(tmp_path / name, range(0, 100, 10))
    assert [log.name for log in read_logs(tmp_path)] == ["SAC_1", "SAC_2"]


def test_rows_written_again_after_a_resume_count_once(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    steps = [10, 20, 30, 40, 30, 40, 50]
    rows = [{"env_steps": s, "eval/success": i / 10} for i, s in enumerate(steps)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (log,) = read_logs(tmp_path)
    assert [p.name for p in log.problems] == ["resumed log"]
    assert log.table.curve("eval/success").y.tolist() == [0.0, 0.1, 0.4, 0.5, 0.6]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("nothing", None, "no log at"),
        ("picture.png", "x", "is no log; puckrl reads: a run folder"),
        ("some.csv", "a,b\n1,2\n", "--map NAME=env_steps; it has: a, b"),
        ("some.csv", "a,b,c\n3,1,9\n2,1,9\n", "--map NAME=env_steps; it has: a, b, c"),
        ("some.csv", "x,clock\n3,1\n2,5\n", "--map clock=env_steps; it has: clock, x"),
        ("five.csv", "#5\na,b\n1,2\n", "--map NAME=env_steps"),
        ("x.tfevents.1", "no events at all, but long enough", "no event file"),
    ],
)
def test_what_cannot_be_read(
    tmp_path: Path, name: str, text: str | None, words: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=words):
        read_logs(path)


def test_a_map_counts_for_json_lines_too(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 5, "acc": 0.5, "x": 1}\n{"step": 9, "acc": null}\n')
    (log,) = read_logs(path, parse_map(["acc=eval/success", "step=env_steps"]))
    assert log.table.columns["env_steps"].tolist() == [5, 9]
    assert log.table.curve("eval/success").y.tolist() == [0.5]
    assert log.unmapped == ("x",)
    (mine,) = read_logs(path, parse_map(["acc=eval/success%"]))
    assert mine.table.curve("eval/success").y.tolist() == [0.005]


@pytest.mark.parametrize("name", ["empty.csv", "progress.csv", "metrics.jsonl"])
def test_a_log_without_rows_is_young_not_broken(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("time/total_timesteps,loss\n" if name == "progress.csv" else "")
    (log,) = read_logs(path)
    assert log.empty
    assert log.problems == ()


@pytest.mark.parametrize(
    "pair",
    ["acc", "=eval/success", "acc=eval/achievement", "a=env_steps*", "a=env_steps*-1"],
)
def test_bad_maps(pair: str) -> None:
    with pytest.raises(UserError, match="--map"):
        parse_map([pair])


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to read"):
        read_logs(tmp_path)


def test_a_run_does_not_get_the_numbers_of_one_whose_name_begins_alike(
    tmp_path: Path,
) -> None:
    path = tmp_path / "chart.csv"
    path.write_text(
        "Step,push - eval/success,push - v2 - eval/success\n10,1.0,0.0\n20,0.02,0.98\n"
    )
    one, other = read_logs(path)
    assert (one.name, other.name) == ("chart.csv push", "chart.csv push - v2")
    assert one.table.curve("eval/success").y.tolist() == [1.0, 0.02]
    assert other.table.curve("eval/success").y.tolist() == [0.0, 0.98]


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_text("env_steps,eval/success\n10,0.5\n", encoding="utf-8-sig")
    lines = tmp_path / "log.jsonl"
    lines.write_text('{"env_steps": 10, "eval/success": 0.5}\n', encoding="utf-8-sig")
    for (log,) in (read_logs(path), read_logs(lines)):
        assert log.table.curve("eval/success").y.tolist() == [0.5]


def test_links_to_folders_are_followed_and_circles_end(tmp_path: Path) -> None:
    write_events(tmp_path / "real" / "SAC_1", range(0, 100, 10))
    linked = tmp_path / "chosen"
    linked.mkdir()
    (linked / "mine").symlink_to(tmp_path / "real" / "SAC_1")
    (linked / "circle").symlink_to(linked)
    assert [log.path for log in read_logs(linked)] == [linked / "mine"]
    (tmp_path / "real" / "LATEST").symlink_to("SAC_1")
    assert [log.name for log in read_logs(tmp_path / "real")] == ["SAC_1"]


def test_an_integer_that_no_float_holds_is_infinite(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(f'{{"env_steps": 10, "eval/success": {10**400}}}\n')
    (log,) = read_logs(tmp_path)
    assert log.table.not_finite == {"eval/success": 1}
