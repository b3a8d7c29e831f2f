"""Files of an encoder: weights, and what they were trained on; safetensors.

    eyes.safetensors     tensors of the encoder, in float32
        metadata         JSON: how it is built, its cameras, the objectives, what a probe found

An encoder is of use with the camera that it was trained on, so a file names its camera.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from puckrl.core.errors import UserError, first_line
from puckrl.core.source import sha256
from puckrl.core.spec import CameraSpec
from puckrl.nets.backbones import is_backbone, is_state_dict
from puckrl.nets.layers import EncoderCfg

SETTING = "--agent.vision.encoder.weights"
_KEY = "puckrl"
_BUILT_BY = ("kind", "channels", "head", "features")
_FORMAT = 1


@dataclass(frozen=True)
class EncoderFile:
    """What a file says of its encoder."""

    kind: str
    """Kind of the encoder, as in ``EncoderCfg``, and so on."""
    channels: int
    """Channels of every layer."""
    head: str
    """Last feature map to a vector."""
    features: int
    """Length of the vector of a flatten-norm head."""
    height: int
    """Rows of its images."""
    width: int
    """Columns of its images."""
    stack: int
    """Frames of a stack."""
    cameras: tuple[CameraSpec, ...]
    """Cameras, in the order of the channels."""
    task: str
    """Task whose frames it was trained on."""
    frames: int = 0
    """Frames that it was trained on."""
    objectives: tuple[str, ...] = ()
    """Objectives with their weights."""
    probe: dict[str, Any] = field(default_factory=dict)
    """What a probe found: errors in millimeters by what was looked for."""
    made_by: str = ""
    """Version of puckrl that wrote it."""


def save_encoder(path: Path, encoder: nn.Module, about: EncoderFile) -> str:
    """Write an encoder; return the file's SHA-256.

    Raises:
        UserError: if the file cannot be written.
    """
    tensors = {n: t.detach().cpu().contiguous() for n, t in _state(encoder).items()}
    said = {"format": _FORMAT, **dataclasses.asdict(about)}
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, temporary, metadata={_KEY: json.dumps(said)})
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or first_line(error)}"
        ) from error
    return sha256(path)


def read_about(path: Path) -> EncoderFile | None:
    """Return what a file says of its encoder; None: another program wrote it.

    Raises:
        UserError: if it cannot be read, or a later version of puckrl wrote it.
    """
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"{path} cannot be read: {first_line(error)}; wanted: a file of puck pretrain"
        ) from error
    if text is None:
        return None
    try:
        said = json.loads(text)
        if said.pop("format") != _FORMAT:
            raise UserError(
                f"{path} is of another version of puckrl, {said.get('made_by')}; install it"
            )
        cameras = tuple(
            CameraSpec(
                **{
                    **one,
                    "pos_m": tuple(one["pos_m"]),
                    "look_at_m": tuple(one["look_at_m"]),
                }
            )
            for one in said["cameras"]
        )
        objectives = tuple(said["objectives"])
        return EncoderFile(**{**said, "cameras": cameras, "objectives": objectives})
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: its description is damaged: {error!r}") from error


def load_encoder(encoder: nn.Module, cfg: EncoderCfg) -> None:
    """Copy the weights of a file into an encoder, in place.

    Args:
        encoder: on the CPU.
        cfg: names the file, and how the encoder was built.

    Raises:
        UserError: if the file cannot be read, has changed since the run began, or is of
            another encoder.
    """
    path = Path(cfg.weights)
    if cfg.weights_sha256 and path.is_file() and sha256(path) != cfg.weights_sha256:
        raise UserError(
            f"{path} is not the file that this configuration names (SHA-256 "
            f"{cfg.weights_sha256[:8]}...); restore it, or start a new run"
        )
    if is_state_dict(cfg.weights):  # of a package's model, which has loaded it
        if not is_backbone(cfg.kind):
            raise UserError(
                f"{path} is of another program, and {cfg.kind} is an encoder of puckrl's; "
                "name the model: --agent.vision.encoder.kind timm/NAME"
            )
        return
    about = read_about(path)
    if about is None:
        raise UserError(
            f"{path} is no encoder of puckrl's; make one: puck pretrain PRESET -o {path.name}"
        )
    check_built(path, about, cfg)
    live, saved = _state(encoder), _read(path)
    if {n: t.shape for n, t in live.items()} != {n: t.shape for n, t in saved.items()}:
        raise UserError(
            f"{path} holds other layers than the encoder has; was it trained with other "
            "images? It names: "
            f"{about.stack} frames of {len(about.cameras)} cameras, {about.height} x "
            f"{about.width}"
        )
    with torch.no_grad():
        for name, tensor in saved.items():
            live[name].copy_(tensor)


def check_built(path: Path, about: EncoderFile, cfg: EncoderCfg) -> None:
    """Refuse a file whose encoder is built otherwise; say which settings fit it."""
    fixes = [
        f"--agent.vision.encoder.{name} {getattr(about, name)}"
        for name in _BUILT_BY
        if getattr(about, name) != getattr(cfg, name)
    ]
    if fixes:
        raise UserError(f"{path} holds another encoder; use {' '.join(fixes)}")


def _read(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file."""
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _state(encoder: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers, live, by name."""
    return {**dict(encoder.named_parameters()), **dict(encoder.named_buffers())}
