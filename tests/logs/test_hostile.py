"""Files that are no logs: each costs one line, and bounded time and memory."""

import gzip
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from puckrl.cli import main
from puckrl.core.errors import UserError
from puckrl.logs.read import read_logs

RANDOM = np.random.default_rng(0).bytes(200_000)
HEADER = b"env_steps,eval/success\n"
HOSTILE = {
    "deep.jsonl": b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n",
    "lists.jsonl": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
    "names.jsonl": b"".join(
        b'{"env_steps":%d,"k%d":1}\n' % (i, i) for i in range(6000)
    ),
    "line.jsonl": b'{"env_steps": ' + b"1" * 20_000_000,
    "line.csv": HEADER + b"1" * 20_000_000,
    "bomb.csv.gz": gzip.compress(HEADER + b"0" * 50_000_000, compresslevel=1),
    "cut.csv.gz": gzip.compress(HEADER + b"1000,0.5\n" * 1000)[:20],
    "wide.csv": b",".join(b"c%d" % i for i in range(20_000)) + b"\n",
    "binary.csv": RANDOM,
    "no-nulls.csv": b"a,b\n" + RANDOM.replace(b"\0", b"x"),
    "quote.csv": HEADER + b'"1,0.5\n' + b"2,0.5\n" * 100_000,
    "x.tfevents.1": RANDOM,
    "ones.tfevents.1": b"\xff" * 100_000,
    "evaluations.npz": RANDOM,
    "numbers.csv": b"1,2,3\n4,5,6\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_costs_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    tracemalloc.start()
    begun = time.process_time()
    with pytest.raises(UserError) as info:
        read_logs(path)
    assert time.process_time() - begun < 10
    assert tracemalloc.get_traced_memory()[1] < 120e6
    tracemalloc.stop()
    assert "\n" not in str(info.value)
    assert len(str(info.value)) < 700
    assert main(["doctor", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_link_to_itself_costs_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "loop.csv"
    path.symlink_to(path)
    assert main(["doctor", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_pickled_arrays_are_not_loaded(tmp_path: Path) -> None:
    """They could run code."""
    path = tmp_path / "evaluations.npz"
    objects = np.array([{}], dtype=object)
    np.savez(path, timesteps=objects, results=objects)
    with pytest.raises(UserError, match=r"cannot read .*pickle"):
        read_logs(path)


def test_one_hostile_file_leaves_the_others_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"{1000 * i},{min(1.0, i / 30)}\n" for i in range(1, 61))
    (tmp_path / "good.csv").write_bytes(HEADER + rows.encode())
    (tmp_path / "bad.csv").write_bytes(RANDOM)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "self.csv").symlink_to("self.csv")
    assert main(["doctor", str(tmp_path)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "good.csv (csv) converged" in shown
    assert "not read: bad.csv" in shown
