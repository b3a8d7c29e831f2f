"""Train an encoder before the policy: ``puck pretrain``."""

import dataclasses
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import grad_and_value

from puckrl.agents.adam import Adam
from puckrl.config.run_cfg import RunCfg
from puckrl.core.capture import Captured
from puckrl.core.errors import UserError
from puckrl.core.rng import generator
from puckrl.core.runtime import (
    has_compiler,
    has_fast_bf16,
    pick_device,
    tune_convolutions,
)
from puckrl.core.timeline import span
from puckrl.core.types import BatchSpec
from puckrl.monitor.encoder import constant_share, effective_rank
from puckrl.nets.flat import Flat
from puckrl.nets.own import make_encoder
from puckrl.perception.frames import play_frames, with_camera
from puckrl.perception.probe import (
    ENCODER,
    UNTRAINED,
    Probe,
    look,
    measure,
)
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.representation.frames import LATER, NEXT, Frames, sizes_of
from puckrl.representation.labeled import LabeledGoal
from puckrl.representation.self_supervised import (
    SelfSupervised,
    weight_of,
    with_frames,
)
from puckrl.representation.self_supervised import (
    frames_of as frames_in,
)
from puckrl.representation.weights import save_encoder
from puckrl.runner.compile import compile_at_first_call
from puckrl.runner.encoder_files import describe_encoder
from puckrl.runner.worlds import pixel_space
from puckrl.tasks.catalog import make_task

log = logging.getLogger(__name__)

_PROBE_EPISODES = 256
_REPORTS = 10
_TRIAL_FEATURES = 8
_COLLAPSED_RANK = 2
_CONSTANT = 0.9


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


@dataclass(frozen=True)
class Pretrained:
    """What came of it."""

    path: Path
    """The file."""
    sha256: str
    """Hash of the file."""
    probe: Probe
    """What the encoder knows, on new episodes."""
    rank: int
    """Effective rank of its features."""
    features: int
    """Number of features."""
    constant: float
    """Share of features that never change."""
    metrics: dict[str, float]
    """Means over the last tenth of the updates."""
    play_s: float
    """Seconds of playing."""
    train_s: float
    """Seconds of training, with compilation."""

    @property
    def collapsed(self) -> bool:
        """Whether the features say nothing."""
        return self.rank <= _COLLAPSED_RANK or self.constant > _CONSTANT

    @property
    def verdict(self) -> str:
        """An honest verdict, in one line."""
        probe, what = self.probe, self.probe.first
        if self.collapsed:
            return (
                f"the features have collapsed: rank {self.rank} of {self.features}, "
                f"{self.constant:.0%} constant; use other objectives, or a lower --lr"
            )
        known = probe.known_to_mm(what)
        random = min(e.median_mm for e in probe.errors[what][UNTRAINED].values())
        if known >= 0.9 * random:
            return (
                f"no better than random weights, which know the {what} to {random:.0f} mm "
                f"({known:.0f} mm); train longer, on more frames, or with other objectives"
            )
        return f"{probe.sentence} (random weights: {random:.0f} mm)"

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "verdict": self.verdict,
            "collapsed": self.collapsed,
            "probe": self.probe.as_dict(),
            "rank": self.rank,
            "features": self.features,
            "constant": self.constant,
            "metrics": self.metrics,
            "play_s": self.play_s,
            "train_s": self.train_s,
        }


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


Report = Callable[[str, float, dict[str, float]], None]
"""What is being done, which share of it, and metrics."""


def pretrain(
    cfg: RunCfg,
    how: PretrainCfg,
    path: Path,
    root: Path,
    report: Report = lambda what, share, metrics: None,
) -> Pretrained:
    """Play frames, train an encoder on them, probe it and write it.

    Args:
        cfg: task, cameras and encoder, of a preset.
        how: objectives, frames and updates.
        path: the file to write.
        root: folder of run folders, for frames of runs.
        report: is told how far it is.

    Raises:
        UserError: for a preset without a camera, an unknown objective or source, or a file
            that cannot be written.
    """
    _check(with_camera(cfg), how, path)
    device = pick_device(cfg.device)
    tune_convolutions(device)
    began = time.perf_counter()

    def played(count: int) -> None:
        report("playing", min(1.0, count / how.frames), {})

    with span("frames"):
        replay = play_frames(cfg, device, how.frames, how.sources, root, played)
    pixels = replay.spaces.pixels
    assert pixels is not None
    play_s = time.perf_counter() - began
    dtype = torch.bfloat16 if _fast(cfg, device) else torch.float32
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(cfg.seed)
        encoder = make_encoder(
            cfg.agent.vision.encoder,
            pixels.stacked_channels,
            pixels.height,
            pixels.width,
            dtype,
        )
        heads = SelfSupervised(how.objectives, sizes_of(encoder.size, replay.spaces))
    began = time.perf_counter()
    with span("train"):
        metrics = _train(encoder, heads, replay, cfg, how, report)
    train_s = time.perf_counter() - began
    frames = min(replay.added, replay.capacity) * replay.horizon
    del replay
    return _finish(
        cfg,
        how,
        path,
        root,
        encoder,
        metrics=metrics,
        frames=frames,
        seconds=(play_s, train_s),
        report=report,
    )


def _check(cfg: RunCfg, how: PretrainCfg, path: Path) -> None:
    """Refuse what would fail after minutes."""
    if path.suffix != ".safetensors":
        raise UserError(f"-o {path}: an encoder's file ends with .safetensors")
    if path.is_dir() or (path.parent.exists() and not path.parent.is_dir()):
        raise UserError(f"cannot write {path}: it is no file")
    if how.batch_size < 2:
        raise UserError("--batch-size must be at least 2: frames are told apart in it")
    names = [weight_of(name)[0] for name in how.objectives]
    if len(set(names)) < len(names):
        raise UserError(f"--objective names one twice: {', '.join(names)}")
    spaces = make_task(cfg.task, cfg.reward, cfg.params).spaces
    sized = replace(spaces, pixels=pixel_space(cfg.pixels))
    SelfSupervised(how.objectives, sizes_of(_TRIAL_FEATURES, sized))


def _fast(cfg: RunCfg, device: torch.device) -> bool:
    return cfg.agent.precision == "bf16" and has_fast_bf16(device)


def _train(
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
            values = run(frames_in(_bare(batch.obs)), _rate(number, how, device))
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


def _finish(
    cfg: RunCfg,
    how: PretrainCfg,
    path: Path,
    root: Path,
    encoder: nn.Module,
    *,
    metrics: dict[str, float],
    frames: int,
    seconds: tuple[float, float],
    report: Report,
) -> Pretrained:
    """Probe the encoder on new episodes, and write it."""
    report("probing", 0.0, {})
    device = next(encoder.parameters()).device
    exact = Flat(encoder).in_float32().module
    fresh = replace(cfg, seed=cfg.seed + 7919)
    scene = look(fresh, device, _PROBE_EPISODES, how.sources, root)
    probe = measure(path.name, cfg, scene, exact)
    with torch.no_grad():
        sample = torch.cat([exact(x) for x in scene.pixels[:1024].split(256)])
    x = sample.float().cpu().numpy()
    report("probing", 1.0, {})
    about = replace(
        describe_encoder(cfg),
        frames=frames,
        objectives=how.objectives,
        probe=summary(probe),
    )
    digest = save_encoder(path, encoder, about)
    return Pretrained(
        path=path,
        sha256=digest,
        probe=probe,
        rank=effective_rank(x),
        features=x.shape[1],
        constant=constant_share(x),
        metrics=metrics,
        play_s=seconds[0],
        train_s=seconds[1],
    )


def summary(probe: Probe) -> dict[str, Any]:
    """Return what a file of an encoder keeps of its probe."""
    return {
        "task": probe.task,
        "needs_mm": probe.needs_mm,
        "errors": {
            what: {how: dataclasses.asdict(e) for how, e in found[ENCODER].items()}
            for what, found in probe.errors.items()
        },
    }
