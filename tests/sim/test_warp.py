"""Physics by mujoco_warp, on its CPU device, against MuJoCo's C engine."""

import mujoco
import pytest
import torch
from torch import Tensor

from puckrl.agents.scripted import Scripted
from puckrl.config.run_cfg import SimCfg
from puckrl.core.intervals import wilson_interval
from puckrl.core.types import Obs
from puckrl.envs.goal_env import GoalEnv, Step
from puckrl.runner.worlds import make_env
from puckrl.sim.backend import Sim
from puckrl.sim.warp import WarpSim
from puckrl.tasks.catalog import FETCH, make_task
from puckrl.training.judge import evaluate

pytestmark = pytest.mark.slow
CPU = torch.device("cpu")
# Ten control steps without the object: float32 against float64 left 4e-5, in m and m/step.
_TOLERANCE = 1e-4


def _env(
    name: str, num_worlds: int, backend: str = "warp", device: torch.device = CPU
) -> GoalEnv:
    assert backend in ("cpu", "warp")
    sim = SimCfg(backend=backend, num_worlds=num_worlds)
    return make_env(name, sim, seed=3, device=device)


def _play(
    env: GoalEnv, steps: int, seed: int = 0, *, rising: bool = False
) -> list[Step]:
    """Random play; the same seed, the same actions. A hand that rises touches nothing."""
    rng = torch.Generator().manual_seed(seed)
    shape = (steps, env.num_worlds, env.spaces.action_dim)
    actions = torch.rand(shape, generator=rng) * 2 - 1
    if rising:
        actions[..., 2].abs_()
    return [env.step(action.to(env.sim.device)) for action in actions]


def _equal(a: Obs, b: Obs, worlds: list[int]) -> bool:
    return all(torch.equal(a[name][worlds], b[name][worlds]) for name in a)


def _small(num_worlds: int, varied: tuple[str, ...] = ()) -> WarpSim:
    """Compile the scene of Reach, the smallest one."""
    model = make_task("reach").limited_scene("hand").compile()
    return WarpSim(model, num_worlds, CPU, varied=varied)


# -- parity --------------------------------------------------------------------


def _compare(name: str, num_worlds: int, device: torch.device, *, rising: bool) -> None:
    """The same trajectories."""
    c, w = _env(name, num_worlds, "cpu"), _env(name, num_worlds, device=device)
    begin = c.reset()["state"]
    torch.testing.assert_close(
        w.reset()["state"].cpu().double(), begin, rtol=0, atol=1e-6
    )
    theirs = _play(c, 10, rising=rising)
    for a, b in zip(theirs, _play(w, 10, rising=rising), strict=True):
        assert b.obs["state"].dtype == torch.float32
        for key in a.obs:
            torch.testing.assert_close(
                b.obs[key].cpu().double(), a.obs[key], rtol=0, atol=_TOLERANCE
            )
        assert torch.equal(b.success.cpu(), a.success)
    moved = (theirs[-1].obs["state"] - begin)[:, :3].norm(dim=1)
    assert bool((moved > 0.01).all()), moved


@pytest.mark.parametrize(("num_worlds", "rising"), [(4, False), (64, True)])
@pytest.mark.parametrize("name", FETCH)
def test_ten_control_steps_agree_with_the_c_engine(
    name: str, num_worlds: int, rising: bool
) -> None:
    _compare(name, num_worlds, CPU, rising=rising)


def test_a_touched_cube_goes_where_the_c_engine_pushes_it() -> None:
    """Boxes meet by the algorithm of the C engine: with another one, a cube was 7 mm off."""
    engines = [_env("push", 64, backend) for backend in ("cpu", "warp")]
    starts = [env.reset()["achieved_goal"] for env in engines]
    ends = [_play(env, 10)[-1].obs["achieved_goal"].double() for env in engines]
    touched = (ends[0] - starts[0]).norm(dim=1) > 0.005
    assert int(touched.sum()) >= 2
    torch.testing.assert_close(ends[1], ends[0], rtol=0, atol=2e-4)


@pytest.mark.gpu
@pytest.mark.parametrize("name", FETCH)
def test_ten_control_steps_agree_on_a_gpu(name: str, device: torch.device) -> None:
    # Some of the worlds touch something, and contact is chaotic.
    _compare(name, 64, device, rising=True)


def _expert_wins(env: GoalEnv) -> int:
    def script(obs: Obs) -> Tensor:
        action = env.task.expert(obs)
        assert action is not None
        return action

    played = evaluate(env, Scripted(script, env.device), env.num_worlds)
    return round(played.success * played.episodes)


@pytest.mark.parametrize("name", ["push", "pick-place"])
def test_the_expert_succeeds_as_often_on_both_engines(name: str) -> None:
    worlds = 16
    wins = [_expert_wins(_env(name, worlds, backend)) for backend in ("cpu", "warp")]
    low, high = wilson_interval(wins[0], worlds)
    assert low <= wins[1] / worlds <= high, wins


@pytest.mark.gpu
@pytest.mark.parametrize("name", FETCH)
def test_the_expert_succeeds_as_often_on_a_gpu(name: str, device: torch.device) -> None:
    worlds = 512
    c = wilson_interval(_expert_wins(_env(name, worlds, "cpu")), worlds)
    w = wilson_interval(_expert_wins(_env(name, worlds, device=device)), worlds)
    assert c.low <= w.high, (c, w)
    assert w.low <= c.high, (c, w)


# -- worlds --------------------------------------------------------------------


def test_a_reset_leaves_other_worlds_untouched() -> None:
    # In PickAndPlace derived fields lag a substep: recomputing them would show
    calm, busy = _env("pick-place", 3), _env("pick-place", 3)
    for env in (calm, busy):
        env.reset()
        _play(env, 3)
    before = busy.observe()
    after = busy.reset(torch.tensor([1]))
    assert _equal(before, after, [0, 2])
    assert not torch.equal(before["state"][1], after["state"][1])
    for a, b in zip(_play(calm, 4, seed=1), _play(busy, 4, seed=1), strict=True):
        assert _equal(a.obs, b.obs, [0, 2])


@pytest.mark.parametrize("field", ["qpos", "qvel"])
def test_a_failed_world_is_flagged_reset_and_alone(field: str) -> None:
    sick, well = _env("push", 3), _env("push", 3)
    for env in (sick, well):
        env.reset()
        _play(env, 2)
    told: list[tuple[Tensor, str]] = []

    def guard(sim: Sim, worlds: Tensor) -> None:
        told.append((worlds, sim.failure(worlds)))

    sick.guard = guard
    sick.sim.field(field)[1] = torch.nan
    a, b = _play(sick, 1, seed=1)[0], _play(well, 1, seed=1)[0]
    assert a.diverged.tolist() == a.truncated.tolist() == [False, True, False]
    assert [(w.tolist(), why) for w, why in told] == [([1], "NaN or huge")]
    assert not b.done.any()
    assert all(bool(value.isfinite().all()) for value in a.obs.values())
    assert _equal(a.obs, b.obs, [0, 2])
    # it has begun its second episode as a reset would have
    fresh = _env("push", 3)
    fresh.reset()
    assert _equal(a.obs, fresh.reset(), [1])
    for a, b in zip(_play(sick, 3, seed=2), _play(well, 3, seed=2), strict=True):
        assert not a.done.any()
        assert _equal(a.obs, b.obs, [0, 2])


def test_a_failed_world_keeps_the_state_from_before_the_step() -> None:
    sim = _small(2)
    sim.field("qvel")[1] = 1e12
    before = sim.snapshot()
    assert sim.step(2).tolist() == [False, True]
    for name, value in sim.snapshot().items():
        assert torch.equal(value[1], before[name][1]), name
    assert sim.field("time")[0] == pytest.approx(2 * sim.model.opt.timestep)


def test_a_world_with_too_few_constraint_rows_fails() -> None:
    model = make_task("reach").limited_scene("hand").compile()
    sim = WarpSim(model, 2, CPU, max_constraints=8)
    assert sim.step(1).tolist() == [True, True]
    assert "NEFC" in sim.failure(torch.tensor([0]))


def test_full_contact_buffers_fail_every_world() -> None:
    model = make_task("reach").limited_scene("hand").compile()
    sim = WarpSim(model, 2, CPU, max_contacts=1)
    assert sim.step(1).tolist() == [True, True]
    assert "NARROWPHASE" in sim.failure(torch.tensor([1]))


# -- fields, snapshots ---------------------------------------------------------


@pytest.mark.parametrize("name", ["push", "pick-place"])
def test_restored_worlds_go_on_bit_for_bit(name: str) -> None:
    env = _env(name, 3)
    env.reset()
    _play(env, 47)
    snapshot = env.snapshot()
    ahead = _play(env, 5, seed=9)  # through the reset at 50
    env.restore(snapshot)
    fresh = _env(name, 3)
    fresh.restore(snapshot)
    for restored in (env, fresh):
        for a, b in zip(_play(restored, 5, seed=9), ahead, strict=True):
            assert _equal(a.final_obs, b.final_obs, [0, 1, 2])
            assert _equal(a.obs, b.obs, [0, 1, 2])


def test_fields_are_views_in_the_shape_of_mujoco() -> None:
    sim = _small(2)
    data = mujoco.MjData(sim.model)
    mujoco.mj_forward(sim.model, data)
    sim.forward()
    for name in ("qpos", "mocap_pos", "xpos", "xquat", "site_xmat", "geom_xmat"):
        theirs = torch.as_tensor(getattr(data, name), dtype=torch.float32)
        assert sim.field(name).shape == (2, *theirs.shape), name
        torch.testing.assert_close(sim.field(name)[1], theirs, rtol=0, atol=1e-5)
    xpos = sim.field("xpos")
    assert xpos.data_ptr() == sim.field("xpos").data_ptr()
    sim.field("qpos")[1, 0] += 0.5
    sim.forward()
    assert float((xpos[1] - xpos[0]).abs().max()) == pytest.approx(0.5, abs=1e-5)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValueError, match=r"qposs.*legal: time, qpos"):
        _small(1).field("qposs")


def test_a_model_field_may_vary_from_world_to_world() -> None:
    sim = _small(2, varied=("body_gravcomp", "dof_damping"))
    joint = int(sim.model.joint("robot0:wrist_roll_joint").dofadr[0])
    sim.field("qvel")[:, joint] = 1.0
    sim.model_field("dof_damping")[1, joint] *= 100.0
    assert not sim.step(5).any()
    free, damped = sim.field("qvel")[:, joint].tolist()
    assert damped < 0.5 * free
    with pytest.raises(ValueError, match="varied: body_gravcomp, dof_damping"):
        sim.model_field("geom_size")


# -- one graph -----------------------------------------------------------------


def test_on_the_cpu_a_captured_function_is_itself() -> None:
    assert _small(1).captured(len) is len


@pytest.mark.gpu
def test_a_control_step_is_the_same_as_a_graph(device: torch.device) -> None:
    graph, eager = (_env("pick-place", 16, device=device) for _ in range(2))
    eager._advance = eager._control_step
    graph.reset()
    eager.reset()
    for a, b in zip(_play(graph, 12), _play(eager, 12), strict=True):
        for key in a.obs:
            # float32 sums in another order: atomics
            torch.testing.assert_close(a.obs[key], b.obs[key], rtol=0, atol=_TOLERANCE)
    for env in (graph, eager):
        assert int(env._elapsed[0]) == 12
