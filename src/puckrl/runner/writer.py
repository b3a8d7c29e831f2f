"""Record who writes into a run folder, and with what."""

import os
import platform
from typing import Any

import torch

from puckrl.core import team
from puckrl.core.spaces import Spaces
from puckrl.report.provenance import provenance
from puckrl.runner.run_folder import RunFolder


def space_facts(
    spaces: Spaces, reward_bounds: tuple[float, float] | None
) -> dict[str, Any]:
    """Return what the doctor must know of an environment, for ``facts_of``."""
    return {
        "horizon": spaces.horizon,
        "action_dim": spaces.action_dim,
        "reward_bounds": reward_bounds,
    }


def sign_in(
    folder: RunFolder,
    device: torch.device,
    spaces: Spaces,
    reward_bounds: tuple[float, float] | None,
) -> None:
    """Record this process as a writer, with everything needed to repeat the run."""
    me = f"{platform.node()}.{os.getpid()}"
    writers = [*folder.manifest().get("writers", []), me]
    folder.update_manifest(
        **provenance(device),
        writers=writers,
        processes=team.size(),
        spaces=space_facts(spaces, reward_bounds),
        status="running",
    )
