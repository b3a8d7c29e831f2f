"""Is a task sane? Behind ``puck check``.

A task can be broken so that nothing crashes: the arm stands a meter away, the object
falls off the table, hindsight still finds successes, the losses still fall, and no
policy ever learns. Each row measures one thing that must hold before training.

    spaces    states, goals and actions have the sizes that the task tells
    reset     numbers finite, the same for the same seed, landmarks in their boxes
    rest      doing nothing, the achieved goal stays
    random    random play moves something, and seldom succeeds
    reward    0 where a goal is reached and nowhere else, never outside [-1, 0]
    expert    the script solves the task, if there is one
    camera    images show something, and what differs between worlds is visible

Only what the ``Task`` protocol offers is used; a task's own bounds are its ``sanity``.
"""

from collections.abc import Iterator
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
_SEEN_LEVELS = 12
"""A pixel shows a difference from this many of the 255 levels on."""
_SEEN_PIXELS = 4.0
"""An object that covers fewer pixels cannot be learned from."""
_ANY = float("inf")


@dataclass(frozen=True)
class Measurement:
    """One measurement and the range in which it is legal."""

    name: str
    """What was measured."""
    value: float
    """The measured value; NaN is never legal."""
    unit: str
    """Its unit; empty for a share or a count."""
    low: float
    """Least legal value."""
    high: float
    """Greatest legal value."""

    @property
    def ok(self) -> bool:
        """Whether the value is legal."""
        return self.low <= self.value <= self.high


@dataclass(frozen=True)
class CheckReport:
    """Everything that was measured about a task."""

    task: str
    """Name of the task."""
    rows: tuple[Measurement, ...]
    """In the order of an episode."""

    @property
    def ok(self) -> bool:
        """Whether every row is legal."""
        return all(row.ok for row in self.rows)

    @property
    def verdict(self) -> str:
        """One line."""
        broken = [row.name for row in self.rows if not row.ok]
        return f"not sane: {', '.join(broken)}" if broken else "sane"


def check_task(
    name: str, num_worlds: int = 64, seed: int = 0, random_episodes: int = 256
) -> CheckReport:
    """Measure a task by name or from a file (``path/to/file.py:Class``).

    Args:
        name: as ``puckrl.tasks.catalog.make_task`` takes it.
        num_worlds: worlds that play together.
        seed: of resets and of random play.
        random_episodes: least number of episodes of random play.

    Raises:
        UserError: if there is no such task.
    """
    env = _make_env(make_task(name), num_worlds, seed)
    twin = _make_env(make_task(name), min(_TWIN_WORLDS, num_worlds), seed)
    with torch_threads(1):
        rows = list(_spaces_rows(twin))
        if all(row.ok for row in rows):  # else the others would only stumble
            rows += _reset_rows(env, twin)
            rows += _rest_rows(env)
            played = _play_at_random(env, random_episodes)
            rows += _random_rows(env.task, played)
            rows += _reward_rows(env.task, played)
            rows += _expert_rows(env)
            rows += _camera_rows(env)
    return CheckReport(name, tuple(rows))


def render(report: CheckReport) -> Table:
    """The report as a table, the verdict below."""
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
    """The legal range in words."""
    if row.high == _ANY:
        return f"≥ {row.low:.4g}"
    return f"{row.low:.4g} … {row.high:.4g}"


def _make_env(task: Task, num_worlds: int, seed: int) -> GoalEnv:
    """An environment that does not reset by itself."""
    sim = CpuSim(task.scene().compile(), num_worlds)
    return GoalEnv(task, sim, seed, auto_reset=False)


def _spaces_rows(env: GoalEnv) -> Iterator[Measurement]:
    """What the task emits is as wide as its spaces say; asked before any environment."""
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
    if not all(row.ok for row in rows):  # a script would read what is not there
        return
    yield _width_row("marker_pos_m()", task.marker_pos_m(goal), len(worlds), 3)
    obs = {"state": state, "achieved_goal": achieved, "desired_goal": goal}
    action = task.expert(policy_obs(obs, _CPU))
    if action is not None:
        yield _width_row("expert()", action, len(worlds), spaces.action_dim)


def _width_row(name: str, emitted: Tensor, worlds: int, width: int) -> Measurement:
    """How many columns there are; NaN if there is not one row a world."""
    shape = tuple(emitted.shape)
    if len(shape) != 2 or shape[0] != worlds:
        title = f"spaces: {name} is {shape}, not ({worlds} worlds, {width})"
        return Measurement(title, float("nan"), "", width, width)
    return Measurement(f"spaces: columns of {name}", shape[1], "", width, width)


def _reset_rows(env: GoalEnv, twin: GoalEnv) -> Iterator[Measurement]:
    """Finite, reproducible, not always the same, landmarks in their boxes."""
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
    """How far each landmark is outside its box at worst; 0 is inside."""
    for mark in task.sanity.landmarks:
        at = state[:, list(mark.columns)]
        low, high = at.new_tensor(mark.low_m), at.new_tensor(mark.high_m)
        outside = torch.maximum(low - at, at - high).clamp(min=0.0).max()
        name = f"{when}: {mark.name} outside its place"
        yield Measurement(name, float(outside), "m", 0.0, 0.0)


def _rest_rows(env: GoalEnv) -> Iterator[Measurement]:
    """Doing nothing for a second moves nothing."""
    steps = min(env.spaces.horizon, round(1.0 / env.control_dt_s))
    played = _play(env, Zero(env.spaces.action_dim), steps)
    drift = float(played.went_m.max())
    yield Measurement(
        "rest: drift of the achieved goal",
        drift,
        "m",
        0.0,
        env.task.sanity.rest_drift_m,
    )


def _play_at_random(env: GoalEnv, episodes: int) -> list["_Episodes"]:
    """At least so many whole episodes."""
    policy = Random(env.spaces.action_dim, env.seed)
    rounds = -(-episodes // env.num_worlds)
    return [_play(env, policy, env.spaces.horizon) for _ in range(rounds)]


def _random_rows(task: Task, parts: list["_Episodes"]) -> Iterator[Measurement]:
    """Random play reaches something, breaks nothing and seldom wins."""
    moved = torch.cat([part.went_m > task.sanity.moved_m for part in parts])
    won = torch.cat([part.success for part in parts])
    diverged = sum(part.diverged for part in parts)
    name = "random: episodes that move the achieved goal"
    yield Measurement(name, _share(moved), "", *task.sanity.random_moved)
    yield Measurement("random: success", _share(won), "", *task.sanity.random_success)
    yield Measurement("random: diverged physics", diverged, "", 0.0, 0.0)


def _reward_rows(task: Task, parts: list["_Episodes"]) -> Iterator[Measurement]:
    """Sparse rewards, for the goals that were asked for and for those that were reached.

    They agree where 0 is the reward of success and of nothing else. Outside [-1, 0] they
    cannot be learned: values are held to [-1 / (1 - gamma), 0].
    """
    trail = torch.cat([part.trail for part in parts], dim=1)
    asked = torch.cat([part.goal for part in parts]).expand_as(trail)
    desired = torch.cat([asked, trail[-1].expand_as(trail)]).flatten(0, 1)
    achieved = torch.cat([trail, trail]).flatten(0, 1)
    reward, success = task.reward(achieved, desired), task.success(achieved, desired)
    agrees = _share((reward == 0.0) == success)
    yield Measurement("reward: agrees with success", agrees, "", 1.0, 1.0)
    yield Measurement("reward: least", float(reward.min()), "", -1.0, 0.0)
    yield Measurement("reward: greatest", float(reward.max()), "", -1.0, 0.0)


def _expert_rows(env: GoalEnv) -> Iterator[Measurement]:
    """The scripted expert, if the task has one, succeeds."""
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

    went_m: Tensor
    """Farthest that the achieved goal was from its start, (num_worlds,)."""
    success: Tensor
    """Goal reached at the last step, (num_worlds,) bool."""
    diverged: int
    """Worlds whose physics failed."""
    goal: Tensor
    """Goals that were asked for, (num_worlds, goal_dim)."""
    trail: Tensor
    """What was achieved, from the reset on, (steps + 1, num_worlds, goal_dim)."""


def _play(env: GoalEnv, policy: Policy, steps: int) -> _Episodes:
    """Play ``steps`` control steps from a fresh reset; a world stops at its own end."""
    obs = begin(env, policy)
    start, goal = obs["achieved_goal"], obs["desired_goal"]
    alive = torch.ones(env.num_worlds, dtype=torch.bool)
    won, broken, went = alive & False, alive & False, alive.double() * 0.0
    trail = [start]
    for _, _, step in play(env, policy, steps, explore=False, obs=obs):
        achieved, goal = step.obs["achieved_goal"], step.obs["desired_goal"]
        went = torch.where(alive, went.maximum(env.distance(achieved, start)), went)
        won = torch.where(alive, step.success, won)
        broken |= step.diverged
        alive &= ~step.done
        trail.append(achieved)
    return _Episodes(went, won, int(broken.sum()), goal, torch.stack(trail))


def _camera_rows(env: GoalEnv) -> Iterator[Measurement]:
    """Images are not blank, and what tells worlds apart is in them.

    Where resets place objects differently the images after a reset must differ;
    else (only the goal is drawn) those after a stretch of random play.
    """
    achieved = env.reset()["achieved_goal"]
    if float(achieved.std(dim=0).max()) < env.task.sanity.moved_m:
        _play(env, Random(env.spaces.action_dim, env.seed), 10)
    cfg = CameraCfg(_IMAGE_SIZE, _IMAGE_SIZE, env.task.film_view)
    visible = int(np.isin(env.sim.model.geom_group, cfg.geom_groups).sum())
    yield Measurement("camera: visible geoms", visible, "", 1.0, _ANY)
    if visible == 0:  # nothing to trace
        return
    env.sim.forward()
    camera = Camera(env.sim, env.task.scene(), cfg)
    worlds = torch.arange(min(_CAMERA_WORLDS, env.num_worlds))
    images = camera.render(worlds).float()
    yield Measurement(
        "camera: contrast", float(images.std(dim=(1, 2, 3)).min()), "levels", 5.0, _ANY
    )
    changed = (images - images.median(dim=0).values).abs().amax(dim=-1) > _SEEN_LEVELS
    pixels = float(changed.sum(dim=(1, 2)).double().median())
    yield Measurement(
        "camera: pixels that tell worlds apart", pixels, "", _SEEN_PIXELS, _ANY
    )


def _flat(obs: Obs) -> Tensor:
    """All observations side by side, (num_worlds, ...)."""
    return torch.cat([obs[name].double() for name in sorted(obs)], dim=1)


def _share(flags: Tensor) -> float:
    """Share of true flags."""
    return float(flags.double().mean())
