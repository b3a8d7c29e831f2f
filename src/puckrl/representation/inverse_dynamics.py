"""Inverse dynamics: say which action led from one frame to the next."""

import torch
from torch import Tensor, nn

from puckrl.representation.frames import (
    ACTION,
    NEXT,
    Encode,
    Frames,
    FrameSizes,
    Metrics,
    wanted,
)

_HIDDEN = 128


class InverseDynamics(nn.Module):
    """Mean (a - f(φ(s), φ(s')))², f an MLP with one hidden layer.

    It makes features of what actions move: the hand. Chance is the actions' variance.

    Source: Agrawal et al. (2016), "Learning to poke by poking", section 3; Pathak et al.
    (2017), "Curiosity-driven exploration", equation 3.
    """

    needs = (NEXT, ACTION)
    draws = 0

    def __init__(self, sizes: FrameSizes) -> None:
        super().__init__()
        self.hidden = nn.Linear(2 * sizes.features, _HIDDEN)
        self.head = nn.Linear(_HIDDEN, sizes.action_dim)

    def forward(
        self, encode: Encode, features: Tensor, frames: Frames
    ) -> tuple[Tensor, Metrics]:
        """Return the loss, and the share of the actions' variance that is explained."""
        action = wanted(frames.action)
        both = torch.cat([features, encode(wanted(frames.next_pixels))], dim=1)
        predicted = self.head(torch.relu(self.hidden(both)))
        loss = (predicted - action).square().mean()
        variance = action.var(dim=0, unbiased=False).mean().clamp_min(1e-8)
        return loss, {
            "train/inverse_dynamics_loss": loss,
            "train/inverse_dynamics_r2": 1.0 - (loss / variance).detach(),
        }
