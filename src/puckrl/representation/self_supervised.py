"""Several objectives that train one encoder, each with a weight.

    time-contrastive   frames of one episode belong together
    inverse-dynamics   which action led to the next frame
    masked-patches     draw what is hidden
    vae                draw the frame from a noisy code
    infonce            two augmentations of a frame belong together

A weight follows the name: ``inverse-dynamics=0.5``; without one it is 1.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from puckrl.core.errors import UserError, out_of_memory, said
from puckrl.core.registry import find_class
from puckrl.core.types import Batch, Obs
from puckrl.representation.contrastive import TimeContrastive, ViewContrastive
from puckrl.representation.frames import (
    ACTION,
    DRAWS,
    GOAL,
    LATER,
    NEXT,
    Encode,
    FrameObjective,
    Frames,
    FrameSizes,
    Metrics,
    feature_health,
)
from puckrl.representation.inverse_dynamics import InverseDynamics
from puckrl.representation.labeled import LabeledGoal
from puckrl.representation.names import LABELED, weight_of
from puckrl.representation.reconstruction import MaskedPatches, Vae

_MADE: dict[str, Callable[[FrameSizes], FrameObjective]] = {
    "time-contrastive": TimeContrastive,
    "inverse-dynamics": InverseDynamics,
    "masked-patches": MaskedPatches,
    "vae": Vae,
    "infonce": ViewContrastive,
    LABELED: LabeledGoal,
}
SELF_SUPERVISED: tuple[str, ...] = tuple(name for name in _MADE if name != LABELED)
"""Names of our self-supervised objectives."""
PRETRAIN: tuple[str, ...] = tuple(_MADE)
"""Names of objectives that may train an encoder before the policy."""
_PARTS = ("needs", "draws")
_NEEDS = (NEXT, LATER, ACTION, GOAL)


class SelfSupervised(nn.Module):
    """The weighted sum of self-supervised objectives.

    Args:
        named: objectives with their weights, ``NAME`` or ``NAME=WEIGHT``.
        sizes: of features, images and actions.

    Raises:
        UserError: for an unknown name, a bad weight, or a class that cannot be used.
    """

    def __init__(self, named: Sequence[str], sizes: FrameSizes) -> None:
        super().__init__()
        weights = [weight_of(name) for name in named]
        self.names = tuple(name for name, _ in weights)
        self.weights = tuple(weight for _, weight in weights)
        self.objectives = nn.ModuleList(_make(name, sizes) for name in self.names)
        parts: list[Any] = list(self.objectives)
        self.needs = frozenset(need for part in parts for need in part.needs)
        """What batches must hold beside pixels."""
        self._split = [int(part.draws) for part in parts]
        self.draws = sum(self._split)
        """Uniform random numbers for each image."""

    def forward(
        self, encode: Encode, features: Tensor, frames: Frames
    ) -> tuple[Tensor, Metrics]:
        """Return Σ_k w_k L_k, (), and metrics of every objective.

        Args:
            encode: the encoder.
            features: of ``frames.pixels``, (B, n).
            frames: a batch with what every objective needs.
        """
        total = features.new_zeros(())
        metrics: Metrics = {}  # named: torch.compile cannot subscript types
        drawn = frames.draws.split(self._split, dim=1)
        for part, weight, own in zip(self.objectives, self.weights, drawn, strict=True):
            loss, found = part(encode, features, frames._replace(draws=own))
            total = total + weight * loss
            metrics |= found
        return total, {**metrics, "train/feature_std": feature_health(features)}


def _make(name: str, sizes: FrameSizes) -> nn.Module:
    """Make an objective: ours, of a package, or ``path/to/file.py:ClassName``."""
    if name in _MADE:
        made: Any = _MADE[name](sizes)
        return made
    found: type[nn.Module] = find_class("objective", name, nn.Module, SELF_SUPERVISED)
    try:
        made = found(sizes)  # pyright: ignore[reportCallIssue]
    except Exception as error:
        if isinstance(error, UserError) or out_of_memory(error):
            raise
        raise UserError(f"{name}: {type(error).__name__}: {said(error)}") from error
    lacks = [part for part in _PARTS if not hasattr(made, part)]
    unknown = [] if lacks else [need for need in made.needs if need not in _NEEDS]
    if lacks or unknown:
        what = f"lacks {', '.join(lacks)}" if lacks else f"needs {', '.join(unknown)}"
        raise UserError(
            f"the objective {name} {what}; see puckrl.representation.frames.FrameObjective"
        )
    return made


def frames_of(obs: Obs) -> Frames:
    """Return the frames of an observation that ``with_frames`` completed."""
    return Frames(
        pixels=obs["pixels"],
        draws=obs[DRAWS],
        next_pixels=obs.get(NEXT),
        later_pixels=obs.get(LATER),
        action=obs.get(ACTION),
        achieved_goal=obs.get(GOAL),
    )


def with_frames(batch: Batch, of: SelfSupervised, rng: torch.Generator) -> Batch:
    """Return a batch whose observations hold what objectives need, and their draws.

    Args:
        batch: a batch; pixels may be there for its last transitions only.
        of: the objectives.
        rng: draws their random numbers.
    """
    obs, count = dict(batch.obs), len(batch.obs["pixels"])
    obs[DRAWS] = torch.rand(count, of.draws, generator=rng, device=rng.device)
    if NEXT in of.needs:
        obs[NEXT] = batch.next_obs["pixels"]
    if ACTION in of.needs:
        obs[ACTION] = batch.action
    return batch._replace(obs=obs)
