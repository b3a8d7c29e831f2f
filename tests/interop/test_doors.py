"""Habits of Gymnasium's users: copies, goals, aliases, autoreset modes, slips of the pen.

Each stands for a kind: what works with Gymnasium's own environments works here, and what
cannot have an effect is refused in one line that names what can.
"""

import copy
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common import env_checker as sb3_checker

import puckrl
import puckrl.interop.gym
from puckrl.core.errors import UserError
from puckrl.interop.gym import GoalInterface, PuckEnv, PuckVectorEnv
from puckrl.interop.gym_pixels import PixelEnv, PixelVectorEnv

gymnasium.register_envs(puckrl.interop.gym)
GOAL = np.array([1.3, 0.7, 0.42])
SMALL: dict[str, Any] = {"height": 16, "width": 16}


def _many(mode: str = "SameStep", limit: int = 3, num_envs: int = 3) -> PuckVectorEnv:
    made = gymnasium.make_vec(
        "puck/FetchReach-v4",
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        max_episode_steps=limit,
        autoreset_mode=mode,
    ).unwrapped
    assert isinstance(made, PuckVectorEnv)
    return made


def _same(a: Any, b: Any) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


# -- copies ------------------------------------------------------------------------------


def _by_pickle(env: Any) -> Any:
    return pickle.loads(pickle.dumps(env))


MAKERS: dict[str, Callable[[], Any]] = {
    "one": lambda: gymnasium.make("puck/FetchPush-v4", reward="dense"),
    "pixels": lambda: gymnasium.make("puck/FetchReachPixels-v4", stack=2, **SMALL),
    "many": lambda: _many(limit=7),
    "many pixels": lambda: PixelVectorEnv(2, task="reach", **SMALL),
}


@pytest.mark.parametrize("copied", [copy.deepcopy, _by_pickle])
@pytest.mark.parametrize("name", MAKERS)
def test_a_copy_goes_on_from_where_the_original_is(
    name: str, copied: Callable[[Any], Any]
) -> None:
    env = MAKERS[name]()
    env.reset(seed=3)
    env.action_space.seed(0)
    for _ in range(5):  # a limit of seven lies ahead
        env.step(env.action_space.sample())
    twin = copied(env)
    for _ in range(3):
        action = env.action_space.sample()
        np.testing.assert_array_equal(action, twin.action_space.sample())
        (seen, *ours), (copy_seen, *theirs) = env.step(action), twin.step(action)
        _same(seen, copy_seen)
        np.testing.assert_array_equal(ours[:3], theirs[:3])
    _same(env.reset()[0], twin.reset()[0])
    twin.step(twin.action_space.sample())  # the copy has worlds of its own
    _same(env.reset(seed=1)[0], twin.reset(seed=1)[0])
    env.close()
    twin.close()


def test_our_own_worlds_say_how_to_copy_them() -> None:
    env = puckrl.make("reach", 2)
    for copied in (copy.deepcopy, _by_pickle):
        with pytest.raises(UserError, match="snapshot"):
            copied(env)
    env.reset()
    twin = puckrl.make("reach", 2)
    twin.restore(env.snapshot())
    _same(env.observe(), twin.observe())


# -- goals -------------------------------------------------------------------------------


def test_a_goal_can_be_asked_for() -> None:
    env: Any = gymnasium.make("puck/FetchPush-v4")
    drawn, _ = env.reset(seed=0)
    asked, _ = env.reset(seed=0, options={"goal": GOAL})
    np.testing.assert_array_equal(asked["desired_goal"], GOAL)
    np.testing.assert_array_equal(asked["observation"], drawn["observation"])
    seen, reward, *_ = env.step(np.zeros(4, np.float32))
    np.testing.assert_array_equal(seen["desired_goal"], GOAL)
    assert reward == env.compute_reward(seen["achieved_goal"], GOAL, {})
    assert not np.array_equal(env.reset()[0]["desired_goal"], GOAL)


@pytest.mark.parametrize("through", ["env", "unwrapped", "wrapper attribute"])
def test_a_goal_can_be_set_during_an_episode(through: str) -> None:
    env: Any = gymnasium.make("puck/FetchReach-v4")
    env.reset(seed=0)
    if through == "env":
        env.goal = GOAL
    elif through == "unwrapped":
        env.unwrapped.goal = GOAL
    else:
        env.set_wrapper_attr("goal", GOAL)
    np.testing.assert_array_equal(env.goal, GOAL)
    seen = env.step(np.zeros(4, np.float32))[0]
    np.testing.assert_array_equal(seen["desired_goal"], GOAL)


def test_many_worlds_take_goals_for_each_or_one_for_all() -> None:
    envs = _many()
    goals = GOAL + 0.01 * np.arange(3)[:, None]
    assert np.array_equal(
        envs.reset(seed=0, options={"goal": goals})[0]["desired_goal"], goals
    )
    mask = np.array([True, False, False])
    seen, info = envs.reset(options={"goal": GOAL + 1, "reset_mask": mask})
    np.testing.assert_array_equal(seen["desired_goal"], [GOAL + 1, *goals[1:]])
    assert info["_is_success"].tolist() == mask.tolist()
    envs.goal = GOAL
    np.testing.assert_array_equal(envs.goal, np.tile(GOAL, (3, 1)))


def test_a_goal_that_would_have_no_effect_is_refused() -> None:
    env, envs = PuckEnv("reach"), _many()
    with pytest.raises(UserError, match=r"after reset\(\)"):
        env.goal = GOAL
    for door in (env, envs):
        for name in ("goals", "desired_goal"):
            with pytest.raises(UserError, match=r"(?i)legal: goal"):
                door.reset(options={name: GOAL})
        with pytest.raises(UserError, match="legal: dict"):
            door.reset(options=[GOAL])  # pyright: ignore[reportArgumentType]
        for goal in (GOAL[:2], GOAL * np.nan, ["a", "b", "c"], [GOAL] * 2, 3.0):
            with pytest.raises(UserError, match=r"goal .*"):
                door.reset(options={"goal": goal})
    env.reset()
    with pytest.raises(ValueError, match="read-only"):
        env.goal[0] = 1.0


# -- one world ---------------------------------------------------------------------------


@pytest.mark.parametrize("id_", ["puck/FetchPush-v4", "puck/FetchReachPixels-v4"])
def test_the_checkers_take_what_make_returns(id_: str) -> None:
    env = gymnasium.make(id_, render_mode="rgb_array")
    assert isinstance(env, GoalInterface)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*infinity.*")  # as the reference's
        warnings.filterwarnings("ignore", message=".*unwrapped version.*")
        check_env(env)
        sb3_checker.check_env(env)


def test_an_environment_is_made_again_from_its_specification() -> None:
    spec = gymnasium.make("puck/FetchPush-v4", max_episode_steps=9).spec
    assert spec is not None
    again = gymnasium.make(spec)
    assert isinstance(again, GoalInterface)
    assert again.spec == spec
    envs = gymnasium.make_vec(spec, 2, vectorization_mode="vector_entry_point")
    assert envs.unwrapped.max_episode_steps == 9  # pyright: ignore[reportAttributeAccessIssue]
    sync = gymnasium.make_vec(spec, 2, vectorization_mode="sync")
    assert sync.reset(seed=0)[0]["desired_goal"].shape == (2, 3)


@pytest.mark.parametrize("make", [PuckEnv, PuckVectorEnv, PixelEnv, PixelVectorEnv])
def test_reward_type_is_another_name_of_reward(make: Any) -> None:
    for options in ({"reward": "dense"}, {"reward_type": "dense"}):
        assert make(task="reach", **options).reward_type == "dense"
    with pytest.raises(AttributeError):
        make(task="reach").reward_type = "dense"


SLIPS: list[dict[str, Any]] = [
    *({"reward": kind} for kind in ("Dense", "densse", 3, None)),
    {"reward_type": "Dense"},
    *({"task": task} for task in (3, None)),
    *({"height": size} for size in (0, -84, 2.5, "84", True)),
    *({"width": size} for size in (0, 10**9)),
    {"render_mode": "rgb"},
]
SLIPS_OF_ONE = [{"pixels": "side"}, {"render_mode": "human"}]
SLIPS_OF_PIXELS: list[dict[str, Any]] = [
    *({"stack": k} for k in (0, -1, 2.5, 65)),
    *({"viewpoints": names} for names in (3, (), [3], "sideways", ("side", "sid"))),
]
SLIPS_OF_MANY: list[dict[str, Any]] = [
    *({"num_envs": n} for n in (0, -2, 2.5, "2", True)),
    *({"num_threads": n} for n in (-2, 0.5)),
    *({"max_episode_steps": n} for n in (0, -2, 2.5, "50")),
    *({"autoreset_mode": mode} for mode in ("same", 0, None)),
    {"render_mode": "rgb_array"},
]


@pytest.mark.parametrize(
    ("make", "slip"),
    [
        *((PuckEnv, slip) for slip in SLIPS + SLIPS_OF_ONE),
        *((PixelEnv, slip) for slip in SLIPS + SLIPS_OF_PIXELS),
        *((PuckVectorEnv, slip) for slip in SLIPS[:7] + SLIPS_OF_MANY),
        *((PixelVectorEnv, slip) for slip in SLIPS[:-1] + SLIPS_OF_PIXELS),
    ],
)
def test_an_argument_without_a_meaning_is_refused(
    make: Any, slip: dict[str, Any]
) -> None:
    [name] = slip
    with pytest.raises(UserError, match=rf"{name.rstrip('s')}.*|render"):
        make(**slip)


def test_our_own_worlds_refuse_the_same() -> None:
    slips: list[dict[str, Any]] = [
        *({"num_worlds": n} for n in (0, -1, 2.5)),
        *({"seed": seed} for seed in (-1, 2.5, "0")),
        *({"num_threads": n} for n in (-2, 1.5)),
        {"reward": "Dense"},
        {"task": 3},
    ]
    for slip in slips:
        [name] = slip
        with pytest.raises(UserError, match=f"^{name}=.*; legal: "):
            puckrl.make(**{"task": "reach", **slip})


def test_a_run_refuses_them_before_it_starts() -> None:
    slips: list[tuple[dict[str, Any], str]] = [
        ({"sed": 1}, "'sed' is not a setting; did you mean seed"),
        ({"seed": "1"}, "seed is '1'; wanted: a whole number"),
        ({"seed": -1}, "seed -1 is out of range"),
        ({"reward": "Dense"}, "reward (is |=)'Dense'; legal: sparse, dense"),
        ({"agent": {"gamma": 2}}, "agent.gamma"),
    ]
    for slip, said in slips:
        with pytest.raises(UserError, match=said):
            puckrl.train(puckrl.preset("reach").with_(**slip))
    with pytest.raises(UserError, match="preset=3; legal: text"):
        puckrl.train(puckrl.preset(3))  # pyright: ignore[reportArgumentType]


def test_an_action_that_is_not_finite_is_refused() -> None:
    env = PuckEnv("reach")
    env.reset(seed=0)
    for bad in (np.nan, np.inf):
        with pytest.raises(UserError, match="not finite"):
            env.step(np.full(4, bad, np.float32))


# -- many worlds -------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: PuckEnv("reach"), _many])
def test_a_step_before_the_first_reset_is_refused(make: Callable[[], Any]) -> None:
    env = make()
    with pytest.raises(UserError, match="before reset"):
        env.step(env.action_space.sample())
    env.reset(seed=0)
    env.step(env.action_space.sample())


def test_a_reset_of_some_worlds_is_not_the_first_reset() -> None:
    envs = _many()
    envs.reset(options={"reset_mask": np.array([True, False, True])})
    with pytest.raises(UserError, match="before reset"):
        envs.step(envs.action_space.sample())
    envs.reset(options={"reset_mask": np.array([False, True, False])})
    envs.step(envs.action_space.sample())


@pytest.mark.parametrize("mode", AutoresetMode)
def test_the_autoreset_mode_is_told_and_cannot_change(mode: AutoresetMode) -> None:
    for chosen in (mode, mode.value):
        envs = PuckVectorEnv(2, "reach", autoreset_mode=chosen)
        assert envs.autoreset_mode is envs.metadata["autoreset_mode"] is mode
        with pytest.raises(AttributeError):
            envs.autoreset_mode = mode  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_every_mode_is_gymnasium_s(mode: str) -> None:
    """The same ends, resets and infos as a vector of Gymnasium's; goals are our own."""
    ours = _many(mode, num_envs=2)
    theirs = SyncVectorEnv(
        [lambda: gymnasium.make("puck/FetchReach-v4", max_episode_steps=3)] * 2,
        autoreset_mode=mode,
    )
    before: list[Any] = [
        envs.reset(seed=0)[0]["desired_goal"] for envs in (ours, theirs)
    ]
    ended = np.zeros(2, dtype=bool)
    for t in range(9):
        if mode == "Disabled" and ended.any():
            with pytest.raises(UserError, match=r"worlds \[0 1\] are over"):
                ours.step(ours.action_space.sample())
            for k, envs in enumerate((ours, theirs)):
                seen, info = envs.reset(options={"reset_mask": ended.copy()})
                before[k] = seen["desired_goal"]
                assert info["_is_success"].all()
        told = []
        for k, envs in enumerate((ours, theirs)):
            envs.action_space.seed(t)
            seen, reward, terminated, truncated, info = envs.step(
                envs.action_space.sample()
            )
            fresh = (seen["desired_goal"] != before[k]).any(axis=1)
            before[k] = seen["desired_goal"].copy()
            told.append(
                [fresh, terminated, truncated, info["_is_success"], "final_obs" in info]
            )
            ended = terminated | truncated
            if mode == "NextStep" and t == 3:
                assert reward.tolist() == [0.0, 0.0]
        for a, b in zip(*told, strict=True):
            np.testing.assert_array_equal(a, b)


def test_next_step_resets_only_the_worlds_that_ended() -> None:
    envs = _many("NextStep", limit=4)
    envs.reset(seed=0)
    actions = np.zeros((3, 4), np.float32)
    envs.step(actions)
    envs.reset(options={"reset_mask": np.array([False, True, False])})
    ends = [envs.step(actions)[3].tolist() for _ in range(5)]
    late = [False, True, False]
    assert ends == [[False] * 3, [False] * 3, [True, False, True], late, [False] * 3]


# -- numbers -----------------------------------------------------------------------------

NO_NUMBERS: list[Any] = ["text", None, [[1], [2, 3]], np.zeros(4, complex), [None] * 4]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_holds_no_numbers_is_refused(value: Any) -> None:
    for env in (gymnasium.make("puck/FetchReach-v4"), _many()):
        env.reset(seed=0)
        with pytest.raises(UserError, match="actions of"):
            env.step(value)
        door: Any = env.unwrapped
        with pytest.raises(UserError, match="goals of"):
            door.compute_reward(value, GOAL, {})
        with pytest.raises(UserError, match="goals of"):
            door.compute_reward(GOAL, value, {})


def test_rewards_want_goals_that_fit() -> None:
    door: Any = PuckEnv(task="reach")
    many = np.tile(GOAL, (5, 1))
    assert door.compute_reward(many, GOAL, {}).tolist() == [0.0] * 5
    for one, two in ((GOAL[:2], GOAL), (many, many[:4]), (many[:, :2], many[:, :2])):
        with pytest.raises(UserError, match=r"goals of shapes .* wanted \(..., 3\)"):
            door.compute_reward(one, two, {})


def test_a_copy_finds_its_task_in_another_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(
        "from puckrl.tasks.fetch.reach import FetchReach\n\n"
        "class Mine(FetchReach):\n    goal_tol_m = 0.1\n"
    )
    monkeypatch.chdir(tmp_path)
    made = PuckEnv("mine.py:Mine"), PuckVectorEnv(2, "mine.py:Mine")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for env in made:
        for copied in (copy.deepcopy(env), _by_pickle(env)):
            assert copied.task.goal_tol_m == 0.1
