"""The one loop that plays: collecting, judging, filming and checking iterate over it."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from puckrl.core.policy import Policy
from puckrl.core.types import Obs, Step
from puckrl.envs.worlds import Worlds


class Played(NamedTuple):
    """One control step of every world."""

    obs: Obs
    """What the policy acted on, (W, ...) each."""
    action: Tensor
    """What it did, (W, action_dim), on the device of the worlds."""
    step: Step
    """Where that led."""


def nothing() -> None:
    """Do nothing while a control step is under way."""


def play(
    worlds: Worlds,
    policy: Policy,
    steps: int,
    *,
    explore: bool,
    obs: Obs | None = None,
    meanwhile: Callable[[], None] = nothing,
) -> Iterator[Played]:
    """Yield ``steps`` control steps of a policy in every world.

    Args:
        worlds: play.
        policy: acts; it forgets a world when the world's episode is over.
        steps: control steps.
        explore: act with exploration noise.
        obs: present observation of worlds that are under way; None: they are reset, and
            the policy forgets all of them.
        meanwhile: called while a control step is under way, which on a GPU takes time.
    """
    if obs is None:
        obs = begin(worlds, policy)
    for _ in range(steps):
        seen = policy_obs(obs, policy.device)
        action = policy.act(seen, explore=explore).to(worlds.device)
        worlds.step_async(action)
        meanwhile()
        step = worlds.step_wait()
        policy.reset(step.done)
        yield Played(obs, action, step)
        obs = step.obs


def begin(worlds: Worlds, policy: Policy) -> Obs:
    """Reset every world and the policy's memory; return the first observation."""
    every = torch.ones(worlds.num_worlds, dtype=torch.bool, device=policy.device)
    policy.reset(every)
    return worlds.reset()


def policy_obs(obs: Obs, device: torch.device) -> Obs:
    """Return what a policy gets: pixels as they are, everything else as float32.

    The newest frame alone stays behind: it is for the replay buffer.
    """
    return {
        name: value.to(device, value.dtype if name == "pixels" else torch.float32)
        for name, value in obs.items()
        if name != "frame"
    }
