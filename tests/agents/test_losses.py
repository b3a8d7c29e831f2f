"""The two formulas that TD3 and SAC share."""

import pytest
import torch

from puckrl.agents.losses import critic_loss, td_target
from tests import oracles


@pytest.mark.parametrize(
    ("reward", "terminated", "next_q", "bounds", "expected"),
    [
        # r + 0.9 min(Q1, Q2)
        (-1.0, 0.0, (-2.0, -3.0), None, -3.7),
        (-1.0, 0.0, (-3.0, -2.0), None, -3.7),
        # a true end: nothing follows
        (-1.0, 1.0, (-2.0, -3.0), None, -1.0),
        (0.0, 1.0, (5.0, 7.0), None, 0.0),
        # clipped into [-1 / (1 - 0.9), 0]
        (0.0, 0.0, (4.0, 5.0), (-10.0, 0.0), 0.0),
        (-1.0, 0.0, (-20.0, -5.0), (-10.0, 0.0), -10.0),
        (-1.0, 0.0, (-4.0, -5.0), (-10.0, 0.0), -5.5),
    ],
)
def test_td_target_equals_a_hand_table(
    reward: float,
    terminated: float,
    next_q: tuple[float, float],
    bounds: tuple[float, float] | None,
    expected: float,
) -> None:
    discount = torch.tensor([0.9 * (1.0 - terminated)])
    q = torch.tensor(next_q)[:, None]
    y = td_target(torch.tensor([reward]), discount, q, bounds)
    assert y.tolist() == pytest.approx([expected])


@pytest.mark.parametrize("bounds", [None, (-2.0, 0.0)])
def test_td_target_equals_a_loop(
    bounds: tuple[float, float] | None, rng: torch.Generator
) -> None:
    reward, q = torch.randn(50, generator=rng), torch.randn(3, 50, generator=rng) * 3
    terminated = (torch.rand(50, generator=rng) < 0.3).float()
    y = td_target(reward, 0.95 * (1 - terminated), q, bounds)
    expected = oracles.td_target(
        reward.tolist(), terminated.tolist(), q.tolist(), 0.95, bounds
    )
    assert y.tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("critics", [1, 2, 5])
def test_critic_loss_equals_a_loop(critics: int, rng: torch.Generator) -> None:
    q, y = torch.randn(critics, 20, generator=rng), torch.randn(20, generator=rng)
    expected = oracles.critic_loss(q.tolist(), y.tolist())
    assert critic_loss(q, y).item() == pytest.approx(expected, rel=1e-6)
