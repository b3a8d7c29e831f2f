"""Pictures of goals: what they show, and what they never show."""

from dataclasses import replace

import pytest
import torch

from puckrl.config.run_cfg import PixelsCfg, SimCfg
from puckrl.core.errors import UserError
from puckrl.core.types import PixelSpace
from puckrl.envs.goal_env import GoalEnv
from puckrl.envs.goal_images import RenderedGoals
from puckrl.envs.play import policy_obs
from puckrl.runner.worlds import make_env
from puckrl.sim.settings import RandomizeCfg

SIDE = PixelsCfg(viewpoints=("side",), height=24, width=24, stack=2, goal_images=True)
WORLDS = 12


def make(task: str = "push", pixels: PixelsCfg = SIDE, worlds: int = WORLDS) -> GoalEnv:
    return make_env(task, SimCfg(num_worlds=worlds), pixels=pixels)


def rendered(env: GoalEnv) -> RenderedGoals:
    assert isinstance(env.goal_images, RenderedGoals)
    return env.goal_images


@pytest.fixture(scope="module")
def push() -> GoalEnv:
    """Worlds of Push that have just begun."""
    env = make()
    env.reset()
    return env


def test_shapes_and_what_a_policy_gets(push: GoalEnv) -> None:
    obs = push.reset()
    assert push.spaces.goal_image == PixelSpace(24, 24, channels=3, stack=1)
    assert obs["goal_image"].shape == (WORLDS, 3, 24, 24)
    given = policy_obs(obs, torch.device("cpu"))
    assert given["goal_image"].dtype == torch.uint8
    assert torch.equal(given["goal_image"], obs["goal_image"])


def test_a_picture_shows_the_object_at_the_goal_and_the_hand_elsewhere(
    push: GoalEnv,
) -> None:
    """Read from the simulation that was rendered last, in which all worlds were posed."""
    goals = push.reset()["desired_goal"]
    posed = rendered(push)._task
    assert torch.allclose(posed.achieved_goal(), goals, atol=1e-9)
    hand = posed.hand_pos_m()
    assert hand is not None
    apart = torch.linalg.vector_norm(hand - goals, dim=1)
    assert bool((apart > 0.07).all())
    assert float(torch.linalg.vector_norm(hand.std(dim=0))) > 0.1, "hands are alike"


def test_in_reach_the_hand_is_at_the_goal() -> None:
    env = make("reach", worlds=8)
    goals = env.reset()["desired_goal"]
    away = torch.linalg.vector_norm(rendered(env)._task.achieved_goal() - goals, dim=1)
    assert float(away.median()) < 1e-3
    # a few goals lie inside the table, on which the hand comes to rest
    assert float(away.max()) < 0.035
    assert "hand_where_pictured" not in env.step(torch.zeros(8, 4)).metrics


def test_the_object_is_never_hidden_and_redrawn_pictures_are_counted() -> None:
    env = make(worlds=96)
    made = rendered(env)
    env.reset()
    assert not bool(made._hidden(torch.arange(96)).any())
    redrawn = env.step(torch.zeros(96, 4)).metrics["goal_images_redrawn"]
    assert made.rendered_again == int(redrawn.sum()) > 0
    assert made.rendered == 96 + made.rendered_again


def test_an_episode_keeps_its_picture_and_the_next_has_another(push: GoalEnv) -> None:
    first = push.reset()["goal_image"]
    kept = first.clone()
    step = push.step(torch.ones(WORLDS, 4))
    for _ in range(48):
        assert torch.equal(step.obs["goal_image"], first)
        step = push.step(torch.ones(WORLDS, 4))
    step = push.step(torch.ones(WORLDS, 4))
    assert bool(step.done.all())
    assert torch.equal(step.final_obs["goal_image"], first)
    assert not torch.equal(step.obs["goal_image"], first)
    assert torch.equal(first, kept), "a returned picture was changed"


def test_the_hand_and_the_object_are_told_apart(push: GoalEnv) -> None:
    push.reset()
    made = rendered(push)
    made._hand = push.task.hand_pos_m()  # a picture of where the hand is now
    step = push.step(torch.zeros(WORLDS, 4))
    assert bool((step.metrics["hand_where_pictured"] == 1.0).all())
    assert not bool(step.success.all())
    for _ in range(10):
        step = push.step(torch.tensor([[0.0, 0.0, 1.0, 0.0]]).expand(WORLDS, 4))
    assert bool((step.metrics["hand_where_pictured"] == 0.0).all())


def test_a_snapshot_restores_pictures_to_the_bit() -> None:
    one, two = make(worlds=3), make(worlds=3)
    one.reset()
    two.reset()
    two.reset()
    two.restore(one.snapshot())
    action = torch.full((3, 4), 0.3)
    for _ in range(51):
        here, there = one.step(action), two.step(action)
        for name, value in here.obs.items():
            assert torch.equal(value, there.obs[name]), name
        for name, value in here.metrics.items():
            assert torch.equal(value, there.metrics[name]), name


def test_a_world_has_the_same_picture_beside_others_and_without_goals_nothing_moves(
    push: GoalEnv,
) -> None:
    fresh, small = make(), make(worlds=2)
    assert torch.equal(small.reset()["goal_image"], fresh.reset()["goal_image"][:2])
    plain = make(pixels=replace(SIDE, goal_images=False))
    plain.reset()
    assert "goal_image" not in plain.observe()
    assert torch.equal(plain.observe()["pixels"], fresh.observe()["pixels"])


def test_pictures_share_the_randomization() -> None:
    pixels = replace(SIDE, randomize=RandomizeCfg(colors=1.0))
    image = make(pixels=pixels, worlds=4).reset()["goal_image"].float()
    table = image[:, :, 16:, 12].mean(dim=(1, 2))
    assert float(table.std()) > 5.0


@pytest.mark.parametrize(
    ("task", "pixels", "said"),
    [
        ("push", replace(SIDE, viewpoints=()), "without a camera"),
        ("push", replace(SIDE, viewpoints=("wrist",)), "wrist moves with"),
        ("peg-insert", replace(SIDE, viewpoints=("free",)), "pose_goal"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    task: str, pixels: PixelsCfg, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        make(task, pixels, worlds=2).reset()
