"""Compare the contract of an exported policy with what a robot offers.

Both are plain JSON values: nothing is imported but the standard library.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

_RATE = 0.01  # relative
_POSITION_M, _FOVY_DEG = 0.005, 0.5
Contract = dict[str, Any]
"""What ``contract.json`` of an exported folder holds; see ``deploy/contract.py``."""


class ContractError(ValueError):
    """The policy, its files or the robot do not fit: one line that says what."""


def describe(contract: Contract) -> dict[str, Any]:
    """Return the description of a robot that fits a policy: a template for robot.json."""
    images = contract["images"]
    return {
        "rate_hz": contract["control"]["rate_hz"],
        "inputs": [
            {key: one[key] for key in ("name", "shape", "dtype", "columns")}
            for one in contract["inputs"]
        ],
        "action": [
            {key: one[key] for key in ("name", "unit", "low", "high")}
            for one in contract["action"]
        ],
        "channels": images["channels"] if images else [],
        "cameras": images["cameras"] if images else [],
    }


def check_robot(contract: Contract, robot: Mapping[str, Any]) -> None:
    """Refuse a robot that the policy was not made for.

    Args:
        contract: of the policy.
        robot: its description; see ``describe``.

    Raises:
        ContractError: names the first difference.
    """
    missing = [key for key in describe(contract) if key not in robot]
    if missing:
        raise ContractError(
            f"the robot's description lacks {', '.join(missing)}; "
            "python -m puckrl.deploy.runtime FOLDER --describe prints one that fits"
        )
    rate = contract["control"]["rate_hz"]
    if not math.isclose(robot["rate_hz"], rate, rel_tol=_RATE):
        raise ContractError(
            f"the robot's loop runs at {robot['rate_hz']:g} Hz, the policy at {rate:g} Hz"
        )
    given = {one["name"]: one for one in robot["inputs"]}
    for wanted in contract["inputs"]:
        _check_input(wanted, given.get(wanted["name"]))
    _check_action(contract["action"], robot["action"])
    if contract["images"]:
        _check_cameras(contract["images"], robot)


def _check_input(wanted: Mapping[str, Any], given: Mapping[str, Any] | None) -> None:
    """Refuse an input that is missing, or differs in type, size, order, unit or frame."""
    name = wanted["name"]
    if given is None:
        raise ContractError(f"the robot has no input {name}, which the policy needs")
    if given["dtype"] != wanted["dtype"]:
        raise ContractError(
            f"{name} is {given['dtype']}; the policy takes {wanted['dtype']}"
        )
    if wanted["columns"]:
        _check_columns(name, wanted["columns"], given["columns"], ("unit", "frame"))
    if list(given["shape"]) != list(wanted["shape"]):
        raise ContractError(
            f"{name} has shape {given['shape']}; the policy takes {wanted['shape']}"
        )


def _check_columns(
    what: str,
    wanted: Sequence[Mapping[str, Any]],
    given: Sequence[Mapping[str, Any]],
    parts: Sequence[str],
) -> None:
    """Refuse numbers of another order, count, unit or frame."""
    nothing = {"name": "nothing"}
    for index, (ours, theirs) in enumerate(
        zip_longest(wanted, given, fillvalue=nothing)
    ):
        if ours["name"] != theirs["name"]:
            raise ContractError(
                f"{what}[{index}] is {theirs['name']}; the policy's is {ours['name']}"
            )
        for part in parts:
            if ours[part] != theirs[part]:
                raise ContractError(
                    f"{what}[{index}], {ours['name']}, has the {part} {theirs[part]!r}; "
                    f"the policy's is {ours[part]!r}"
                )


def _check_action(
    wanted: Sequence[Mapping[str, Any]], given: Sequence[Mapping[str, Any]]
) -> None:
    """Refuse actions of another order or unit, or that the robot does not allow."""
    _check_columns("action", wanted, given, ("unit",))
    for index, (ours, theirs) in enumerate(zip(wanted, given, strict=True)):
        if not (theirs["low"] <= ours["low"] and ours["high"] <= theirs["high"]):
            raise ContractError(
                f"action[{index}], {ours['name']}: the robot allows {theirs['low']:g} to "
                f"{theirs['high']:g} {ours['unit']}; the policy commands {ours['low']:g} to "
                f"{ours['high']:g}"
            )


def _check_cameras(images: Mapping[str, Any], robot: Mapping[str, Any]) -> None:
    """Refuse images of other channels, or cameras elsewhere."""
    pairs = zip_longest(images["channels"], robot["channels"], fillvalue="nothing")
    for index, (ours, theirs) in enumerate(pairs):
        if ours != theirs:
            raise ContractError(
                f"channel {index} of the pixels is {theirs!r}; the policy's is {ours!r}"
            )
    given = {one["name"]: one for one in robot["cameras"]}
    for camera in images["cameras"]:
        name = camera["name"]
        if name not in given:
            raise ContractError(
                f"the robot has no camera {name}, which the policy needs"
            )
        found = given[name]
        if found["body"] != camera["body"]:
            raise ContractError(
                f"camera {name} is on {found['body'] or 'the world'!r}; the policy's is on "
                f"{camera['body'] or 'the world'!r}"
            )
        off_deg = abs(found["fovy_deg"] - camera["fovy_deg"])
        if not off_deg <= _FOVY_DEG:
            raise ContractError(
                f"camera {name} has a vertical field of view of {found['fovy_deg']:g} "
                f"degrees; the policy's has {camera['fovy_deg']:g}"
            )
        for part in ("pos_m", "look_at_m"):
            off_m = math.dist(found[part], camera[part])
            if not off_m <= _POSITION_M:
                raise ContractError(
                    f"camera {name}: {part} is {off_m:.3f} m off: {found[part]}; the "
                    f"policy's is {camera[part]}"
                )
