"""Local USD files in place of assets that Isaac Lab would download."""

import tempfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from puckrl.core.errors import UserError, unknown

_REMOTE = ("http://", "https://", "omniverse://")
_GROUND = "GroundPlaneCfg"


def use_local_assets(title: str, scene: Any, files: Sequence[str]) -> None:
    """Replace remote assets of a scene, in place.

    A remote ground plane becomes a plane without a picture: its physics is the same.

    Args:
        title: of the environment, for errors.
        scene: configuration of the scene.
        files: FILE for the only robot, or NAME=FILE.

    Raises:
        UserError: if a name is unknown, or an asset that is left would be downloaded.
    """
    remote = dict(_remote(scene))
    robots = [name for name, spawn in remote.items() if not _is_ground(spawn)]
    if not files and robots:
        raise UserError(
            f"{title} would download {remote[robots[0]].usd_path}; give a local file: "
            f"--isaac.usd {robots[0]}=FILE"
        )
    for text in files:
        name, _, file = text.rpartition("=")
        if not name and len(robots) != 1:
            raise UserError(
                f"{title}: --isaac.usd {text}: its scene has {len(robots)} remote assets; "
                f"name one: {', '.join(robots) or '(none)'}"
            )
        name = name or robots[0]
        if name not in remote:
            raise unknown("remote asset of the scene", name, remote or ["(none)"])
        remote.pop(name).usd_path = str(Path(file).resolve())
    for name, spawn in remote.items():
        if not _is_ground(spawn):
            raise UserError(
                f"{title} would download {spawn.usd_path}; give a local file, too: "
                f"--isaac.usd {name}=FILE"
            )
        spawn.usd_path = str(_plane())


def _remote(scene: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a scene spawns from remote files, by name."""
    for name, value in vars(scene).items():
        spawn = getattr(value, "spawn", None)
        path = getattr(spawn, "usd_path", None)
        if isinstance(path, str) and (
            path.startswith(_REMOTE) or not Path(path).exists()
        ):
            yield name, spawn


def _is_ground(spawn: Any) -> bool:
    return type(spawn).__name__ == _GROUND


def _plane() -> Path:
    """Write a ground plane: an infinite plane that collides, at the height 0."""
    names = ("Usd", "UsdGeom", "UsdPhysics")  # they come with Isaac Lab
    usd, geom, physics = (import_module(f"pxr.{name}") for name in names)
    path = Path(tempfile.mkdtemp(prefix="puckrl-")) / "plane.usda"
    stage: Any = usd.Stage.CreateNew(str(path))
    geom.SetStageUpAxis(stage, geom.Tokens.z)
    geom.SetStageMetersPerUnit(stage, 1.0)
    root = geom.Xform.Define(stage, "/ground")
    stage.SetDefaultPrim(root.GetPrim())
    plane = geom.Plane.Define(stage, "/ground/plane")
    plane.CreateAxisAttr("Z")
    physics.CollisionAPI.Apply(plane.GetPrim())
    stage.Save()
    return path
