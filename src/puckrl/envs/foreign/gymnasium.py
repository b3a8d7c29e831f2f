"""Environments of Gymnasium's as ``GoalWorlds``: ``gym:ID``.

An environment without goals has goals of length 0, so that networks and buffers need no
second path. One that reports no success says so: ``spaces.knows_success``.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.types import Obs, Sensor, Spaces, Step
from puckrl.envs.foreign.actions import ActionScale
from puckrl.envs.foreign.goals import GoalRules, LiveSteps, RewardFn, verified
from puckrl.envs.foreign.layout import Layout
from puckrl.envs.foreign.settings import ForeignCfg, Timeout
from puckrl.envs.foreign.source import Rows, Source
from puckrl.envs.foreign.worlds import ForeignWorlds

_CPU = torch.device("cpu")
UNKNOWN_DT_S = 0.05
"""Duration of a control step where an environment says none."""
_PROBE_STEPS, _MOST_PROBE_STEPS = 400, 4000


class GymWorlds(ForeignWorlds):
    """Worlds of a Gymnasium environment; see ``GoalWorlds``.

    Args:
        name: id of the environment.
        source: steps its worlds.
        scale: of its actions.
        horizon: time limit of an episode, control steps.
        compute_reward: reward of goals; None: it has none.
        control_dt_s: duration of a control step.
        seed: decides the first episode of every world after each ``reseed``; the
            environment's own random numbers decide those that follow.
        auto_reset: whether a world begins its next episode as soon as one ends; else it
            rests until ``reset``.
        timeout: see ``ForeignWorlds``.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        scale: ActionScale,
        horizon: int,
        *,
        compute_reward: RewardFn | None = None,
        control_dt_s: float = UNKNOWN_DT_S,
        seed: int = 0,
        auto_reset: bool = True,
        timeout: Timeout = "terminates",
    ) -> None:
        super().__init__(
            name,
            source.num_worlds,
            _CPU,
            control_dt_s=control_dt_s,
            seed=seed,
            auto_reset=auto_reset,
            timeout=timeout,
        )
        self.source = source
        self._scale, self._layout = scale, source.layout
        self.rules = None if compute_reward is None else GoalRules(compute_reward)
        self.spaces = Spaces(
            state_dim=self._layout.state_dim,
            goal_dim=self._layout.goal_dim,
            action_dim=scale.size,
            horizon=horizon,
            sensors=_sensors(self._layout),
        )
        self.reset()
        self.step_async(torch.zeros(self.num_worlds, scale.size))
        knows = self.source.step_wait().success is not None
        self.spaces = Spaces(**{**vars(self.spaces), "knows_success": knows})
        self.reseed(seed)

    # -- goals ----------------------------------------------------------------

    def outside(self, obs: Obs) -> int:
        """Return how many numbers of observations the environment's space rules out."""
        names = ("state", "achieved_goal", "desired_goal")
        rows = torch.cat([obs[name] for name in names], dim=1)
        return self._layout.outside(rows.double().numpy())

    def verify_goals(self, cfg: ForeignCfg) -> int:
        """Compare ``compute_reward`` and the ends of episodes with live random steps.

        The next ``reset`` begins as if these steps had not been made.

        Returns:
            The number of steps.

        Raises:
            UserError: if hindsight would invent rewards or ends.
        """
        if self.rules is None:
            raise UserError(
                f"{self.name} has no goals, so there is no hindsight; set --replay.her-ratio 0"
            )
        rng = torch.Generator().manual_seed(self.seed)
        kept: list[tuple[Tensor, ...]] = []
        self.reset()
        shape = (self.num_worlds, self.spaces.action_dim)
        steps = 0
        while steps < _MOST_PROBE_STEPS:
            step = self.step(2 * torch.rand(shape, generator=rng) - 1)
            final = step.final_obs
            acts = slice(None) if step.valid is None else step.valid
            row = (
                *(final[name] for name in ("achieved_goal", "desired_goal")),
                *(step.reward, step.terminated),
            )
            kept.append(tuple(part[acts] for part in row))
            steps += self.num_worlds
            at_goal = self.success(final["achieved_goal"], final["desired_goal"])
            if steps >= _PROBE_STEPS and (bool(at_goal.any()) or self._seen(kept)):
                break
        live = LiveSteps(*(torch.cat(part) for part in zip(*kept, strict=True)))
        self.rules = verified(self.rules, live, cfg.ends_at, self.name)
        self.reseed(self.seed)
        return len(live.reward)

    def _seen(self, kept: list[tuple[Tensor, ...]]) -> bool:
        """Return whether a step so far ended an episode or was at its goal."""
        return any(
            bool((ended | self.success(achieved, desired)).any())
            for achieved, desired, _, ended in kept
        )

    # -- play -----------------------------------------------------------------

    def reset(self) -> Obs:
        """Begin an episode in every world; return the first observations."""
        self._last = self._obs(self.source.reset(self._begin()))
        return dict(self._last)

    def step_async(self, action: Tensor) -> None:
        """Launch a control step with actions (num_worlds, action_dim), clipped to [-1, 1]."""
        self.source.step_async(self._scale(action.detach().cpu().numpy()))

    def step_wait(self) -> Step:
        """Return the launched control step."""
        rows = self.source.step_wait()
        if self.refuses_nan and not np.isfinite(rows.final.sum() + rows.reward.sum()):
            self._refuse_nan(rows)
        step = self._step(rows)
        if self.auto_reset:
            return step
        return self._rested(step)

    def _refuse_nan(self, rows: Rows) -> None:
        """Raise ``UserError`` for the first number that is not finite."""
        values = np.column_stack([rows.final, rows.reward])
        wrong = np.argwhere(~np.isfinite(values))
        if not len(wrong):  # their sum overflows, and none of them is wrong
            return
        world, column = wrong[0].tolist()
        reward = column == rows.final.shape[1]
        what = "reward" if reward else f"observation, number {column},"
        raise UserError(
            f"{self.name}: {what} is {values[world, column]:g} in world {world}; nothing can "
            f"learn from it: look at its play with: puck check {self.name}"
        )

    def _step(self, rows: Rows) -> Step:
        """Return what a source gives as tensors."""
        never = torch.zeros(self.num_worlds, dtype=torch.bool)
        final = self._obs(rows.final)
        done = bool((rows.terminated | rows.truncated).any()) or rows.idle is not None
        terminated, truncated = self._ends(
            torch.from_numpy(rows.terminated), torch.from_numpy(rows.truncated)
        )
        return Step(
            obs=self._obs(rows.obs) if done else final,
            final_obs=final,
            reward=torch.from_numpy(rows.reward),
            success=never if rows.success is None else torch.from_numpy(rows.success),
            terminated=terminated,
            truncated=truncated,
            diverged=never,
            valid=None if rows.idle is None else ~torch.from_numpy(rows.idle),
        )

    def _obs(self, rows: NDArray[np.float64]) -> Obs:
        """Return flat observations (W, width) as named tensors; they share ``rows``."""
        flat, of = torch.from_numpy(rows), self._layout
        edges = (of.state_dim, of.goal_dim, of.goal_dim)
        state, achieved, desired = flat.split(edges, dim=1)
        return {"state": state, "achieved_goal": achieved, "desired_goal": desired}

    def render(self) -> NDArray[np.uint8] | None:
        """Return an image of every world, (W, height, width, 3); None: it draws none."""
        return self.source.render()

    def close(self) -> None:
        """End processes and close the worlds."""
        self.source.close()


def _sensors(layout: Layout) -> dict[str, Sensor]:
    """Return the named parts of the state; none if it has one part only."""
    parts = layout.state_parts
    if len(parts) < 2:
        return {}
    return {
        part.name: Sensor(
            tuple(range(part.first, part.first + part.size)), "environment", "unknown"
        )
        for part in parts
    }
