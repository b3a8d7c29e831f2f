"""One process's part of a run that several train together."""

from dataclasses import fields, replace
from typing import Any

from puckrl.config.run_cfg import RunCfg
from puckrl.core import team
from puckrl.core.errors import UserError

_SPLIT = {
    "sim": ("num_worlds",),
    "agent": ("batch_size", "student_batch"),
    "replay": ("capacity",),
    "loop": ("warm_up_episodes", "normalize_episodes"),
}


def shard(cfg: RunCfg) -> RunCfg:
    """What this process does of a run: its part of worlds, batches and replay.

    Raises:
        UserError: if the processes cannot have equal parts, or would overlap: their
            gradients meet in an order that two streams do not keep.
    """
    if team.size() > 1 and cfg.loop.overlap:
        raise UserError("overlapped turns are for one process; add --loop.no-overlap")
    return replace(cfg, **{name: _part(cfg, name) for name in _SPLIT})


def _part(cfg: RunCfg, section: str) -> Any:
    """A section of the configuration with everything that is split divided."""
    whole, processes = getattr(cfg, section), team.size()
    names = {field.name for field in fields(whole)} & set(_SPLIT[section])
    for name in sorted(names):
        if getattr(whole, name) % processes:
            raise UserError(
                f"--{section}.{name.replace('_', '-')} {getattr(whole, name)} cannot be "
                f"split among {processes} processes; use a multiple of {processes}"
            )
    return replace(whole, **{name: getattr(whole, name) // processes for name in names})
