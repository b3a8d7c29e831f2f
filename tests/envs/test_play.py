"""The control loop, with counting worlds and a policy with memory."""

import torch
from torch import Tensor

from puckrl.core.types import Obs
from puckrl.envs.goal_env import GoalEnv
from puckrl.envs.play import play, policy_obs
from puckrl.envs.worlds import GoalWorlds, Worlds
from tests.envs.test_goal_env import HORIZON, CountingSim, CountingTask

CPU = torch.device("cpu")
WORLDS = 3


class Remembering:
    """Acts by the number of steps in its memory of each world."""

    device = CPU

    def __init__(self) -> None:
        self.steps = torch.full((WORLDS,), 99)
        self.acted = list[list[int]]()
        self.explored = list[bool]()

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        self.acted.append(self.steps.tolist())
        self.explored.append(explore)
        self.steps += 1
        return torch.zeros(WORLDS, 1)

    def reset(self, done: Tensor) -> None:
        self.steps[done] = 0


def env(calls: list[str] | None = None, *, auto_reset: bool = True) -> GoalEnv:
    sim = CountingSim(WORLDS, [] if calls is None else calls)
    return GoalEnv(CountingTask([]), sim, auto_reset=auto_reset)


def test_a_goal_env_satisfies_the_protocols() -> None:
    worlds: Worlds = env()
    goals: GoalWorlds = env()
    assert worlds.num_worlds == goals.num_worlds == WORLDS


def test_memory_is_forgotten_at_the_reset_and_where_an_episode_ends() -> None:
    worlds, policy = env(), Remembering()
    worlds.sim.failing[1] = True  # pyright: ignore[reportAttributeAccessIssue]
    steps = list(play(worlds, policy, HORIZON + 1, explore=True))
    # world 1 diverges at every step, so each of its steps begins an episode
    assert policy.acted == [[0, 0, 0], [1, 0, 1], [2, 0, 2], [3, 0, 3], [0, 0, 0]]
    assert policy.explored == [True] * (HORIZON + 1)
    assert [played.step.done.tolist() for played in steps[-2:]] == [
        [True, True, True],
        [False, True, False],
    ]


def test_worlds_under_way_go_on_and_the_memory_with_them() -> None:
    worlds, policy = env(), Remembering()
    *_, last = play(worlds, policy, 2, explore=False)
    list(play(worlds, policy, 2, explore=False, obs=last.step.obs))
    assert policy.acted == [[i] * WORLDS for i in range(4)]
    assert not any(policy.explored)


def test_work_goes_on_between_launch_and_wait() -> None:
    calls, worlds = list[str](), env()
    launch, wait = worlds.step_async, worlds.step_wait
    worlds.step_async = lambda action: (calls.append("launch"), launch(action))[1]
    worlds.step_wait = lambda: (calls.append("wait"), wait())[1]
    played = play(
        worlds, Remembering(), 2, explore=False, meanwhile=lambda: calls.append("work")
    )
    for _ in played:
        calls.append("yield")
    assert calls == ["launch", "work", "wait", "yield"] * 2


def test_a_policy_gets_float32_pixels_as_they_are_and_no_frame() -> None:
    obs = {
        "state": torch.zeros(2, 3, dtype=torch.float64),
        "pixels": torch.zeros(2, 3, 4, 4, dtype=torch.uint8),
        "frame": torch.zeros(2, 4, 4, 3, dtype=torch.uint8),
    }
    seen = policy_obs(obs, CPU)
    assert {name: value.dtype for name, value in seen.items()} == {
        "state": torch.float32,
        "pixels": torch.uint8,
    }
