"""Several seeds, each a process of its own: a stand-in trains where torch would."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from puckrl.core.errors import Exit, Interrupted, UserError
from puckrl.study import seeds
from puckrl.study.admission import Demand, Gpu, Machine
from puckrl.study.local import LocalWorkers
from puckrl.study.seeds import chosen, render, train_seeds
from tests.study.small import TINY

STAND_IN = """
import json, os, sys, time
from pathlib import Path
order = json.loads(sys.stdin.readline())
folder = Path(order["folder"])
seed = int(folder.name.rpartition("-s")[2].partition("-")[0])
others = len([x for x in folder.parent.iterdir() if (x / "now").exists()])
folder.mkdir()
(folder / "now").touch()
(folder / "config.yaml").write_text("preset: tiny\\n")
time.sleep(0.2)
if seed == 3:
    print("puck: the disk is full")
    sys.exit(4)
times = {"seconds": {}, "train_s": 10.0 * seed, "total_s": 10.0 * seed + 1}
seen = {"gpu": os.environ.get("CUDA_VISIBLE_DEVICES"), "others": others}
result = {"success": 1 - seed / 10}
manifest = dict(status="finished", stop="budget", seed=seed, result=result, clock=times, **seen)
(folder / "manifest.json").write_text(json.dumps(manifest))
(folder / "now").unlink()
"""
GPUS = (Gpu("GPU-a", 9e9), Gpu("GPU-b", 9e9))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Four cores and two GPUs that the run uses; tests change it."""
    has: dict[str, Any] = {"gpus": GPUS, "gpu": 1e9}
    monkeypatch.setattr(seeds, "demand_of", lambda job: Demand(1.0, has["gpu"], 0.0, 1))
    offers = lambda root: Machine(4, 1e9, 1e9, has["gpus"])  # noqa: E731
    monkeypatch.setattr(seeds, "this_machine", offers)
    monkeypatch.setattr("puckrl.study.local.free_ram", lambda: 1e9)
    return has


def go(root: Path, count: int, devices: str = "all", **changes: Any) -> Any:
    said = list[str]()
    program = (sys.executable, "-S", "-E", "-c", STAND_IN)
    runs, code = train_seeds(
        replace(TINY, **changes), count, root, devices, said.append, program
    )
    return runs, code, said


def manifests(root: Path) -> list[dict[str, Any]]:
    files = sorted(root.glob("*/manifest.json"))
    return [json.loads(file.read_text()) for file in files]


def test_each_seed_has_a_gpu_to_itself(machine: dict[str, Any], tmp_path: Path) -> None:
    runs, code, said = go(tmp_path, 3)
    assert code == Exit.DONE
    assert [run.seed for run in runs] == [0, 1, 2]
    assert said[0] == "3 seeds, 2 at a time on 2 GPUs"
    made = manifests(tmp_path)
    assert {one["gpu"] for one in made} == {"GPU-a", "GPU-b"}
    assert max(one["others"] for one in made) <= 1
    assert any(line == "seed 1 is done: success 0.900, 10.0 s of training, 11.0 s in all" for line in said)  # fmt: skip


def test_devices_chooses_gpus(machine: dict[str, Any], tmp_path: Path) -> None:
    go(tmp_path, 2, "1")
    assert {one["gpu"] for one in manifests(tmp_path)} == {"GPU-b"}
    assert chosen(GPUS, "1,0,1") == (GPUS[1], GPUS[0])
    with pytest.raises(UserError, match=r"no GPU '2'; legal: all, or some of 0,1"):
        chosen(GPUS, "0,2")


def test_timed_runs_on_cores_have_them_to_themselves(
    machine: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.update(gpus=(), gpu=0.0)
    monkeypatch.setattr("puckrl.study.local.refuse_company", lambda cores: None)
    budget = replace(TINY.budget, train_s=5.0)
    go(tmp_path, 2, budget=budget)
    assert [one["others"] for one in manifests(tmp_path)] == [0, 0]
    with pytest.raises(UserError, match="names GPUs, and the run uses none"):
        go(tmp_path, 2, "0")


def test_a_seed_that_fails_says_why_and_spoils_no_other(
    machine: dict[str, Any], tmp_path: Path
) -> None:
    runs, code, said = go(tmp_path, 3, seed=2)
    assert code == Exit.FAILED
    assert [run.status for run in runs] == ["done", "stopped", "done"]
    assert "seed 3 ended with exit code 4: the disk is full" in said


def test_an_earlier_run_keeps_its_folder(
    machine: dict[str, Any], tmp_path: Path
) -> None:
    go(tmp_path, 1)
    runs, _, _ = go(tmp_path, 1)
    assert runs[0].name.endswith("-s0-2")
    assert len(manifests(tmp_path)) == 2


def test_an_interrupt_ends_every_run(
    machine: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, calls = LocalWorkers.ended, list[int]()

    def interrupted(workers: LocalWorkers, wait_s: float) -> Any:
        calls.append(len(workers.running))
        if len(calls) == 1:
            raise Interrupted(2)
        return ended(workers, wait_s)

    monkeypatch.setattr(LocalWorkers, "ended", interrupted)
    with pytest.raises(Interrupted):
        go(tmp_path, 3)
    assert calls[0] == 2
    assert len(list(tmp_path.iterdir())) <= 2  # the third never began


def test_a_named_gpu_and_seeds_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--devices chooses"):
        go(tmp_path, 2, device="cuda:1")


def test_the_summary_ends_with_median_and_worst(
    machine: dict[str, Any], tmp_path: Path
) -> None:
    runs, _, _ = go(tmp_path, 3)
    out = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    out.print(render(runs))
    lines = [line.split() for line in out.export_text().splitlines()]
    assert lines[-2] == ["median", "3", "done", "0.900", "10.0", "s", "11.0", "s"]
    assert lines[-1] == ["worst", "0.800", "20.0", "s", "21.0", "s"]
