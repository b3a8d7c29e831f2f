"""Write the model card of an exported policy: a page with a head that hubs read."""

import json
from typing import Any

from puckrl.config.run_cfg import RunCfg
from puckrl.deploy.fit import Contract


def model_card(
    contract: Contract, cfg: RunCfg, manifest: dict[str, Any], *, film: bool
) -> str:
    """Return README.md of an exported folder.

    Args:
        contract: of the policy.
        cfg: configuration of its run.
        manifest: of its run.
        film: whether the folder holds a film.
    """
    origin, proof = contract["origin"], contract["proof"]
    lines = [
        *_head(contract),
        f"# {origin['run']}",
        "",
        f"A policy for `{contract['task']}`, trained by {contract['made_by']} from sparse "
        "rewards."
        if cfg.reward == "sparse"
        else f"A policy for `{contract['task']}`, trained by {contract['made_by']}.",
        "",
        *(['<video controls src="replay.mp4"></video>', ""] if film else []),
        *_judged(contract),
        *_trained(contract, cfg, manifest),
        *_takes(contract),
        *_returns(contract),
        *_limits(contract),
        "## Run it",
        "",
        "    pip install onnxruntime numpy && pip install --no-deps puckrl",
        "    python -m puckrl.deploy.runtime .              # golden pairs, latency",
        "    python -m puckrl.deploy.runtime . --describe   # a robot that fits",
        "",
        "`model.safetensors` and `normalizer.safetensors` hold the weights by name, "
        "`config.json` says how the network is built.",
        "",
        f"Observations compared before the export: {proof['observations']:,}; largest "
        f"difference of an action: {proof['max_difference']:.1e} of its limits.",
        "",
    ]
    return "\n".join(lines)


def _head(contract: Contract) -> list[str]:
    """Return the YAML head; strings are JSON, which is YAML."""
    success, task = contract["proof"]["success"], contract["task"]
    head = [
        "---",
        "library_name: puckrl",
        "pipeline_tag: robotics",
        "tags: [reinforcement-learning, robotics, onnx]",
    ]
    if success:
        head += [
            "model-index:",
            f"- name: {json.dumps(contract['origin']['run'])}",
            "  results:",
            "  - task: {type: robotics}",
            f"    dataset: {{name: {json.dumps(task)}, type: simulation}}",
            f"    metrics: [{{type: success, value: {success['rate']!r}}}]",
        ]
    return [*head, "---", ""]


def _judged(contract: Contract) -> list[str]:
    """Return what the policy was judged by."""
    proof = contract["proof"]
    of, success = proof["episodes"], proof["success"]
    if success is None:
        what = f"mean return {of['success']:.4g} (the environment reports no success)"
    else:
        what = (
            f"success at the last step {success['rate']:.3f} "
            f"[{success['low']:.3f}, {success['high']:.3f}]"
        )
    return [
        "## Judged by",
        "",
        f"{what}, over {of['episodes']} episodes of {contract['control']['horizon']} steps "
        f"in simulation that `policy.onnx` drove, seed {proof['seed']}.",
        f"The policy as trained: {of['judged_success']:.3f} in the same episodes; "
        f"{of['differ']} of them ended differently.",
        "",
    ]


def _trained(contract: Contract, cfg: RunCfg, manifest: dict[str, Any]) -> list[str]:
    """Return what the policy was trained on."""
    origin, machine = contract["origin"], manifest.get("machine", {})
    return [
        "## Trained on",
        "",
        f"`{contract['task']}`, preset `{origin['preset']}`, seed {origin['seed']}, "
        f"configuration {origin['config_hash']}, source revision {origin['revision']}. "
        f"{origin['env_steps']:,} control steps of {contract['control']['dt_s']:g} s in "
        f"simulation, {cfg.agent.kind}; device: {machine.get('device', 'unknown')}.",
        "",
    ]


def _takes(contract: Contract) -> list[str]:
    """Return what the policy sees."""
    lines = ["## Sees", "", "| input | shape | type | from |", "|---|---|---|---|"]
    lines += [
        f"| {one['name']} | {one['shape']} | {one['dtype']} | {one['source']} |"
        for one in contract["inputs"]
    ]
    if memory := contract["memory"]:
        lines.append(
            f"| {memory['input']} | [{memory['size']}] | float32 | {memory['reset']} |"
        )
    lines += ["", "Columns with units and frames: `contract.json`.", ""]
    return lines


def _returns(contract: Contract) -> list[str]:
    """Return what the policy does."""
    return [
        f"## Returns, {contract['control']['rate_hz']:g} times a second",
        "",
        "| action | from | to | unit | meaning |",
        "|---|---|---|---|---|",
        *(
            f"| {one['name']} | {one['low']:g} | {one['high']:g} | {one['unit']} | "
            f"{one['meaning']} |"
            for one in contract["action"]
        ),
        "",
    ]


def _limits(contract: Contract) -> list[str]:
    """Return where the policy has not been."""
    goal, images = contract["goal"], contract["images"]
    lines = ["## Limits", "", f"An episode begins with: {contract['reset']}."]
    if goal["minimum"] is not None:
        lines.append(f"Goals in training: {goal['minimum']} to {goal['maximum']}.")
    if images:
        seen = "varied" if images["varied"] else "always the same"
        lines.append(
            f"Images are rendered; colors, lights and cameras were {seen}. Not drawn: "
            f"{'; '.join(images['leaves_out'])}."
        )
    return [*lines, "The policy has not been tried on a robot.", ""]
