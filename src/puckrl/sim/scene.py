"""Find and load scenes."""

import importlib.util
from pathlib import Path

import mujoco

from puckrl.core.errors import UserError


def fetch_scene(name: str) -> mujoco.MjSpec:
    """Load a Fetch scene of gymnasium-robotics: reach, push, slide, pick_and_place.

    We locate the package and do not import it: its import loads every other family of
    environments and prints a warning.

    Raises:
        UserError: if gymnasium-robotics is not installed.
    """
    found = importlib.util.find_spec("gymnasium_robotics")
    if found is None or not found.submodule_search_locations:
        raise UserError(
            "the Fetch scenes come with gymnasium-robotics, which is not installed; "
            "do: pip install 'gymnasium-robotics>=1.4.2'"
        )
    root = Path(found.submodule_search_locations[0])
    return mujoco.MjSpec.from_file(str(root / f"envs/assets/fetch/{name}.xml"))
