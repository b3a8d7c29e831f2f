"""Write the example report of docs/studies.md, from simulated runs.

    python benchmarks/study_example.py        -> docs/studies/

No policy is trained: curves are logistic functions with drawn take-offs, and one run is
made to fail.
"""

import math
from pathlib import Path

import numpy as np
import yaml

from puckrl.study.file import read_study
from puckrl.study.outcomes import RunRecord
from puckrl.study.report import write_report
from puckrl.training.sinks import LogRow

OUT = Path("docs/studies")
SLOWER = {"base": 1.0, "low-discount": 2.6, "small-batch": 1.05, "more-updates": 0.7}
STUDY = {
    "base": "push",
    "seeds": 8,
    "measure": "time_to(0.95, clock=env_steps, censored=restricted)",
    "arms": {
        "low-discount": {"agent.gamma": 0.9},
        "small-batch": {"agent.batch_size": 256},
        "more-updates": {"loop.update_ratio": 0.3},
    },
    "budget": {"env_steps": 400_000},
}


def simulated(arm: str, seed: int, number: int) -> RunRecord:
    """Return a made-up run: success rises once, at a drawn moment."""
    rng = np.random.default_rng([seed, number])
    takeoff = 120_000 * SLOWER[arm] * math.exp(0.2 * rng.standard_normal())
    ratio = 0.3 if arm == "more-updates" else 0.15
    rows: list[LogRow] = []
    for steps in range(10_000, 400_001, 10_000):
        success = 1 / (1 + math.exp((takeoff - steps) / 15_000))
        rows.append({
            "env_steps": float(steps), "updates": steps * ratio,
            "wall_s": steps / 500 * (1 + ratio), "eval/success": success,
        })  # fmt: skip
        if success >= 0.95:
            break
    if (arm, seed) == ("small-batch", 3):
        failed = {"status": "failed", "error": "the critic's loss is NaN"}
        return RunRecord(arm, seed, rows[:5], None, failed)
    return RunRecord(arm, seed, rows, rows[-1]["eval/success"], {"status": "finished"})


def main() -> None:
    """Write the report."""
    OUT.mkdir(exist_ok=True)
    file = OUT / "example.yaml"
    file.write_text(yaml.safe_dump(STUDY, sort_keys=False))
    study = read_study(file)
    runs = [
        simulated(arm.name, seed, number)
        for number, arm in enumerate(study.every_arm)
        for seed in study.seeds
    ]
    note = (
        "the runs of this example are simulated; they say nothing about these settings"
    )
    write_report(study, runs, OUT, notes=[note])


if __name__ == "__main__":
    main()
