"""Checks of a task before training, for ``puck check``.

A broken task need not crash: the arm may be a meter away, or the object fall off the
table, while hindsight still finds successes and losses still fall, but no policy ever
learns. Each row measures one condition that must hold before training.

    spaces    states, goals and actions have the sizes of the task's spaces
    reset     finite numbers, equal for equal seeds, landmarks in their boxes
    rest      the achieved goal stays where it is under zero actions
    random    random actions move the achieved goal, and seldom succeed
    reward    0 exactly where a goal is reached, within [-1, 0] elsewhere
    expert    the scripted expert solves the task, if there is one
    camera    images are not blank, and show differences between worlds

The checks use the ``Task`` protocol only; a task sets its own bounds in ``sanity``.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from rich.table import Table
from torch import Tensor

from puckrl.agents.scripted import Random, Scripted, Zero
from puckrl.core.policy import Policy
from puckrl.core.rng import Draws
from puckrl.core.runtime import torch_threads
from puckrl.core.types import Obs
from puckrl.envs.goal_env import GoalEnv
from puckrl.envs.play import begin, play, policy_obs
from puckrl.sim.camera import Camera, CameraCfg
from puckrl.sim.cpu import CpuSim
from puckrl.tasks.catalog import make_task
from puckrl.tasks.task import Task

_CPU = torch.device("cpu")
_TWIN_WORLDS = 2
_CAMERA_WORLDS = 16
_IMAGE_SIZE = 64
_CHANGED_LEVELS = 12
"""Minimum difference of a changed pixel, in levels of 255."""
_CHANGED_PIXELS = 4.0
"""Minimum number of changed pixels that a policy can learn from."""
_ANY = float("inf")


@dataclass(frozen=True)
class Measurement:
    """One measurement and the range in which it is legal."""

    name: str
    """Name of the measured quantity."""
    value: float
    """Measured value; NaN is never legal."""
    unit: str
    """Its unit; empty for a share or a count."""
    low: float
    """Minimum legal value."""
    high: float
    """Maximum legal value."""

    @property
    def ok(self) -> bool:
        """Whether the value is legal."""
        return self.low <= self.value <= self.high


@dataclass(frozen=True)
class CheckReport:
    """All measurements of a task."""

    task: str
    """Name of the task."""
    rows: tuple[Measurement, ...]
    """Measurements, in the order of an episode."""

    @property
    def ok(self) -> bool:
        """Whether every row is legal."""
        return all(row.ok for row in self.rows)

    @property
    def verdict(self) -> str:
        """The result in one line."""
        broken = [row.name for row in self.rows if not row.ok]
        return f"not sane: {', '.join(broken)}" if broken else "sane"


def check_task(
    name: str, num_worlds: int = 64, seed: int = 0, random_episodes: int = 256
) -> CheckReport:
    """Measure a task by name or from a file (``path/to/file.py:Class``).

    Args:
        name: name or file, see ``puckrl.tasks.catalog.make_task``.
        num_worlds: number of worlds.
        seed: seed of resets and random actions.
        random_episodes: minimum number of episodes with random actions.

    Raises:
        UserError: if there is no such task.
    """
    env = _make_env(make_task(name), num_worlds, seed)
    twin = _make_env(make_task(name), min(_TWIN_WORLDS, num_worlds), seed)
    with torch_threads(1):
        rows = list(_spaces_rows(twin))
        if all(row.ok for row in rows):  # else the other checks would crash
            rows += _reset_rows(env, twin)
            rows += _rest_rows(env)
            played = _play_at_random(env, random_episodes)
            rows += _random_rows(env.task, played)
            rows += _reward_rows(env.task, played)
            rows += _expert_rows(env)
            rows += _camera_rows(env)
    return CheckReport(name, tuple(rows))


def render(report: CheckReport) -> Table:
    """Return the report as a table with the verdict below."""
    table = Table(title=f"check {report.task}", caption=report.verdict)
    table.add_column("measured")
    for column in ("value", "legal", "unit"):
        table.add_column(column, justify="right")
    table.add_column("")
    for row in report.rows:
        sign = "[green]ok[/]" if row.ok else "[red]broken[/]"
        table.add_row(row.name, f"{row.value:.4g}", _legal(row), row.unit, sign)
    return table


def _legal(row: Measurement) -> str:
    """Return the legal range as text."""
    if row.high == _ANY:
        return "any" if row.low == -_ANY else f"≥ {row.low:.4g}"
    return f"{row.low:.4g} … {row.high:.4g}"


def _make_env(task: Task, num_worlds: int, seed: int) -> GoalEnv:
    """Make an environment without automatic resets."""
    sim = CpuSim(task.scene().compile(), num_worlds)
    return GoalEnv(task, sim, seed, auto_reset=False)


def _spaces_rows(env: GoalEnv) -> Iterator[Measurement]:
    """Measure the sizes of states, goals and actions, without running the environment."""
    task, spaces = env.task, env.spaces
    worlds = torch.arange(env.num_worlds)
    goal = task.reset(worlds, Draws(env.seed, worlds, torch.zeros_like(worlds)))
    state, achieved = task.state(), task.achieved_goal()
    rows = [
        _width_row("state()", state, len(worlds), spaces.state_dim),
        _width_row("achieved_goal()", achieved, len(worlds), spaces.goal_dim),
        _width_row("goals", goal, len(worlds), spaces.goal_dim),
    ]
    for name, sensor in spaces.sensors.items():
        first, last = min(sensor.columns, default=0), max(sensor.columns, default=0)
        farthest = first if first < 0 else last
        title = f"spaces: columns of sensor {name!r}"
        rows.append(Measurement(title, farthest, "", 0, spaces.state_dim - 1))
    yield from rows
    if not all(row.ok for row in rows):  # the expert may index missing columns
        return
    yield _width_row("marker_pos_m()", task.marker_pos_m(goal), len(worlds), 3)
    obs = {"state": state, "achieved_goal": achieved, "desired_goal": goal}
    action = task.expert(policy_obs(obs, _CPU))
    if action is not None:
        yield _width_row("expert()", action, len(worlds), spaces.action_dim)


def _width_row(name: str, emitted: Tensor, worlds: int, width: int) -> Measurement:
    """Measure the number of columns; NaN unless there is one row per world."""
    shape = tuple(emitted.shape)
    if len(shape) != 2 or shape[0] != worlds:
        title = f"spaces: {name} is {shape}, not ({worlds} worlds, {width})"
        return Measurement(title, float("nan"), "", width, width)
    return Measurement(f"spaces: columns of {name}", shape[1], "", width, width)


def _reset_rows(env: GoalEnv, twin: GoalEnv) -> Iterator[Measurement]:
    """Check that resets are finite, reproducible and diverse, landmarks in place."""
    sanity = env.task.sanity
    obs, again = env.reset(), twin.reset()
    table, same = _flat(obs), _flat(again)
    finite = table.isfinite().double().mean()
    yield Measurement("reset: finite numbers", float(finite), "", 1.0, 1.0)
    apart = (table[: len(same)] - same).abs().max()
    yield Measurement("reset: difference for the same seed", float(apart), "", 0.0, 0.0)
    distinct = len(torch.unique(table, dim=0)) / len(table)
    yield Measurement("reset: distinct episodes", distinct, "", *sanity.distinct_resets)
    yield from _landmark_rows(env.task, obs["state"], "reset")
    goal = obs["desired_goal"]
    begun = env.success(obs["achieved_goal"], goal).double().mean()
    yield Measurement(
        "reset: episodes begun at the goal", float(begun), "", *sanity.reset_success
    )
    spread = float(goal.std(dim=0).max() / env.task.goal_tol_m)
    yield Measurement("goals: spread", spread, "tolerances", *sanity.goal_spread)


def _landmark_rows(task: Task, state: Tensor, when: str) -> Iterator[Measurement]:
    """Measure the maximum distance of each landmark from its box; 0 is inside."""
    for mark in task.sanity.landmarks:
        at = state[:, list(mark.columns)]
        low, high = at.new_tensor(mark.low_m), at.new_tensor(mark.high_m)
        outside = torch.maximum(low - at, at - high).clamp(min=0.0).max()
        name = f"{when}: {mark.name} outside its place"
        yield Measurement(name, float(outside), "m", 0.0, 0.0)


def _rest_rows(env: GoalEnv) -> Iterator[Measurement]:
    """Measure how far the achieved goal drifts in a second of zero actions."""
    steps = min(env.spaces.horizon, round(1.0 / env.control_dt_s))
    played = _play(env, Zero(env.spaces.action_dim), steps)
    drift = float(played.max_displacement_m.max())
    limit_m = env.task.sanity.rest_drift_m
    yield Measurement("rest: drift of the achieved goal", drift, "m", 0.0, limit_m)


def _play_at_random(env: GoalEnv, episodes: int) -> list["_Episodes"]:
    """Play at least ``episodes`` whole episodes with random actions."""
    policy = Random(env.spaces.action_dim, env.seed)
    rounds = -(-episodes // env.num_worlds)
    return [_play(env, policy, env.spaces.horizon) for _ in range(rounds)]


def _random_rows(task: Task, parts: list["_Episodes"]) -> Iterator[Measurement]:
    """Check that random actions move the goal, seldom succeed and never diverge."""
    moved = torch.cat([part.max_displacement_m > task.sanity.moved_m for part in parts])
    won = torch.cat([part.success for part in parts])
    diverged = sum(part.diverged for part in parts)
    name = "random: episodes that move the achieved goal"
    yield Measurement(name, _share(moved), "", *task.sanity.random_moved)
    yield Measurement("random: success", _share(won), "", *task.sanity.random_success)
    yield Measurement("random: diverged physics", diverged, "", 0.0, 0.0)


def _reward_rows(task: Task, parts: list["_Episodes"]) -> Iterator[Measurement]:
    """Check sparse rewards, for desired goals and for finally achieved goals.

    The maximum must be paid exactly where ``success`` holds. Outside of the task's bounds
    rewards could not be learned, because targets are clipped to them.
    """
    low, high = task.reward_bounds or (-_ANY, _ANY)
    best = 0.0 if task.success_reward is None else task.success_reward
    trail = torch.cat([part.trail for part in parts], dim=1)
    own = torch.cat([part.goal for part in parts]).expand_as(trail)
    desired = torch.cat([own, trail[-1].expand_as(trail)]).flatten(0, 1)
    achieved = torch.cat([trail, trail]).flatten(0, 1)
    reward, success = task.reward(achieved, desired), task.success(achieved, desired)
    agrees = _share((reward == best) == success)
    yield Measurement("reward: agrees with success", agrees, "", 1.0, 1.0)
    yield Measurement("reward: minimum", float(reward.min()), "", low, high)
    yield Measurement("reward: maximum", float(reward.max()), "", low, high)


def _expert_rows(env: GoalEnv) -> Iterator[Measurement]:
    """Measure the success of the scripted expert, if the task has one."""
    task = env.task
    if task.expert(policy_obs(env.reset(), _CPU)) is None:
        return

    def script(obs: Obs) -> Tensor:
        action = task.expert(obs)
        assert action is not None, "the expert acted on one observation but not on this"
        return action

    played = _play(env, Scripted(script), env.spaces.horizon)
    yield Measurement(
        "expert: success", _share(played.success), "", *task.sanity.expert_success
    )


@dataclass(frozen=True)
class _Episodes:
    """One episode in every world."""

    max_displacement_m: Tensor
    """Maximum distance of the achieved goal from its start, (num_worlds,)."""
    success: Tensor
    """Whether the goal is reached at the last step, (num_worlds,) bool."""
    diverged: int
    """Number of worlds whose physics diverged."""
    goal: Tensor
    """Desired goals, (num_worlds, goal_dim)."""
    trail: Tensor
    """Achieved goals from the reset on, (steps + 1, num_worlds, goal_dim)."""


def _play(env: GoalEnv, policy: Policy, steps: int) -> _Episodes:
    """Play ``steps`` control steps after a reset; each world counts up to its end."""
    obs = begin(env, policy)
    start, goal = obs["achieved_goal"], obs["desired_goal"]
    alive = torch.ones(env.num_worlds, dtype=torch.bool)
    won, broken, farthest = alive & False, alive & False, alive.double() * 0.0
    trail = [start]
    for _, step in play(env, policy, steps, explore=False, obs=obs):
        achieved, goal = step.obs["achieved_goal"], step.obs["desired_goal"]
        farthest = torch.where(
            alive, farthest.maximum(env.distance(achieved, start)), farthest
        )
        won = torch.where(alive, step.success, won)
        broken |= step.diverged
        alive &= ~step.done
        trail.append(achieved)
    return _Episodes(farthest, won, int(broken.sum()), goal, torch.stack(trail))


def _camera_rows(env: GoalEnv) -> Iterator[Measurement]:
    """Check that images are not blank and show differences between worlds.

    If resets place objects differently, images after a reset must differ; else (resets
    draw the goal only), images after ten random actions must.
    """
    achieved = env.reset()["achieved_goal"]
    if float(achieved.std(dim=0).max()) < env.task.sanity.moved_m:
        _play(env, Random(env.spaces.action_dim, env.seed), 10)
    cfg = CameraCfg(_IMAGE_SIZE, _IMAGE_SIZE, env.task.film_view)
    visible = int(np.isin(env.sim.model.geom_group, cfg.geom_groups).sum())
    yield Measurement("camera: visible geoms", visible, "", 1.0, _ANY)
    if visible == 0:  # nothing to render
        return
    env.sim.forward()
    worlds = torch.arange(min(_CAMERA_WORLDS, env.num_worlds))
    with closing(Camera(env.sim, env.task.scene(), cfg)) as camera:
        images = camera.render(worlds).float()
    yield Measurement(
        "camera: contrast", float(images.std(dim=(1, 2, 3)).min()), "levels", 5.0, _ANY
    )
    changed = (images - images.median(dim=0).values).abs().amax(
        dim=-1
    ) > _CHANGED_LEVELS
    pixels = float(changed.sum(dim=(1, 2)).double().median())
    yield Measurement(
        "camera: pixels that tell worlds apart", pixels, "", _CHANGED_PIXELS, _ANY
    )


def _flat(obs: Obs) -> Tensor:
    """Return all observations concatenated, (num_worlds, ...)."""
    return torch.cat([obs[name].double() for name in sorted(obs)], dim=1)


def _share(flags: Tensor) -> float:
    """Return the share of true flags."""
    return float(flags.double().mean())
