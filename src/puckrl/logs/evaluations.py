"""Read Stable-Baselines3's evaluations.npz, which EvalCallback writes."""

import zipfile
from pathlib import Path

import numpy as np

from puckrl.core.errors import UserError, first_line
from puckrl.monitor.table import Array

NAME = "evaluations.npz"
_BYTES = 1 << 28  # of all arrays, unpacked


def read_evaluations(path: Path) -> dict[str, Array]:
    """Return evaluations as columns under our names.

    Each row of ``results``, ``ep_lengths`` and perhaps ``successes`` holds the episodes of
    one evaluation.

    Raises:
        UserError: if it is no such file. Pickled arrays are refused: they could run code.
    """
    try:
        with zipfile.ZipFile(path) as file:
            if sum(entry.file_size for entry in file.infolist()) > _BYTES:
                raise UserError(f"{path} unpacks to more than {_BYTES >> 20} MB")
        with np.load(path, allow_pickle=False) as arrays:
            known = {name: arrays[name].astype(np.float64) for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"cannot read {path}: {first_line(error)}") from error
    if "timesteps" not in known or "results" not in known:
        raise UserError(
            f"{path} has no timesteps and results, as evaluations of Stable-Baselines3 "
            f"do; it has: {', '.join(known)}"
        )
    steps, returns = known["timesteps"], known["results"]
    returns = returns.reshape(len(steps), -1) if len(steps) else np.empty((0, 1))
    found = {
        "env_steps": steps,
        "eval/return": returns.mean(axis=1),
        "eval/episodes": np.full(len(steps), float(returns.shape[1])),
    }
    if "successes" in known and len(steps):
        found["eval/success"] = known["successes"].reshape(len(steps), -1).mean(axis=1)
    return found
