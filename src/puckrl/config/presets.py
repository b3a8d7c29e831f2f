"""Collect the presets by name."""

from dataclasses import replace

from puckrl.config.presets_cpu import PUSH, TWO_CORES
from puckrl.config.presets_gpu import ONE_GPU
from puckrl.config.presets_peg import PEG_CPU
from puckrl.config.run_cfg import ExpectCfg, RunCfg
from puckrl.core.arguments import check
from puckrl.core.errors import class_missing, unknown

PRESETS: dict[str, RunCfg] = {
    cfg.preset: cfg for cfg in (*TWO_CORES, *PEG_CPU, *ONE_GPU)
}
"""Every preset by name."""


def preset(name: str) -> RunCfg:
    """Return a preset by name, or for ``path/to/file.py:ClassName`` a task's defaults.

    Raises:
        UserError: for an unknown name.
    """
    check("preset", name, str)
    if ":" in name:
        task = name.rpartition(":")[2].lower()
        return replace(PUSH, preset=task, task=name, expect=ExpectCfg())
    if name not in PRESETS:
        raise class_missing(name) or unknown(
            "preset", name, [*PRESETS, "path/to/file.py:ClassName"]
        )
    return PRESETS[name]
