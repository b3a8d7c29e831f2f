"""Divide a run among the processes that train it together."""

from typing import Any

from puckrl.config.fields import Setting, changed
from puckrl.config.run_cfg import RunCfg
from puckrl.core import team
from puckrl.core.errors import UserError
from puckrl.core.settings import PER_PROCESS


def shard(cfg: RunCfg) -> RunCfg:
    """Return this process's part of a run: its worlds, batches and replay.

    Every setting that is marked ``PER_PROCESS`` is divided by the number of processes.

    Raises:
        UserError: if a setting is no multiple of the number of processes, or if several
            processes would overlap: their gradients meet in an order that two CUDA
            streams do not keep.
    """
    if team.size() > 1 and cfg.loop.overlap:
        raise UserError("--loop.overlap is for one process; add --loop.no-overlap")
    return changed(cfg, _part)


def _part(setting: Setting) -> Any:
    """Return a setting's value for one process."""
    if PER_PROCESS not in setting.marks:
        return setting.value
    part, rest = divmod(setting.value, team.size())
    if rest:
        raise UserError(
            f"{setting.flag} {setting.value} cannot be split among {team.size()} "
            f"processes; use a multiple of {team.size()}"
        )
    return part
