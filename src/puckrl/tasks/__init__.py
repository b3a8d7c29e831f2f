"""Define tasks: scenes, goals, rewards; no learning and no batching.

A task of your own needs nothing but these names, mujoco and torch:

    from puckrl.tasks import Draws, Obs, Sanity, Sensor, Sim, Spaces, Task, Viewpoint
"""

from puckrl.core.rng import Draws
from puckrl.core.spec import ActionNumber, Column, Description
from puckrl.core.types import Obs, Sensor, Spaces
from puckrl.sim.backend import Sim
from puckrl.sim.viewpoints import Viewpoint
from puckrl.tasks.sanity import Landmark, Sanity
from puckrl.tasks.task import RewardKind, Task

__all__ = [
    "ActionNumber",
    "Column",
    "Description",
    "Draws",
    "Landmark",
    "Obs",
    "RewardKind",
    "Sanity",
    "Sensor",
    "Sim",
    "Spaces",
    "Task",
    "Viewpoint",
]
