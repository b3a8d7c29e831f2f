"""Collect the presets by name."""

from dataclasses import replace

from puckrl.config.presets_cpu import PUSH, TWO_CORES
from puckrl.config.presets_foreign import foreign_preset
from puckrl.config.presets_gpu import ONE_GPU
from puckrl.config.presets_image_goal import IMAGE_GOALS
from puckrl.config.presets_peg import PEG_CPU
from puckrl.config.run_cfg import ExpectCfg, RunCfg
from puckrl.core.arguments import check
from puckrl.core.errors import class_missing, unknown
from puckrl.core.foreign import library_of
from puckrl.core.registry import provided

PRESETS: dict[str, RunCfg] = {
    cfg.preset: cfg for cfg in (*TWO_CORES, *IMAGE_GOALS, *PEG_CPU, *ONE_GPU)
}
"""Every preset by name."""
TASK_NAMES = tuple(dict.fromkeys(cfg.task for cfg in PRESETS.values()))
"""The tasks that presets train, which are all of the catalog; a test compares."""


def preset(name: str) -> RunCfg:
    """Return a preset by name, or the defaults of a task that is not ours.

    Such a task is ``path/to/file.py:ClassName``, the name of an entry point, or ``gym:ID``.

    Raises:
        UserError: for an unknown name.
    """
    check("preset", name, str)
    if library_of(name):
        return foreign_preset(name)
    if ":" in name:
        task = name.rpartition(":")[2].lower()
        return replace(PUSH, preset=task, task=name, expect=ExpectCfg())
    if name not in PRESETS and name in provided("task"):
        return replace(PUSH, preset=name, task=name, expect=ExpectCfg())
    if name not in PRESETS:
        others = "those of puck list, or path/to/file.py:ClassName"
        raise class_missing(name) or unknown("preset", name, PRESETS, others)
    return PRESETS[name]
