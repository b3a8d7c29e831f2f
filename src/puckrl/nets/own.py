"""Make encoders by name: ours, or a class that a package or a file of a user's provides.

    class Blobs(nn.Module):
        def __init__(self, channels: int, height: int, width: int) -> None: ...
        def forward(self, pixels: Tensor) -> Tensor: ...

``forward`` maps images (B, channels, height, width) uint8 to features (B, n) float32; n is
found by a trial. It must be a pure function of pixels and parameters: no BatchNorm, which
changes its buffers. Where the class has an attribute ``compute_dtype``, it is set to the
precision that the networks learn in.
"""

from pathlib import Path
from typing import Protocol, TypeGuard

import torch
from torch import Tensor, nn

from puckrl.core.errors import UserError, out_of_memory, said
from puckrl.core.registry import file_of, find_class
from puckrl.core.source import place, split_name
from puckrl.nets.backbones import Backbone, is_backbone
from puckrl.nets.encoders import Encoder
from puckrl.nets.layers import KINDS, EncoderCfg

_TRIAL = 2
_DTYPE = "compute_dtype"


class PixelEncoder(Protocol):
    """What ``Vision`` needs of an encoder, which is a module."""

    size: int
    """Number of features."""

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return the features of images, (B, size) float32."""
        ...

    def keypoints(self, features: Tensor) -> Tensor:
        """Return the keypoints of features, (B, n, 2) in [0, 1]; n may be 0."""
        ...


class OwnEncoder(nn.Module):
    """A user's encoder; what goes wrong in its trial is told in one line.

    Args:
        made: the user's class.
        file: the file of that class.
        channels: channels of the stacked frames.
        height: rows of an image.
        width: columns of an image.
        compute_dtype: precision to learn in.

    Raises:
        UserError: if the class cannot be made, or its trial raises or returns something
            else than features.
    """

    def __init__(
        self,
        made: type[nn.Module],
        file: Path,
        channels: int,
        height: int,
        width: int,
        compute_dtype: torch.dtype,
    ) -> None:
        super().__init__()
        name = made.__name__
        trial = torch.zeros(_TRIAL, channels, height, width, dtype=torch.uint8)
        step = f"{name}({channels}, {height}, {width})"
        try:
            self.module = made(channels, height, width)
            if hasattr(self.module, _DTYPE):
                setattr(self.module, _DTYPE, compute_dtype)
            step = f"{name}.forward(pixels {tuple(trial.shape)} uint8)"
            with torch.no_grad():
                found: object = self.module(trial)
        except UserError:
            raise
        except Exception as error:
            if out_of_memory(error):
                raise
            where = place(file, error) or file
            raise UserError(
                f"{where}: {step}: {type(error).__name__}: {said(error)}"
            ) from error
        if not _is_features(found):
            raise UserError(
                f"{file}: {step} returned {_shown(found)}; wanted: features "
                f"({_TRIAL}, n) of floats"
            )
        self.size = int(found.shape[1])
        """Number of features."""

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the features of images with values in 0 ... 255, (B, size) float32."""
        return self.module(pixels).float()

    def keypoints(self, features: Tensor) -> Tensor:
        """Return no keypoints, (B, 0, 2)."""
        return torch.zeros(len(features), 0, 2, device=features.device)


def make_encoder(
    cfg: EncoderCfg,
    channels: int,
    height: int,
    width: int,
    compute_dtype: torch.dtype = torch.float32,
) -> Encoder | OwnEncoder | Backbone:
    """Make an encoder on the CPU; torch's global generator draws its weights.

    Args:
        cfg: which, and its size.
        channels: channels of the stacked frames.
        height: rows of an image.
        width: columns of an image.
        compute_dtype: precision of its products.

    Raises:
        UserError: for an unknown name, a class that cannot be used, or an image that is
            too small.
    """
    if cfg.kind in KINDS:
        return Encoder(cfg, channels, height, width, compute_dtype)
    if is_backbone(cfg.kind):
        return Backbone(cfg, channels, height, width, compute_dtype)
    found: type[nn.Module] = find_class("encoder", cfg.kind, nn.Module, KINDS)
    file = split_name(cfg.kind)[0] if ":" in cfg.kind else file_of(found)
    return OwnEncoder(found, file, channels, height, width, compute_dtype)


def _is_features(found: object) -> TypeGuard[Tensor]:
    """Return whether a value is a vector of floats for each image of the trial."""
    return (
        isinstance(found, Tensor)
        and found.is_floating_point()
        and found.ndim == 2
        and len(found) == _TRIAL
    )


def _shown(found: object) -> str:
    """Return what a value is."""
    if isinstance(found, Tensor):
        return f"{tuple(found.shape)} {str(found.dtype).removeprefix('torch.')}"
    return f"a {type(found).__name__}"
