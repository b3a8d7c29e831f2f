"""Gymnasium's environments behind ``GoalWorlds``: what comes in, what goes out, what is refused."""

from collections.abc import Callable

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from puckrl.core.errors import UserError
from puckrl.envs.foreign.actions import ActionScale
from puckrl.envs.foreign.gym_make import make_gym
from puckrl.envs.foreign.gymnasium import GymWorlds
from puckrl.envs.foreign.layout import layout_of
from puckrl.envs.foreign.settings import ForeignCfg, keyword_arguments
from puckrl.envs.foreign.source import Source
from puckrl.envs.foreign.vector import VectorSource
from tests.envs import foreign_fakes as fakes

HERE = "tests.envs.foreign_fakes"


def _made(
    kind: str, worlds: int = 3, *, auto_reset: bool = True, **cfg: object
) -> GymWorlds:
    settings = ForeignCfg(**{"processes": 0, **cfg})  # pyright: ignore[reportArgumentType]
    return make_gym(f"{HERE}:fake/{kind}-v0", settings, worlds, auto_reset=auto_reset)


def _zeros(worlds: GymWorlds) -> torch.Tensor:
    return torch.zeros(worlds.num_worlds, worlds.spaces.action_dim)


@pytest.mark.parametrize("processes", [0, 2])
def test_episodes_follow_each_other_with_their_true_final_observation(
    processes: int,
) -> None:
    worlds = _made("Ends", processes=processes)
    first = worlds.reset()["state"]
    episode = first[0, 0].item()
    for number in range(1, 10):
        step = worlds.step(_zeros(worlds))
        within = (number - 1) % 3 + 1
        begun = (number - 1) // 3 + episode
        assert step.final_obs["state"].tolist() == [[begun, within]] * 3
        over = within == 3
        assert step.terminated.tolist() == [over] * 3
        assert not step.truncated.any()
        after = [begun + 1, 0] if over else [begun, within]
        assert step.obs["state"].tolist() == [after] * 3
    worlds.close()


def test_time_limits_truncate_and_an_end_at_the_limit_terminates() -> None:
    worlds = _made("Count")
    worlds.reset()
    steps = [worlds.step(_zeros(worlds)) for _ in range(5)]
    assert [bool(s.truncated[0]) for s in steps] == [False] * 4 + [True]
    assert not steps[-1].terminated.any()
    both = _made("Both")
    both.reset()
    last = [both.step(_zeros(both)) for _ in range(3)][-1]
    assert last.terminated.all()
    assert not last.truncated.any()


def test_no_later_step_changes_a_tensor() -> None:
    worlds = _made("Ends")
    obs = worlds.reset()
    kept = {name: value.clone() for name, value in obs.items()}
    step = worlds.step(_zeros(worlds))
    values = [
        step.reward,
        step.terminated,
        *step.obs.values(),
        *step.final_obs.values(),
    ]
    copies = [value.clone() for value in values]
    for _ in range(4):
        worlds.step(_zeros(worlds) + 1)
    assert all(torch.equal(obs[name], kept[name]) for name in kept)
    assert all(torch.equal(a, b) for a, b in zip(values, copies, strict=True))


def test_without_automatic_resets_a_world_rests_after_its_episode() -> None:
    worlds = _made("Ends", auto_reset=False)
    worlds.reset()
    steps = [worlds.step(_zeros(worlds) + 1) for _ in range(6)]
    assert [bool(s.done[0]) for s in steps] == [False, False, True, False, False, False]
    assert all(s.final_obs["state"][0, 1] == 3 for s in steps[2:])
    assert [float(s.reward[0]) for s in steps[3:]] == [0.0] * 3


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_every_autoreset_mode_gives_the_same_transitions(mode: AutoresetMode) -> None:
    def one() -> gymnasium.Env:
        return gymnasium.make(f"{HERE}:fake/Ends-v0", disable_env_checker=True)

    env = SyncVectorEnv([one, one], autoreset_mode=mode)
    worlds = _over(VectorSource(env, "fake"))
    before = worlds.reset()["state"]
    seen = set()
    for _ in range(13):
        step = worlds.step(_zeros(worlds))
        valid = torch.ones(2, dtype=torch.bool) if step.valid is None else step.valid
        if valid[0]:
            ended = bool(step.terminated[0])
            final = step.final_obs["state"][0]
            assert final[0] == before[0, 0]  # never the next episode's
            seen.add((*before[0].tolist(), *final.tolist(), ended))
        before = step.obs["state"]
    assert len(seen) == (10 if mode is AutoresetMode.NEXT_STEP else 13)
    assert all(to == at + 1 and ended == (to == 3) for _, at, _, to, ended in seen)


def _over(source: Source) -> GymWorlds:
    scale = ActionScale(fakes.Count().action_space)
    return GymWorlds("fake", source, scale, 5)


def test_actions_are_scaled_to_the_box() -> None:
    scale = ActionScale(fakes.Count().action_space)
    unit = np.array([[-1.0, -1.0], [0.0, 0.5], [1.0, 3.0]])
    assert scale(unit).tolist() == [[0.0, -2.0], [0.5, 1.0], [1.0, 2.0]]
    open_ = ActionScale(fakes.Unbounded().action_space, bound=3.0)
    assert open_(unit[2:]).tolist() == [[3.0, 3.0]]


def test_nested_observations_become_named_sensors() -> None:
    worlds = _made("Line")
    sensors = {name: sensor.columns for name, sensor in worlds.spaces.sensors.items()}
    assert sensors == {"observation.at": (0,), "observation.way": (1, 2)}
    obs = worlds.reset()
    toward = (obs["desired_goal"] > obs["achieved_goal"])[:, 0]
    assert torch.equal(obs["state"][:, 2], toward.double())  # one-hot
    assert torch.equal(obs["state"][:, :1], obs["achieved_goal"])


def test_seeds_decide_episodes() -> None:
    twins = [_made("Line"), _made("Line", processes=2)]
    first, second = (worlds.reset()["state"] for worlds in twins)
    assert torch.equal(first, second)
    assert len(first.unique(dim=0)) == 3
    twins[0].reseed(1)
    assert not torch.equal(twins[0].reset()["state"], first)
    twins[0].reseed(0)
    assert torch.equal(twins[0].reset()["state"], first)
    twins[1].close()


def test_hindsight_is_verified_on_live_steps() -> None:
    for ends in (True, False):
        worlds = _made("Line", kwargs=(f"ends={ends}",))
        assert worlds.verify_goals(ForeignCfg()) >= 400
        assert worlds.rules is not None
        assert worlds.rules.ends_at_goal == ends
        assert worlds.reward_bounds == (-1.0, 0.0)
        goals = torch.tensor([[0.0], [0.1], [0.5]])
        assert worlds.reward(goals, torch.zeros(3, 1)).tolist() == [0.0, 0.0, -1.0]
        wanted = [ends, ends, False]
        assert worlds.terminated(goals, torch.zeros(3, 1)).tolist() == wanted


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: _made("BadReward").verify_goals(ForeignCfg()), "invent rewards"),
        (lambda: _made("BadEnds").verify_goals(ForeignCfg()), "invent ends"),
        (lambda: _made("Count").verify_goals(ForeignCfg()), "has no goals"),
        (lambda: _made("Discrete"), "continuous actions only"),
        (lambda: _made("Unbounded"), "--foreign.action-bound"),
        (lambda: _made("Image"), "is an image"),
        (lambda: _made("Mixed"), "camera is an image"),
        (lambda: _made("Mixed", observation=("joint",)), "did you mean joints"),
        (lambda: _made("Long"), "--foreign.horizon N"),
        (lambda: _made("Count", vector="own"), "no vector version"),
        (lambda: _made("Nothing"), "doesn't exist"),
        (lambda: _made("Count", kwargs=("ends",)), "is not NAME=VALUE"),
        (lambda: _made("Count", kwargs=("end=1",)), "cannot be made"),
        (
            lambda: make_gym("no_such_package:X-v0", ForeignCfg(), 1),
            "needs the package",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_refused_in_one_line(
    make: Callable[[], object], told: str
) -> None:
    with pytest.raises(UserError, match=told) as refused:
        make()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("processes", [0, 2])
def test_an_error_in_the_environment_is_one_line(processes: int) -> None:
    worlds = _made("Raises", processes=processes)
    worlds.reset()
    worlds.step(_zeros(worlds))
    worlds.step(_zeros(worlds))
    with pytest.raises(UserError, match=r"step\(\) raised ZeroDivisionError: division"):
        worlds.step(_zeros(worlds))
    worlds.close()


def test_keys_choose_what_is_read() -> None:
    layout = layout_of(fakes.Mixed().observation_space, ("joints",))
    assert (layout.width, layout.has_goals) == (2, False)


def test_arguments_are_python_literals_or_text() -> None:
    cfg = ForeignCfg(kwargs=("a=1", "b=dense", "c=[1, 2]", "d=None"))
    assert keyword_arguments(cfg) == {"a": 1, "b": "dense", "c": [1, 2], "d": None}


@pytest.mark.parametrize("processes", [-1, 0])
@pytest.mark.parametrize(
    ("slip", "told"),
    [
        ("Old", r"reset\(\) raised TypeError: .*unexpected keyword argument 'seed'"),
        ("Four", r"step\(\) raised ValueError: not enough values"),
        ("Forgets", r"step\(\) raised TypeError"),
        ("Leaves", r"step\(\) raised SystemExit: 3"),
        ("TwoRewards", "the reward .*; wanted: a number"),
        ("TextReward", r"returned the reward '1'; wanted: a number"),
        ("NoSpaces", "has no observation_space, a gymnasium.Space"),
        ("NoActions", "leaves nothing to choose"),
        ("FixedAction", "leaves nothing to choose"),
    ],
)
def test_a_slip_in_an_environment_is_one_line(
    slip: str, told: str, processes: int
) -> None:
    with pytest.raises(UserError, match=told) as refused:
        _play_slip(slip, processes)
    assert "\n" not in str(refused.value)


def _play_slip(slip: str, processes: int) -> None:
    worlds = _made(slip, processes=processes)
    worlds.reset()
    worlds.step(_zeros(worlds))
