"""Losses of the critics."""

from torch import Tensor


def td_target(
    reward: Tensor, discount: Tensor, next_q: Tensor, bounds: tuple[float, float] | None
) -> Tensor:
    """Return y = clip(r + γ' min_i Q_i(s', a')), with γ' = γ (1 - terminated).

    Args:
        reward: (B,).
        discount: γ', (B,).
        next_q: values of every target critic, (E, B).
        bounds: minimum and maximum possible return; None: no clipping.
            Source: Andrychowicz et al. (2017), appendix A.

    Returns:
        Targets, (B,).
    """
    target = reward + discount * next_q.amin(dim=0)
    return target if bounds is None else target.clamp(*bounds)


def critic_loss(q: Tensor, target: Tensor) -> Tensor:
    """Return Σ_i mean_B (Q_i - y)², for q (E, B) and target (B,)."""
    return (q - target).square().mean(dim=1).sum()
