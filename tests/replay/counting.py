"""Worlds that count, so that every stored number identifies its source.

World w emits state (c, w, e): a counter c that never stops, the world, and the
number e of its episode. The action taken at c is (c, w). Within an episode c rises
by one a step; the first observation of the next episode is one more than the last
of this one. Goals are points on the same counter: achieved (c, w), desired (-1 - e, w).
The image at c shows (c, w, e) in its three channels, shifted by where a pixel lies; the
picture of an episode's own goal shows (-1 - e, w, e).
"""

import copy
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from puckrl.core.types import Obs, PixelSpace, Spaces, Step
from puckrl.replay.episodes import EpisodeReplayBuffer

HORIZON = 6
SPACES = Spaces(state_dim=3, goal_dim=2, action_dim=2, horizon=HORIZON)
HEIGHT, WIDTH, STACK = 2, 3, 4
SEEING = replace(SPACES, pixels=PixelSpace(HEIGHT, WIDTH, channels=3, stack=STACK))
"""The same with a camera."""
SHOWING = replace(SEEING, goal_image=PixelSpace(HEIGHT, WIDTH))
"""The same with goals that are images."""


def reward(achieved: Tensor, desired: Tensor) -> Tensor:
    """Return minus the distance on the counter, different for every pair of goals."""
    return -(achieved[..., 0] - desired[..., 0]).abs()


def terminated(achieved: Tensor, desired: Tensor) -> Tensor:
    """Return whether the goal is reached."""
    return achieved[..., 0] == desired[..., 0]


def image(counter: int, world: int, number: int) -> list[list[list[int]]]:
    """Return the camera image, (height, width, channels) in 0 ... 255."""
    shown = (counter, world, number)
    return [
        [[(n + 100 * y + 30 * x) % 256 for n in shown] for x in range(WIDTH)]
        for y in range(HEIGHT)
    ]


@dataclass
class Episode:
    """What the oracle stores of one episode: its first counter and its length."""

    world: int
    number: int
    first: int
    length: int


@dataclass
class CountingWorlds:
    """Plays episodes of random lengths, some ended by diverged physics, into a buffer."""

    buffer: EpisodeReplayBuffer
    num_worlds: int
    rng: torch.Generator
    failing: float = 0.2
    kept: list[Episode] = field(default_factory=list[Episode])
    """Episodes that the buffer should have received, oldest first."""

    def __post_init__(self) -> None:
        self.counter = [0] * self.num_worlds
        self.number = [0] * self.num_worlds
        self.first = [0] * self.num_worlds
        self.planned = [self._plan() for _ in range(self.num_worlds)]
        self.buffer.begin(self.observe())

    def _plan(self) -> int:
        return int(torch.randint(1, HORIZON + 1, (), generator=self.rng))

    def observe(self) -> Obs:
        """Return observations of all worlds, in the simulation's double precision."""
        rows = list(zip(self.counter, range(self.num_worlds), self.number, strict=True))
        state = torch.tensor(rows, dtype=torch.float64)
        desired = torch.stack([-1.0 - state[:, 2], state[:, 1]], dim=1)
        frames = [image(*row) for row in rows]
        goals = [image(-1 - number, world, number) for _, world, number in rows]
        return {
            "state": state,
            "achieved_goal": state[:, :2].clone(),
            "desired_goal": desired,
            "frame": torch.tensor(frames, dtype=torch.uint8),
            "goal_image": torch.tensor(goals).permute(0, 3, 1, 2).to(torch.uint8),
        }

    def step(self) -> None:
        """Make one step of every world and record it."""
        action = self.observe()["state"][:, :2].float()
        self.counter = [c + 1 for c in self.counter]
        final = self.observe()
        done = [self._elapsed(w) == self.planned[w] for w in range(self.num_worlds)]
        failed = [
            d and float(torch.rand((), generator=self.rng)) < self.failing for d in done
        ]
        for world in range(self.num_worlds):
            if done[world]:
                self._end(world, failed[world])
        step = Step.recorded(final, torch.tensor(done), self.observe())
        self.buffer.add(action, step._replace(diverged=torch.tensor(failed)))

    def recording_into(self, buffer: EpisodeReplayBuffer) -> "CountingWorlds":
        """Return a copy of the worlds; ``buffer`` must hold the unfinished episodes."""
        twin = copy.copy(self)
        twin.buffer, twin.rng = buffer, torch.Generator()
        twin.rng.set_state(self.rng.get_state())
        for name in ("counter", "number", "first", "planned", "kept"):
            setattr(twin, name, list(getattr(self, name)))
        return twin

    def _elapsed(self, world: int) -> int:
        return self.counter[world] - self.first[world]

    def _end(self, world: int, failed: bool) -> None:
        # The step in which the physics failed is not to be learned.
        length = self._elapsed(world) - failed
        if length:
            episode = Episode(world, self.number[world], self.first[world], length)
            self.kept.append(episode)
        self.counter[world] += 1
        self.number[world] += 1
        self.first[world] = self.counter[world]
        self.planned[world] = self._plan()
