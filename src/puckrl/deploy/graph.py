"""Build an ONNX graph node by node: plain operators, float32, named as they are used.

Each operator exists since operator set 17 (2022), so that old runtimes load the file too.
Written by hand, because exporters have written wrong recurrent cells in silence, leave
paths of the machine in the file, and depend on the version of torch.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from puckrl.core.errors import UserError

OPSET, IR = 17, 8
"""Operator set, and version of the file format, that the graph is written in."""
_TYPES = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8}


class Graph:
    """Collects nodes; a value is known by its name, and its first axis is the batch.

    Args:
        name: of the graph.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: Sequence[int], dtype: str = "float32") -> str:
        """Add an input (batch, *shape); return its name."""
        self._inputs.append(_value(name, shape, dtype))
        return name

    def output(self, value: str, name: str, shape: Sequence[int]) -> None:
        """Name a value as an output (batch, *shape) float32."""
        self._nodes.append(helper.make_node("Identity", [value], [name], name))
        self._outputs.append(_value(name, shape, "float32"))

    def constant(self, name: str, array: Any) -> str:
        """Add a constant, once for each name; return its name.

        Args:
            name: of the constant.
            array: float32 or int64, anything that numpy takes.
        """
        if name not in self._constants:
            # a copy of its own, in the order of rows
            value: NDArray[Any] = np.array(array, order="C")
            self._constants[name] = numpy_helper.from_array(value, name)
        return name

    def op(self, kind: str, *values: str, **attributes: Any) -> str:
        """Add an operator; return the name of its output."""
        return self.ops(kind, *values, count=1, **attributes)[0]

    def ops(
        self, kind: str, *values: str, count: int, **attributes: Any
    ) -> tuple[str, ...]:
        """Add an operator with several outputs; return their names."""
        name = f"{kind.lower()}_{len(self._nodes)}"
        outputs = [f"{name}.{i}" if count > 1 else name for i in range(count)]
        node = helper.make_node(kind, list(values), outputs, name, **attributes)
        self._nodes.append(node)
        return tuple(outputs)

    def linear(self, name: str, x: str, weight: Any, bias: Any) -> str:
        """Return x W + b of (batch, in); the weight is (in, out)."""
        w = self.constant(f"{name}.weight", weight)
        b = self.constant(f"{name}.bias", bias)
        return self.op("Gemm", x, w, b)

    def split(self, x: str, parts: int) -> tuple[str, ...]:
        """Return equal parts of the last axis."""
        return self.ops("Split", x, count=parts, axis=-1)

    def concat(self, values: Sequence[str]) -> str:
        """Return vectors side by side; a single one as it is."""
        if len(values) == 1:
            return values[0]
        return self.op("Concat", *values, axis=-1)

    def model(self, metadata: dict[str, str], producer: str = "") -> bytes:
        """Return the file, checked; the same graph gives the same bytes.

        Args:
            metadata: texts by key.
            producer: who wrote it.
        """
        graph = helper.make_graph(
            self._nodes,
            self._name,
            self._inputs,
            self._outputs,
            list(self._constants.values()),
        )
        made = helper.make_model(
            graph,
            producer_name=producer,
            ir_version=IR,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        for key, text in metadata.items():
            made.metadata_props.add(key=key, value=text)
        onnx.checker.check_model(made, full_check=True)
        return made.SerializeToString(deterministic=True)


def _value(name: str, shape: Sequence[int], dtype: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, _TYPES[dtype], ["batch", *shape])


def array(x: Tensor) -> NDArray[Any]:
    """Return a parameter as an array."""
    return x.detach().cpu().numpy()


def unknown_part(what: str) -> UserError:
    """Return the error for a part of a policy that is not puckrl's."""
    return UserError(
        f"{what} is not puckrl's, so its ONNX operators are unknown here; puckrl.load "
        "runs the policy with torch"
    )
