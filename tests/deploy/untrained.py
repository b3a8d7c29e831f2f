"""Judged policies with random weights and statistics: nothing is trained or simulated."""

from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from puckrl.agents.policy import ActorPolicy
from puckrl.agents.rebuild import copy_policy
from puckrl.agents.vision import PixelFeatures
from puckrl.config.run_cfg import RunCfg
from puckrl.core.runtime import pick_device
from puckrl.core.spec import PolicySpec
from puckrl.nets.inputs import Normalizer
from puckrl.runner.build import make_agent
from puckrl.runner.contract import make_spec
from puckrl.runner.worlds import goal_space, pixel_space
from puckrl.tasks.catalog import make_task
from puckrl.tasks.task import Task


@cache
def _task(name: str) -> Task:
    return make_task(name)


def untrained(cfg: RunCfg, seed: int = 0) -> tuple[PolicySpec, ActorPolicy]:
    """Return the contract and the judged policy of a run that never began."""
    task = _task(cfg.task)
    spaces = replace(
        task.spaces, pixels=pixel_space(cfg.pixels), goal_image=goal_space(cfg.pixels)
    )
    agent = make_agent(cfg, spaces, pick_device("cpu"), reward_bounds=None)
    spec, policy = make_spec(cfg, task, spaces, agent), copy_policy(agent)
    rng = torch.Generator().manual_seed(seed)
    modules = [policy.actor.module]
    if isinstance(policy.features, PixelFeatures):
        modules.append(policy.features.vision)
    for module in modules:
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=rng), alpha=0.3)
        for part in module.modules():
            if isinstance(part, Normalizer):
                part.mean.copy_(torch.randn(part.size, generator=rng))
                part.scale.copy_(torch.rand(part.size, generator=rng) + 0.5)
    return spec, policy


def observed(spec: PolicySpec, worlds: int, rng: torch.Generator) -> dict[str, Tensor]:
    """Return random observations of a task, (B, ...) each."""
    obs = {
        "state": 2.0 * torch.randn(worlds, spec.network.state_dim, generator=rng),
        "achieved_goal": torch.randn(worlds, spec.network.goal_dim, generator=rng),
        "desired_goal": torch.randn(worlds, spec.network.goal_dim, generator=rng),
    }
    for one in spec.inputs:
        if one.dtype == "uint8":
            shape = (worlds, *one.shape)
            image = torch.randint(0, 256, shape, generator=rng)
            obs[one.name] = image.to(torch.uint8)
    return obs
