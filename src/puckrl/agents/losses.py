"""What actor-critics regress on."""

from torch import Tensor


def td_target(
    reward: Tensor, discount: Tensor, next_q: Tensor, bounds: tuple[float, float] | None
) -> Tensor:
    """Y = clip(r + γ' min_i Q_i(s', a')), with γ' = γ (1 - terminated).

    Args:
        reward: (B,).
        discount: γ', (B,).
        next_q: target values of every critic, (E, B).
        bounds: least and greatest return that rewards allow; None: no clipping.
            Source: Andrychowicz et al. (2017), appendix A.

    Returns:
        Targets, (B,).
    """
    target = reward + discount * next_q.amin(dim=0)
    return target if bounds is None else target.clamp(*bounds)


def critic_loss(q: Tensor, target: Tensor) -> Tensor:
    """Σ_i mean_B (Q_i - y)²;  q (E, B), target (B,)."""
    return (q - target).square().mean(dim=1).sum()
