"""Losses of the critics."""

from torch import Tensor

from puckrl.nets.bins import Bins


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


def critic_loss(q: Tensor, target: Tensor, bins: Bins | None = None) -> Tensor:
    """Return Σ_i mean_B (Q_i - y)², for q (E, B) and target (B,).

    With ``bins`` return Σ_i mean_B of the cross-entropies of their logits, q (E, B, bins).
    """
    if bins is not None:
        return bins.loss(q, target)
    return (q - target).square().mean(dim=1).sum()
