"""Unroll GRU and LSTM over a sequence, with gradients written by hand.

torch.compile would unroll the loop into thousands of nodes and compile for minutes; here it
sees one operator each way. The derivatives need the state's product once a step; all other
products are one for the whole sequence. There are no second derivatives. Source of the
recursion: Werbos (1990), "Backpropagation through time: what it does and how to do it".

    GRU    z, r = sigmoid(.), n = tanh(x_n + r f_n), f = W h + b, h' = n + z (h - n)
    LSTM   i, f, o = sigmoid(.), g = tanh(.), c' = f c + i g, h' = o tanh(c')
"""

from typing import Any

import torch
from torch import Tensor, library

_OPS = library.Library("puckrl_unroll", "DEF")
_ARGS = "Tensor gates, Tensor weight, Tensor bias"


def unroll_gru(gates: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the states of a GRU after every step from zero, (L, S, H).

    Args:
        gates: the inputs' products for reset, update and new, (L, S, 3 H).
        weight: of the state, (3 H, H).
        bias: of the state's product, (3 H,).
    """
    return _GruFunction.apply(gates, weight, bias)  # pyright: ignore[reportReturnType]


def unroll_lstm(gates: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the outputs of an LSTM after every step from zero, (L, S, H).

    Args:
        gates: the inputs' products for enter, forget, new and leave, (L, S, 4 H).
        weight: of the output, (4 H, H).
        bias: of the output's product, (4 H,).
    """
    out: Any = _LstmFunction.apply(gates, weight, bias)
    return out[0]


def _gru(gates: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    size, across = weight.shape[1], weight.t().contiguous()
    states = gates.new_empty(*gates.shape[:2], size)
    state = gates.new_zeros(gates.shape[1], size)
    for step, gate in enumerate(gates.unbind()):
        from_h = torch.addmm(bias, state, across)
        both = (gate[:, : 2 * size] + from_h[:, : 2 * size]).sigmoid_()
        new = torch.addcmul(
            gate[:, 2 * size :], both[:, :size], from_h[:, 2 * size :]
        ).tanh_()
        states[step] = state = torch.lerp(new, state, both[:, size:])
    return states


def _gru_back(
    gates: Tensor, weight: Tensor, bias: Tensor, states: Tensor, grad: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    size = weight.shape[1]
    before = _before(states)
    from_h = (before @ weight.t() + bias).unflatten(-1, (3, size))
    given = gates.unflatten(-1, (3, size))
    reset, update = torch.sigmoid(given[:, :, :2] + from_h[:, :, :2]).unbind(2)
    new = torch.tanh(given[:, :, 2] + reset * from_h[:, :, 2])
    # Everything is a factor times the gradient of the step's state
    to_new = (1 - update) * (1 - new * new)
    to_update = (before - new) * update * (1 - update)
    to_reset = to_new * from_h[:, :, 2] * reset * (1 - reset)
    factors = torch.stack([to_reset, to_update, to_new * reset], dim=2)
    total, carried = torch.empty_like(states), torch.zeros_like(states[0])
    for step in range(len(grad) - 1, -1, -1):
        here = torch.add(grad[step], carried, out=total[step])
        products = (here[:, None] * factors[step]).flatten(1)
        carried = torch.addmm(here * update[step], products, weight)
    products = (total[:, :, None] * factors).flatten(2)
    inputs = products.clone()
    inputs[..., 2 * size :] = total * to_new
    return inputs, *_of_weights(products, before)


def _lstm(gates: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    size, across = weight.shape[1], weight.t().contiguous()
    out = gates.new_empty(*gates.shape[:2], size)
    cells, hidden = torch.empty_like(out), gates.new_zeros(gates.shape[1], size)
    cell = torch.zeros_like(hidden)
    for step, gate in enumerate(gates.unbind()):
        both = gate + torch.addmm(bias, hidden, across)
        enter, forget, new, leave = both.chunk(4, dim=-1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
        out[step] = hidden = leave.sigmoid() * cell.tanh()
        cells[step] = cell
    return out, cells


def _lstm_back(
    gates: Tensor,
    weight: Tensor,
    bias: Tensor,
    out: Tensor,
    cells: Tensor,
    grad: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    before, cell_before = _before(out), _before(cells)
    both = (gates + before @ weight.t() + bias).unflatten(-1, (4, weight.shape[1]))
    enter, forget, leave = (both[:, :, i].sigmoid() for i in (0, 1, 3))
    new, shown = both[:, :, 2].tanh(), cells.tanh()
    to_cell = leave * (1 - shown * shown)
    factors = torch.stack(
        [
            new * enter * (1 - enter),
            cell_before * forget * (1 - forget),
            enter * (1 - new * new),
            shown * leave * (1 - leave),
        ],
        dim=2,
    )
    inputs = torch.empty_like(gates)
    hidden, cell = torch.zeros_like(out[0]), torch.zeros_like(out[0])
    for step in range(len(grad) - 1, -1, -1):
        hidden = grad[step] + hidden
        cell = torch.addcmul(cell, hidden, to_cell[step])
        parts = torch.stack([cell, cell, cell, hidden], dim=1) * factors[step]
        inputs[step] = parts.flatten(1)
        hidden, cell = inputs[step] @ weight, cell * forget[step]
    return inputs, *_of_weights(inputs, before)


def _before(states: Tensor) -> Tensor:
    """Return the states before every step: zero, then all but the last."""
    return torch.cat([torch.zeros_like(states[:1]), states[:-1]])


def _of_weights(products: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of weight and bias from those of the state's products."""
    flat = products.flatten(0, 1)
    return flat.t() @ before.flatten(0, 1), flat.sum(0)


def _like_states(gates: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return gates.new_empty(*gates.shape[:2], weight.shape[1])


def _like_pair(gates: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    made = _like_states(gates, weight, bias)
    return made, torch.empty_like(made)


def _like_inputs(
    gates: Tensor, weight: Tensor, bias: Tensor, *_: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(gates), torch.empty_like(weight), torch.empty_like(bias)


_GRADS = "(Tensor, Tensor, Tensor)"
for _schema, _function, _fake in (
    (f"gru({_ARGS}) -> Tensor", _gru, _like_states),
    (
        f"gru_back({_ARGS}, Tensor states, Tensor grad) -> {_GRADS}",
        _gru_back,
        _like_inputs,
    ),
    (f"lstm({_ARGS}) -> (Tensor, Tensor)", _lstm, _like_pair),
    (
        f"lstm_back({_ARGS}, Tensor out, Tensor cells, Tensor grad) -> {_GRADS}",
        _lstm_back,
        _like_inputs,
    ),
):
    _name = _schema.partition("(")[0]
    _OPS.define(_schema)
    _OPS.impl(_name, torch.no_grad()(_function), "CompositeExplicitAutograd")
    library.register_fake(f"puckrl_unroll::{_name}", _fake, lib=_OPS)


class _GruFunction(torch.autograd.Function):
    """A GRU's unrolling, for torch.func and torch.compile."""

    @staticmethod
    def forward(gates: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.ops.puckrl_unroll.gru(gates, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        grad = grad_outputs[0].contiguous()
        return torch.ops.puckrl_unroll.gru_back(*ctx.saved_tensors, grad)


class _LstmFunction(torch.autograd.Function):
    """An LSTM's unrolling; the gradient of its cells is not needed."""

    @staticmethod
    def forward(gates: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ops.puckrl_unroll.lstm(gates, weight, bias)

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]
    ) -> None:
        ctx.save_for_backward(*inputs, *output)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        grad = grad_outputs[0].contiguous()
        return torch.ops.puckrl_unroll.lstm_back(*ctx.saved_tensors, grad)
