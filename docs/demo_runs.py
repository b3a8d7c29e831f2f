"""Make run folders from committed logs, for pictures of the page.

The numbers are those of real runs (``tests/curves``), verdicts are the doctor's on the rows
up to each evaluation. Folders, configurations and manifests are made as ``puck train`` does.
"""

import gzip
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import imageio.v3 as images

from puckrl.config.facts import facts_of
from puckrl.config.presets import preset
from puckrl.config.run_cfg import RunCfg
from puckrl.monitor.regime import diagnose
from puckrl.monitor.table import from_rows
from puckrl.runner.run_folder import RunFolder, create
from puckrl.training.sinks import is_evaluation, verdict_row

DOCS = Path(__file__).parent
CURVES = DOCS.parent / "tests/curves"
_SPACES = {"horizon": 50, "action_dim": 4, "reward_bounds": [-1.0, 0.0]}
_MADE = {
    "versions": {"python": "3.12.3", "puckrl": "0.1.0", "torch": "2.11.0"},
    "machine": {"system": "Linux", "cpu": "two cores", "cores": 2, "device": "cpu"},
    "memory_gb": {"ram": 0.9, "gpu": 0.0},
    "argv": ["puck", "train", "push"],
    "spaces": _SPACES,
}
_RUNS: Sequence[tuple[str, str, Mapping[str, Any], int]] = [
    ("push/push-s0", "push", {}, 0),
    ("push/push-s1", "push", {}, 1),
    ("push/push-s2", "push", {}, 2),
    ("no-her/push-no-her-s0", "push", {"replay.her_ratio": 0.0}, 0),
    ("no-her/push-no-her-s1", "push", {"replay.her_ratio": 0.0}, 1),
    ("lr-x100/push-lr-x100-s0", "push", {"agent.critic_lr": 0.1}, 0),
    ("push-pixels/push-pixels-d5a3b8bf-s0", "push-pixels", {}, 0),
]
"""A log, the preset of its run, what its run changed, its seed."""


def rows_of(name: str) -> list[dict[str, float]]:
    """Return the rows of a committed log."""
    with gzip.open(CURVES / f"{name}.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def with_verdicts(rows: Sequence[dict[str, float]], cfg: RunCfg) -> list[Any]:
    """Return rows with the doctor's verdict behind each evaluation, as a run logs them."""
    facts, found = facts_of(cfg, _SPACES), list[Any]()
    for count, row in enumerate(rows, start=1):
        found.append(row)
        if is_evaluation(row):
            found.append(verdict_row(diagnose(from_rows(rows[:count]), facts), row))
    return found


def make_run(
    root: Path, log: str, cfg: RunCfg, *, share: float = 1.0, day: int = 24
) -> RunFolder:
    """Make the folder of a run from a log, or from the first share of it."""
    folder, rows = create(root, cfg), rows_of(log)
    kept = rows[: int(share * len(rows))]
    lines = [json.dumps(row) + "\n" for row in with_verdicts(kept, cfg)]
    folder.metrics.write_text("".join(lines))
    ended = "finished" if share == 1.0 else "running"
    time = f"2026-11-{day:02d}T09:00:00+00:00"
    folder.update_manifest(**_MADE, status=ended, stop="env_steps", time=time)
    return folder


def make_runs(root: Path) -> list[RunFolder]:
    """Make some runs that went well and some that did not; the last one is half-way."""
    found = [
        make_run(root, log, preset(name).with_(seed=seed, **changes), day=20 + day)
        for day, (log, name, changes, seed) in enumerate(_RUNS)
    ]
    cfg = preset("push").with_(seed=3)
    film(found[0].path / "policy.mp4")
    (found[0].path / "card.md").write_text("# push\n\nsuccess 0.984\n")
    return [*found, make_run(root, "push/push-s1", cfg, share=0.4, day=28)]


def film(path: Path) -> None:
    """Write the film of the README as a run has it."""
    frames = images.imread(DOCS / "push.gif")
    high, wide = (size // 16 * 16 for size in frames.shape[1:3])
    images.imwrite(path, frames[:, :high, :wide, :3], fps=25)


def make_study(root: Path) -> Path:
    """Make the folder of a study that is over: the committed report, runs from logs."""
    folder = root / "example-de92e794"
    folder.mkdir(parents=True)
    for file in (DOCS / "studies").iterdir():
        shutil.copy(file, folder)
    arms = ("base", "low-discount", "small-batch", "more-updates")
    measure = "time_to(0.95, clock=env_steps, censored=restricted)"
    about = {"arms": [{"name": arm} for arm in arms], "seeds": [*range(8)]}
    (folder / "study.json").write_text(json.dumps({**about, "measure": measure}))
    for seed in range(3):
        cfg = preset("push").with_(seed=seed, preset="base")
        make_run(folder / "runs", f"push/push-s{seed}", cfg)
    return folder
