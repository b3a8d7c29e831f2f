"""List the sensors that networks may get from a task: ``puck list --sensors``."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

from rich.console import Group
from rich.table import Table

from puckrl.agents.settings import MODES
from puckrl.config.run_cfg import PixelsCfg
from puckrl.core.types import PixelSpace, Spaces
from puckrl.tasks.catalog import make_task


@dataclass(frozen=True)
class SensorRow:
    """Describe one sensor."""

    name: str
    """Name in ``--agent.actor-sensors``."""
    shape: tuple[int, ...]
    """Shape of one observation."""
    dtype: str
    """Data type that a network gets."""
    unit: str
    """Units of its numbers."""
    source: str
    """Where a robot gets it from."""


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as text, ``3 x 64 x 64``."""
    return " x ".join(map(str, shape))


def seen_text(names: Iterable[str], shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Return sensors and their shapes as text."""
    return ", ".join(f"{name} {shape_text(shapes[name])}" for name in names)


def sensor_rows(spaces: Spaces) -> list[SensorRow]:
    """Return every sensor of a task; ``pixels`` and ``goal_image`` only with cameras."""
    parts, goal = spaces.sensors, (spaces.goal_dim,)
    units = dict.fromkeys(x for part in parts.values() for x in part.unit.split(", "))
    sources = dict.fromkeys(part.source for part in parts.values())
    whole = ", ".join(sources) or "simulator"
    achieved = parts["object"].source if "object" in parts else whole
    rows = [
        SensorRow(name, (len(part.columns),), "float32", part.unit, part.source)
        for name, part in parts.items()
    ]
    rows += [
        SensorRow("state", (spaces.state_dim,), "float32", ", ".join(units), whole),
        SensorRow("achieved_goal", goal, "float32", "m", achieved),
        SensorRow("desired_goal", goal, "float32", "m", "operator"),
    ]
    if (pixels := spaces.pixels) is not None:
        shape = (pixels.stacked_channels, pixels.height, pixels.width)
        rows.append(SensorRow("pixels", shape, "uint8", "0 to 255", "cameras"))
    if (image := spaces.goal_image) is not None:
        shape = (image.channels, image.height, image.width)
        rows.append(SensorRow("goal_image", shape, "uint8", "0 to 255", "operator"))
    return rows


def render(task: str) -> Group:
    """Return the tables of sensors and modes; omit modes whose sensors the task lacks.

    Raises:
        UserError: for an unknown task.
    """
    size = PixelsCfg()
    camera = PixelSpace(size.height, size.width, 3, size.stack)
    spaces = replace(
        make_task(task).spaces, pixels=camera, goal_image=replace(camera, stack=1)
    )
    rows = sensor_rows(spaces)
    sensors = _table(f"sensors of {task}", ("name", "shape", "dtype", "unit", "source"))
    for row in rows:
        sensors.add_row(*(asdict(row) | {"shape": shape_text(row.shape)}).values())
    modes = _table(
        "modes: --agent.actor-sensors, --agent.critic-sensors", ("name", "sensors")
    )
    shapes = {row.name: row.shape for row in rows}
    for name, seen in MODES.items():
        if shapes.keys() >= set(seen):
            modes.add_row(name, seen_text(seen, shapes))
    note = (
        "pixels: shape for one camera; change it with "
        "--pixels.viewpoints, .height, .width, .stack"
    )
    return Group(sensors, note, "", modes)


def _table(title: str, headings: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for heading in headings:
        table.add_column(heading)
    return table
