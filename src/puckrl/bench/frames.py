"""Measure replay buffers of images: ours and Stable-Baselines3's."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import torch

from puckrl.bench.race import Contender, race
from puckrl.core.errors import UserError
from puckrl.core.rng import generator
from puckrl.core.runtime import keep_memory
from puckrl.core.types import BatchSpec, Obs, PixelSpace, Spaces, Step
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.layout import bytes_per_transition
from puckrl.replay.settings import Place, ReplayCfg
from puckrl.report.tables import TableRow
from puckrl.tasks.catalog import make_task
from puckrl.tasks.task import Task

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class FramesBenchCfg:
    """Configure the benchmark of replay buffers with images."""

    pixels: PixelSpace = field(default_factory=lambda: PixelSpace(84, 84, stack=4))
    """Shape of the images and length of a stack."""
    episodes: int = 80
    """Episodes stored before sampling, the same on both sides."""
    batch_size: int = 256
    """Transitions per batch."""
    batches: int = 10
    """Batches per repeat."""
    repeats: int = 9
    """How often the race is repeated."""


def bench_frames(cfg: FramesBenchCfg) -> list[TableRow]:
    """Measure batches per second and bytes per transition.

    The observations are those of Push plus images. Stable-Baselines3's DictReplayBuffer
    stores a stack and its successor per transition and returns them as they are. Ours
    rebuilds both, relabels four of five goals and recomputes rewards. Both return torch
    tensors on the CPU, and the process keeps freed memory: see ``keep_memory``.

    Raises:
        UserError: if Stable-Baselines3 is not installed.
    """
    keep_memory()
    task = make_task("push")
    spaces = replace(task.spaces, pixels=cfg.pixels)
    theirs = _filled_sb3(spaces, cfg.episodes)
    places: tuple[Place, ...] = ("cpu", "disk")
    buffers = {p: _filled_buffer(task, spaces, cfg.episodes, p) for p in places}
    rng = generator(0, "bench", _CPU)
    ways = {"SB3 DictReplayBuffer": partial(theirs.sample, cfg.batch_size)}
    for place, buffer in buffers.items():
        ways[f"EpisodeReplayBuffer, {place}"] = partial(
            buffer.sample, BatchSpec(cfg.batch_size), rng
        )

    def repeat(way: partial[object]) -> int:
        for _ in range(cfg.batches):
            way()
        return cfg.batches

    contenders = [
        Contender(n, lambda: None, partial(repeat, w)) for n, w in ways.items()
    ]
    rows = race(contenders, cfg.repeats)
    sizes = [_sb3_bytes(theirs), *[bytes_per_transition(spaces)] * len(places)]
    return [
        {"batch": cfg.batch_size, **row, "bytes_per_transition": round(size, 1)}
        for row, size in zip(rows, sizes, strict=True)
    ]


def _episodes(spaces: Spaces, count: int) -> Iterator[Obs]:
    """Draw noise in the shape of episodes, (1, horizon + 1, ...) each quantity."""
    rng = generator(0, "frames", _CPU)
    size = spaces.pixels
    assert size is not None
    shape = (1, spaces.horizon + 1, size.height, size.width, size.channels)
    sizes = {
        "state": spaces.state_dim,
        "achieved_goal": spaces.goal_dim,
        "desired_goal": spaces.goal_dim,
        "action": spaces.action_dim,
    }
    for _ in range(count):
        vectors = {
            n: torch.rand(*shape[:2], d, generator=rng) for n, d in sizes.items()
        }
        frame = torch.randint(256, shape, generator=rng, dtype=torch.uint8)
        yield {**vectors, "frame": frame}


def _filled_buffer(
    task: Task, spaces: Spaces, count: int, place: Place
) -> EpisodeReplayBuffer:
    """Return our buffer, filled with ``count`` episodes."""
    memory = ReplayCfg(capacity=count * spaces.horizon, frames_on=place)
    buffer = EpisodeReplayBuffer(
        memory, spaces, 1, task.reward, task.terminated, _CPU, _CPU
    )
    never = torch.zeros(1, dtype=torch.bool)
    for episode in _episodes(spaces, count):
        times = range(spaces.horizon + 1)
        steps = [{name: v[:, t] for name, v in episode.items()} for t in times]
        buffer.begin(steps[0])
        for t, then in enumerate(steps[1:]):
            done = never | (t == spaces.horizon - 1)
            buffer.add(steps[t]["action"], Step.recorded(then, done))
    return buffer


def _filled_sb3(spaces: Spaces, count: int) -> Any:
    """Return Stable-Baselines3's buffer, filled with the same episodes."""
    try:
        from stable_baselines3.common.buffers import DictReplayBuffer
    except ImportError as error:
        raise UserError(
            "this benchmark needs Stable-Baselines3; do: pip install 'puckrl[sb3]'"
        ) from error
    size = spaces.pixels
    assert size is not None
    box = gymnasium.spaces.Box
    stacked = (size.stacked_channels, size.height, size.width)
    space = gymnasium.spaces.Dict(
        {
            "state": box(-1, 1, (spaces.state_dim,)),
            "achieved_goal": box(-1, 1, (spaces.goal_dim,)),
            "desired_goal": box(-1, 1, (spaces.goal_dim,)),
            "pixels": box(0, 255, stacked, np.uint8),
        }
    )
    buffer = DictReplayBuffer(
        count * spaces.horizon,
        space,
        box(-1, 1, (spaces.action_dim,)),
        handle_timeout_termination=False,
    )
    for episode in _episodes(spaces, count):
        for t in range(spaces.horizon):
            done = np.array([t == spaces.horizon - 1])
            now, then = (_sb3_obs(episode, at, size.stack) for at in (t, t + 1))
            action = episode["action"][:, t].numpy()
            buffer.add(now, then, action, np.array([-1.0]), done, [{}])
    return buffer


def _sb3_obs(episode: Obs, t: int, stack: int) -> dict[str, Any]:
    """Return what a frame-stacking wrapper would emit, as numpy arrays."""
    first = [max(t - back, 0) for back in reversed(range(stack))]
    pixels = episode["frame"][:, first].permute(0, 1, 4, 2, 3).flatten(1, 2)
    names = ("state", "achieved_goal", "desired_goal")
    vectors = {name: episode[name][:, t].numpy() for name in names}
    return {**vectors, "pixels": pixels.numpy()}


def _sb3_bytes(buffer: Any) -> float:
    """Return the bytes of its arrays per transition of its capacity."""
    arrays = [*buffer.observations.values(), *buffer.next_observations.values()]
    arrays += [buffer.actions, buffer.rewards, buffer.dones, buffer.timeouts]
    return sum(array.nbytes for array in arrays) / buffer.buffer_size
