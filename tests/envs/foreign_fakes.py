"""Small Gymnasium environments that count, one for each contract; and some that lie."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

_WIDE = spaces.Box(-1e6, 1e6, (2,), np.float64)


class Count(gymnasium.Env[Any, Any]):
    """Its observation is (episode, step); it ends after ``ends`` steps, if that is not 0."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(self, ends: int = 0, render_mode: str | None = None) -> None:
        self.observation_space = _WIDE
        self.action_space = spaces.Box(np.array([0.0, -2.0]), np.array([1.0, 2.0]))
        self.ends, self.render_mode = ends, render_mode
        self.episode, self.step_number = -1, 0

    def _obs(self) -> Any:
        return np.array([self.episode, self.step_number], np.float64)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.episode, self.step_number = self.episode + 1, 0
        return self._obs(), {}

    def step(self, action: Any) -> Any:
        self.step_number += 1
        over = self.ends > 0 and self.step_number >= self.ends
        return self._obs(), float(np.sum(action)), over, False, {}

    def render(self) -> Any:
        return np.full((32, 48, 3), self.step_number, np.uint8)


class Line(gymnasium.Env[Any, Any]):
    """A point on a line, with goals: sparse rewards, and episodes that end at the goal."""

    radius = 0.2

    def __init__(self, ends: bool = True) -> None:
        box = spaces.Box(-10.0, 10.0, (1,), np.float64)
        self.observation_space = spaces.Dict(
            observation=spaces.Dict(at=box, way=spaces.Discrete(2)),
            achieved_goal=box,
            desired_goal=box,
        )
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.ends = ends
        self.at, self.goal = np.zeros(1), np.zeros(1)

    def _obs(self) -> Any:
        way = int(self.goal[0] > self.at[0])
        observation = {"at": self.at.copy(), "way": way}
        return {
            "observation": observation,
            "achieved_goal": self.at.copy(),
            "desired_goal": self.goal.copy(),
        }

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.at, self.goal = self.np_random.uniform(-1, 1, (2, 1))
        return self._obs(), {"is_success": False}

    def compute_reward(self, achieved: Any, desired: Any, info: Any) -> Any:
        return -(np.abs(achieved - desired).max(axis=-1) > self.radius).astype(
            np.float32
        )

    def step(self, action: Any) -> Any:
        self.at = self.at + 0.2 * np.asarray(action, np.float64)
        reward = float(self.compute_reward(self.at, self.goal, {}))
        won = reward == 0
        return self._obs(), reward, won and self.ends, False, {"is_success": won}


class BadReward(Line):
    """Its steps give other rewards than its goals do."""

    def step(self, action: Any) -> Any:
        obs, reward, *rest = super().step(action)
        return obs, reward + 0.5 * float(action[0]), *rest


class BadEnds(Line):
    """Its episodes end by chance."""

    def step(self, action: Any) -> Any:
        obs, reward, _, truncated, info = super().step(action)
        return obs, reward, bool(self.np_random.random() < 0.1), truncated, info


class Raises(Count):
    """It fails at its third step."""

    def step(self, action: Any) -> Any:
        if self.step_number == 2:
            raise ZeroDivisionError("division by zero")
        return super().step(action)


class Discrete(Count):
    """Its actions are discrete."""

    def __init__(self) -> None:
        super().__init__()
        self.action_space = spaces.Discrete(3)


class Unbounded(Count):
    """Its actions have no bounds."""

    def __init__(self) -> None:
        super().__init__()
        self.action_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)


class Image(Count):
    """It shows an image."""

    def __init__(self) -> None:
        super().__init__()
        self.observation_space = spaces.Box(0, 255, (8, 8, 3), np.uint8)


class Mixed(Count):
    """Its observation is nested, with an image in it."""

    def __init__(self) -> None:
        super().__init__()
        self.observation_space = spaces.Dict(
            joints=spaces.Box(-1.0, 1.0, (2,)),
            camera=spaces.Box(0, 255, (8, 8, 3), np.uint8),
        )

    def _obs(self) -> Any:
        return {
            "joints": np.ones(2, np.float32),
            "camera": np.zeros((8, 8, 3), np.uint8),
        }


class Nan(Count):
    """It returns NaN at its third step."""

    def step(self, action: Any) -> Any:
        obs, *rest = super().step(action)
        return (obs * np.nan if self.step_number == 3 else obs, *rest)


class Old(Count):
    """Begins episodes as environments of 2021 did."""

    def reset(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._obs()


class Four(Count):
    """Steps as environments of 2021 did."""

    def step(self, action: Any) -> Any:
        return super().step(action)[:4]


class Forgets(Count):
    """Forgets to return what a step led to."""

    def step(self, action: Any) -> Any:
        return None


class Leaves(Count):
    """Ends the program."""

    def step(self, action: Any) -> Any:
        raise SystemExit(3)


class TwoRewards(Count):
    """Returns several rewards."""

    def step(self, action: Any) -> Any:
        return self._obs(), np.zeros(2), False, False, {}


class TextReward(Count):
    """Returns text for a reward."""

    def step(self, action: Any) -> Any:
        return self._obs(), "1", False, False, {}


class NoSpaces(gymnasium.Env[Any, Any]):
    """Has no spaces."""


class NoActions(Count):
    """Has nothing to act with."""

    def __init__(self) -> None:
        super().__init__()
        self.action_space = spaces.Box(-1.0, 1.0, (0,))


class FixedAction(Count):
    """Has one action only."""

    def __init__(self) -> None:
        super().__init__()
        self.action_space = spaces.Box(0.0, 0.0, (1,))


KINDS = (
    Nan,
    Count,
    Line,
    BadReward,
    BadEnds,
    Raises,
    Discrete,
    Unbounded,
    Image,
    Mixed,
    Old,
    Four,
    Forgets,
    Leaves,
    TwoRewards,
    TextReward,
    NoSpaces,
    NoActions,
    FixedAction,
)
for kind in KINDS:
    entry = f"{__name__}:{kind.__name__}"
    gymnasium.register(f"fake/{kind.__name__}-v0", entry, max_episode_steps=5)
gymnasium.register("fake/Long-v0", f"{__name__}:Count")
gymnasium.register(
    "fake/Ends-v0", f"{__name__}:Count", max_episode_steps=5, kwargs={"ends": 3}
)
gymnasium.register(
    "fake/Both-v0", f"{__name__}:Count", max_episode_steps=3, kwargs={"ends": 3}
)
