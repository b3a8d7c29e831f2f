"""Train an encoder before the policy: ``puck pretrain``."""

import dataclasses
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.core.runtime import (
    has_fast_bf16,
    pick_device,
    tune_convolutions,
)
from puckrl.core.timeline import span
from puckrl.core.types import Spaces
from puckrl.monitor.encoder import constant_share, effective_rank
from puckrl.nets.flat import Flat
from puckrl.nets.own import make_encoder
from puckrl.perception.frames import play_frames, with_camera
from puckrl.perception.learn import PretrainCfg, Report, train_encoder
from puckrl.perception.probe import (
    ENCODER,
    UNTRAINED,
    Probe,
    look,
    measure,
)
from puckrl.representation.frames import sizes_of
from puckrl.representation.names import weight_of
from puckrl.representation.self_supervised import SelfSupervised
from puckrl.representation.weights import save_encoder
from puckrl.runner.encoder_files import describe_encoder
from puckrl.runner.worlds import pixel_space
from puckrl.tasks.catalog import make_task

_PROBE_EPISODES = 256
_TRIAL_FEATURES = 8
_COLLAPSED_RANK = 2
_CONSTANT = 0.9


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
    play_s = time.perf_counter() - began
    encoder, heads = _made(cfg, how, replay.spaces, device)
    began = time.perf_counter()
    with span("train"):
        metrics = train_encoder(encoder, heads, replay, cfg, how, report)
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


def _made(
    cfg: RunCfg, how: PretrainCfg, spaces: Spaces, device: torch.device
) -> tuple[Any, SelfSupervised]:
    """Make an encoder, a module, and the heads of its objectives, on the CPU."""
    pixels = spaces.pixels
    assert pixels is not None
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
        heads = SelfSupervised(how.objectives, sizes_of(encoder.size, spaces))
    return encoder, heads


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
    probe = measure(path.name, cfg, scene, exact, (UNTRAINED,))
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
