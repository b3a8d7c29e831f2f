"""Export the policy of a run: one folder that a robot, a colleague or a model hub takes.

policy.onnx           the network, with the contract and the golden pairs inside
contract.json         names, units, frames, rate, limits, cameras: see contract.py
golden.bin            golden pairs, for programs in other languages: see golden.py
README.md             the model card
config.json           how the network is built and how it was trained
model.safetensors     its weights by name, and normalizer.safetensors its statistics
results.json          what was proven
replay.mp4            the run's film, if it has one
"""

import base64
import json
import logging
import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from puckrl.agents.trained import Policy
from puckrl.agents.vision import PixelFeatures
from puckrl.config.run_cfg import RunCfg, config_hash
from puckrl.config.tree import to_dict
from puckrl.core.runtime import torch_threads
from puckrl.core.spec import to_plain
from puckrl.deploy.card import model_card
from puckrl.deploy.contract import Origin, in_si, make_contract
from puckrl.deploy.emit import emit_policy
from puckrl.deploy.fit import Contract, describe
from puckrl.deploy.proof import Effort, Proof, memory_size, prove
from puckrl.deploy.runtime import (
    CONTRACT,
    CONTRACT_KEY,
    GOLDEN,
    GOLDEN_KEY,
    MODEL,
    load,
)
from puckrl.envs.goal_env import GoalEnv
from puckrl.runner import run_folder
from puckrl.runner.contract import described
from puckrl.runner.kept_task import task_to_play
from puckrl.runner.load import load_policy
from puckrl.runner.output_folder import check_target, written_whole
from puckrl.runner.policies import refuse_without_snapshot
from puckrl.runner.run import Run
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.versions import tell_other_versions
from puckrl.runner.worlds import EVAL_WORLDS, make_eval_env

LIMITS_KEY = "puckrl.limits"
"""Key of the action's limits in the ONNX file, for programs that read no JSON."""
log = logging.getLogger(__name__)

FOLDER = "export"
"""Name of the folder in a run's folder."""
_RECURRENT_WORLDS = 16  # sequences are long, so few are enough
_ALL = Effort()


@dataclass(frozen=True)
class Exported:
    """What was written."""

    path: Path
    """The folder."""
    contract: Contract
    """Its contract."""
    proof: Proof
    """What was compared before."""


def export_run(
    name: str,
    root: Path,
    output: Path | None = None,
    *,
    task: str | None = None,
    seed: int = 10_000,
    effort: Effort = _ALL,
) -> Exported:
    """Export a run's newest policy; see ``puckrl.export``.

    Args:
        name: the run.
        root: folder of run folders.
        output: folder to write; None: ``export`` in the run's folder.
        task: where to judge the policy, see ``kept_task.task_to_play``.
        seed: seed of the episodes.
        effort: how much is compared before anything is written.

    Raises:
        UserError: if there is no such run or no snapshot; for a part of a user's own
            whose operators are unknown; if the network acts or fares in another way than
            the judged policy; if the folder holds other files or cannot be written.
    """
    folder = run_folder.find(name, root)
    path = output or folder.path / FOLDER
    check_target(path, f"exported policy of {folder.path.name}", _ours(folder))
    refuse_without_snapshot(folder)
    tell_other_versions(folder)
    cfg = folder.config()
    policy = load_policy(folder.path)
    size = memory_size(policy.acting)
    played = replace(cfg, task=task_to_play(folder, task))
    worlds = effort.worlds or (_RECURRENT_WORLDS if size else EVAL_WORLDS)
    env = make_eval_env(played, worlds, seed)
    with closing(env), torch_threads(1):
        spec = policy.spec
        if isinstance(env, GoalEnv):
            spec = in_si(spec, described(env.task))
        spec = replace(spec, task=public_name(spec.task))
        graph = emit_policy(spec, policy.acting)
        bare = graph.model({})
        log.info("playing %d episodes twice, to compare", effort.episodes)
        proof = prove(bare, spec, policy.acting, env, seed, effort)
    contract = make_contract(spec, size, _origin(folder, cfg), proof.as_dict())
    # as JSON gives it back: the file inside and the one beside are compared
    contract = json.loads(json.dumps(contract))
    model = graph.model(_metadata(contract, proof.golden), contract["made_by"])
    with written_whole(path) as made:
        (made / MODEL).write_bytes(model)
        (made / GOLDEN).write_bytes(proof.golden)
        _write_json(made / CONTRACT, contract)
        _write_hub(made, folder, cfg, policy, contract)
        load(made, describe(contract))  # the file itself, as a robot loads it
    return Exported(path, contract, proof)


def _metadata(contract: Contract, golden: bytes) -> dict[str, str]:
    """Return what the ONNX file says of itself."""
    limits = (f"{one['low']!r} {one['high']!r}" for one in contract["action"])
    return {
        CONTRACT_KEY: json.dumps(contract),
        GOLDEN_KEY: base64.b64encode(golden).decode(),
        LIMITS_KEY: " ".join(limits),
    }


def told(done: Exported) -> list[tuple[str, str]]:
    """Return rows of what was proven, for people."""
    proof, of = done.proof, done.proof.agreement
    rows = [
        ("observations compared", f"{proof.observations:,}"),
        ("largest difference", f"{proof.max_difference:.1e} of the action's limits"),
        (f"{of.judged_by}, the file", f"{of.success:.3f} over {of.episodes} episodes"),
        (
            f"{of.judged_by}, as trained",
            f"{of.judged_success:.3f} in the same episodes",
        ),
        ("paired 95 % interval", f"{of.low:+.3f} ... {of.high:+.3f}"),
    ]
    if proof.sequence_difference:
        drift = f"{proof.sequence_difference:.1e} without a reset"
        rows.insert(2, ("difference over 1,000 steps", drift))
    return rows


def public_name(task: str) -> str:
    """Return a task's name without the folders of a user's machine."""
    file, colon, kind = task.rpartition(":")
    return f"{Path(file).name}:{kind}" if colon and file.endswith(".py") else task


def _ours(folder: RunFolder) -> Any:
    """Return a function that tells an earlier export of the same run."""

    def is_export(path: Path) -> bool:
        try:
            contract = json.loads((path / CONTRACT).read_text())
            return contract["origin"]["run"] == folder.path.name
        except (OSError, ValueError, KeyError, TypeError):
            return False

    return is_export


def _origin(folder: RunFolder, cfg: RunCfg) -> Origin:
    """Return where a run's newest policy comes from."""
    manifest = folder.manifest()
    snapshots = Run(folder.path).snapshots
    return Origin(
        run=folder.path.name,
        preset=public_name(cfg.preset),
        seed=cfg.seed,
        config_hash=config_hash(cfg),
        revision=manifest.get("git", {}).get("revision", "unknown"),
        made_by=f"puckrl {manifest.get('versions', {}).get('puckrl', 'unknown')}",
        env_steps=snapshots[-1].env_steps if snapshots else 0,
    )


def _write_hub(
    made: Path, folder: RunFolder, cfg: RunCfg, policy: Policy, contract: Contract
) -> None:
    """Write what a model hub shows and others load."""
    weights, statistics = _tensors(policy)
    (made / "model.safetensors").write_bytes(save(weights, {"format": "pt"}))
    (made / "normalizer.safetensors").write_bytes(save(statistics, {"format": "pt"}))
    training = to_dict(replace(cfg, task=public_name(cfg.task)))
    config = {
        "library_name": "puckrl",
        "model_type": "puckrl-policy",
        "network": to_plain(policy.spec.network),
        "training": training,
    }
    _write_json(made / "config.json", config)
    _write_json(made / "results.json", contract["proof"])
    film = folder.path / "policy.mp4"
    if film.is_file():
        shutil.copyfile(film, made / "replay.mp4")
    page = model_card(contract, cfg, folder.manifest(), film=film.is_file())
    (made / "README.md").write_text(page)


def _tensors(policy: Policy) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return weights and running statistics by name."""
    acting = policy.acting
    modules = {"actor": acting.actor.module}
    if isinstance(acting.features, PixelFeatures):
        modules["vision"] = acting.features.vision
    weights: dict[str, Tensor] = {}
    statistics: dict[str, Tensor] = {}
    for name, module in modules.items():
        weights |= {f"{name}.{k}": p.clone() for k, p in module.named_parameters()}
        statistics |= {f"{name}.{k}": b.clone() for k, b in module.named_buffers()}
    return weights, statistics


def _write_json(file: Path, tree: Any) -> None:
    file.write_text(json.dumps(tree, indent=1) + "\n")
