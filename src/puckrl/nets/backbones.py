"""Encoders that a package provides: models of timm and torchvision, cut to a feature map.

    timm/NAME           --agent.vision.encoder.kind timm/resnet18
    torchvision/NAME    --agent.vision.encoder.kind torchvision/mobilenet_v3_small

A model that classifies pictures pools its last map and forgets where things are. So it is
cut at a map whose cells are at most 8 pixels apart, and our heads follow: the spatial
softmax keeps positions. Frames of a stack go through one after the other. BatchNorm stays
as it was trained.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from puckrl.core.errors import UserError, first_line, out_of_memory, said
from puckrl.nets.heads import Head, SpatialSoftmax, head
from puckrl.nets.layers import EncoderCfg

PACKAGES = ("timm", "torchvision")
STRIDE_PX = 8
"""Greatest distance of two cells of the map."""
TRAINED_PX = 224
"""Side of the pictures that such models are usually trained on."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
_WRAPPERS = ("state_dict", "model", "model_state")


def is_backbone(kind: str) -> bool:
    """Return whether a kind of encoder is a model of a package."""
    return kind.partition("/")[0] in PACKAGES and "/" in kind and ":" not in kind


class Backbone(nn.Module):
    """A model of a package, cut to a map, with one of our heads.

    Args:
        cfg: ``kind`` names the model; ``weights`` may be a file of its state dict.
        stacked_channels: channels of the stacked frames, 3 a frame and camera.
        height: rows of an image.
        width: columns of an image.
        compute_dtype: precision of the convolutions.

    Raises:
        UserError: if the package is missing, has no such model, or it cannot be cut.
    """

    def __init__(
        self,
        cfg: EncoderCfg,
        stacked_channels: int,
        height: int,
        width: int,
        compute_dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.compute_dtype = compute_dtype
        self._frames = stacked_channels // 3
        model = _make(cfg.kind)
        if is_state_dict(cfg.weights):
            load_state(model, Path(cfg.weights))
        self.layers = _cut(cfg.kind, model, height, width)
        with torch.no_grad():
            map_ = self.layers(torch.zeros(1, 3, height, width))
        _, channels, rows, columns = map_.shape
        self._cells = (columns, rows)
        self.head: Head = head(cfg.head, channels, rows, columns, cfg.features)
        self.size = self._frames * self.head.size
        """Number of features."""
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1))

    def train(self, mode: bool = True) -> "Backbone":
        """Stay in evaluation mode: an update must not change statistics of BatchNorm."""
        return super().train(False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the features of images with values in 0 ... 255, (B, size) float32."""
        single = pixels.reshape(-1, 3, *pixels.shape[2:])
        x = (single.float() / 255.0 - self.mean) / self.std
        with torch.autocast(
            x.device.type,
            torch.bfloat16,
            enabled=self.compute_dtype == torch.bfloat16,
        ):
            found = self.layers(x)
        return self.head(found.float()).view(len(pixels), -1)

    def keypoints(self, features: Tensor) -> Tensor:
        """Return the keypoints of the newest frame, (B, channels, 2) in [0, 1]."""
        if not isinstance(self.head, SpatialSoftmax):
            return torch.zeros(len(features), 0, 2, device=features.device)
        cells = torch.tensor(self._cells, device=features.device)
        newest = features.view(len(features), self._frames, -1, 2)[:, -1]
        return ((newest + 1.0) / 2.0 * (cells - 1) + 0.5) / cells


def is_state_dict(weights: str) -> bool:
    """Return whether weights are a file of another program: .pth, .pt or .bin."""
    return Path(weights).suffix in (".pth", ".pt", ".bin")


def _make(kind: str) -> nn.Module:
    """Make a model with random weights."""
    package, _, name = kind.partition("/")
    try:
        module: Any = importlib.import_module(
            "torchvision.models" if package == "torchvision" else package
        )
    except ImportError as error:
        raise UserError(
            f"encoder {kind} needs {package}: pip install 'puckrl[eyes]' "
            f"({first_line(error)})"
        ) from error
    except Exception as error:  # a package that was built for another torch
        raise UserError(
            f"{package} cannot be imported: {first_line(error)}; install the version that "
            f"was built for torch {torch.__version__}"
        ) from error
    try:
        if package == "timm":
            return module.create_model(name, pretrained=False, num_classes=0).eval()
        return module.get_model(name, weights=None).eval()
    except Exception as error:
        if out_of_memory(error):
            raise
        raise UserError(
            f"{package} has no model {name!r} that can be made: {said(error)[:200]}"
        ) from error


def load_state(model: nn.Module, path: Path) -> None:
    """Load a state dict of the whole model; layers after the cut may be missing.

    Raises:
        UserError: if the file cannot be read, or is of another model.
    """
    try:
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserError(f"no file of weights at {path}") from error
    except Exception as error:
        raise UserError(f"{path} is no state dict: {said(error)[:160]}") from error
    for name in _WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    live = model.state_dict()
    if not isinstance(found, dict):
        raise UserError(f"{path} holds a {type(found).__name__}; wanted: a state dict")
    fits = {n: t for n, t in found.items() if n in live and t.shape == live[n].shape}
    if len(fits) < 0.8 * len(live):
        raise UserError(
            f"{path} is of another model: {len(fits)} of {len(live)} tensors fit"
        )
    model.load_state_dict(fits, strict=False)


def _cut(kind: str, model: nn.Module, height: int, width: int) -> nn.Sequential:
    """Return the first layers of a model, up to the last map that is fine enough."""
    x = torch.zeros(1, 3, height, width)
    kept: list[nn.Module] = []
    best, channels = 0, 0
    with torch.no_grad():
        for layer in _layers(model):
            try:
                x = layer(x)
            except Exception:  # noqa: BLE001  a head that needs another shape
                break
            if not isinstance(x, Tensor) or x.ndim != 4:
                break
            if x.shape[2] * STRIDE_PX < height or x.shape[3] * STRIDE_PX < width:
                break
            kept.append(layer)
            if x.shape[1] > 3:
                best, channels = len(kept), x.shape[1]
    if not channels or not any(True for layer in kept for _ in layer.parameters()):
        raise UserError(
            f"encoder {kind} has no map with a cell every {STRIDE_PX} pixels or less that "
            "puckrl can find; use a convolutional one, such as timm/resnet18 or "
            "torchvision/mobilenet_v3_small"
        )
    return nn.Sequential(*kept[:best])


def _layers(model: nn.Module) -> Iterator[nn.Module]:
    """Yield the layers of a model in order; sequences are taken apart."""
    for child in model.children():
        if isinstance(child, nn.Sequential):
            yield from child
        else:
            yield child
