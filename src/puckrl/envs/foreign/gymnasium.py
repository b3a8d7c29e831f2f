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
from puckrl.envs.foreign.settings import ForeignCfg
from puckrl.envs.foreign.source import Rows, Source

_CPU = torch.device("cpu")
UNKNOWN_DT_S = 0.05
"""Duration of a control step where an environment says none."""
_PROBE_STEPS, _MOST_PROBE_STEPS = 400, 4000


class GymWorlds:
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
    """

    restorable = False
    """Whether ``snapshot`` holds the complete state."""

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
    ) -> None:
        self.name, self.source, self.seed = name, source, seed
        self.auto_reset, self.control_dt_s = auto_reset, control_dt_s
        self.num_worlds, self.device = source.num_worlds, _CPU
        self._scale, self._layout = scale, source.layout
        self.rules = None if compute_reward is None else GoalRules(compute_reward)
        """Reward and end of an episode as functions of goals; None: it has no goals."""
        self.refuses_nan = True
        """Whether NaN and infinity are refused, as nothing can learn from them."""
        self._begun, self._seeded = 0, False
        self._over = torch.zeros(self.num_worlds, dtype=torch.bool)
        self._last: Obs = {}
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

    @property
    def reward_bounds(self) -> tuple[float, float] | None:
        """Minimum and maximum reward of a step; None: unbounded."""
        return None if self.rules is None else self.rules.bounds

    def distance(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return the Euclidean distance of goals (..., goal_dim), (...)."""
        return (achieved - desired).square().sum(dim=-1).sqrt()

    def reward(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return the reward of goals (..., goal_dim), (...); 0 without goals."""
        if self.rules is None:
            return achieved.new_zeros(achieved.shape[:-1])
        return self.rules.reward(achieved, desired)

    def success(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return whether goals (..., goal_dim) are reached, (...) bool; no without goals."""
        if self.rules is None:
            return torch.zeros(achieved.shape[:-1], dtype=torch.bool)
        return self.rules.at_goal(achieved, desired)

    def terminated(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return whether an episode truly ends at goals (..., goal_dim), (...) bool."""
        if self.rules is None:
            return torch.zeros(achieved.shape[:-1], dtype=torch.bool)
        return self.rules.terminated(achieved, desired)

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

    def reseed(self, seed: int) -> None:
        """Begin the sequence of episodes of another seed with the next reset."""
        self.seed, self._begun, self._seeded = seed, 0, False

    def reset(self) -> Obs:
        """Begin an episode in every world; return the first observations."""
        seeds = None
        if not self._seeded:
            sequence = np.random.SeedSequence([self.seed, self._begun])
            seeds = (sequence.generate_state(self.num_worlds) >> 1).tolist()
            self._seeded = True
        self._begun += 1
        self._over.zero_()
        self._last = self._obs(self.source.reset(seeds))
        return dict(self._last)

    def step(self, action: Tensor) -> Step:
        """Make one control step of every world; see ``Worlds``."""
        self.step_async(action)
        return self.step_wait()

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
        terminated = torch.from_numpy(rows.terminated)
        return Step(
            obs=self._obs(rows.obs) if done else final,
            final_obs=final,
            reward=torch.from_numpy(rows.reward),
            success=never if rows.success is None else torch.from_numpy(rows.success),
            terminated=terminated,
            # an episode that ends at its time limit has ended: nothing follows
            truncated=torch.from_numpy(rows.truncated) & ~terminated,
            diverged=never,
            valid=None if rows.idle is None else ~torch.from_numpy(rows.idle),
        )

    def _rested(self, step: Step) -> Step:
        """Return the step with the worlds whose episode is over as they were at its end."""
        over, final = self._over, step.final_obs
        if bool(over.any()):
            final = {
                name: torch.where(over[:, None], self._last[name], value)
                for name, value in final.items()
            }
        self._last = final
        self._over = over | step.done
        return step._replace(
            obs=final,
            final_obs=final,
            reward=torch.where(over, 0.0, step.reward),
            success=step.success & ~over,
            terminated=step.terminated & ~over,
            truncated=step.truncated & ~over,
            valid=None,
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

    def snapshot(self) -> dict[str, Tensor]:
        """Return the number of resets: no foreign environment's state can be saved."""
        return {"begun": torch.tensor([self._begun])}

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        """Begin other episodes with the next reset than those before the ``snapshot``."""
        self._begun, self._seeded = int(snapshot["begun"][0]), False

    def close(self) -> None:
        """End processes and close the worlds."""
        self.source.close()

    def __repr__(self) -> str:
        """Return the environment, the worlds and the sizes in one line."""
        of = self.spaces
        goals = f"goal {of.goal_dim}" if of.goal_dim else "no goals"
        return (
            f"<GymWorlds of {self.name}: {self.num_worlds} worlds, state {of.state_dim}, "
            f"{goals}, action {of.action_dim}, {of.horizon} steps of {self.control_dt_s:g} s>"
        )


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
