"""Tell how much time a run has left, and how much memory it holds."""

import platform
import resource
from pathlib import Path

from puckrl.config.run_cfg import BudgetCfg


def left_s(budget: BudgetCfg, env_steps: float, train_s: float) -> float | None:
    """Return the seconds of training until a budget is spent at the present speed.

    None without a limit, or before anything is spent.
    """
    if budget.stop == "never":
        return None
    steps = env_steps / budget.env_steps if budget.env_steps else 0.0
    seconds = train_s / budget.train_s if budget.train_s else 0.0
    done = min(1.0, max(steps, seconds))
    return train_s * (1 - done) / done if done and train_s else None


def resident_gb(path: Path) -> float | None:
    """Return the main memory of the process that writes a folder; None: on another host."""
    try:
        words = (path / "lock").read_text().split()
        if words[:1] != ["process"] or words[-1] != platform.node():
            return None
        pages = int(Path(f"/proc/{int(words[1])}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * resource.getpagesize() / 1e9
