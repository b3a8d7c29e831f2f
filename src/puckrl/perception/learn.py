"""Gradient steps of an encoder on frames alone, by the objectives that are asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import grad_and_value

from puckrl.agents.adam import Adam
from puckrl.config.run_cfg import RunCfg
from puckrl.core.capture import Captured
from puckrl.core.rng import generator
from puckrl.core.runtime import has_compiler
from puckrl.core.types import BatchSpec
from puckrl.nets.flat import Flat
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.representation.frames import LATER, NEXT, Frames
from puckrl.representation.labeled import LabeledGoal
from puckrl.representation.self_supervised import (
    SelfSupervised,
    frames_of,
    with_frames,
)
from puckrl.runner.compile import compile_at_first_call

_REPORTS = 10


@dataclass(frozen=True)
class PretrainCfg:
    """How to train an encoder before the policy."""

    objectives: tuple[str, ...] = ("time-contrastive", "inverse-dynamics")
    """Objectives with their weights, ``NAME`` or ``NAME=WEIGHT``."""
    frames: int = 50_000
    """Frames to play."""
    updates: int = 3_000
    """Gradient steps."""
    batch_size: int = 256
    """Frames in a batch."""
    lr: float = 1e-3
    """Learning rate of Adam; it falls to 0 along half a cosine."""
    sources: tuple[str, ...] = ("random",)
    """Who plays: random, scripted, or runs."""


Report = Callable[[str, float, dict[str, float]], None]
"""What is being done, which share of it, and metrics."""


class _Step:
    """One gradient step of an encoder and the heads of its objectives."""

    def __init__(
        self,
        encoder: nn.Module,
        heads: SelfSupervised,
        cfg: PretrainCfg,
        device: torch.device,
    ) -> None:
        both = nn.ModuleDict({"encoder": encoder, "heads": heads})
        self.flat = Flat(_Both(both.to(device)))
        self.adam = Adam(self.flat.vector, cfg.lr, max_grad_norm=1.0)
        self.names: list[str] = []

    def __call__(self, frames: Frames, share: Tensor) -> Tensor:
        """Update in place; return the metrics, stacked.

        Args:
            frames: a batch.
            share: of the learning rate, (1,).
        """

        def loss(vector: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
            return self.flat(vector, frames)  # pyright: ignore[reportReturnType]

        before = self.flat.vector.clone()
        grad, (_, metrics) = grad_and_value(loss, has_aux=True)(self.flat.vector)
        self.adam.step(self.flat.vector, grad)
        # Adam's own rate is fixed, so the step is scaled
        self.flat.vector.copy_(torch.lerp(before, self.flat.vector, share))
        self.names = list(metrics)
        return torch.stack(list(metrics.values()))


class _Both(nn.Module):
    """Maps frames to the loss of an encoder's objectives."""

    def __init__(self, parts: nn.ModuleDict) -> None:
        super().__init__()
        self.parts = parts

    def forward(self, frames: Frames) -> tuple[Tensor, dict[str, Tensor]]:
        """Return loss and metrics."""
        encoder = self.parts["encoder"]
        return self.parts["heads"](encoder, encoder(frames.pixels), frames)


def train_encoder(
    encoder: nn.Module,
    heads: SelfSupervised,
    replay: EpisodeReplayBuffer,
    cfg: RunCfg,
    how: PretrainCfg,
    report: Report,
) -> dict[str, float]:
    """Train encoder and heads; return the means of metrics over the last tenth."""
    device = replay.device
    step = _Step(encoder, heads, how, device)
    for part in heads.objectives:
        if isinstance(part, LabeledGoal):
            newest = replay.vectors(replay.oldest, replay.added)
            part.fit(newest["achieved_goal"])
    run = _fast_step(step, cfg, device)
    spec = BatchSpec(
        how.batch_size,
        next_pixels=NEXT in heads.needs,
        later_pixels=LATER in heads.needs,
    )
    rng = generator(cfg.seed, "pretrain", device)
    sums, count, means = None, 0, dict[str, float]()
    every = max(1, how.updates // _REPORTS)
    with torch.no_grad():
        for number in range(1, how.updates + 1):
            batch = with_frames(replay.sample(spec, rng), heads, rng)
            values = run(frames_of(_bare(batch.obs)), _rate(number, how, device))
            sums = values.clone() if sums is None else sums + values
            count += 1
            if number % every == 0 or number == how.updates:
                assert sums is not None
                means = dict(zip(step.names, (sums / count).tolist(), strict=True))
                report("training", number / how.updates, means)
                sums, count = None, 0
    return means


def _bare(obs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return an observation without what no objective reads."""
    return {name: x for name, x in obs.items() if name not in ("state", "desired_goal")}


def _rate(number: int, how: PretrainCfg, device: torch.device) -> Tensor:
    """Return the share of the learning rate at an update, (1,): half a cosine."""
    angle = torch.tensor([torch.pi * (number - 1) / how.updates])
    return (0.5 + 0.5 * angle.cos()).to(device)


def _fast_step(step: _Step, cfg: RunCfg, device: torch.device) -> Callable[..., Tensor]:
    """Return the step recorded as a CUDA graph; on a CPU compiled, if that pays."""
    plain: Callable[..., Any] = step.__call__
    if device.type == "cuda":  # compiling would take longer than training
        return Captured(plain)
    return (
        compile_at_first_call(plain) if cfg.loop.compile and has_compiler() else plain
    )
