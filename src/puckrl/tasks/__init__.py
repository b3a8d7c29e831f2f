"""Define tasks: scenes, goals, rewards; no learning and no batching.

A task of your own needs nothing but these names, mujoco and torch:

    from puckrl.tasks import Draws, Obs, Sanity, Sensor, Sim, Spaces, Task, Viewpoint

Each is loaded when it is first asked for: configurations hold settings of tasks, and a
command that only reads them loads neither mujoco nor torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from puckrl.core.rng import Draws
    from puckrl.core.spaces import RewardKind, Sensor, Spaces
    from puckrl.core.spec import ActionNumber, Column, Description
    from puckrl.core.types import Obs
    from puckrl.sim.backend import Sim
    from puckrl.sim.viewpoints import Viewpoint
    from puckrl.tasks.sanity import Landmark, Sanity
    from puckrl.tasks.task import Task

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

_HOMES = {
    "puckrl.core.rng": ("Draws",),
    "puckrl.core.spaces": ("RewardKind", "Sensor", "Spaces"),
    "puckrl.core.spec": ("ActionNumber", "Column", "Description"),
    "puckrl.core.types": ("Obs",),
    "puckrl.sim.backend": ("Sim",),
    "puckrl.sim.viewpoints": ("Viewpoint",),
    "puckrl.tasks.sanity": ("Landmark", "Sanity"),
    "puckrl.tasks.task": ("Task",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Return a public name from the module that defines it (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
