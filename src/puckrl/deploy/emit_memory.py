"""Write one step of a memory as plain products.

ONNX has recurrent operators, with other gates and orders than torch's; exporters have
confused them in silence. A step is five products and sums, so it is written as such.
"""

import numpy as np

from puckrl.deploy.graph import Graph, array, unknown_part
from puckrl.nets.recurrent import Gru, Lstm, Memory, Scan, Stack


def emit_memory(graph: Graph, memory: Memory, x: str, state: str) -> tuple[str, str]:
    """Return the features after one step, and the next state.

    Args:
        graph: takes the nodes.
        memory: the network.
        x: vectors, (batch, inputs).
        state: states, (batch, state_size).

    Raises:
        UserError: for a kind that is not puckrl's.
    """
    match memory:
        case Stack():
            return _stack(graph, memory, x, state)
        case Gru():
            return _gru(graph, memory, x, state)
        case Lstm():
            return _lstm(graph, memory, x, state)
        case Scan():
            return _scan(graph, memory, x, state)
        case _:
            raise unknown_part(f"the memory {type(memory).__name__}")


def _stack(graph: Graph, memory: Stack, x: str, state: str) -> tuple[str, str]:
    features = graph.op("Concat", state, x, axis=-1)
    first = graph.constant("memory.first", np.array([memory.inputs]))
    end = graph.constant("memory.end", np.array([memory.size]))
    axis = graph.constant("memory.axis", np.array([1]))
    return features, graph.op("Slice", features, first, end, axis)


def _gates(graph: Graph, memory: Gru | Lstm, x: str, hidden: str) -> tuple[str, str]:
    """Return the products of the inputs and of the hidden state."""
    weights = array(memory.weight_x).T, array(memory.weight_h).T
    from_x = graph.linear("memory.x", x, weights[0], array(memory.bias_x))
    from_h = graph.linear("memory.h", hidden, weights[1], array(memory.bias_h))
    return from_x, from_h


def _gru(graph: Graph, memory: Gru, x: str, state: str) -> tuple[str, str]:
    from_x, from_h = (graph.split(part, 3) for part in _gates(graph, memory, x, state))
    reset, update = (
        graph.op("Sigmoid", graph.op("Add", from_x[gate], from_h[gate]))
        for gate in (0, 1)
    )
    kept = graph.op("Mul", reset, from_h[2])
    new = graph.op("Tanh", graph.op("Add", from_x[2], kept))
    change = graph.op("Mul", update, graph.op("Sub", state, new))
    after = graph.op("Add", new, change)
    return after, after


def _lstm(graph: Graph, memory: Lstm, x: str, state: str) -> tuple[str, str]:
    hidden, cell = graph.split(state, 2)
    both = graph.op("Add", *_gates(graph, memory, x, hidden))
    enter, forget, new, leave = graph.split(both, 4)
    kept = graph.op("Mul", graph.op("Sigmoid", forget), cell)
    added = graph.op("Mul", graph.op("Sigmoid", enter), graph.op("Tanh", new))
    cell = graph.op("Add", kept, added)
    features = graph.op("Mul", graph.op("Sigmoid", leave), graph.op("Tanh", cell))
    return features, graph.concat([features, cell])


def _scan(graph: Graph, memory: Scan, x: str, state: str) -> tuple[str, str]:
    weight, bias = array(memory.gates.weight).T, array(memory.gates.bias)
    update, new = graph.split(graph.linear("memory.gates", x, weight, bias), 2)
    share = graph.op("Sigmoid", update)
    zero = graph.constant("memory.zero", np.float32(0.0))
    half = graph.constant("memory.half", np.float32(0.5))
    one = graph.constant("memory.one", np.float32(1.0))
    positive = graph.op("GreaterOrEqual", new, zero)
    grown = graph.op("Add", new, half)
    value = graph.op("Where", positive, grown, graph.op("Sigmoid", new))
    kept = graph.op("Mul", graph.op("Sub", one, share), state)
    after = graph.op("Add", kept, graph.op("Mul", share, value))
    return after, after
