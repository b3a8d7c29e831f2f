"""State what a robot's program must know of an exported policy, as plain JSON values.

The run's own contract, ``core/spec.py``, says how the network is rebuilt. This one says
what the file takes and returns, in SI units, and how it was proven.
"""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from puckrl.core.spec import (
    ActionNumber,
    CameraSpec,
    Column,
    Description,
    ImageSpec,
    MemorySpec,
    PolicySpec,
)
from puckrl.deploy.emit import ACTION, MEMORY, MEMORY_NEXT, Limits
from puckrl.deploy.fit import Contract
from puckrl.sim.viewpoints import Viewpoint

FORMAT = 1
"""Number of the contract's format; ``runtime.py`` reads the same."""
PAIRS = 64
"""Golden pairs of a file."""
TOLERANCE = 1e-5
"""Largest deviation of an action from the judged policy's, in shares of its limits."""


@dataclass(frozen=True)
class Origin:
    """Say where a policy comes from."""

    run: str
    """Name of the run's folder."""
    preset: str
    """Preset of the run."""
    seed: int
    """Seed of the run."""
    config_hash: str
    """Hash of its configuration."""
    revision: str
    """Revision of puckrl's source that trained it; unknown outside a checkout."""
    made_by: str
    """Version of puckrl that trained it."""
    env_steps: int
    """Control steps that it had trained for."""


def in_si(spec: PolicySpec, said: Description) -> PolicySpec:
    """Return a contract with the task's factors to SI, which older contracts lack.

    Args:
        spec: of the run.
        said: what its task says today; a number of another name or unit is left alone.
    """
    columns = {(c.name, c.unit): c for c in (*said.state, *said.goal)}
    numbers = {(n.name, n.unit): n for n in said.action}

    def column(one: Column) -> Column:
        return columns.get((one.name, one.unit), one)

    def number(one: ActionNumber) -> ActionNumber:
        return numbers.get((one.name, one.unit), one)

    inputs = tuple(
        replace(one, columns=tuple(map(column, one.columns))) for one in spec.inputs
    )
    action = replace(spec.action, numbers=tuple(map(number, spec.action.numbers)))
    return replace(spec, inputs=inputs, action=action)


def make_contract(
    spec: PolicySpec, memory_size: int, origin: Origin, proof: dict[str, Any]
) -> Contract:
    """Return the contract of an exported policy.

    Args:
        spec: the run's contract, with factors to SI.
        memory_size: length of the recurrent state; 0: none.
        origin: where the policy comes from.
        proof: what was compared before the file was written, and what came out.
    """
    inputs = [
        {
            "name": one.name,
            "shape": list(one.shape),
            "dtype": one.dtype,
            "columns": [_column(column) for column in one.columns],
            "source": one.source,
        }
        for one in spec.inputs
    ]
    made: Contract = {
        "format": FORMAT,
        "task": spec.task,
        "inputs": inputs,
        "memory": _memory(spec.network.memory, memory_size),
        "action": _action(spec),
        "control": asdict(spec.control),
        "goal": {
            "columns": [_column(column) for column in spec.goal.columns],
            "tolerance": spec.goal.tolerance,
            "minimum": spec.goal.minimum,
            "maximum": spec.goal.maximum,
        },
        "images": None if spec.images is None else _images(spec.images),
        "reset": spec.reset,
        "golden": {
            "pairs": PAIRS,
            "tolerance": TOLERANCE,
            "layout": golden_layout(spec, memory_size),
            "outputs": [ACTION, *([MEMORY_NEXT] if memory_size else [])],
        },
        "origin": asdict(origin),
        "made_by": origin.made_by,
        "proof": proof,
    }
    return made


def golden_layout(spec: PolicySpec, memory_size: int) -> list[list[Any]]:
    """Return name, dtype and shape of each part of a golden pair, in order."""
    layout: list[list[Any]] = [
        [one.name, one.dtype, list(one.shape)] for one in spec.inputs
    ]
    if memory_size:
        layout.append([MEMORY, "float32", [memory_size]])
    layout.append([ACTION, "float32", [len(spec.action.numbers)]])
    if memory_size:
        layout.append([MEMORY_NEXT, "float32", [memory_size]])
    return layout


def _column(of: Column) -> dict[str, str]:
    return {"name": of.name, "unit": of.si_unit or of.unit, "frame": of.frame}


def _action(spec: PolicySpec) -> list[dict[str, Any]]:
    limits = Limits.of(spec)
    return [
        {
            "name": one.name,
            "meaning": one.meaning,
            "unit": one.si_unit or "1",
            "low": float(low),
            "high": float(high),
        }
        for one, low, high in zip(
            spec.action.numbers, limits.low, limits.high, strict=True
        )
    ]


def _memory(of: MemorySpec | None, size: int) -> dict[str, Any] | None:
    """Return how to carry the state of a policy with memory."""
    if of is None:
        return None
    return {
        "kind": of.kind,
        "input": MEMORY,
        "output": MEMORY_NEXT,
        "size": size,
        "reset": "zeros before the first observation of an episode; then memory_next of "
        "the step before",
    }


def _images(of: ImageSpec) -> dict[str, Any]:
    return {
        "height": of.height,
        "width": of.width,
        "channels": list(of.channels),
        "leaves_out": list(of.leaves_out),
        "varied": of.varied,
        "cameras": [_camera(camera, of) for camera in of.cameras],
    }


def _camera(of: CameraSpec, images: ImageSpec) -> dict[str, Any]:
    """Return a camera with its matrices, in the convention of OpenCV.

    A point p in the frame of the camera's body is seen at K (R^T (p - t)), with the
    camera's axes right, down and forward as columns of R, and (0, 0) at the outer corner
    of the upper left pixel.
    """
    pos: Any = of.pos_m
    look_at: Any = of.look_at_m
    axes = Viewpoint(pos, look_at, of.fovy_deg, of.body).rotation()
    turned = axes * np.array([1.0, -1.0, -1.0])  # right, up, back -> right, down, ahead
    focal = images.height / 2.0 / math.tan(math.radians(of.fovy_deg) / 2.0)
    center = (images.width / 2.0, images.height / 2.0)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turned, of.pos_m
    return {
        "name": of.name,
        "body": of.body,
        "pos_m": list(of.pos_m),
        "look_at_m": list(of.look_at_m),
        "fovy_deg": of.fovy_deg,
        "intrinsics": [
            [focal, 0.0, center[0]],
            [0.0, focal, center[1]],
            [0.0, 0.0, 1.0],
        ],
        "extrinsics": pose.tolist(),
    }
