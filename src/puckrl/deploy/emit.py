"""Write a judged policy as an ONNX graph: raw sensors in, a physical action out.

    sensors, SI units -> units of the task -> normalize ------------\
    pixels, uint8 -> encoder -> features, prediction of the goal ----> MLP -> tanh -> limits
    memory -> one step of the cell, as plain products --------------/      -> memory_next

Every number comes from the policy's own modules; ``proof.py`` compares with them.
"""

from dataclasses import dataclass

import numpy as np
from torch import nn

from puckrl.agents.distributions import SquashedNormal, TanhNormal
from puckrl.agents.policy import ActorPolicy
from puckrl.agents.vision import PixelFeatures
from puckrl.core.spec import InputSpec, PolicySpec
from puckrl.deploy.emit_memory import emit_memory
from puckrl.deploy.emit_vision import emit_encoder
from puckrl.deploy.graph import Graph, array, unknown_part
from puckrl.nets.actors import Actor
from puckrl.nets.blocks import EnsembleLinear, EnsembleMLP
from puckrl.nets.inputs import Normalizer, VectorInput
from puckrl.representation.goal_prediction import GoalPrediction

MEMORY, MEMORY_NEXT, ACTION = "memory", "memory_next", "action"
"""Names of what goes in and out beside the sensors."""
_CLIP = 5.0  # of Normalizer


@dataclass(frozen=True)
class Limits:
    """Hold what an action of ±1 is in physical units, (A,) each."""

    scale: np.ndarray
    """Value of 1.0."""
    low: np.ndarray
    """Smallest action."""
    high: np.ndarray
    """Largest action."""

    @classmethod
    def of(cls, spec: PolicySpec) -> "Limits":
        """Return the limits of a policy."""
        scale = np.array([one.si_scale for one in spec.action.numbers], np.float32)
        return cls(scale, spec.action.low * scale, spec.action.high * scale)


def emit_policy(spec: PolicySpec, policy: ActorPolicy) -> Graph:
    """Return the graph of a policy.

    Args:
        spec: its contract.
        policy: the judged policy, in float32.

    Raises:
        UserError: for a part of a user's own, whose operators are unknown here.
    """
    actor = policy.actor.module
    assert isinstance(actor, Actor)
    graph, inputs = Graph(spec.task), actor.features
    known = {one.name: _sensor(graph, one) for one in spec.inputs}
    vectors = _state(graph, spec, inputs, known)
    parts = [_normalized(graph, inputs, vectors, known)]
    if isinstance(policy.features, PixelFeatures):
        parts += _pixel_features(graph, spec, policy.features, inputs, known)
    memory = inputs.memory
    after = ""
    if memory is not None:
        x = _normalize(graph, "memory", vectors, inputs, len(inputs.columns))
        state = graph.input(MEMORY, [memory.state_size])
        features, after = emit_memory(graph, memory, x, state)
        parts.append(features)
    x = graph.concat([part for part in parts if part])
    for index, layer in enumerate(actor.mlp.hidden):
        x = graph.op("Relu", _hidden(graph, f"actor.{index}", x, layer, actor.mlp))
    _emit_action(graph, spec, _mean(graph, spec, policy, x))
    if memory is not None:
        graph.output(after, MEMORY_NEXT, [memory.state_size])
    return graph


def _sensor(graph: Graph, one: InputSpec) -> str:
    """Add an input; return it in the units of the task."""
    name = graph.input(one.name, one.shape, one.dtype)
    factors = np.array([column.per_si for column in one.columns], np.float32)
    if (factors == 1.0).all():
        return name
    return graph.op("Mul", name, graph.constant(f"{one.name}.per_si", factors))


def _state(
    graph: Graph, spec: PolicySpec, inputs: VectorInput, known: dict[str, str]
) -> str:
    """Return the columns of the state that the actor gets; empty without any."""
    wanted: list[int] = inputs.columns.tolist()
    if not wanted:
        return ""
    if "state" in known:
        whole, places = known["state"], {i: i for i in range(spec.network.state_dim)}
    else:
        whole = graph.concat([known[name] for name in spec.sensors])
        places: dict[int, int] = {}
        order = [column for columns in spec.sensors.values() for column in columns]
        for place, column in enumerate(order):
            places.setdefault(column, place)
    found = [places[column] for column in wanted]
    if found == [*range(len(places))]:
        return whole
    return graph.op("Gather", whole, graph.constant("state.columns", found), axis=1)


def _normalized(
    graph: Graph, inputs: VectorInput, vectors: str, known: dict[str, str]
) -> str:
    """Return state, goal and offset to it, normalized; empty without any."""
    parts = [vectors] if vectors else []
    if inputs.show_goal:
        parts.append(known["desired_goal"])
    if inputs.show_achieved:
        offset = graph.op("Sub", known["desired_goal"], known["achieved_goal"])
        parts.append(offset)
    if not parts:
        return ""
    return _normalize(graph, "inputs", graph.concat(parts), inputs)


def _normalize(
    graph: Graph, name: str, x: str, by: Normalizer, count: int | None = None
) -> str:
    """Return (x - mean) * scale, clipped; with the first columns' statistics."""
    mean = graph.constant(f"{name}.mean", array(by.mean[:count]))
    scale = graph.constant(f"{name}.scale", array(by.scale[:count]))
    low = graph.constant("clip.low", np.float32(-_CLIP))
    high = graph.constant("clip.high", np.float32(_CLIP))
    x = graph.op("Mul", graph.op("Sub", x, mean), scale)
    return graph.op("Clip", x, low, high)


def _pixel_features(
    graph: Graph,
    spec: PolicySpec,
    of: PixelFeatures,
    inputs: VectorInput,
    known: dict[str, str],
) -> list[str]:
    """Return the features of the pixels, in the order of the actor's inputs."""
    name, encoder = of.name, of.vision.encoder
    found = {name: emit_encoder(graph, encoder, known["pixels"])}
    desired = known.get("desired_goal", "")
    if of.shows_goal:
        still = _still(graph, spec, known["goal_image"])
        found[f"{name}.goal"] = emit_encoder(graph, encoder, still)
    if of.conditioned:
        objective = of.vision.objective
        if not isinstance(objective, GoalPrediction):
            raise unknown_part(f"the objective {type(objective).__name__}")
        if of.shows_goal:
            desired = _goal_of(graph, objective, found[f"{name}.goal"])
        prediction = _prediction(graph, objective, found[name])
        target = _normalize(graph, "goals", desired, objective.goals)
        offset = graph.op("Sub", target, prediction)
        found[f"{name}.conditioned"] = graph.concat([prediction, offset])
    return [found[part] for part in inputs.features]


def _still(graph: Graph, spec: PolicySpec, goal_image: str) -> str:
    """Return a goal image as a stack of frames in which nothing moves."""
    channels = {one.name: one.shape[0] for one in spec.inputs}
    repeats = channels["pixels"] // channels["goal_image"]
    return graph.op("Concat", *[goal_image] * repeats, axis=1)


def _prediction(graph: Graph, objective: GoalPrediction, features: str) -> str:
    head = objective.head
    return graph.linear("goal_head", features, array(head.weight.T), array(head.bias))


def _goal_of(graph: Graph, objective: GoalPrediction, features: str) -> str:
    """Return the goal that an image shows, in the task's units."""
    goals = objective.goals
    scale = graph.constant("goals.scale", array(goals.scale))
    mean = graph.constant("goals.mean", array(goals.mean))
    ratio = graph.op("Div", _prediction(graph, objective, features), scale)
    return graph.op("Add", ratio, mean)


def _hidden(graph: Graph, name: str, x: str, layer: nn.Module, mlp: EnsembleMLP) -> str:
    """Return a hidden layer before its ReLU."""
    assert isinstance(layer, EnsembleLinear)
    x = graph.linear(name, x, array(layer.weight[0]), array(layer.bias[0, 0]))
    if not mlp.layer_norm:
        return x
    ones = graph.constant(f"{name}.ones", np.ones(layer.bias.shape[-1], np.float32))
    return graph.op("LayerNormalization", x, ones, axis=-1, epsilon=1e-5)


def _mean(graph: Graph, spec: PolicySpec, policy: ActorPolicy, x: str) -> str:
    """Return the mean of the action before the tanh."""
    kind, size = type(policy.distribution), len(spec.action.numbers)
    if kind not in (TanhNormal, SquashedNormal):
        raise unknown_part(f"the distribution {kind.__name__}")
    actor = policy.actor.module
    assert isinstance(actor, Actor)
    head = actor.mlp.head
    weight, bias = head.weight[0, :, :size], head.bias[0, 0, :size]
    return graph.linear("actor.head", x, array(weight), array(bias))


def _emit_action(graph: Graph, spec: PolicySpec, mean: str) -> None:
    """Add tanh, scale and limits."""
    limits = Limits.of(spec)
    scale = graph.constant("action.scale", limits.scale)
    low = graph.constant("action.low", limits.low)
    high = graph.constant("action.high", limits.high)
    action = graph.op("Mul", graph.op("Tanh", mean), scale)
    action = graph.op("Min", graph.op("Max", action, low), high)
    graph.output(action, ACTION, [len(limits.scale)])
