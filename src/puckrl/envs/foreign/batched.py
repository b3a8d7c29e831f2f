"""Worlds of libraries that step thousands of them in torch, as ``GoalWorlds``.

They have no goals. Two sensors always exist: ``actor`` and ``critic``, see ``groups``.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.types import Obs, Spaces, Step
from puckrl.envs.foreign.groups import Groups, groups_of
from puckrl.envs.foreign.settings import ForeignCfg
from puckrl.envs.foreign.tensor_source import Facts, TensorRows, TensorSource
from puckrl.envs.foreign.worlds import ForeignWorlds

log = logging.getLogger(__name__)


class BatchedWorlds(ForeignWorlds):
    """Worlds of a ``TensorSource``; see ``ForeignWorlds``.

    Args:
        name: of the environment, with that of its library.
        source: steps its worlds.
        cfg: settings.
        seed: see ``ForeignWorlds``.
        auto_reset: see ``ForeignWorlds``.

    Raises:
        UserError: if no rule finds the policy's observations, or actions have no bounds.
    """

    def __init__(
        self,
        name: str,
        source: TensorSource,
        cfg: ForeignCfg,
        *,
        seed: int = 0,
        auto_reset: bool = True,
    ) -> None:
        of = source.facts
        super().__init__(
            name,
            of.num_worlds,
            of.device,
            control_dt_s=of.control_dt_s,
            seed=seed,
            auto_reset=auto_reset,
            timeout=cfg.timeout,
        )
        self.source, self._knows = source, False
        self._logs: dict[str, tuple[Tensor | float, int]] = {}  # sums, worlds
        self._low, self._high = _bounds(name, of, cfg)
        self._has_home = of.has_home
        self._action = torch.zeros(of.num_worlds, len(self._low), device=of.device)
        self._groups = _told(name, source.begin(seed), cfg)
        source.read(self._groups)
        self.spaces = Spaces(
            state_dim=self._groups.width,
            goal_dim=0,
            action_dim=len(self._low),
            horizon=of.horizon,
            sensors=self._groups.sensors,
        )
        self.step_async(self._action)
        self.step_wait()
        self.spaces = replace(self.spaces, knows_success=self._knows)
        self.reseed(seed)

    def reset(self) -> Obs:
        """Begin an episode in every world; return the first observations."""
        seeds = self._begin()
        first = self.source.begin(None if seeds is None else seeds[0])
        self._last = self._obs(self._groups.flat(first))
        return dict(self._last)

    def step_async(self, action: Tensor) -> None:
        """Keep actions (num_worlds, action_dim), clipped to [-1, 1], for ``step_wait``."""
        unit = action.detach().to(self.device, torch.float32).clamp(-1, 1)
        if self._has_home:
            self._action = torch.where(unit < 0, -unit * self._low, unit * self._high)
        else:
            self._action = self._low + (unit + 1) / 2 * (self._high - self._low)

    @torch.no_grad()
    def step_wait(self) -> Step:
        """Make the control step and return it."""
        rows = self.source.step(self._action)
        if self.refuses_nan:
            self._check_finite(rows)
        if rows.logs:
            self._add_logs(rows)
        self._knows = rows.success is not None
        never = torch.zeros_like(rows.terminated)
        terminated, truncated = self._ends(rows.terminated, rows.truncated)
        step = Step(
            obs=self._obs(rows.obs),
            final_obs=self._obs(rows.final),
            reward=rows.reward,
            success=never if rows.success is None else rows.success,
            terminated=terminated,
            truncated=truncated,
            diverged=never,
        )
        return step if self.auto_reset else self._rested(step)

    def _add_logs(self, rows: TensorRows) -> None:
        """Add the measurements of worlds whose episode is over."""
        worlds = int((rows.terminated | rows.truncated).sum())
        for name, value in rows.logs.items():
            if isinstance(value, float) or (
                isinstance(value, Tensor) and value.numel() == 1
            ):
                total, count = self._logs.get(name, (0.0, 0))
                self._logs[name] = (total + value * worlds, count + worlds)

    def take_logs(self) -> dict[str, float]:
        """Return means over the episodes that ended since the last call; see ``KeepsLogs``."""
        taken, self._logs = self._logs, {}
        return {name: float(total) / count for name, (total, count) in taken.items()}

    def _check_finite(self, rows: TensorRows) -> None:
        """Raise ``UserError`` for a number that is not finite."""
        if bool(torch.isfinite(rows.final.sum() + rows.reward.sum())):
            return
        values = torch.column_stack([rows.final, rows.reward])
        wrong = (~values.isfinite()).nonzero()
        if not len(wrong):  # their sum overflows, and none of them is wrong
            return
        world, column = wrong[0].tolist()
        reward = column == rows.final.shape[1]
        what = "reward" if reward else f"observation, number {column},"
        raise UserError(
            f"{self.name}: {what} is {float(values[world, column]):g} in world {world}; "
            f"nothing can learn from it: look at its play with: puck check {self.name}"
        )

    def _obs(self, state: Tensor) -> Obs:
        """Return rows (W, width) as named tensors."""
        none = state.new_zeros(len(state), 0)
        return {"state": state, "achieved_goal": none, "desired_goal": none}

    def close(self) -> None:
        """Release device memory."""
        self.source.close()


def _bounds(name: str, of: Facts, cfg: ForeignCfg) -> tuple[Tensor, Tensor]:
    """Return what actions of -1 and 1 stand for, (A,) each; say what the user decided.

    Raises:
        UserError: if neither the environment nor the user names bounds.
    """
    low, high = of.action_low, of.action_high
    open_ = ~(low.isfinite() & high.isfinite())
    count = int(open_.sum())
    if count and not cfg.action_bound:
        raise UserError(
            f"{name}: its actions have no bounds, and none is guessed; say what an action of "
            "1 stands for: --foreign.action-bound 1"
        )
    if count:
        log.info(
            "%s: %d of %d components of its actions have no bounds; there 1 stands for %g "
            "(--foreign.action-bound)",
            *(name, count, len(open_), cfg.action_bound),
        )
    return (
        torch.where(open_, -cfg.action_bound, low),
        torch.where(open_, cfg.action_bound, high),
    )


def _told(name: str, obs: Mapping[str, Any], cfg: ForeignCfg) -> Groups:
    """Return the groups of an observation; name the environment in an error."""
    try:
        return groups_of(obs, cfg.actor, cfg.critic)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
