"""The graph computes what the judged policy computes: every kind of network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from puckrl.agents.settings import MODES, SacCfg
from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.deploy import emit_memory
from puckrl.deploy.contract import TOLERANCE, in_si
from puckrl.deploy.emit import Limits, emit_policy
from puckrl.deploy.exported import ExportedPolicy, measured
from puckrl.deploy.graph import Graph
from puckrl.deploy.proof import memory_size
from puckrl.nets.layers import EncoderCfg
from puckrl.nets.memory import MemoryCfg
from puckrl.runner.contract import described
from puckrl.tasks.catalog import make_task
from tests.api.tiny import SEEING, SHOWN, TINY, write_encoder
from tests.deploy.untrained import observed, untrained


def seeing(base: RunCfg = SEEING, **encoder: object) -> RunCfg:
    """Return a run from pixels with another encoder."""
    vision = replace(
        base.agent.vision,
        encoder=replace(base.agent.vision.encoder, **encoder),  # pyright: ignore[reportArgumentType]
    )
    pixels = replace(base.pixels, height=36, width=36)
    return replace(base, pixels=pixels, agent=replace(base.agent, vision=vision))


def remembering(kind: str, base: RunCfg = TINY) -> RunCfg:
    memory = MemoryCfg(kind, size=8, steps=4)  # pyright: ignore[reportArgumentType]
    return replace(base, agent=replace(base.agent, memory=memory))


def with_sensors(base: RunCfg, mode: str) -> RunCfg:
    return replace(base, agent=replace(base.agent, actor_sensors=MODES[mode]))


def unconditioned(base: RunCfg) -> RunCfg:
    vision = replace(base.agent.vision, condition_on_prediction=False)
    return replace(base, agent=replace(base.agent, vision=vision))


SAC = replace(TINY, agent=SacCfg(hidden=(16, 8), batch_size=8, precision="fp32"))
NETWORKS = {
    "td3": TINY,
    "sac": SAC,
    "push": replace(TINY, task="push"),
    "proprio": with_sensors(replace(TINY, task="push"), "proprio-only"),
    "stack": remembering("stack"),
    "gru": remembering("gru", SAC),
    "lstm": remembering("lstm"),
    "scan": remembering("scan"),
    "pixels": SEEING,
    "pixels-alone": with_sensors(SEEING, "pixels-no-proprio"),
    "pixels-unconditioned": unconditioned(SEEING),
    "nature": seeing(kind="nature"),
    "drqv2-flatten": seeing(kind="drqv2", head="flatten"),
    "manipulation-norm": seeing(kind="manipulation", head="flatten-norm", features=7),
    "impala": seeing(kind="impala"),
    "goal-image": SHOWN,
    "goal-image-unconditioned": unconditioned(SHOWN),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_it_acts_as_the_judged_policy(name: str) -> None:
    spec, policy = untrained(NETWORKS[name])
    size = memory_size(policy)
    assert bool(size) == (spec.network.memory is not None)
    exported = ExportedPolicy(emit_policy(spec, policy).model({}), spec, size)
    rng = torch.Generator().manual_seed(1)
    moved = 0.0
    for step in range(12):
        obs = observed(spec, 5, rng)
        wanted, found = policy.act(obs, explore=False), exported.act(obs)
        torch.testing.assert_close(found, wanted, rtol=0.0, atol=TOLERANCE)
        moved = max(moved, float(wanted.std(dim=0).max()))
        done = torch.tensor([step == 7, False, step == 3, False, False])
        policy.reset(done)
        exported.reset(done)
    assert moved > 0.01, "a policy that always does the same proves nothing"


def test_sensors_are_in_si_units_and_actions_are_physical() -> None:
    """Against a hand-made division: 0.04 s a step, 0.05 m an action."""
    spec, policy = untrained(replace(TINY, task="push"))
    spec = in_si(spec, described(make_task("push")))
    obs = observed(spec, 3, torch.Generator().manual_seed(2))
    si = obs["state"].numpy().copy()
    si[:, 14:25] /= 0.04  # velocities, as the contract's columns say
    units = [column.si_unit for column in spec.inputs[0].columns]
    assert {i for i, unit in enumerate(units) if unit.endswith("/s")} == {
        *range(14, 25)
    }
    session = onnxruntime.InferenceSession(emit_policy(spec, policy).model({}))
    feed = {
        "state": si,
        "achieved_goal": obs["achieved_goal"].numpy(),
        "desired_goal": obs["desired_goal"].numpy(),
    }
    (found,) = session.run(None, feed)
    wanted = policy.act(obs, explore=False).numpy() * [0.05, 0.05, 0.05, 1.0]
    np.testing.assert_allclose(np.asarray(found), wanted, atol=1e-6)
    np.testing.assert_allclose(measured(spec, obs)["state"], si, rtol=1e-6)


def test_actions_stay_within_their_limits() -> None:
    spec, policy = untrained(TINY)
    spec = in_si(spec, described(make_task("reach")))
    policy.actor.vector.mul_(1e4)
    exported = ExportedPolicy(emit_policy(spec, policy).model({}), spec, 0)
    obs = observed(spec, 64, torch.Generator().manual_seed(3))
    action, limits = exported.physical(measured(spec, obs)), Limits.of(spec)
    assert (np.abs(action).max(axis=0) >= 0.999 * limits.scale).all()
    assert (action >= limits.low).all()
    assert (action <= limits.high).all()


@pytest.mark.parametrize(
    ("name", "takes", "returns"),
    [
        ("pixels", ["proprio", "desired_goal", "pixels"], ["action"]),
        (
            "gru",
            ["state", "achieved_goal", "desired_goal", "memory"],
            ["action", "memory_next"],
        ),
    ],
)
def test_the_file_is_plain_and_the_same_every_time(
    name: str, takes: list[str], returns: list[str]
) -> None:
    spec, policy = untrained(NETWORKS[name])
    first, second = (emit_policy(spec, policy).model({"a": "b"}) for _ in range(2))
    assert first == second
    model = onnx.load_from_string(first)
    kinds = {node.op_type for node in model.graph.node}
    assert not kinds & {"GRU", "LSTM", "RNN", "Loop", "Scan", "If"}
    assert all(node.domain == "" for node in model.graph.node)
    assert not any(node.metadata_props for node in model.graph.node)
    assert not any(node.doc_string for node in model.graph.node)
    assert str(Path.cwd()).encode() not in first
    assert [one.name for one in model.graph.input] == takes
    assert [one.name for one in model.graph.output] == returns


def test_gates_in_another_order_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault that exporters are known for is larger than the tolerance."""
    spec, policy = untrained(NETWORKS["gru"])
    right = emit_memory._gates

    def swapped(graph: Graph, memory: object, x: str, hidden: str) -> tuple[str, str]:
        weight = memory.weight_h  # pyright: ignore[reportAttributeAccessIssue]
        kept = weight.data.clone()
        first, second, third = kept.chunk(3)
        weight.data.copy_(torch.cat([second, first, third]))
        made = right(graph, memory, x, hidden)  # pyright: ignore[reportArgumentType]
        weight.data.copy_(kept)
        return made

    monkeypatch.setattr(emit_memory, "_gates", swapped)
    exported = ExportedPolicy(emit_policy(spec, policy).model({}), spec, 8)
    rng = torch.Generator().manual_seed(1)
    off = 0.0
    for _ in range(4):
        obs = observed(spec, 5, rng)
        wanted = policy.act(obs, explore=False)
        off = max(off, float((exported.act(obs) - wanted).abs().max()))
    assert off > 100 * TOLERANCE


def test_a_users_encoder_is_refused_by_name(tmp_path: Path) -> None:
    kind = write_encoder(tmp_path)
    vision = replace(SEEING.agent.vision, encoder=EncoderCfg(kind=kind))
    spec, policy = untrained(
        replace(SEEING, agent=replace(SEEING.agent, vision=vision))
    )
    with pytest.raises(UserError, match=r"the encoder Mean is not puckrl's.*load"):
        emit_policy(spec, policy)
