"""Run folders as ``puck train`` makes them, without training."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from puckrl.config.presets import preset
from puckrl.runner.run_folder import RunFolder, create

STEPS = 100


def rows(
    evaluations: int, each: int = 5, begin: int = 0, height: float = 1.0
) -> Iterator[dict[str, float]]:
    """Rows of a run that takes off in its middle: training rows, then an evaluation."""
    for judged in range(begin, evaluations):
        for part in range(each):
            number = judged * each + part + 1
            yield clocks(number) | {
                "train/critic_loss": 0.5 + 0.1 * math.sin(number),
                "train/q_mean": -2.0,
            }
        success = height / (1 + math.exp(6 - 12 * judged / max(1, evaluations - 1)))
        yield clocks((judged + 1) * each) | {
            "eval/success": success,
            "eval/success_low": max(0.0, success - 0.1),
            "eval/success_high": min(1.0, success + 0.1),
            "eval/episodes": 128,
        }


def clocks(number: int) -> dict[str, float]:
    return {
        "env_steps": number * STEPS,
        "updates": number * 25,
        "episodes": number * 2,
        "train_s": number * 0.5,
        "wall_s": number * 0.75,
    }


VERDICT: dict[str, Any] = {
    "doctor/phase": "take-off",
    "doctor/color": "green",
    "doctor/confidence": 0.9,
    "doctor/advice": "let it run",
    "doctor/findings": [{"name": "stalled", "color": "yellow", "reason": "r"}],
}


def text(lines: Sequence[Mapping[str, Any]] | Iterator[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


def made_run(
    root: Path, evaluations: int = 10, seed: int = 0, **changes: Any
) -> RunFolder:
    """A run that is over, from the preset reach, with some settings changed."""
    folder = create(root, preset("reach").with_(seed=seed, **changes))
    told = [*rows(evaluations)]
    last = {"env_steps": evaluations * 5 * STEPS, "updates": 1.0, **VERDICT}
    folder.metrics.write_text(text([*told, last]))
    folder.update_manifest(
        status="finished",
        stop="success",
        time="2026-11-30T09:00:00+00:00",
        spaces={"horizon": 50, "action_dim": 4, "reward_bounds": [-1.0, 0.0]},
        memory_gb={"ram": 0.6, "gpu": 0.0},
        argv=["puck", "train", "reach"],
    )
    return folder
