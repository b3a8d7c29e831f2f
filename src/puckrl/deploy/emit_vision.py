"""Write an encoder of pixels: convolutions, pooling, residual blocks, and its head."""

from typing import Any

import numpy as np
from torch import nn

from puckrl.deploy.graph import Graph, array, unknown_part
from puckrl.nets.encoders import Conv, Encoder, Pool, Residual
from puckrl.nets.heads import Flatten, FlattenNorm, Head, SpatialSoftmax

_MEAN, _RANGE = 0.5, 255.0


def emit_encoder(graph: Graph, encoder: object, pixels: str) -> str:
    """Return the features of images, (batch, size).

    Args:
        graph: takes the nodes.
        encoder: the network.
        pixels: (batch, channels, height, width) uint8.

    Raises:
        UserError: for an encoder of a user's own.
    """
    if not isinstance(encoder, Encoder):
        inner = getattr(encoder, "module", encoder)
        raise unknown_part(f"the encoder {type(inner).__name__}")
    x = graph.op("Cast", pixels, to=1)  # to float32
    x = graph.op("Div", x, graph.constant("pixels.range", np.float32(_RANGE)))
    x = graph.op("Sub", x, graph.constant("pixels.mean", np.float32(_MEAN)))
    for index, block in enumerate(encoder.convs):
        x = _block(graph, f"encoder.{index}", x, block)
    return _head(graph, encoder.head, x)


def _block(graph: Graph, name: str, x: str, block: nn.Module) -> str:
    match block:
        case Conv():
            return graph.op("Relu", _conv(graph, name, x, block))
        case Pool():
            kernel, stride, padding = block.window
            return graph.op(
                "MaxPool",
                x,
                kernel_shape=[kernel] * 2,
                strides=[stride] * 2,
                pads=[padding] * 4,
            )
        case Residual():
            inner = graph.op("Relu", _conv(graph, f"{name}.first", x, block.first))
            added = _conv(graph, f"{name}.second", inner, block.second)
            return graph.op("Relu", graph.op("Add", x, added))
        case _:
            raise unknown_part(f"the layer {type(block).__name__}")


def _conv(graph: Graph, name: str, x: str, conv: Conv) -> str:
    return graph.op(
        "Conv",
        x,
        graph.constant(f"{name}.weight", array(conv.weight)),
        graph.constant(f"{name}.bias", array(conv.bias)),
        strides=[conv.stride] * 2,
        pads=[conv.padding] * 4,
    )


def _head(graph: Graph, head: Head, x: str) -> str:
    match head:
        case SpatialSoftmax():
            return _spatial_softmax(graph, head, x)
        case FlattenNorm():
            linear, norm = head.linear, head.norm
            flat = graph.op("Flatten", x, axis=1)
            y = graph.linear("head", flat, array(linear.weight.T), array(linear.bias))
            scale = graph.constant("head.scale", array(norm.weight))
            shift = graph.constant("head.shift", array(norm.bias))
            about: dict[str, Any] = {"axis": -1, "epsilon": norm.eps}
            y = graph.op("LayerNormalization", y, scale, shift, **about)
            return graph.op("Tanh", y)
        case Flatten():
            return graph.op("Flatten", x, axis=1)
        case _:
            raise unknown_part(f"the head {type(head).__name__}")


def _spatial_softmax(graph: Graph, head: SpatialSoftmax, x: str) -> str:
    """Return x and y of each channel's keypoint, (batch, 2 channels)."""
    cells = graph.constant("head.cells", np.array([0, head.size // 2, -1]))
    sharpness = np.exp(-array(head.log_temperature))
    by_cell = graph.op("Reshape", x, cells)
    logits = graph.op("Mul", by_cell, graph.constant("head.sharpness", sharpness))
    weights = graph.op("Softmax", logits, axis=-1)
    places = graph.constant("head.places", array(head.places))
    return graph.op("Flatten", graph.op("MatMul", weights, places), axis=1)
