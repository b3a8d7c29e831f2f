"""Number for number the Fetch tasks of gymnasium-robotics v4."""

from typing import Any, Literal

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from puckrl.core.types import Obs
from puckrl.envs.goal_env import GoalEnv
from puckrl.sim.cpu import CpuSim
from puckrl.tasks.catalog import FETCH, make_task
from puckrl.tasks.task import RewardKind
from tests.reference import begin, make_reference

# Both sides run the same C code on the same bits. What differs is how velocities
# are summed (our one product, their Jacobian), which is never fed back: 5e-16 is
# measured. A wrong bit that is fed back grows to 1e-2 within an episode.
PARITY_TOL = 1e-9
WORLDS, STEPS = 3, 120
EARLY_RESET_AT = 20
Play = Literal["random", "chase"]

# Chance that the test of one component fails although the distributions are equal.
KS_RESETS = 2000
KS_ALPHA = 0.01 / 30


def _env(name: str, reward: RewardKind, num_worlds: int, seed: int = 0) -> GoalEnv:
    task = make_task(name, reward)
    return GoalEnv(task, CpuSim(task.scene().compile(), num_worlds), seed)


def _action(play: Play, obs: Obs, rng: np.random.Generator) -> Tensor:
    """Random, or after the object (the goal in Reach): contact in nearly every step."""
    noise = rng.uniform(-1, 1, (WORLDS, 4))
    if play == "random":
        return torch.from_numpy(noise.astype(np.float32))
    state = obs["state"].numpy()
    target = state[:, 3:6] if state.shape[1] == 25 else obs["desired_goal"].numpy()
    noise[:, :3] = 10 * (target - state[:, :3]) + 0.3 * noise[:, :3]
    return torch.from_numpy(noise.astype(np.float32))  # beyond 1: clipping is compared


def _object_xy(env: GoalEnv, world: int) -> np.ndarray | None:
    if env.spaces.state_dim == 10:
        return None
    at = int(env.sim.model.joint("object0:joint").qposadr[0])
    return env.sim.field("qpos")[world, at : at + 2].numpy().copy()


def _worst(obs: Obs, world: int, reference: dict[str, np.ndarray]) -> float:
    names = {
        "state": "observation",
        "achieved_goal": "achieved_goal",
        "desired_goal": "desired_goal",
    }
    return max(
        float(np.abs(obs[ours][world].numpy() - reference[theirs]).max())
        for ours, theirs in names.items()
    )


def _begin_all(
    env: GoalEnv, obs: Obs, references: list[Any], worlds: list[int]
) -> None:
    for world in worlds:
        goal = obs["desired_goal"][world].numpy()
        first = begin(references[world], _object_xy(env, world), goal)
        assert _worst(obs, world, first) <= PARITY_TOL
        qpos = env.sim.field("qpos")[world].numpy()
        np.testing.assert_array_equal(qpos, references[world].data.qpos)


@pytest.mark.parametrize(
    ("play", "reward"),
    [("random", "sparse"), ("chase", "sparse"), ("chase", "dense")],
)
@pytest.mark.parametrize("name", FETCH)
def test_whole_episodes_equal_the_reference(
    name: str, play: Play, reward: RewardKind
) -> None:
    env = _env(name, reward, WORLDS)
    references = [make_reference(name, reward) for _ in range(WORLDS)]
    rng = np.random.default_rng(1)
    obs = env.reset()
    _begin_all(env, obs, references, [0, 1, 2])
    # dense: the two norms add the squares in another order
    reward_tol = 0.0 if reward == "sparse" else PARITY_TOL
    path_m = 0.0
    for t in range(STEPS):
        if t == EARLY_RESET_AT:  # from here on the worlds are out of step
            obs = env.reset(torch.tensor([1]))
            _begin_all(env, obs, references, [1])
        action = _action(play, obs, rng)
        step = env.step(action)
        path_m += float((step.final_obs["achieved_goal"] - obs["achieved_goal"]).norm())
        for world, reference in enumerate(references):
            theirs, paid, terminated, _, info = reference.step(action[world].numpy())
            assert _worst(step.final_obs, world, theirs) <= PARITY_TOL
            assert abs(step.reward[world].item() - paid) <= reward_tol
            assert bool(step.success[world]) == bool(info["is_success"])
            assert bool(step.terminated[world]) == terminated
        obs = step.obs
        _begin_all(env, obs, references, step.done.nonzero()[:, 0].tolist())
    if play == "chase":
        assert path_m > 0.5, "no contact: this test would prove nothing"


def test_the_tolerance_sees_an_action_scaled_in_float64() -> None:
    env, reference = _env("push", "sparse", 1), make_reference("push")
    obs = env.reset()
    begin(reference, _object_xy(env, 0), obs["desired_goal"][0].numpy())
    worst = 0.0
    for _ in range(50):
        state = obs["state"][0].numpy()
        action = np.append(np.clip(10 * state[6:9], -1, 1), 0.0)
        obs = env.step(torch.from_numpy(action[None].astype(np.float32))).final_obs
        theirs = reference.step(action)[0]  # float64: the reference scales in float64
        worst = max(worst, _worst(obs, 0, theirs))
    assert worst > PARITY_TOL


def _reference_starts(name: str) -> np.ndarray:
    """Initial achieved goals and goals of the reference's own resets, (n, 6)."""
    reference = make_reference(name)
    starts = []
    for seed in range(KS_RESETS):
        obs, _ = reference.reset(seed=seed if seed == 0 else None)
        starts.append(np.concatenate([obs["achieved_goal"], obs["desired_goal"]]))
    return np.array(starts)


@pytest.mark.parametrize("name", FETCH)
def test_starts_are_distributed_as_in_the_reference(name: str) -> None:
    obs = _env(name, "sparse", KS_RESETS, seed=5).reset()
    ours = torch.cat([obs["achieved_goal"], obs["desired_goal"]], dim=1).numpy()
    # Rounded, so that heights that are constant, or constant for half of the
    # goals (PickAndPlace), tie on both sides.
    ours, theirs = np.round(ours, 9), np.round(_reference_starts(name), 9)
    for component in range(6):
        a, b = ours[:, component], theirs[:, component]
        if np.ptp(b) == 0:
            assert set(a) == set(b)
        else:
            p_value = float(np.asarray(stats.ks_2samp(a, b))[1])
            assert p_value > KS_ALPHA, component
            # 2000 uniform draws come within 1 % of both ends (p = 1 - 2e-9)
            assert abs(np.ptp(a) / np.ptp(b) - 1) < 0.02, component


def test_half_of_pick_and_place_goals_are_lifted() -> None:
    height = _env("pick-place", "sparse", KS_RESETS, seed=5).reset()["desired_goal"][
        :, 2
    ]
    lifted = height > height.min() + 1e-9
    # binomial(2000, 1/2): five deviations are 0.056
    assert abs(float(lifted.double().mean()) - 0.5) < 0.056
    assert height.max() - height.min() < 0.45


@pytest.mark.parametrize("name", ["push", "slide", "pick-place"])
def test_objects_start_away_from_the_gripper(name: str) -> None:
    env = _env(name, "sparse", KS_RESETS, seed=5)
    grip = env.reset()["state"][:, :2].numpy()
    offsets = [
        xy - grip[w] for w in range(KS_RESETS) if (xy := _object_xy(env, w)) is not None
    ]
    # the draw is around the gripper one substep before the settled pose: 0.17 mm
    assert np.linalg.norm(offsets, axis=1).min() >= 0.1 - 2e-4
