"""Leaving out pairs that never touch changes nothing; leaving out others does."""

import pytest
import torch
from torch import Tensor

from puckrl.core.types import Obs
from puckrl.envs.goal_env import GoalEnv
from puckrl.sim.cpu import CpuSim
from puckrl.tasks.catalog import FETCH, make_task
from puckrl.tasks.fetch.contacts import FETCH_CONTACT_SETS
from puckrl.tasks.task import Task

WORLDS = 8


def _env(name: str, contacts: str) -> GoalEnv:
    task = make_task(name)
    return GoalEnv(task, CpuSim(task.limited_scene(contacts).compile(), WORLDS), 3)


def _action(kind: str, task: Task, obs: Obs, rng: torch.Generator) -> Tensor:
    """Draw actions that cause contact in different places."""
    chance = torch.rand(WORLDS, 4, generator=rng) * 2 - 1
    if kind == "expert":
        action = task.expert({key: value.float() for key, value in obs.items()})
        assert action is not None
        return action
    # every world in a direction of its own: into corners, into the robot, at the table
    bias = torch.rand(WORLDS, 4, generator=torch.Generator().manual_seed(7)) * 2 - 1
    return chance if kind == "random" else (bias + 0.5 * chance).clamp(-1, 1)


def _differing_worlds(name: str, contacts: str, kind: str, steps: int) -> int:
    """Worlds whose trajectory is another one than in the whole scene."""
    whole, limited = _env(name, "all"), _env(name, contacts)
    rng = torch.Generator().manual_seed(0)
    obs = whole.reset()
    limited.reset()
    differ = torch.zeros(WORLDS, dtype=torch.bool)
    for _ in range(steps):
        action = _action(kind, whole.task, obs, rng)
        a, b = whole.step(action), limited.step(action)
        differ |= (a.final_obs["state"] != b.final_obs["state"]).any(dim=1)
        obs = a.obs
    return int(differ.sum())


@pytest.mark.parametrize("kind", ["random", "biased", "expert"])
@pytest.mark.parametrize("name", FETCH)
def test_touching_pairs_give_the_same_trajectories_bit_for_bit(
    name: str, kind: str
) -> None:
    assert _differing_worlds(name, "touching", kind, 60) == 0


def test_the_robot_touches_itself_where_the_arm_is_drawn_in() -> None:
    assert _differing_worlds("reach", "hand", "biased", 50) > 0
    assert _differing_worlds("push", "hand", "expert", 50) == 0


def test_fewer_pairs_may_collide() -> None:
    """Count the pairs of geoms that MuJoCo tests for contact."""
    spec = make_task("push").limited_scene
    counts = []
    assert FETCH_CONTACT_SETS == ("all", "touching", "hand")
    for kind in FETCH_CONTACT_SETS:
        model = spec(kind).compile()
        types = torch.from_numpy(model.geom_contype)
        affinities = torch.from_numpy(model.geom_conaffinity)
        meet = (types[:, None] & affinities[None, :]) != 0
        counts.append(int((meet | meet.T).triu(1).sum()))
    assert counts[0] > 2 * counts[1] > 2 * counts[2], counts
