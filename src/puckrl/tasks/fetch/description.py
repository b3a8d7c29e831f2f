"""Say what the numbers of a Fetch task mean, for a policy's contract."""

from puckrl.core.spec import ActionNumber, Column, Description

_AXES = "xyz"
_STEP = "m per control step (m/s times 0.04 s)"


def describe_fetch(
    *,
    has_object: bool,
    driven_fingers: bool,
    goal_min: tuple[float, ...],
    goal_max: tuple[float, ...],
) -> Description:
    """Return the description of a task.

    Args:
        has_object: whether the state has an object's part.
        driven_fingers: whether the fourth action drives the fingers.
        goal_min: smallest goal, (3,).
        goal_max: largest goal, (3,).
    """
    what = "object" if has_object else "gripper"
    return Description(
        state=_object_state() if has_object else _arm_state(),
        goal=_axes(f"{what} position", "m"),
        action=_action(driven_fingers),
        goal_min=goal_min,
        goal_max=goal_max,
        reset=(
            "the arm settled above the table with its first small velocities"
            + (", the object at rest, 0.1 m or more beside the gripper" * has_object)
        ),
    )


def _axes(name: str, unit: str, frame: str = "world") -> tuple[Column, ...]:
    return tuple(Column(f"{name} {axis}", unit, frame) for axis in _AXES)


def _fingers(name: str, unit: str) -> tuple[Column, ...]:
    """Return the columns of both fingers: their slides from the closed position."""
    return tuple(Column(f"{side} finger {name}", unit, "hand") for side in ("r", "l"))


def _arm_state() -> tuple[Column, ...]:
    return (
        *_axes("gripper position", "m"),
        *_fingers("position", "m"),
        *_axes("gripper velocity", _STEP),
        *_fingers("velocity", _STEP),
    )


def _object_state() -> tuple[Column, ...]:
    turn = "rad per control step (rad/s times 0.04 s)"
    return (
        *_axes("gripper position", "m"),
        *_axes("object position", "m"),
        *_axes("object position minus gripper position", "m"),
        *_fingers("position", "m"),
        *_axes("object rotation, Euler angle", "rad"),
        *_axes("object velocity minus gripper velocity", _STEP),
        *_axes("object angular velocity", turn),
        *_axes("gripper velocity", _STEP),
        *_fingers("velocity", _STEP),
    )


def _action(driven_fingers: bool) -> tuple[ActionNumber, ...]:
    moves = (
        "target of the hand: added to its present position along this axis of the world; "
        "orientation fixed, fingers down. A soft weld pulls: a full action moves it "
        "30 to 33 mm a control step"
    )
    hand = tuple(ActionNumber(f"hand {axis}", moves, "0.05 m") for axis in _AXES)
    fingers = (
        ActionNumber(
            "fingers",
            "added to the present position of each finger as its target",
            "1 m",
        )
        if driven_fingers
        else ActionNumber("fingers", "ignored: the fingers stay closed", "nothing")
    )
    return (*hand, fingers)
