"""Golden numbers of the first updates of each agent.

A refactoring must leave them; a change that is meant to move them regenerates them
and says so in the changelog:

    python -m tests.agents.golden
"""

import json
from pathlib import Path

import torch

from puckrl.agents.actor_critic import ActorCritic
from tests.agents import small

FOLDER = Path(__file__).parent.parent / "golden"
CASES = {
    "td3": lambda: small.td3(critics=2, target_noise=0.2, max_grad_norm=0.5),
    "sac": lambda: small.sac(critics=2, tune_alpha=True),
    "distill": lambda: small.distill(critics=2, student_batch=4, max_grad_norm=0.5),
}
_ROUNDS = 3


def numbers(agent: ActorCritic) -> dict[str, float]:
    """Return metrics of the third round, and sums of the tensors after it."""
    agent.update_normalizers(small.obs(64, torch.Generator().manual_seed(1)))
    found = {k: v.item() for k, v in small.learn(agent, _ROUNDS).items()}
    for name, value in agent.tensors().items():
        if value.is_floating_point():
            found[f"{name}/mean"] = value.double().mean().item()
            found[f"{name}/rms"] = value.double().square().mean().sqrt().item()
    return found


def path(case: str) -> Path:
    """Return the file of a case's numbers."""
    return FOLDER / f"{case}.json"


if __name__ == "__main__":
    torch.set_num_threads(1)
    for case, make in CASES.items():
        path(case).write_text(json.dumps(numbers(make()), indent=2) + "\n")
