"""Real libraries behind the adapter: ``make test-foreign``."""

import pytest
import torch

from puckrl.doctor.task_check import check_task
from puckrl.envs.foreign.gym_make import make_gym
from puckrl.envs.foreign.settings import ForeignCfg

pytestmark = pytest.mark.foreign


@pytest.mark.parametrize(
    "name", ["Pendulum-v1", "Pusher-v5", "HalfCheetah-v5", "Hopper-v5", "PandaReach-v3"]
)
def test_public_environments_are_sane(name: str) -> None:
    report = check_task(f"gym:{name}")
    assert report.ok, report.verdict


def test_panda_push_ends_at_its_goal_and_says_success() -> None:
    worlds = make_gym("PandaPush-v3", ForeignCfg(processes=2), 4)
    worlds.verify_goals(ForeignCfg())
    assert worlds.rules is not None
    assert worlds.rules.ends_at_goal
    assert worlds.reward_bounds == (-1.0, 0.0)
    assert worlds.spaces.knows_success
    worlds.close()


def test_our_own_vector_environment_gives_what_single_worlds_give() -> None:
    """Other resets, but the same sizes, rules and lengths of episodes."""
    both = [
        make_gym("puck/FetchReach-v4", ForeignCfg(vector=kind), 3)
        for kind in ("own", "worlds")
    ]
    for worlds in both:
        assert worlds.verify_goals(ForeignCfg()) >= 400
        worlds.reset()
        zeros = torch.zeros(3, worlds.spaces.action_dim)
        steps = [worlds.step(zeros) for _ in range(50)]
        assert steps[-1].truncated.all()
        assert not any(bool(step.done.any()) for step in steps[:-1])
        worlds.close()
    assert both[0].spaces == both[1].spaces
    assert both[0].rules is not None
    assert both[1].rules is not None
    assert both[0].rules.ends_at_goal == both[1].rules.ends_at_goal
