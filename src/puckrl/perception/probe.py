"""Measure what an encoder knows: ``puck probe``.

Positions of object, hand and goal are read from its frozen features, beside three
references: shuffled labels (chance), the same encoder with random weights, and the pixels.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from puckrl.config.run_cfg import RunCfg
from puckrl.core.rng import generator
from puckrl.core.runtime import torch_threads
from puckrl.nets.own import make_encoder
from puckrl.perception.frames import play_frames
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.representation import probe as fits
from puckrl.representation.probe import Error
from puckrl.representation.vision import still
from puckrl.runner.encoder_files import knows, needs_mm
from puckrl.tasks.catalog import make_task

Encode = Callable[[Tensor], Tensor]
ENCODER, UNTRAINED, PIXELS, SHUFFLED = (
    "encoder",
    "random weights",
    "pixels",
    "shuffled labels",
)
LINEAR, MLP = "linear", "mlp"
_PER_EPISODE = 10
_AT_ONCE = 256
_PIXEL_SIDE = 32
_HAND = "gripper position"


@dataclass(frozen=True)
class Scene:
    """Frames with the positions that they show."""

    pixels: Tensor
    """Stacks, (n, channels, height, width) uint8."""
    episode: Tensor
    """Episode of each, (n,) int64."""
    where: dict[str, Tensor]
    """Positions by name, (n, 3) meters: object, hand, goal."""
    goal_image: Tensor | None
    """Pictures of the goals, (n, channels, height, width) uint8; None: there are none."""


@dataclass(frozen=True)
class Probe:
    """What a probe found."""

    name: str
    """Encoder, or run."""
    task: str
    """Task of the frames."""
    needs_mm: float
    """What the task needs, about: a fifth of the distance that counts as success."""
    frames: int
    """Frames, of which a quarter are held out."""
    episodes: int
    """Episodes."""
    errors: dict[str, dict[str, dict[str, Error]]]
    """Errors by what is looked for, what it is read from, and how: linear or mlp."""
    mean_mm: dict[str, float]
    """Median error of always guessing the mean, by what is looked for."""
    where_m: Tensor = field(repr=False)
    """Positions of what is looked for first, (n, 3), for a map."""
    off_mm: Tensor = field(repr=False)
    """Errors there of linear maps, each frame by one that has not seen its episode, (n,)."""

    @property
    def first(self) -> str:
        """What is looked for first: the object, or the hand where there is none."""
        return next(iter(self.errors))

    def known_to_mm(self, what: str) -> float:
        """Return the median error of the better readout of the encoder's features."""
        return min(e.median_mm for e in self.errors[what][ENCODER].values())

    @property
    def helps(self) -> bool:
        """Whether features are expected to suffice."""
        return self.known_to_mm(self.first) <= self.needs_mm

    @property
    def sentence(self) -> str:
        """What it means, in one line."""
        return knows(self.first, self.known_to_mm(self.first), self.task, self.needs_mm)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        errors = {
            what: {
                of: {how: asdict(error) for how, error in found.items()}
                for of, found in by.items()
            }
            for what, by in self.errors.items()
        }
        return {
            "name": self.name,
            "task": self.task,
            "frames": self.frames,
            "episodes": self.episodes,
            "errors_mm": errors,
            "always_the_mean_mm": self.mean_mm,
            "knows_mm": self.known_to_mm(self.first),
            "needs_mm": self.needs_mm,
            "helps": self.helps,
            "sentence": self.sentence,
        }


def look(
    cfg: RunCfg,
    device: torch.device,
    episodes: int,
    sources: Sequence[str],
    root: Path,
) -> Scene:
    """Play episodes and return some frames of each.

    Args:
        cfg: task, cameras, physics; its seed decides the episodes.
        device: device of the frames.
        episodes: minimum number of episodes.
        sources: who plays; see ``play_frames``.
        root: folder of run folders.
    """
    horizon = make_task(cfg.task, cfg.reward, cfg.params).spaces.horizon
    return frames_of(cfg, play_frames(cfg, device, episodes * horizon, sources, root))


def frames_of(cfg: RunCfg, replay: EpisodeReplayBuffer) -> Scene:
    """Return some frames of every episode in a replay buffer."""
    device = replay.device
    number = torch.arange(replay.oldest, replay.added, device=device)
    length = replay.export(replay.oldest, replay.added, ("achieved_goal",))["length"]
    number, length = (x.repeat_interleave(_PER_EPISODE) for x in (number, length))
    unit = torch.rand(
        len(number), generator=generator(cfg.seed, "probe", device), device=device
    )
    obs = replay.observations(number, (unit * length).long())
    task = make_task(cfg.task, cfg.reward, cfg.params)
    columns = [
        index
        for index, column in enumerate(task.describe().state)
        if column.name.startswith(_HAND)
    ]
    where: dict[str, Tensor] = {}
    if "object" in task.spaces.sensors:
        where["object"] = obs["achieved_goal"].float()
    if columns:
        where["hand"] = obs["state"][:, columns].float()
    if not where:
        where["achieved goal"] = obs["achieved_goal"].float()
    if "goal_image" in obs:
        where["goal"] = obs["desired_goal"].float()
    return Scene(obs["pixels"], number, where, obs.get("goal_image"))


def measure(
    name: str,
    cfg: RunCfg,
    scene: Scene,
    encode: Encode,
    references: Sequence[str] = (UNTRAINED, PIXELS, SHUFFLED),
) -> Probe:
    """Return how exactly positions can be read from an encoder's features.

    Args:
        name: of the encoder.
        cfg: task and cameras.
        scene: frames to look at.
        encode: images to features, on the device of the frames.
        references: what features are compared with.
    """
    inputs: dict[str, Encode] = {ENCODER: encode}
    if UNTRAINED in references:
        inputs[UNTRAINED] = untrained(cfg, scene.pixels)
    if PIXELS in references:
        inputs[PIXELS] = as_vector
    test = fits.held_out(scene.episode)
    errors: dict[str, dict[str, dict[str, Error]]] = {}
    mean_mm: dict[str, float] = {}
    features: dict[str, Tensor] = {}
    for what, where in scene.where.items():
        found: dict[str, dict[str, Error]] = {}
        for of, apply in inputs.items():
            x = _features(apply, scene, what)
            if of == ENCODER:
                features[what] = x
            found[of] = _read(x, where, scene.episode, test)
        if SHUFFLED in references:
            shuffled = _shuffled(where, scene.episode)
            found[SHUFFLED] = _read(
                features[what], shuffled, scene.episode, test, true=where
            )
        errors[what] = found
        guess = where[~test].mean(0).expand_as(where[test])
        mean_mm[what] = fits.error_of(guess, where[test]).median_mm
    first = next(iter(scene.where))
    task = make_task(cfg.task, cfg.reward, cfg.params)
    return Probe(
        name=name,
        task=cfg.task,
        needs_mm=needs_mm(task),
        frames=len(scene.episode),
        episodes=int(scene.episode.unique().numel()),
        errors=errors,
        mean_mm=mean_mm,
        where_m=scene.where[first].cpu(),
        off_mm=_everywhere(features[first], scene.where[first], scene.episode).cpu(),
    )


def untrained(cfg: RunCfg, pixels: Tensor) -> Encode:
    """Return an encoder of the same kind with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(cfg.seed + 1)
        channels, height, width = pixels.shape[1:]
        made = make_encoder(cfg.agent.vision.encoder, channels, height, width)
    return made.to(pixels.device)


def as_vector(pixels: Tensor) -> Tensor:
    """Return the newest frame of stacks as vectors; large frames are made smaller."""
    newest = pixels[:, -3:].float() / 255.0
    side = min(_PIXEL_SIDE, *newest.shape[2:])
    return F.adaptive_avg_pool2d(newest, side).flatten(1)


def _features(apply: Encode, scene: Scene, what: str) -> Tensor:
    """Return the features of what shows a position: frames, or pictures of goals."""
    images = scene.pixels
    if what == "goal" and scene.goal_image is not None:
        images = still(scene.goal_image, scene.pixels)
    with torch.no_grad():
        return torch.cat([apply(part).float() for part in images.split(_AT_ONCE)])


def _read(
    x: Tensor, y: Tensor, episode: Tensor, test: Tensor, true: Tensor | None = None
) -> dict[str, Error]:
    """Return the errors of both readouts, in held-out episodes."""
    rng = generator(0, "probe", x.device)
    expected = (y if true is None else true)[test]
    by_line = fits.linear(x, y, episode, test)
    with torch_threads(1):  # steps of a small network are slower with a second one
        by_net = fits.mlp(x, y, episode, test, rng)
    return {
        LINEAR: fits.error_of(by_line, expected),
        MLP: fits.error_of(by_net, expected),
    }


def _shuffled(where: Tensor, episode: Tensor) -> Tensor:
    """Return positions of other frames at random: labels without meaning."""
    rng = generator(0, "shuffled labels", where.device)
    order = torch.randperm(len(episode), generator=rng, device=where.device)
    return where[order]


def _everywhere(x: Tensor, y: Tensor, episode: Tensor) -> Tensor:
    """Return errors of every frame by linear maps fitted without its episode, (n,) mm."""
    off = torch.zeros(len(y), device=y.device)
    for test in fits.folds(episode):
        if bool(test.any()) and not bool(test.all()):
            predicted = fits.linear(x, y, episode, test)
            off[test] = 1e3 * (predicted - y[test]).norm(dim=1)
    return off
