"""Places of goals in the replay buffer, and the goals found there."""

import torch

from puckrl.replay import her
from puckrl.replay.goals import GoalPlaces, draw_places, goal_vectors
from tests.replay.counting import SPACES
from tests.replay.test_frames import make_buffer, play


def test_places_follow_from_the_draws(rng: torch.Generator) -> None:
    step, length = torch.tensor([0, 1, 2, 3]), torch.tensor([4, 4, 4, 4])
    places = draw_places("future", 0.5, torch.arange(4), step, length, rng)
    unit = torch.rand(2, 4, generator=torch.Generator().manual_seed(rng.initial_seed()))
    assert torch.equal(places.episode, torch.arange(4))
    assert torch.equal(places.index, her.goal_index("future", step, length, unit[0]))
    assert torch.equal(places.hindsight, unit[1] < 0.5)


def test_a_goal_is_the_episodes_own_or_one_that_it_achieved() -> None:
    rows = {
        "achieved_goal": torch.arange(12.0).view(2, 3, 2),
        "desired_goal": torch.tensor([[-1.0, -2.0], [-3.0, -4.0]]),
    }
    places = GoalPlaces(
        episode=torch.tensor([0, 1, 1]),
        index=torch.tensor([2, 0, 1]),
        hindsight=torch.tensor([True, False, True]),
    )
    assert goal_vectors(rows, places)["desired_goal"].tolist() == [
        [4.0, 5.0],
        [-3.0, -4.0],
        [8.0, 9.0],
    ]


def test_the_same_places_find_images(rng: torch.Generator) -> None:
    """A goal may be an image: the frame at the place of a goal shows that moment."""
    buffer = make_buffer()
    play(buffer, 40)
    episode, step, _ = buffer._uniform.draw(200, rng)
    length = buffer._uniform.eligible[episode]
    places = draw_places("future", 1.0, episode, step, length, rng)
    vector = goal_vectors(buffer.rows, places)["desired_goal"]
    frame = buffer.rows["frame"][places.episode, places.index]
    counter = frame[:, 0, 0, 0]  # the counter, which is column 0 of state and goal
    assert vector.shape == (200, SPACES.goal_dim)
    assert torch.equal(counter.float(), vector[:, 0] % 256)
