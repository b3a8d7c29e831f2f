"""What actions of mjlab stand for, where a joint's limits say it.

mjlab's actions have no bounds: PPO's Gaussian needs none. A position action moves a joint's
target from its default, ``default + scale * action``, and the target cannot leave the limits
of the joint. So an action of -1 or 1 can stand for them, and 0 for the default.

Source: Seo et al. (2025), "Learning sim-to-real humanoid locomotion in 15 minutes"
(arXiv 2512.01996), section 3, takes the bounds of actions from joint limits likewise.
"""

from typing import Any

import torch
from torch import Tensor


def limits_of(env: Any) -> tuple[Tensor, Tensor]:
    """Return the actions that reach the limits of joints, (A,) each; ±inf: unknown.

    Args:
        env: a ``ManagerBasedRlEnv``.
    """
    manager = env.action_manager
    terms = [_term(manager.get_term(name)) for name in manager.active_terms]
    low, high = (torch.cat(edge) for edge in zip(*terms, strict=True))
    return low, high


def _term(term: Any) -> tuple[Tensor, Tensor]:
    """Return the limits of one action term."""
    count, device = term.action_dim, term.device
    open_ = torch.full((count,), torch.inf, device=device)
    if type(term).__name__ != "JointPositionAction":
        return -open_, open_
    limits = term._entity.data.joint_pos_limits[0, term.target_ids]
    scale, offset = (
        part[0] if isinstance(part, Tensor) else torch.full_like(open_, part)
        for part in (term.scale, term.offset)
    )
    low, high = ((edge - offset) / scale for edge in limits.unbind(-1))
    legal = low.isfinite() & high.isfinite() & (low < 0) & (high > 0)
    return torch.where(legal, low, -open_), torch.where(legal, high, open_)
