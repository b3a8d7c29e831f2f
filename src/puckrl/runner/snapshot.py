"""The complete state of a run as named tensors and plain numbers."""

import logging
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from puckrl.agents.actor_critic import ActorCritic
from puckrl.config.run_cfg import RunCfg
from puckrl.core import team
from puckrl.core.clock import Clock
from puckrl.core.errors import UserError, said
from puckrl.core.rng import begin_stream
from puckrl.core.sections import section, under
from puckrl.core.types import Spaces
from puckrl.runner.build import Parts, make_agent
from puckrl.runner.plugins import with_copies
from puckrl.runner.renamed import present_names
from puckrl.runner.run_folder import RunFolder
from puckrl.training.checkpoint import Checkpoints, read_state
from puckrl.training.verdicts import Progress

log = logging.getLogger(__name__)

_OBS, _ENV, _AGENT, _RNG = "obs", "env", "agent", "rng"  # sections of a snapshot


def save(checkpoints: Checkpoints, parts: Parts, progress: Progress) -> None:
    """Write a snapshot of the complete state."""
    rngs = {"replay": parts.replay_rng, **parts.agent.generators()}
    tensors = {
        **under(_OBS, parts.collector.obs or {}),
        **under(_ENV, parts.env.snapshot()),
        **under(_AGENT, parts.agent.tensors()),
        **under(_RNG, {name: rng.get_state() for name, rng in rngs.items()}),
    }
    scalars = {
        "progress": {**asdict(progress), "clock": progress.clock.as_dict()},
        "debt": parts.learner.ratio.debt,
        "normalized": parts.learner.normalized,
    }
    checkpoints.save(tensors, scalars, parts.replay)


def restore(checkpoints: Checkpoints, parts: Parts) -> Progress:
    """Restore the newest intact snapshot into ``parts``; return the progress.

    Each process of a team has its own snapshots; all restore the same moment.

    Raises:
        UserError: if no snapshot can be used, or an incompatible version wrote it.
    """
    snapshot = checkpoints.load(parts.replay, team.minimum(checkpoints.serial))
    if _moments_differ(checkpoints):  # one is damaged; all may have the previous one
        snapshot = checkpoints.load(parts.replay, team.minimum(checkpoints.serial))
    if _moments_differ(checkpoints):
        raise UserError(
            f"the processes have snapshots of different moments, see "
            f"{checkpoints.folder.parent}; start the run anew"
        )
    tensors, scalars = present_names(snapshot.tensors), present_names(snapshot.scalars)
    parts.env.restore(section(_ENV, tensors))
    parts.collector.obs = section(_OBS, tensors) if parts.env.restorable else None
    _load(parts.agent, tensors)
    progress = progress_of(scalars)
    _restore_generators(parts, section(_RNG, tensors), progress.clock.env_steps)
    parts.learner.ratio.debt = scalars["debt"]
    parts.learner.normalized = scalars["normalized"]
    return progress


def _moments_differ(checkpoints: Checkpoints) -> bool:
    """Return whether processes of the team have loaded different snapshots."""
    return team.minimum(checkpoints.serial) != -team.minimum(-checkpoints.serial)


def _restore_generators(
    parts: Parts, states: dict[str, Tensor], env_steps: int
) -> None:
    """Restore the generators; on another kind of device, start new streams.

    Generators of GPU and CPU cannot exchange states.
    """
    rngs = {"replay": parts.replay_rng, **parts.agent.generators()}
    moved = False
    for name, state in states.items():
        if state.numel() == rngs[name].get_state().numel():
            rngs[name].set_state(state)
        else:
            begin_stream(rngs[name], parts.env.seed, f"{name}@{env_steps}")
            moved = True
    if moved:
        log.warning(
            "the snapshot is from another kind of device: the run continues with "
            "different random numbers"
        )


def trained_agent(
    folder: RunFolder,
    cfg: RunCfg,
    spaces: Spaces,
    device: torch.device,
    serial: int | None = None,
) -> ActorCritic:
    """Return the agent of a snapshot; None: of the newest intact one.

    Raises:
        UserError: if no snapshot can be used, or an incompatible version wrote it.
    """
    cfg = with_copies(folder, cfg)
    agent = make_agent(cfg, spaces, device, reward_bounds=None)  # it only acts
    _load(agent, present_names(read_state(folder.checkpoints, serial).tensors))
    return agent


def _load(agent: ActorCritic, tensors: dict[str, Tensor]) -> None:
    """Load an agent's tensors from a snapshot.

    Raises:
        UserError: if a tensor is missing or has another size.
    """
    try:
        agent.load(section(_AGENT, tensors))
    except KeyError as error:
        raise UserError(
            f"the snapshot has no {error}: another version of puckrl wrote it; "
            "use that version, or train anew"
        ) from None
    except RuntimeError as error:
        raise UserError(
            "the snapshot's networks have other sizes than the task's spaces: "
            f"{said(error)}; use the task that the run trained on: --task kept"
        ) from error


def progress_of(scalars: dict[str, Any]) -> Progress:
    """Return the progress stored in a snapshot."""
    stored = dict(scalars["progress"])
    return Progress(**{**stored, "clock": Clock.from_dict(stored["clock"])})
