"""Write the robot of Isaac Lab's cartpole as a local USD file, from boxes.

    python examples/cartpole_usd.py cartpole.usda
    puck train isaaclab:Isaac-Cartpole-Direct --isaac.usd cartpole.usda

Isaac Lab would download its asset. Names, masses and limits here are those of that asset;
everything else is boxes. It needs pxr, which comes with Isaac Lab.
"""

import sys
from pathlib import Path
from typing import Any

from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics

RAIL_M, CART_M, POLE_M = (0.03, 8.0, 0.03), (0.2, 0.3, 0.2), (0.04, 0.06, 1.0)
HINGE_M = (0.12, 0.0, 0.0)
CENTER_M = 0.47  # height of the pole's center of mass above its hinge


class Robot:
    """A USD file with one articulation, ``/cartpole``."""

    def __init__(self, path: Path) -> None:
        self.stage: Any = Usd.Stage.CreateNew(str(path))
        UsdGeom.SetStageUpAxis(self.stage, UsdGeom.Tokens.z)
        UsdGeom.SetStageMetersPerUnit(self.stage, 1.0)
        root = UsdGeom.Xform.Define(self.stage, "/cartpole")
        self.stage.SetDefaultPrim(root.GetPrim())
        UsdPhysics.ArticulationRootAPI.Apply(root.GetPrim())

    def body(self, name: str, size: Any, at: Any = (0, 0, 0), up: float = 0.0) -> None:
        """Add a box of 1 kg, whose center is ``up`` meters above its origin."""
        form = UsdGeom.Xform.Define(self.stage, f"/cartpole/{name}")
        form.AddTranslateOp().Set(Gf.Vec3d(*at))
        UsdPhysics.RigidBodyAPI.Apply(form.GetPrim())
        mass = UsdPhysics.MassAPI.Apply(form.GetPrim())
        mass.CreateMassAttr(1.0)
        mass.CreateCenterOfMassAttr(Gf.Vec3f(0, 0, up))
        x, y, z = (side * side / 12 for side in size)
        mass.CreateDiagonalInertiaAttr(Gf.Vec3f(y + z, x + z, x + y))
        mass.CreatePrincipalAxesAttr(Gf.Quatf(1, 0, 0, 0))
        box = UsdGeom.Cube.Define(self.stage, f"/cartpole/{name}/visual")
        box.CreateSizeAttr(1.0)
        box.AddTranslateOp().Set(Gf.Vec3d(0, 0, up))
        box.AddScaleOp().Set(Gf.Vec3f(*size))

    def fix(self, name: str, body: str) -> None:
        """Fix a body to the world."""
        made = UsdPhysics.FixedJoint.Define(self.stage, f"/cartpole/{name}")
        made.CreateBody1Rel().SetTargets([Sdf.Path(f"/cartpole/{body}")])

    def joint(
        self, kind: Any, name: str, bodies: tuple[str, str], at: Any, turn: Any
    ) -> Any:
        """Add a passive joint along the x axis of a frame, ``turn``, of both bodies."""
        made = kind.Define(self.stage, f"/cartpole/{bodies[0]}/{name}")
        relations = made.CreateBody0Rel(), made.CreateBody1Rel()
        for relation, body in zip(relations, bodies, strict=True):
            relation.SetTargets([Sdf.Path(f"/cartpole/{body}")])
        made.CreateAxisAttr("X")
        made.CreateLocalPos0Attr(Gf.Vec3f(*at))
        made.CreateLocalPos1Attr(Gf.Vec3f(0, 0, 0))
        made.CreateLocalRot0Attr(turn)
        made.CreateLocalRot1Attr(turn)
        moves = "linear" if kind is UsdPhysics.PrismaticJoint else "angular"
        drive = UsdPhysics.DriveAPI.Apply(made.GetPrim(), moves)
        drive.CreateTypeAttr("force")
        drive.CreateStiffnessAttr(0.0)
        drive.CreateDampingAttr(0.0)
        drive.CreateMaxForceAttr(1000.0)
        return made


def write_cartpole(path: Path) -> None:
    """Write the robot into a USD file, which must not exist."""
    robot = Robot(path)
    robot.body("slider", RAIL_M)
    robot.body("cart", CART_M)
    robot.body("pole", POLE_M, HINGE_M, CENTER_M)
    robot.fix("root_joint", "slider")
    along_y, along_x = Gf.Quatf(0.70710677, 0, 0, 0.70710677), Gf.Quatf(1, 0, 0, 0)
    rail = robot.joint(
        UsdPhysics.PrismaticJoint,
        "slider_to_cart",
        ("slider", "cart"),
        (0, 0, 0),
        along_y,
    )
    rail.CreateLowerLimitAttr(-4.0)
    rail.CreateUpperLimitAttr(4.0)
    robot.joint(
        UsdPhysics.RevoluteJoint, "cart_to_pole", ("cart", "pole"), HINGE_M, along_x
    )
    robot.stage.Save()


if __name__ == "__main__":
    write_cartpole(Path(sys.argv[1]))
