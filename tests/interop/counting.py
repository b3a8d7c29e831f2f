"""A Gymnasium world that counts, so that every stored number says where it came from.

The counter c rises by one a step and by one more at a reset, world w begins at 1000 w.
proprio is (c,), where is (w, e): the world and the number of its episode. The goals are
(c,) and (-1 - e,), the reward minus their distance. An image shows c, w and e in its
three channels. Episodes have random lengths; some terminate, the others are truncated.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

HORIZON, STACK, SIDE = 6, 3, 9


class CountingEnv(gymnasium.Env[Any, Any]):
    """One world; its lengths are those of its own generator."""

    stack = STACK
    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(self, world: int = 0, horizon: int = HORIZON) -> None:
        def vector(size: int) -> spaces.Box:
            return spaces.Box(-np.inf, np.inf, (size,), np.float64)

        image = spaces.Box(0, 255, (3 * STACK, SIDE, SIDE), np.uint8)
        self.observation_space: spaces.Dict = spaces.Dict(  # pyright: ignore[reportIncompatibleVariableOverride]
            {
                "where": vector(2),
                "pixels": image,
                "desired_goal": vector(1),
                "proprio": vector(1),
                "achieved_goal": vector(1),
            }
        )
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.world, self.horizon = world, horizon
        self.counter, self.number = 1000 * world - 1, -1
        self.rng = np.random.default_rng(world)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.counter += 1
        self.number += 1
        self.left = int(self.rng.integers(1, self.horizon + 1))
        self.frames = [self.frame()] * STACK
        return self.observe(), {}

    def frame(self) -> NDArray[np.uint8]:
        shown = np.array([self.counter, self.world, self.number])[:, None, None]
        place = np.arange(SIDE * SIDE).reshape(1, SIDE, SIDE)
        return ((shown + 3 * place) % 256).astype(np.uint8)

    def observe(self) -> dict[str, NDArray[Any]]:
        return {
            "where": np.array([self.world, self.number], float),
            "pixels": np.concatenate(self.frames[-STACK:]),
            "desired_goal": np.array([-1.0 - self.number]),
            "proprio": np.array([float(self.counter)]),
            "achieved_goal": np.array([float(self.counter)]),
        }

    def step(self, action: NDArray[Any]) -> Any:
        self.counter += 1
        self.left -= 1
        self.frames.append(self.frame())
        obs, over = self.observe(), self.left == 0
        reward = float(self.compute_reward(obs["achieved_goal"], obs["desired_goal"]))
        terminated = over and self.number % 3 == 0
        return obs, reward, terminated, over and not terminated, {}

    def compute_reward(self, achieved: Any, desired: Any, info: Any = None) -> Any:
        return -np.abs(achieved - desired)[..., 0]
