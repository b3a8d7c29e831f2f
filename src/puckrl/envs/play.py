"""The control loop of a policy, used to collect, evaluate, film and check."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from puckrl.core.policy import Policy
from puckrl.core.types import Obs, Step
from puckrl.envs.worlds import Worlds


class Played(NamedTuple):
    """One control step of every world."""

    action: Tensor
    """Actions of the policy, (W, action_dim), on the device of the worlds."""
    step: Step
    """Results of the step."""


def nothing() -> None:
    """Do nothing during a control step."""


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
        worlds: the worlds.
        policy: acts; its memory of a world is reset when the world's episode ends.
        steps: number of control steps.
        explore: whether to act with exploration noise.
        obs: current observations of the worlds; None: worlds and policy are reset first.
        meanwhile: called after each launch of a control step, before its results are
            awaited; on a GPU the two overlap.
    """
    if obs is None:
        obs = begin(worlds, policy)
    for _ in range(steps):
        inputs = policy_obs(obs, policy.device)
        action = policy.act(inputs, explore=explore).to(worlds.device)
        worlds.step_async(action)
        meanwhile()
        step = worlds.step_wait()
        policy.reset(step.forgotten)
        yield Played(action, step)
        obs = step.obs


def begin(worlds: Worlds, policy: Policy) -> Obs:
    """Reset every world and the policy's memory; return the first observations."""
    every = torch.ones(worlds.num_worlds, dtype=torch.bool, device=policy.device)
    policy.reset(every)
    return worlds.reset()


def policy_obs(obs: Obs, device: torch.device) -> Obs:
    """Return the inputs of a policy: images as uint8, everything else as float32.

    The newest single frame is left out, because only the replay buffer needs it.
    """
    image, vector = torch.uint8, torch.float32
    return {
        name: value.to(device, image if value.dtype == image else vector)
        for name, value in obs.items()
        if name != "frame"
    }
