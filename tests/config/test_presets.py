"""The presets, by name."""

from puckrl.config.presets import TASK_NAMES
from puckrl.tasks.catalog import TASKS


def test_the_names_of_tasks_are_those_of_the_catalog() -> None:
    assert set(TASK_NAMES) == set(TASKS)
