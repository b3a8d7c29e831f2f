"""Say what the numbers of peg insertion mean, for a policy's contract."""

from puckrl.core.spec import ActionNumber, Column, Description
from puckrl.tasks.peg.scene import REACH_M
from puckrl.tasks.peg.settings import PegInsertCfg

_AXES = "xyz"


def describe_peg(cfg: PegInsertCfg, fine_m: float) -> Description:
    """Return the description of the task with these settings.

    Args:
        cfg: settings of the task.
        fine_m: scale of the columns that resolve what is near the socket.
    """
    deepest, flattest = (
        -cfg.depth_m * (1.0 + side * cfg.vary.depth) for side in (1.0, -1.0)
    )
    return Description(
        state=_state(fine_m),
        goal=_axes("tip position", "m", "true socket"),
        action=tuple(
            ActionNumber(
                f"hand {axis}",
                "smoothed, then: target of the tip, relative to its present position; a "
                f"spring of {cfg.stiffness_n_per_m:g} N/m pulls there, at most 0.02 m away",
                f"{REACH_M:g} m, or {cfg.stiffness_n_per_m * REACH_M:g} N at rest",
                "m",
                REACH_M,
            )
            for axis in _AXES
        ),
        instruction="insert the peg into the socket",
        goal_min=(0.0, 0.0, deepest),
        goal_max=(0.0, 0.0, flattest),
        reset="the peg hangs upright and at rest 0.037 to 0.057 m above the true socket, up "
        "to 0.02 m beside it along x and y",
    )


def _axes(name: str, unit: str, frame: str) -> tuple[Column, ...]:
    return tuple(Column(f"{name} {axis}", unit, frame) for axis in _AXES)


def _state(fine_m: float) -> tuple[Column, ...]:
    near = f"tanh of 1/({fine_m:g} m)"
    return (
        *_axes("measured tip position", "m", "estimated socket"),
        *(
            Column(f"measured orientation {part}", "quaternion", "world")
            for part in "wxyz"
        ),
        *_axes("tip velocity", "m/s", "world"),
        *_axes("angular velocity", "rad/s", "world"),
        *_axes("previous action, smoothed", "1", "world"),
        *_axes("measured tip position, fine", near, "estimated socket"),
        *_axes("measured force on the hand, smoothed", "N", "world, at the wrist"),
        *(
            Column(f"measured torque {about}, smoothed", "Nm", "joint, at the wrist")
            for about in ("roll", "pitch")
        ),
        *_axes("estimated socket position", "m", "true socket"),
        *_axes("tip position, fine", near, "true socket"),
        Column("protective stop", "1 after it, else 0", "none"),
    )
