"""The batched environment: order of calls, resets, endings, seeds, snapshots."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mujoco
import pytest
import torch
from torch import Tensor

from puckrl.config.run_cfg import SimCfg
from puckrl.core.errors import UserError
from puckrl.core.rng import Draws
from puckrl.core.types import Obs, Spaces
from puckrl.envs.goal_env import GoalEnv
from puckrl.runner.worlds import make_env
from puckrl.sim.backend import Sim
from puckrl.sim.cpu import CpuSim
from puckrl.tasks.catalog import TASKS, make_task
from puckrl.tasks.task import Task

HORIZON = 4


class CountingSim:
    """A number per world that grows by the control at every physics step."""

    def __init__(self, num_worlds: int, calls: list[str]) -> None:
        self.model = mujoco.MjModel.from_xml_string("<mujoco/>")
        self.num_worlds, self.device = num_worlds, torch.device("cpu")
        self.count = torch.zeros(num_worlds, 1, dtype=torch.float64)
        self.rate = torch.zeros_like(self.count)
        self.failing = torch.zeros(num_worlds, dtype=torch.bool)
        self._calls = calls

    def field(self, name: str) -> Tensor:
        return {"count": self.count, "rate": self.rate}[name]

    def model_field(self, name: str) -> Tensor:
        raise ValueError(name)

    def step(self, nstep: int) -> Tensor:
        self._calls.append(f"step({nstep})")
        self.count += nstep * self.rate
        return self.failing.clone()

    def forward(self, worlds: Tensor | None = None) -> None:
        self._calls.append("forward")

    def reset(self, worlds: Tensor) -> None:
        self._calls.append(f"sim.reset{worlds.tolist()}")
        self.count[worlds] = 0.0

    def failure(self, worlds: Tensor) -> str:
        return "as asked"

    def captured(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    def snapshot(self) -> dict[str, Tensor]:
        return {"count": self.count.clone()}

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        self.count.copy_(snapshot["count"])


class CountingTask(Task):
    """Count to the goal; beyond 10 the episode is truly over."""

    substeps = 2
    spaces = Spaces(state_dim=1, goal_dim=1, action_dim=1, horizon=HORIZON)

    def __init__(self, calls: list[str]) -> None:
        super().__init__()
        self._calls = calls

    def scene(self) -> mujoco.MjSpec:
        return mujoco.MjSpec()

    def bind(self, sim: Sim) -> None:
        self._calls.append("bind")
        self._sim, self._count, self._rate = sim, sim.field("count"), sim.field("rate")

    def reset(self, worlds: Tensor, draws: Draws) -> Tensor:
        self._calls.append(f"reset{worlds.tolist()}")
        self._sim.reset(worlds)
        return draws.uniform(100.0, 200.0, 1)

    def apply(self, action: Tensor) -> None:
        self._calls.append("apply")
        self._rate.copy_(action)

    def settle(self) -> None:
        self._calls.append("settle")

    def state(self) -> Tensor:
        self._calls.append("state")
        return self._count.clone()

    def achieved_goal(self) -> Tensor:
        return self._count.clone()

    def terminated(self, achieved: Tensor, desired: Tensor) -> Tensor:
        return achieved[:, 0] > 5.0


def _counting(num_worlds: int) -> tuple[GoalEnv, CountingSim, list[str]]:
    calls: list[str] = []
    sim = CountingSim(num_worlds, calls)
    return GoalEnv(CountingTask(calls), sim), sim, calls


def _rates(*rates: float) -> Tensor:
    return torch.tensor(rates)[:, None]


def test_order_of_calls() -> None:
    env, _, calls = _counting(2)
    env.reset()
    assert calls == ["bind", "reset[0, 1]", "sim.reset[0, 1]", "state"]
    calls.clear()
    env.step(_rates(0.1, 1.0))
    env.step(_rates(0.1, 1.0))
    one = ["apply", "step(2)", "settle", "state"]
    assert calls == one * 2
    calls.clear()
    env.step(_rates(0.1, 1.0))  # world 1 has counted to 6 and begins anew
    assert calls == [*one, "reset[1]", "sim.reset[1]", "state"]


def test_auto_reset_keeps_the_true_final_observation() -> None:
    env, _, _ = _counting(2)
    goal = env.reset()["desired_goal"]
    for _ in range(2):
        env.step(_rates(0.1, 1.0))
    step = env.step(_rates(0.1, 1.0))
    assert step.final_obs["state"][:, 0].tolist() == pytest.approx([0.6, 6.0])
    assert step.obs["state"][:, 0].tolist() == pytest.approx([0.6, 0.0])
    assert torch.equal(step.final_obs["desired_goal"], goal)
    assert torch.equal(step.obs["desired_goal"][0], goal[0])
    assert step.obs["desired_goal"][1] != goal[1]


def test_terminated_is_not_truncated() -> None:
    env, _, _ = _counting(3)
    env.reset()
    ends = []
    for _ in range(HORIZON):
        step = env.step(_rates(0.1, 1.0, 0.7))
        ends.append((step.terminated.tolist(), step.truncated.tolist()))
    no = [False] * 3
    # 0: cut by the horizon. 1: ends at 6. 2: ends at 5.6, at the horizon too
    assert ends[:2] == [(no, no)] * 2
    assert ends[2] == ([False, True, False], no)
    assert ends[3] == ([False, False, True], [True, False, True])


def test_a_failed_world_is_truncated_never_terminated() -> None:
    env, sim, calls = _counting(2)
    env.reset()
    sim.failing[0] = True
    sim.count[0] = 50.0
    step = env.step(_rates(0.0, 0.0))
    assert step.diverged.tolist() == step.truncated.tolist() == [True, False]
    assert not step.terminated.any()
    assert "reset[0]" in calls


def test_without_auto_reset_nothing_begins_anew() -> None:
    calls: list[str] = []
    env = GoalEnv(CountingTask(calls), CountingSim(1, calls), auto_reset=False)
    env.reset()
    for _ in range(HORIZON):
        env.step(_rates(0.1))
    step = env.step(_rates(0.1))
    assert bool(step.truncated.all())
    assert step.obs is step.final_obs
    assert sum(call.startswith("reset") for call in calls) == 1


def test_actions_are_clipped() -> None:
    env, sim, _ = _counting(2)
    env.reset()
    env.step(_rates(7.0, -7.0))
    assert sim.rate[:, 0].tolist() == [1.0, -1.0]


def test_observations_are_copies() -> None:
    env = _fetch("push", 2)
    before = env.reset()
    kept = {name: value.clone() for name, value in before.items()}
    for _ in range(3):
        env.step(torch.ones(2, 4))
    env.reset()
    assert all(torch.equal(before[name], kept[name]) for name in kept)


# -- with physics --------------------------------------------------------------


def _fetch(name: str, num_worlds: int, seed: int = 3) -> GoalEnv:
    task = make_task(name)
    return GoalEnv(task, CpuSim(task.scene().compile(), num_worlds), seed)


def _play(env: GoalEnv, steps: int, seed: int) -> list[Obs]:
    """Return observations of random actions, which depend on seed and world only."""
    rngs = [torch.Generator().manual_seed(seed + w) for w in range(env.num_worlds)]
    seen = []
    for _ in range(steps):
        size = env.spaces.action_dim
        rows = [torch.rand(size, generator=rng) * 2 - 1 for rng in rngs]
        step = env.step(torch.stack(rows))
        seen += [step.final_obs, step.obs]
    return seen


def _equal(a: list[Obs], b: list[Obs], worlds: list[int]) -> bool:
    return all(
        torch.equal(x[name][worlds], y[name][worlds])
        for x, y in zip(a, b, strict=True)
        for name in x
    )


@pytest.mark.parametrize("name", ["reach", "pick-place"])
def test_worlds_do_not_depend_on_their_number(name: str) -> None:
    few, many = _fetch(name, 4), _fetch(name, 9)
    first = [few.reset()], [many.reset()]
    assert _equal(*first, [0, 1, 2, 3])
    # 60 steps: through the reset at 50
    assert _equal(_play(few, 60, seed=0), _play(many, 60, seed=0), [0, 1, 2, 3])


def test_resets_do_not_depend_on_what_other_worlds_did() -> None:
    calm, busy = _fetch("push", 3), _fetch("push", 3)
    calm.reset()
    busy.reset()
    for _ in range(5):
        busy.reset(torch.tensor([0, 2]))
    _play(busy, 7, seed=1)
    world = torch.tensor([1])
    assert _equal([calm.reset(world)], [busy.reset(world)], [1])


def test_seeds_and_episodes_differ() -> None:
    env = _fetch("push", 2)
    first, second = env.reset(), env.reset()
    other = _fetch("push", 2, seed=4).reset()
    for name in ("achieved_goal", "desired_goal"):
        rows = torch.cat([first[name], second[name], other[name]])
        assert len(rows.unique(dim=0)) == 6


@pytest.mark.parametrize("name", TASKS)
def test_restored_worlds_go_on_bit_for_bit(name: str) -> None:
    env = _fetch(name, 3)
    env.reset()
    _play(env, env.spaces.horizon - 5, seed=0)
    snapshot = env.snapshot()
    kept = {key: value.clone() for key, value in snapshot.items()}
    ahead = _play(env, 12, seed=9)  # through the reset
    assert all(torch.equal(snapshot[key], kept[key]) for key in kept)
    env.restore(snapshot)
    assert _equal(_play(env, 12, seed=9), ahead, [0, 1, 2])
    fresh = _fetch(name, 3)
    fresh.restore(snapshot)
    assert _equal(_play(fresh, 12, seed=9), ahead, [0, 1, 2])


@pytest.mark.parametrize("field", ["qpos", "qvel"])
def test_a_diverged_world_is_flagged_reset_and_alone(
    field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # MuJoCo writes its warnings into a log file
    sick, well = _fetch("push", 3), _fetch("push", 3)
    for env in (sick, well):
        env.reset()
        _play(env, 3, seed=0)
    sick.sim.field(field)[1] = torch.nan
    action = torch.full((3, 4), 0.5)
    a, b = sick.step(action), well.step(action)
    assert a.diverged.tolist() == a.truncated.tolist() == [False, True, False]
    assert not b.done.any()
    assert all(bool(value.isfinite().all()) for value in a.obs.values())
    assert _equal([a.obs, a.final_obs], [b.obs, b.final_obs], [0, 2])
    assert _equal(_play(sick, 60, seed=5), _play(well, 60, seed=5), [0, 2])
    # the sick world has begun its second episode, as a reset would have
    assert torch.equal(a.obs["state"][1], _second_episode(well.seed)["state"][1])


def _second_episode(seed: int) -> Obs:
    """Return the second episode's first observation."""
    env = _fetch("push", 3, seed)
    env.reset()
    return env.reset()


class LiveTask(CountingTask):
    """Hands out its own memory, as many tasks do."""

    def __init__(self, calls: list[str]) -> None:
        super().__init__(calls)
        self.paid = torch.zeros(2, dtype=torch.float64)

    def state(self) -> Tensor:
        return self._count

    def achieved_goal(self) -> Tensor:
        return self._count

    def reward(self, achieved: Tensor, desired: Tensor) -> Tensor:
        return self.paid.copy_(achieved[:, 0])


def test_no_later_step_changes_what_a_live_view_handed_out() -> None:
    env = GoalEnv(LiveTask([]), CountingSim(2, []))
    first = env.reset()
    step = env.step(_rates(0.1, 1.0))
    env.step(_rates(0.1, 1.0))
    assert first["state"].tolist() == [[0.0], [0.0]]
    assert step.obs["achieved_goal"][:, 0].tolist() == pytest.approx([0.2, 2.0])
    assert step.reward.tolist() == pytest.approx([0.2, 2.0])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused_with_its_place(value: float) -> None:
    env, sim, _ = _counting(3)
    env.reset()
    env.step(_rates(0.1, 0.1, 0.1))
    sim.count[1] = value
    with pytest.raises(UserError, match=r"column 0, is (NaN|inf) in world 1, 2 steps"):
        env.step(_rates(0.1, 0.1, 0.1))


def test_a_reward_that_is_not_finite_is_refused() -> None:
    task = LiveTask([])
    env = GoalEnv(task, CountingSim(2, []))
    env.reset()
    task.reward = lambda achieved, desired: torch.tensor([0.0, torch.nan])
    with pytest.raises(UserError, match="reward is NaN in world 1, 1 step after"):
        env.step(_rates(0.1, 0.1))


def test_failed_physics_may_leave_what_it_likes() -> None:
    env, sim, _ = _counting(2)
    env.reset()
    sim.count[1], sim.failing[1] = torch.nan, True
    step = env.step(_rates(0.1, 0.1))
    assert step.diverged.tolist() == [False, True]
    assert step.obs["state"].isfinite().all()


def test_sizes_that_are_not_the_tasks_are_named() -> None:
    env, _, _ = _counting(2)
    env.task.spaces = Spaces(state_dim=3, goal_dim=1, action_dim=1, horizon=HORIZON)
    with pytest.raises(
        UserError, match=r"CountingTask.state\(\) .*\(2, 1\), not \(2, 3\)"
    ):
        env.reset()


def test_slips_are_refused_before_anything_moves() -> None:
    """An action of another shape would be broadcast, a mask read as the worlds 0 and 1."""
    env = make_env("reach", SimCfg(num_worlds=2))
    action = torch.zeros(2, 4)
    with pytest.raises(UserError, match="before reset"):
        env.step(action)
    env.reset()
    for wrong in (action[0], action[:1], torch.zeros(2, 5), torch.zeros(3, 4)):
        with pytest.raises(UserError, match=r"wanted \(2, 4\)"):
            env.step(wrong)
    with pytest.raises(UserError, match="turn a mask into indices"):
        env.reset(torch.tensor([True, False]))
    env.step(action)


def test_a_restored_environment_has_begun() -> None:
    env, other = (make_env("reach", SimCfg(num_worlds=2)) for _ in range(2))
    for world in (0, 1):  # one after the other is all of them, too
        env.reset(torch.tensor([world]))
    env.step(torch.zeros(2, 4))
    other.restore(env.snapshot())
    other.step(torch.zeros(2, 4))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda env: env.step(3), "actions are a int; wanted: a torch.Tensor"),
        (lambda env: env.step([[0.0] * 4] * 3), "actions are a list; wanted"),
        (lambda env: env.reset(3), "worlds to reset are int; legal: a torch.Tensor"),
        (lambda env: env.reset(torch.tensor([3])), r"are \[3\]; legal:.*0 to 2"),
        (lambda env: env.reset(torch.tensor([-1])), r"are \[-1\]; legal"),
        (lambda env: env.reset(torch.tensor(1)), "are 1; legal"),
        (lambda env: env.reseed("x"), "seed='x'; legal: a whole number"),
    ],
)
def test_arguments_of_another_kind_are_refused(
    call: Callable[[Any], object], told: str
) -> None:
    env = make_env("reach", SimCfg(num_worlds=3))
    env.reset()
    with pytest.raises(UserError, match=told):
        call(env)
