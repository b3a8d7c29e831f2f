"""Checks of a task before training, for ``puck check``.

A broken task need not crash: the arm may be a meter away, or the object fall off the
table, while hindsight still finds successes and losses still fall, but no policy ever
learns. Each row measures one condition that must hold before training.

    spaces    states, goals and actions have the sizes of the task's spaces
    reset     finite numbers, equal for equal seeds, landmarks in their boxes
    rest      the achieved goal stays where it is under zero actions
    random    random actions move the achieved goal, and seldom succeed
    reward    0 exactly where a goal is reached, within [-1, 0] elsewhere
    expert    the scripted expert solves the task, if there is one
    camera    images are not blank, and show differences between worlds

The checks use the ``Task`` protocol only; a task sets its own bounds in ``sanity``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.table import Table

from puckrl.config.presets import preset
from puckrl.config.run_cfg import RunCfg
from puckrl.core.foreign import library_of
from puckrl.core.runtime import torch_threads
from puckrl.doctor import task_rows
from puckrl.doctor.foreign_check import foreign_rows
from puckrl.doctor.task_play import play_at_random
from puckrl.doctor.task_rows import ANY, Measurement
from puckrl.envs.finite import NotFinite
from puckrl.envs.goal_env import GoalEnv
from puckrl.sim.cpu import CpuSim
from puckrl.sim.scene import compiled
from puckrl.tasks.catalog import make_task
from puckrl.tasks.task import Task

_TWIN_WORLDS = 2


@dataclass(frozen=True)
class CheckReport:
    """All measurements of a task."""

    task: str
    """Name of the task."""
    rows: tuple[Measurement, ...]
    """Measurements, in the order of an episode."""

    @property
    def ok(self) -> bool:
        """Whether every row is legal."""
        return all(row.ok for row in self.rows)

    @property
    def verdict(self) -> str:
        """The result in one line."""
        broken = [row.name for row in self.rows if not row.ok]
        return f"not sane: {', '.join(broken)}" if broken else "sane"


def check_task(
    name: str,
    num_worlds: int = 64,
    seed: int = 0,
    random_episodes: int = 256,
    *,
    cfg: RunCfg | None = None,
) -> CheckReport:
    """Measure a task by name or from a file (``path/to/file.py:Class``).

    Args:
        name: name or file, see ``puckrl.tasks.catalog.make_task``; or ``gym:ID``,
            ``mjlab:TASK``, ``isaaclab:TASK``.
        num_worlds: number of worlds.
        seed: seed of resets and random actions.
        random_episodes: minimum number of episodes with random actions.
        cfg: settings of an environment that is not ours; None: its recipe's.

    Raises:
        UserError: if there is no such task.
    """
    if library_of(name):
        return CheckReport(name, tuple(foreign_rows(cfg or preset(name), seed)))
    env = _make_env(make_task(name), num_worlds, seed)
    twin = _make_env(make_task(name), min(_TWIN_WORLDS, num_worlds), seed)
    with torch_threads(1):
        rows = list(task_rows.spaces_rows(twin))
        if all(row.ok for row in rows):  # else the other checks would crash
            rows += _play_rows(env, twin, random_episodes)
    return CheckReport(name, tuple(rows))


def _play_rows(
    env: GoalEnv, twin: GoalEnv, random_episodes: int
) -> Iterator[Measurement]:
    """Measure resets, play and images."""
    spots = list[NotFinite]()
    env.alarm = twin.alarm = spots.append
    yield from task_rows.reset_rows(env, twin)
    yield from task_rows.nan_rows("reset", spots)
    yield from task_rows.rest_rows(env)
    yield from task_rows.nan_rows("rest", spots)
    played = play_at_random(env, random_episodes)
    yield from task_rows.random_rows(env.task, played)
    yield from task_rows.nan_rows("random", spots)
    yield from task_rows.reward_rows(env.task, played)
    yield from task_rows.expert_rows(env)
    yield from task_rows.nan_rows("expert", spots)
    yield from task_rows.camera_rows(env)


def render(report: CheckReport) -> Table:
    """Return the report as a table with the verdict below."""
    table = Table(title=f"check {report.task}", caption=report.verdict)
    table.add_column("measured")
    for column in ("value", "legal", "unit"):
        table.add_column(column, justify="right")
    table.add_column("")
    for row in report.rows:
        sign = "[green]ok[/]" if row.ok else "[red]broken[/]"
        table.add_row(row.name, f"{row.value:.4g}", _legal(row), row.unit, sign)
    return table


def _legal(row: Measurement) -> str:
    """Return the legal range as text."""
    if row.high == ANY:
        return "any" if row.low == -ANY else f"≥ {row.low:.4g}"
    return f"{row.low:.4g} … {row.high:.4g}"


def _make_env(task: Task, num_worlds: int, seed: int) -> GoalEnv:
    """Make an environment without automatic resets."""
    model = compiled(task.scene(), type(task).__name__)
    sim = CpuSim(model, num_worlds, varied=task.varied)
    return GoalEnv(task, sim, seed, auto_reset=False)
