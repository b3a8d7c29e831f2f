"""Say what the numbers of a Fetch task mean, for a policy's contract."""

from dataclasses import replace

from puckrl.core.spec import ActionNumber, Column, Description

_AXES = "xyz"
_STEP_S = 0.04
_PER_STEP = f"per control step ({{}} times {_STEP_S:g} s)"
_REACH_M = 0.05
_INSTRUCTIONS = {
    "reach": "move the gripper to the goal",
    "push": "push the cube to the goal",
    "slide": "hit the puck so that it stops at the goal",
    "pick_and_place": "bring the cube to the goal",
}


def describe_fetch(
    *,
    scene: str,
    has_object: bool,
    driven_fingers: bool,
    goal_min: tuple[float, ...],
    goal_max: tuple[float, ...],
) -> Description:
    """Return the description of a task.

    Args:
        scene: name of the task's scene.
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
        instruction=_INSTRUCTIONS.get(scene, ""),
    )


def _axes(name: str, unit: str, frame: str = "world") -> tuple[Column, ...]:
    return tuple(Column(f"{name} {axis}", unit, frame) for axis in _AXES)


def _fingers(name: str, unit: str) -> tuple[Column, ...]:
    """Return the columns of both fingers: their slides from the closed position."""
    return tuple(Column(f"{side} finger {name}", unit, "hand") for side in ("r", "l"))


def _speeds(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Return columns of velocities, (m|rad)/s: the task states them per control step."""
    return tuple(
        replace(
            column,
            unit=f"{column.unit} {_PER_STEP.format(f'{column.unit}/s')}",
            si_unit=f"{column.unit}/s",
            per_si=_STEP_S,
        )
        for column in columns
    )


def _arm_state() -> tuple[Column, ...]:
    return (
        *_axes("gripper position", "m"),
        *_fingers("position", "m"),
        *_speeds(_axes("gripper velocity", "m")),
        *_speeds(_fingers("velocity", "m")),
    )


def _object_state() -> tuple[Column, ...]:
    return (
        *_axes("gripper position", "m"),
        *_axes("object position", "m"),
        *_axes("object position minus gripper position", "m"),
        *_fingers("position", "m"),
        *_axes("object rotation, Euler angle", "rad"),
        *_speeds(_axes("object velocity minus gripper velocity", "m")),
        *_speeds(_axes("object angular velocity", "rad")),
        *_speeds(_axes("gripper velocity", "m")),
        *_speeds(_fingers("velocity", "m")),
    )


def _action(driven_fingers: bool) -> tuple[ActionNumber, ...]:
    moves = (
        "target of the hand: added to its present position along this axis of the world; "
        "orientation fixed, fingers down. A soft weld pulls: a full action moves it "
        "30 to 33 mm a control step"
    )
    hand = tuple(
        ActionNumber(f"hand {axis}", moves, f"{_REACH_M:g} m", "m", _REACH_M)
        for axis in _AXES
    )
    fingers = (
        ActionNumber(
            "fingers",
            "added to the present position of each finger as its target",
            "1 m",
            "m",
        )
        if driven_fingers
        else ActionNumber("fingers", "ignored: the fingers stay closed", "nothing")
    )
    return (*hand, fingers)
