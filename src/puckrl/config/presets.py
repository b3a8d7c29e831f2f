"""Collect the presets by name."""

from dataclasses import fields, replace
from typing import Any

from puckrl.config.bounds import check_bounds
from puckrl.config.presets_cpu import PUSH, TWO_CORES
from puckrl.config.presets_gpu import ONE_GPU
from puckrl.config.run_cfg import ExpectCfg, RunCfg
from puckrl.core.arguments import check
from puckrl.core.errors import unknown

PRESETS: dict[str, RunCfg] = {cfg.preset: cfg for cfg in (*TWO_CORES, *ONE_GPU)}
"""Every preset by name."""


def preset(name: str) -> RunCfg:
    """Return a preset by name, or for ``path/to/file.py:ClassName`` a task's defaults.

    Raises:
        UserError: for an unknown name.
    """
    if ":" in name:
        task = name.rpartition(":")[2].lower()
        return replace(PUSH, preset=task, task=name, expect=ExpectCfg())
    if name not in PRESETS:
        raise unknown("preset", name, [*PRESETS, "path/to/file.py:ClassName"])
    return PRESETS[name]


def changed_preset(name: str, changes: dict[str, Any]) -> RunCfg:
    """Return a preset with other values of some of its fields, by their names.

    Raises:
        UserError: for an unknown name, or a value that is not legal.
    """
    check("preset", name, str)
    base, legal = preset(name), [field.name for field in fields(RunCfg)]
    for unknown_name in changes.keys() - set(legal):
        raise unknown("setting", unknown_name, legal)
    cfg = replace(base, **changes)
    check_bounds(cfg)
    return cfg
