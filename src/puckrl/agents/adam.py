"""Adam on one flat parameter vector, in place, for compiled graphs."""

import torch
from torch import Tensor

from puckrl.core import team

_BETA_1, _BETA_2, _EPS = 0.9, 0.999, 1e-8


class Adam:
    """Optimizer of one parameter vector.

    Source: Kingma, Ba (2015), "Adam", algorithm 1; equal to torch.optim.Adam.

    Args:
        vector: the parameters, (n,).
        lr: step size.
        max_grad_norm: maximum norm of the gradient; 0: no clipping.
        factors: of the step size, for each parameter, (n,); None: 1.
    """

    def __init__(
        self,
        vector: Tensor,
        lr: float,
        max_grad_norm: float = 0.0,
        factors: Tensor | None = None,
    ) -> None:
        self.lr, self.max_grad_norm, self._factors = lr, max_grad_norm, factors
        self.first = torch.zeros_like(vector)
        self.second = torch.zeros_like(vector)
        self.steps = torch.zeros((), dtype=torch.float64, device=vector.device)

    def step(self, vector: Tensor, grad: Tensor) -> Tensor:
        """Update ``vector`` in place; return the gradient's norm before clipping, ().

        Processes that train together use the mean of their gradients.
        """
        grad = team.mean(grad)
        norm = torch.linalg.vector_norm(grad)
        if self.max_grad_norm > 0:
            grad = grad * (self.max_grad_norm / norm.clamp_min(self.max_grad_norm))
        self.steps += 1
        self.first.lerp_(grad, 1 - _BETA_1)
        self.second.lerp_(grad.square(), 1 - _BETA_2)
        # torch.optim.Adam's order: eps is added to the bias-corrected root
        root = (self.second / _number(1 - _BETA_2**self.steps)).sqrt()
        rate = _number(self.lr / (1 - _BETA_1**self.steps))
        step = rate * self.first / (root + _EPS)
        vector -= step if self._factors is None else step * self._factors
        return norm

    def state(self) -> dict[str, Tensor]:
        """Return the live tensors, by name."""
        return {"first": self.first, "second": self.second, "steps": self.steps}


def _number(x: Tensor) -> Tensor:
    """Convert () float64 to (1,) float32, outside of the compiler's fused loop.

    If the compiler fuses the powers into the loop over all parameters, it computes them
    for each parameter, which doubles the time of a step. ``as_strided`` prevents that.
    """
    return x.float().as_strided((1,), (1,))
