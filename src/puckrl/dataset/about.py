"""Say what a data set holds and where it came from: ``puckrl.json`` and the writers' heads."""

from dataclasses import asdict, dataclass
from typing import Any

from puckrl.core.spec import Column, Description
from puckrl.core.types import Spaces
from puckrl.dataset.settings import DatasetCfg
from puckrl.report.provenance import git_state, versions

ABOUT = "puckrl.json"
"""Name of the file in a data set's folder."""
STATE, ACHIEVED, DESIRED = "state", "achieved_goal", "desired_goal"


@dataclass(frozen=True)
class About:
    """Describe a data set."""

    task: str
    """Name of the task."""
    instruction: str
    """What to do, as one would tell a robot."""
    rate_hz: float
    """Control steps per second."""
    columns: dict[str, tuple[Column, ...]]
    """Numbers of each vector by its name, with units and frames."""
    sensors: dict[str, tuple[int, ...]]
    """Columns of the state of each named sensor."""
    action: tuple[dict[str, Any], ...]
    """Numbers of an action in [-1, 1]: name, meaning, unit of 1.0."""
    expert: dict[str, Any]
    """Who acted: a run with its revision and success, or the task's script."""
    settings: dict[str, Any]
    """Settings of the data set."""
    made_by: dict[str, Any]
    """Versions and revision that wrote it."""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def describe(
    task: str,
    said: Description,
    spaces: Spaces,
    rate_hz: float,
    expert: dict[str, Any],
    cfg: DatasetCfg,
) -> About:
    """Return the description of a data set.

    Args:
        task: name of the task.
        said: what the task says of its numbers.
        spaces: its sizes.
        rate_hz: control steps per second.
        expert: who acts.
        cfg: settings of the data set.
    """
    columns = {STATE: said.state, ACHIEVED: said.goal, DESIRED: said.goal}
    sensors = {
        name: tuple(one.columns)
        for name, one in spaces.sensors.items()
        if len(one.columns) and name not in columns
    }
    for name, places in sensors.items():
        columns[name] = tuple(said.state[i] for i in places)
    return About(
        task=task,
        instruction=said.instruction or f"do the task {task}",
        rate_hz=rate_hz,
        columns=columns,
        sensors=sensors,
        action=tuple(
            {"name": one.name, "meaning": one.meaning, "unit of 1.0": one.unit}
            for one in said.action
        ),
        expert=expert,
        settings=asdict(cfg),
        made_by={**versions(), **git_state()},
    )
