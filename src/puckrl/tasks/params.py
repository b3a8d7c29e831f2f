"""Name the settings that tasks have of their own, ``--params``.

Neither mujoco nor torch is imported here: configurations hold these values.
"""

from puckrl.tasks.peg.settings import PegInsertCfg

TaskParams = PegInsertCfg
"""Settings of any one task: a union, once a second task has some."""
