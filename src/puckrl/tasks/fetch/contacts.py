"""Limit which geoms of a Fetch scene may collide, for engines that pay for every pair.

A *meeting* is two sets of geoms: everything in the one may touch everything in the
other. MuJoCo lets two geoms collide if the ``contype`` of one and the ``conaffinity`` of
the other share a bit, so meeting k is bit k: set in the type of the first and in the
affinity of the second set.

We listed the contacts of random, biased, pressing and scripted play in all four tasks to
find the meetings; a test verifies that trajectories are the same bit for bit.
"""

import mujoco

from puckrl.tasks.task import CONTACT_SETS

Meeting = tuple[frozenset[str], frozenset[str]]
FETCH_CONTACT_SETS = (*CONTACT_SETS, "hand")
"""``hand``: without the contacts of the robot with itself, which meet meshes."""


def _robot(*links: str) -> frozenset[str]:
    return frozenset(f"robot0:{link}" for link in links)


_FLOOR, _TABLE, _OBJECT = (
    frozenset({name}) for name in ("floor0", "table0", "object0")
)
_BASE = _robot("base_link")
_FINGERS = _robot("r_gripper_finger_link", "l_gripper_finger_link")
_REACHING = _FINGERS | _robot(
    "gripper_link", "wrist_roll_link", "wrist_flex_link", "forearm_roll_link"
)
_BODY = _BASE | _robot(
    "torso_lift_link",
    "head_pan_link",
    "head_tilt_link",
    "shoulder_pan_link",
    "shoulder_lift_link",
)

_WITH_THE_WORLD: tuple[Meeting, ...] = (
    (_REACHING | _OBJECT, _TABLE),
    (_REACHING | _BASE, _OBJECT),
    # The base stands on the floor: without that, the hand is 1 mm elsewhere.
    (_FINGERS | _OBJECT | _BASE, _FLOOR),
)
# The robot touches itself where the arm is drawn in or the hand held high: in 4 of 48
# random episodes of Reach, in 1 of 48 of Push.
_WITH_ITSELF: tuple[Meeting, ...] = (
    (_REACHING, _BODY),
    (_robot("forearm_roll_link"), _robot("wrist_roll_link")),
    (_robot("shoulder_lift_link"), _robot("torso_lift_link")),
    (
        _robot("upperarm_roll_link", "elbow_flex_link"),
        _robot("head_pan_link", "head_tilt_link"),
    ),
)
_MEETINGS: dict[str, tuple[Meeting, ...]] = {
    "touching": _WITH_THE_WORLD + _WITH_ITSELF,
    "hand": _WITH_THE_WORLD,
}


def limit_contacts(spec: mujoco.MjSpec, contacts: str) -> None:
    """Let geoms of a Fetch scene collide in the meetings of ``contacts`` only.

    Args:
        spec: the scene; it is changed.
        contacts: one of ``FETCH_CONTACT_SETS``.
    """
    if contacts == "all":
        return
    meetings = _MEETINGS[contacts]
    for geom in spec.geoms:
        if not (geom.contype or geom.conaffinity):
            continue
        name = geom.name or geom.parent.name
        geom.contype = sum(1 << k for k, (a, _) in enumerate(meetings) if name in a)
        geom.conaffinity = sum(1 << k for k, (_, b) in enumerate(meetings) if name in b)
