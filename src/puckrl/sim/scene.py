"""Find, load and compile scenes."""

import importlib.util
import re
from pathlib import Path

import mujoco

from puckrl.core.errors import UserError, said

_NOT_OPENED = re.compile(r"opening file '(.+?)'")


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


def compiled(spec: mujoco.MjSpec, owner: str) -> mujoco.MjModel:
    """Compile the scene of a task.

    Args:
        spec: the scene.
        owner: name of the task, for errors.

    Raises:
        UserError: if MuJoCo refuses it, for MuJoCo's own reason, or no time would pass.
    """
    try:
        model = spec.compile()
    except (ValueError, mujoco.FatalError) as error:
        raise UserError(
            f"{owner}.scene(): MuJoCo refuses it: {said(error)}{where_to_look(error)}"
        ) from error
    if not model.opt.timestep > 0:
        raise UserError(
            f"{owner}.scene(): the timestep is {model.opt.timestep:g} s; legal: above 0, as "
            'in <option timestep="0.002"/>'
        )
    return model


def where_to_look(error: BaseException, folder: Path | None = None) -> str:
    """Return where a file was looked for that MuJoCo could not open; else nothing.

    Args:
        error: an error of MuJoCo.
        folder: where the task's file is; None: unknown.
    """
    found = _NOT_OPENED.search(str(error))
    if found is None or Path(found[1]).is_absolute():
        return ""
    if folder is not None and (folder / found[1]).is_file():
        return f"; it is beside the task's file: write Path(__file__).parent / {found[1]!r}"
    return f"; relative paths begin at the working directory, {Path.cwd()}"


def seen_body(model: mujoco.MjModel, name: str) -> int | None:
    """Return the id of the named body, or of the first with a free joint; None: no such."""
    if name:
        return int(model.body(name).id)
    free = model.jnt_type == mujoco.mjtJoint.mjJNT_FREE.value
    return int(model.jnt_bodyid[free][0]) if free.any() else None
