"""A vector environment of Gymnasium's as a source of worlds, in each autoreset mode.

mode       after the last step of an episode          what this source does
SameStep   first observation of the next episode;     takes the true final observation
           the final one is in infos["final_obs"]     from there
NextStep   final observation; the next step begins    marks that next step as idle: the
           the next episode and ignores the action    world did not act
Disabled   final observation, until a reset           resets the worlds that are over
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from puckrl.core.errors import UserError
from puckrl.envs.foreign.crew import SUCCESS_KEYS
from puckrl.envs.foreign.layout import Layout, layout_of
from puckrl.envs.foreign.make import told
from puckrl.envs.foreign.source import Mask, Rows


class VectorSource:
    """Worlds of a vector environment; see ``Source``.

    Args:
        env: the environment; its episodes begin automatically, or are begun here.
        name: of it, for errors.
        keys: keys of its observation to read; empty: all.

    Raises:
        UserError: if its metadata names no autoreset mode.
    """

    def __init__(
        self, env: VectorEnv[Any, Any, Any], name: str, keys: Sequence[str] = ()
    ) -> None:
        self.env, self.name = env, name
        self.num_worlds = env.num_envs
        self.layout: Layout = layout_of(env.single_observation_space, keys)
        """Columns of an observation."""
        self.action_space = env.single_action_space
        """Action space of one world."""
        mode = (env.metadata or {}).get("autoreset_mode")
        if mode is None:
            raise UserError(
                f"gym:{name}: its vector environment names no metadata['autoreset_mode'], so "
                "nobody knows which observation is an episode's last; name it, or use one "
                "environment for each world: --foreign.vector worlds"
            )
        self.mode = AutoresetMode(mode)
        """What it does with a world whose episode is over."""
        self._over = np.zeros(self.num_worlds, dtype=bool)
        self._actions: NDArray[Any]

    def reset(self, seeds: list[int] | None) -> NDArray[np.float64]:
        """Begin an episode in every world; see ``Source``.

        Some vector environments take one seed for all worlds: that of the first.
        """
        self._over[:] = False
        try:
            many: Any = seeds  # Gymnasium's own vectors take a list
            obs, _ = self.env.reset(seed=many)
        except (UserError, TypeError, ValueError):
            with told(self.name, "reset"):
                obs, _ = self.env.reset(seed=None if seeds is None else seeds[0])
        return self._rows(obs)

    def _rows(self, obs: Any) -> NDArray[np.float64]:
        rows = np.zeros((self.num_worlds, self.layout.width))
        self.layout.write_batch(obs, rows)
        return rows

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions for ``step_wait``; see ``Source``."""
        self._actions = actions

    def step_wait(self) -> Rows:
        """Make the control step; see ``Source``."""
        with told(self.name, "step"):
            obs, reward, terminated, truncated, info = self.env.step(self._actions)
        ended, cut = (np.array(flag, dtype=bool) for flag in (terminated, truncated))
        done = ended | cut
        rows = self._rows(obs)
        success = self._success(info, done)
        final, idle = rows.copy(), None
        match self.mode:
            case AutoresetMode.SAME_STEP:
                if done.any():
                    self._write_final(info, done, final)
            case AutoresetMode.NEXT_STEP:
                idle = self._over.copy() if self._over.any() else None
                self._over = done.copy()
            case AutoresetMode.DISABLED:
                if done.any():
                    with told(self.name, "reset"):
                        begun, _ = self.env.reset(options={"reset_mask": done.copy()})
                    rows[done] = self._rows(begun)[done]
        return Rows(
            obs=rows,
            final=final,
            reward=np.array(reward, dtype=np.float64),
            terminated=ended,
            truncated=cut,
            success=success,
            idle=idle,
        )

    def _write_final(
        self, info: dict[str, Any], done: Mask, rows: NDArray[np.float64]
    ) -> None:
        """Write the final observations of the worlds that are done, from ``infos``.

        Raises:
            UserError: if they are not there: the next episode's first observation would be
                taken for them.
        """
        final = info.get("final_obs", info.get("final_observation"))
        if final is None:
            raise UserError(
                f"gym:{self.name}: episodes ended and infos have no final_obs, so their last "
                "observations are lost; use one environment for each world: "
                "--foreign.vector worlds"
            )
        if isinstance(final, np.ndarray) and final.dtype == object:
            for world in np.flatnonzero(done):
                self.layout.write(final[world], rows[world])
            return
        every = self._rows(final)
        rows[done] = every[done]

    def _success(self, info: dict[str, Any], done: Mask) -> Mask | None:
        """Return whether each world succeeded; that of an episode's last step from there."""
        said_now = _reported(info)
        last: Any = info.get("final_info")
        if said_now is None and last is None:
            return None
        success = np.zeros(self.num_worlds, bool) if said_now is None else said_now
        if (
            self.mode is AutoresetMode.SAME_STEP
            and isinstance(last, dict)
            and done.any()
        ) and (told := _reported(last)) is not None:
            success[done] = told[done]
        return success

    def render(self) -> NDArray[np.uint8] | None:
        """Return an image of every world; see ``Source``."""
        images: Any = self.env.render() if self.env.render_mode == "rgb_array" else None
        return None if images is None else np.stack(list(images)).astype(np.uint8)

    def close(self) -> None:
        """Close the environment; see ``Source``."""
        self.env.close()


def _reported(info: dict[str, Any]) -> Mask | None:
    """Return the successes that a dictionary of infos reports; None without any."""
    for key in SUCCESS_KEYS:
        if key in info:
            return np.array(info[key], dtype=bool).reshape(-1)
    return None
