"""Tabulate the layers of encoders and their receptive fields, as plain numbers.

    kind          convolutions (kernel / stride, channels)     source
    nature        8/4 32 · 4/2 64 · 3/1 64                     Mnih et al. (2015)
    drqv2         3/2 · 3/1 · 3/1 · 3/1                        Yarats et al. (2021)
    manipulation  3/2 · 3/1 · 3/1 · 3/2                        the lessons this project grew from
    padded        3/2 · 3/1 · 3/1 · 3/1, with a border of 1    drqv2, keeping the map's size
    impala        three stages of 3/1, pool 3/2, two residual  Espeholt et al. (2018), figure 3
                  blocks; 16, 32, 32

Large kernels and strides in the first layers blur away an object of a few pixels; 3 x 3
kernels keep it.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, get_args

from puckrl.core.errors import UserError
from puckrl.core.settings import COUNT, HASHED_IF_CHANGED

Kind = Literal["nature", "drqv2", "manipulation", "padded", "impala"]
KINDS: tuple[str, ...] = get_args(Kind)
"""Names of our encoders; ``nets/own.py`` finds others."""
HeadKind = Literal["flatten", "flatten-norm", "spatial-softmax"]


@dataclass(frozen=True)
class EncoderCfg:
    """Pixel encoder."""

    kind: str = "padded"
    """Convolutional layers: nature, drqv2, manipulation, padded, impala. Or a model of a
    package, timm/NAME or torchvision/NAME: docs/representations.md. Or an encoder of your
    own, path/to/file.py:ClassName: docs/python.md."""
    channels: Annotated[int, COUNT] = 32
    """Channels of every layer; nature and impala fix their own."""
    head: HeadKind = "spatial-softmax"
    """Last feature map to a vector: flatten, flatten-norm, spatial-softmax."""
    features: Annotated[int, COUNT] = 50
    """Length of the vector that flatten-norm returns."""
    weights: Annotated[str, HASHED_IF_CHANGED] = ""
    """File of weights to begin with: eyes.safetensors of puck pretrain, or for a package's
    model its state dict, .pth. Empty: random."""
    weights_sha256: Annotated[str, HASHED_IF_CHANGED] = ""
    """SHA-256 of that file; filled in when the run begins."""


class Layer(NamedTuple):
    """One layer of the stack."""

    kernel: int
    stride: int
    padding: int
    channels: int
    kind: Literal["conv", "pool", "residual"] = "conv"

    def size(self, before: int) -> int:
        """Return the rows out for a number of rows in."""
        return (before + 2 * self.padding - self.kernel) // self.stride + 1


class LayerRow(NamedTuple):
    """Feature map and receptive field of a layer.

    ========= =================================================== ======
    field     meaning                                             unit
    ========= =================================================== ======
    name      kernel and stride
    channels  of its map
    height    rows of its map                                     cells
    width     columns of its map                                  cells
    field_px  side of a cell's receptive field, a square          pixels
    jump_px   distance between the centers of two cells           pixels
    first_px  center of the first cell; 0: that of the first      pixels
              pixel
    ========= =================================================== ======
    """

    name: str
    channels: int
    height: int
    width: int
    field_px: int
    jump_px: int
    first_px: float


def layers(cfg: EncoderCfg) -> list[Layer]:
    """Return the layers of an encoder; a residual block counts as one.

    Those of an encoder that is not ours are unknown: it has none.
    """
    c = cfg.channels
    match cfg.kind:
        case "nature":
            return [Layer(8, 4, 0, 32), Layer(4, 2, 0, 64), Layer(3, 1, 0, 64)]
        case "drqv2":
            return [Layer(3, 2, 0, c), *[Layer(3, 1, 0, c)] * 3]
        case "manipulation":
            return [Layer(3, 2, 0, c), *[Layer(3, 1, 0, c)] * 2, Layer(3, 2, 0, c)]
        case "padded":
            return [Layer(3, 2, 1, c), *[Layer(3, 1, 1, c)] * 3]
        case "impala":
            return [
                layer
                for wide in (16, 32, 32)
                for layer in (
                    Layer(3, 1, 1, wide),
                    Layer(3, 2, 1, wide, "pool"),
                    Layer(5, 1, 2, wide, "residual"),  # two 3 x 3 in a row
                    Layer(5, 1, 2, wide, "residual"),
                )
            ]
        case _:
            return []


def layer_table(cfg: EncoderCfg, height: int, width: int) -> list[LayerRow]:
    """Return shape, receptive field and stride of every layer.

    Raises:
        UserError: if the image is too small for the encoder.
    """
    rows: list[LayerRow] = []
    field, jump, first = 1, 1, 0.0
    for layer in layers(cfg):
        height, width = layer.size(height), layer.size(width)
        if min(height, width) < 1:
            raise UserError(
                f"the image is too small for the {cfg.kind} encoder, which needs at "
                f"least {minimum_size(cfg)} x {minimum_size(cfg)} pixels; use a larger "
                "image or another encoder"
            )
        field += (layer.kernel - 1) * jump
        first += ((layer.kernel - 1) / 2 - layer.padding) * jump
        jump *= layer.stride
        name = f"{layer.kind} {layer.kernel} x {layer.kernel}, stride {layer.stride}"
        rows.append(LayerRow(name, layer.channels, height, width, field, jump, first))
    return rows


def minimum_size(cfg: EncoderCfg) -> int:
    """Return the side of the smallest image that leaves one cell."""
    size = 1
    for layer in reversed(layers(cfg)):
        size = max((size - 1) * layer.stride + layer.kernel - 2 * layer.padding, 1)
    return size
