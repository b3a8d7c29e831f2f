"""Sequences of stored states, for networks with memory; nothing is stored twice.

A sequence of L control steps is L + 1 states from index ``begin`` of an episode on. Most are
whole episodes, begin = 0, from the state of no memory at all. A window within an episode
begins with such a state too, which is wrong there; so its first ``burn_in`` steps only warm
the memory up, and no transition is taken from them.

    window 4, burn-in 2     begin 0: transitions 0 1 2 3      begin 3: transitions 5 6

Source: Kapturowski et al. (2019), "Recurrent experience replay in distributed reinforcement
learning" (R2D2), section 3.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from puckrl.core.spaces import Spaces
from puckrl.core.types import HISTORY, HISTORY_STEP, HistorySpec, Obs


class Windows(NamedTuple):
    """S sequences with the transitions that a batch takes from each."""

    episode: Tensor
    """Slots of the episodes, (S,) int64."""
    begin: Tensor
    """Index of each sequence's first state, (S,) int64."""
    step: Tensor
    """Steps of the transitions in their episodes, (S, steps) int64."""


def draw(
    spec: HistorySpec,
    horizon: int,
    episode: Tensor,
    step: Tensor,
    eligible: Tensor,
    length: Tensor,
    rng: torch.Generator,
) -> Windows:
    """Draw a window around each of S sampled steps, and further steps in it.

    The first transition of a sequence is the sampled step; the others are uniform among
    the eligible steps of the window.

    Args:
        spec: sizes.
        horizon: control steps of the longest episode.
        episode: slots of the episodes, (S,) int64.
        step: sampled steps, (S,) int64.
        eligible: leading steps of each episode that may be sampled, (S,) int64.
        length: steps of the episodes, (S,) int64.
        rng: random number generator.
    """
    window = spec.length(horizon)
    unit = torch.rand(len(step), spec.steps, generator=rng, device=step.device)
    # The sampled step is uniform among the places of the window behind the burn-in
    behind = spec.burn_in + (unit[:, 0] * (window - spec.burn_in)).long()
    begin = (step - behind).clamp_min(0)
    begin = begin.minimum((length - window).clamp_min(0))
    low = torch.where(begin > 0, begin + spec.burn_in, 0)
    high = eligible.minimum(begin + window)
    others = low[:, None] + (unit[:, 1:] * (high - low)[:, None]).long()
    return Windows(episode, begin, torch.cat([step[:, None], others], dim=1))


def before(spec: HistorySpec, horizon: int, episode: Tensor, step: Tensor) -> Windows:
    """Return the longest window that ends with each step, one transition each."""
    begin = (step + 1 - spec.length(horizon)).clamp_min(0)
    return Windows(episode, begin, step[:, None])


def look_up(
    spec: HistorySpec, states: Tensor, length: Tensor, windows: Windows
) -> tuple[Obs, Obs]:
    """Look sequences up, for observations before and after the transitions.

    Args:
        spec: sizes.
        states: stored states, (capacity, T + 1, state_dim).
        length: steps of the stored episodes, (capacity,) int64.
        windows: which.

    Returns:
        ``history`` (S, L + 1, state_dim), zero beyond the end of an episode, and
        ``history_step`` (S * steps,) of the observations before; and those after. Both
        share the history.
    """
    count = spec.length(states.shape[1] - 1) + 1
    index = windows.begin[:, None] + torch.arange(count, device=states.device)
    last = states.shape[1] - 1
    found = states[windows.episode[:, None], index.clamp_max(last)]
    beyond = index > length[windows.episode][:, None]
    history = found.masked_fill(beyond[..., None], 0.0)
    at = (windows.step - windows.begin[:, None]).flatten()
    return (
        {HISTORY: history, HISTORY_STEP: at},
        {HISTORY: history, HISTORY_STEP: at + 1},
    )


def bytes_per_transition(spec: HistorySpec | None, spaces: Spaces) -> float:
    """Return the bytes that the history adds to a transition of a batch."""
    if spec is None:
        return 0.0
    states = spec.length(spaces.horizon) + 1
    return 4.0 * states * spaces.state_dim / spec.steps
