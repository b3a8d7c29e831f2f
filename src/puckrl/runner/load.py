"""Load the policy of a run from its contract and a snapshot: torch alone, no MuJoCo."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch

from puckrl.agents.rebuild import OWN, rebuild_policy
from puckrl.agents.trained import Policy
from puckrl.core.arguments import checked
from puckrl.core.runtime import pick_device
from puckrl.core.sections import section
from puckrl.core.settings import COUNT, SEED
from puckrl.core.spec import CONTRACT, NetworkSpec
from puckrl.runner.contract_file import read_contract, read_json
from puckrl.runner.own_copies import name_in_copy
from puckrl.runner.renamed import present_names
from puckrl.training.checkpoint import read_state

log = logging.getLogger(__name__)


@checked
def load_policy(
    path: Path,
    snapshot: Annotated[int | None, COUNT] = None,
    device: str = "cpu",
    seed: Annotated[int, SEED] = 0,
) -> Policy:
    """Return the policy of a run; see ``puckrl.load``.

    Args:
        path: the run's folder.
        snapshot: number of a snapshot; None: the newest intact one.
        device: auto, cpu, cuda, cuda:N.
        seed: seeds the noise of sampled actions.
    """
    place, contract = pick_device(device), read_contract(path)
    if contract is None or contract.network.distribution == OWN:
        if contract is None:
            log.warning(
                "%s has no %s (an earlier version made it): its contract is rebuilt from "
                "this version's code and its task",
                path,
                CONTRACT,
            )
        return _from_code(path, snapshot, place, seed)
    tensors = present_names(read_state(path / "checkpoints", snapshot).tensors)
    acting = rebuild_policy(
        _in_copies(path, contract.network),
        contract.images,
        len(contract.action.numbers),
        section("agent", tensors),
        place,
        seed,
    )
    return Policy(contract, acting)


def _in_copies(path: Path, network: NetworkSpec) -> NetworkSpec:
    """Return the description with a user's classes named in the run's own copies."""
    of, manifest = network.encoder, path / "manifest.json"
    if of is None or not manifest.is_file():
        return network
    known = read_json(manifest)
    kind = name_in_copy(path, "encoder", of.kind, known)
    objective = name_in_copy(path, "objective", of.objective, known)
    return replace(network, encoder=replace(of, kind=kind, objective=objective))


def _from_code(
    path: Path, snapshot: int | None, device: torch.device, seed: int
) -> Policy:
    """Return a policy that only the code of its task and agent can rebuild."""
    from puckrl.runner.policies import policy_from_code
    from puckrl.runner.run_folder import RunFolder

    return policy_from_code(RunFolder(path), snapshot, device, seed)
