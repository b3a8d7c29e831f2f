"""Measure a task: each row is one condition that must hold before training."""

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from puckrl.agents.scripted import Random, Scripted, Zero
from puckrl.core.rng import Draws
from puckrl.core.types import Obs
from puckrl.doctor.task_play import Episodes, play_episodes
from puckrl.envs.finite import NotFinite
from puckrl.envs.goal_env import GoalEnv
from puckrl.envs.play import policy_obs
from puckrl.sim.camera import Camera, CameraCfg
from puckrl.tasks.task import Task

_CPU = torch.device("cpu")
_CAMERA_WORLDS = 16
_IMAGE_SIZE = 64
_CHANGED_LEVELS = 12
"""Minimum difference of a changed pixel, in levels of 255."""
_CHANGED_PIXELS = 4.0
"""Minimum number of changed pixels that a policy can learn from."""
ANY = float("inf")
MAX = sys.float_info.max


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


def spaces_rows(env: GoalEnv) -> Iterator[Measurement]:
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
    columns = {f"sensor {name!r}": s.columns for name, s in spaces.sensors.items()}
    columns |= {f"landmark {m.name!r}": m.columns for m in task.sanity.landmarks}
    for name, used in columns.items():
        first, last = min(used, default=0), max(used, default=0)
        farthest = first if first < 0 else last
        title = f"spaces: columns of {name}"
        rows.append(Measurement(title, farthest, "", 0, spaces.state_dim - 1))
    yield from rows
    if not all(row.ok for row in rows):  # the expert may index missing columns
        return
    more = [_width_row("marker_pos_m()", task.marker_pos_m(goal), len(worlds), 3)]
    obs = {"state": state, "achieved_goal": achieved, "desired_goal": goal}
    action = task.expert(policy_obs(obs, _CPU))
    if action is not None:
        more.append(_width_row("expert()", action, len(worlds), spaces.action_dim))
    yield from more
    if all(row.ok for row in more):
        yield from _view_rows(env)


def _view_rows(env: GoalEnv) -> Iterator[Measurement]:
    """Find results that the task's next step overwrites.

    Three steps, because a task may use two buffers in turn.
    """
    task, kept = env.task, list[tuple[str, Tensor, Tensor]]()
    for step in range(4):
        size = 1.0 if step % 2 else -1.0
        task.apply(torch.full((env.num_worlds, env.spaces.action_dim), size))
        env.sim.step(task.substeps)
        task.settle()
        for name, value in (
            ("state()", task.state()),
            ("achieved_goal()", task.achieved_goal()),
        ):
            kept.append((name, value, value.clone()))
    for part in ("state()", "achieved_goal()"):
        same = [_equal(value, was) for name, value, was in kept if name == part]
        storages = [v.untyped_storage().data_ptr() for n, v, _ in kept if n == part]
        live = not all(same) or len(set(storages)) < len(storages)
        title = f"spaces: {part} is a live view; return a new tensor: .clone()"
        name = title if live else f"spaces: live view from {part}"
        yield Measurement(name, float(live), "", 0.0, 0.0)


def _width_row(name: str, emitted: Tensor, worlds: int, width: int) -> Measurement:
    """Measure the number of columns; NaN unless there is one row per world."""
    shape = tuple(emitted.shape)
    if len(shape) != 2 or shape[0] != worlds:
        title = f"spaces: {name} is {shape}, not ({worlds} worlds, {width})"
        return Measurement(title, float("nan"), "", width, width)
    return Measurement(f"spaces: columns of {name}", shape[1], "", width, width)


def reset_rows(env: GoalEnv, twin: GoalEnv) -> Iterator[Measurement]:
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


def rest_rows(env: GoalEnv) -> Iterator[Measurement]:
    """Measure how far the achieved goal drifts in a second of zero actions."""
    steps = max(1, min(env.spaces.horizon, round(1.0 / env.control_dt_s)))
    played = play_episodes(env, Zero(env.spaces.action_dim), steps)
    drift = float(played.max_displacement_m.max())
    limit_m = env.task.sanity.rest_drift_m
    yield Measurement("rest: drift of the achieved goal", drift, "m", 0.0, limit_m)


def random_rows(task: Task, parts: list[Episodes]) -> Iterator[Measurement]:
    """Check that random actions move the goal, seldom succeed and never diverge."""
    moved = torch.cat([part.max_displacement_m > task.sanity.moved_m for part in parts])
    won = torch.cat([part.success for part in parts])
    diverged = sum(part.diverged for part in parts)
    name = "random: episodes that move the achieved goal"
    yield Measurement(name, _share(moved), "", *task.sanity.random_moved)
    yield Measurement("random: success", _share(won), "", *task.sanity.random_success)
    yield Measurement("random: diverged physics", diverged, "", 0.0, 0.0)


def nan_rows(when: str, spots: list[NotFinite]) -> Iterator[Measurement]:
    """Name the first place of each quantity that was NaN or infinite; forget all places."""
    for spot in {spot.name: spot for spot in reversed(spots)}.values():
        yield Measurement(f"{when}: {spot.text}", spot.value, "", -MAX, MAX)
    spots.clear()


def reward_rows(task: Task, parts: list[Episodes]) -> Iterator[Measurement]:
    """Check sparse rewards, for desired goals and for finally achieved goals.

    The maximum must be paid exactly where ``success`` holds. Outside of the task's bounds
    rewards could not be learned, because targets are clipped to them.
    """
    low, high = task.reward_bounds or (-ANY, ANY)
    best = 0.0 if task.success_reward is None else task.success_reward
    trail = torch.cat([part.trail for part in parts], dim=1)
    own = torch.cat([part.goal for part in parts]).expand_as(trail)
    desired = torch.cat([own, trail[-1].expand_as(trail)]).flatten(0, 1)
    achieved = torch.cat([trail, trail]).flatten(0, 1)
    before = achieved.clone(), desired.clone()
    reward, success = task.reward(achieved, desired), task.success(achieved, desired)
    task.terminated(achieved, desired)
    if not (_equal(achieved, before[0]) and _equal(desired, before[1])):
        title = "reward: reward(), success() or terminated() overwrites its arguments"
        yield Measurement(title, 1.0, "", 0.0, 0.0)
    agrees = _share((reward == best) == success)
    yield Measurement("reward: agrees with success", agrees, "", 1.0, 1.0)
    yield Measurement("reward: minimum", float(reward.min()), "", low, high)
    yield Measurement("reward: maximum", float(reward.max()), "", low, high)


def expert_rows(env: GoalEnv) -> Iterator[Measurement]:
    """Measure the success of the scripted expert, if the task has one."""
    task = env.task
    if task.expert(policy_obs(env.reset(), _CPU)) is None:
        return

    def script(obs: Obs) -> Tensor:
        action = task.expert(obs)
        assert action is not None, "the expert acted on one observation but not on this"
        return action

    played = play_episodes(env, Scripted(script), env.spaces.horizon)
    yield Measurement(
        "expert: success", _share(played.success), "", *task.sanity.expert_success
    )


def camera_rows(env: GoalEnv) -> Iterator[Measurement]:
    """Check that images are not blank and show differences between worlds.

    If resets place objects differently, images after a reset must differ; else (resets
    draw the goal only), images after ten random actions must.
    """
    achieved = env.reset()["achieved_goal"]
    if float(achieved.std(dim=0).max()) < env.task.sanity.moved_m:
        play_episodes(env, Random(env.spaces.action_dim, env.seed), 10)
    cfg = CameraCfg(_IMAGE_SIZE, _IMAGE_SIZE, env.task.film_view)
    visible = int(np.isin(env.sim.model.geom_group, cfg.geom_groups).sum())
    yield Measurement("camera: visible geoms", visible, "", 1.0, ANY)
    if visible == 0:  # nothing to render
        return
    env.sim.forward()
    worlds = torch.arange(min(_CAMERA_WORLDS, env.num_worlds))
    with closing(Camera(env.sim, env.task.scene(), cfg)) as camera:
        images = camera.render(worlds).float()
    yield Measurement(
        "camera: contrast", float(images.std(dim=(1, 2, 3)).min()), "levels", 5.0, ANY
    )
    changed = (images - images.median(dim=0).values).abs().amax(
        dim=-1
    ) > _CHANGED_LEVELS
    pixels = float(changed.sum(dim=(1, 2)).double().median())
    yield Measurement(
        "camera: pixels that tell worlds apart", pixels, "", _CHANGED_PIXELS, ANY
    )


def _flat(obs: Obs) -> Tensor:
    """Return all observations concatenated, (num_worlds, ...)."""
    return torch.cat([obs[name].double() for name in sorted(obs)], dim=1)


def _equal(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors are equal, NaN in the same places."""
    return torch.allclose(one, other, rtol=0.0, atol=0.0, equal_nan=True)


def _share(flags: Tensor) -> float:
    """Return the share of true flags."""
    return float(flags.double().mean())
