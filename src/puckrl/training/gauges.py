"""Gauges: measurements of networks and replay buffer, taken at evaluations.

They draw from their own generator and change nothing: a run with gauges has exactly the
same results as one without.

runner/build.py makes the gauges of a run, with one ``EncoderGauge`` for each encoder.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from puckrl.agents.actor_critic import ActorCritic
from puckrl.core.rng import generator
from puckrl.core.types import HISTORY, HISTORY_STEP, BatchSpec, Obs
from puckrl.monitor import encoder
from puckrl.nets.blocks import EnsembleMLP
from puckrl.nets.heads import SpatialSoftmax
from puckrl.nets.inputs import VectorInput
from puckrl.replay.buffer import ReplayBuffer
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.sampling import GoalFn, euclidean
from puckrl.representation.vision import Vision, still
from puckrl.training.sinks import LogRow

_EPISODES = 128
_STATES = 128
_ACTIONS = 8
_STEPS = 4  # per episode, to probe an encoder
_MOVED_M = 0.02
_VECTORS = ("state", "achieved_goal", "action", "desired_goal")


class Gauge(Protocol):
    """A measurement that can be taken at any time."""

    def measure(self) -> LogRow:
        """Return the measured values by name; {} while there is nothing to measure."""
        ...


@torch.no_grad()
def measure(gauges: Sequence[Gauge]) -> LogRow:
    """Return the values of all gauges; sinks leave out NaN."""
    return {name: value for g in gauges for name, value in g.measure().items()}


class ReplayGauge:
    """Measures how the achieved goal moved in the newest episodes.

    Args:
        replay: the replay buffer.
        reward_fn: reward of (achieved, desired) goals, to detect trivial rewards.
        success_reward: reward at the goal; None: rewards are dense, none is trivial.
        distance_fn: the task's distance of (achieved, desired) goals.
    """

    def __init__(
        self,
        replay: EpisodeReplayBuffer,
        reward_fn: GoalFn,
        success_reward: float | None,
        distance_fn: GoalFn = euclidean,
    ) -> None:
        self._replay, self._reward = replay, reward_fn
        self._best, self._distance = success_reward, distance_fn

    def measure(self) -> LogRow:
        """Return displacement, and the share of trivial rewards."""
        if not self._replay.added:
            return {}
        moved_m = displacement_m(newest(self._replay), self._distance)
        return {
            "replay/displacement_m": float(moved_m.mean()),
            "replay/trivial_share": self._trivial(),
        }

    def _trivial(self) -> float:
        """Return the share of sampled transitions to their goal that begin at it."""
        if self._best is None:
            return float("nan")
        rng = generator(0, "gauge", self._replay.device)
        spec = BatchSpec(1024, pixels=1, next_pixels=False)
        batch = self._replay.sample(spec, rng)
        at_goal = batch.reward >= self._best
        goal = batch.obs["desired_goal"]
        before = self._reward(batch.obs["achieved_goal"], goal) >= self._best
        return float((at_goal & before).sum() / at_goal.sum().clamp_min(1))


class ValueGauge:
    """Measures whether the critics tell states, actions and goals apart.

    Args:
        agent: the agent.
        replay: the replay buffer with the states to evaluate.
        distance_fn: the task's distance of (achieved, desired) goals.
    """

    def __init__(
        self,
        agent: ActorCritic,
        replay: EpisodeReplayBuffer,
        distance_fn: GoalFn = euclidean,
    ) -> None:
        self._agent, self._replay = agent, replay
        self._distance = distance_fn

    def measure(self) -> LogRow:
        """Return the initial value, its spread over actions, and the hindsight gap."""
        if not self._replay.added:
            return {}
        rows = newest(self._replay)
        start = self._encoded(rows, torch.zeros_like(rows["length"]))
        rng = generator(0, "gauge", self._replay.device)
        step = random_step(rows, rng)
        obs = self._encoded(rows, step)
        return {
            "probe/q_start": float(
                self._q(start, self._agent.policy.mode(start)).mean()
            ),
            "probe/q_action_spread": self._spread(obs, rng),
            "probe/hindsight_gap": self._gap(rows, step, obs),
        }

    def _encoded(self, rows: Obs, step: Tensor) -> Obs:
        """Return encoded observations before ``step`` of the newest episodes."""
        history = self._agent.batch_spec.history
        obs = self._replay.observations(rows["number"], step, history)
        return encoded(self._agent, obs)

    def _q(self, obs: Obs, action: Tensor) -> Tensor:
        """Return the minimum of the critics' values, (B,)."""
        return self._agent.critic.module(obs, action).amin(dim=0)

    def _spread(self, obs: Obs, rng: torch.Generator) -> float:
        """Return the values' standard deviation over random actions, mean over states."""
        count, dim = len(obs["desired_goal"]), self._agent.spaces.action_dim
        repeated = {k: v.repeat_interleave(_ACTIONS, dim=0) for k, v in obs.items()}
        shape = (count * _ACTIONS, dim)
        action = 2 * torch.rand(shape, generator=rng, device=rng.device) - 1
        return float(self._q(repeated, action).view(count, _ACTIONS).std(dim=1).mean())

    def _gap(self, rows: Obs, step: Tensor, encoded: Obs) -> float:
        """Return the mean difference of values, for the reached and another goal.

        The reached goal is the episode's last; the other goal is that of another episode.
        Only episodes in which the achieved goal moved count; NaN if fewer than 8.
        """
        moved = (displacement_m(rows, self._distance) > _MOVED_M).nonzero()[:, 0]
        if len(moved) < 8:
            return float("nan")
        obs = {name: value[moved] for name, value in encoded.items()}
        reached = rows["achieved_goal"][moved, rows["length"][moved]]
        action = rows["action"][moved, step[moved]]
        own = self._q({**obs, "desired_goal": reached}, action)
        other = self._q({**obs, "desired_goal": reached.roll(1, dims=0)}, action)
        return float((own - other).mean())


class NetworkGauge:
    """Measures whether hidden units of actor and critics are active and diverse.

    Args:
        agent: the agent; its networks need an ``mlp``.
        replay: the replay buffer with the states to evaluate.
    """

    def __init__(self, agent: ActorCritic, replay: ReplayBuffer) -> None:
        self._agent, self._replay = agent, replay

    def measure(self) -> LogRow:
        """Return dormant shares, effective ranks of last layers, saturated actions."""
        if not self._replay.added:
            return {}
        rng = generator(0, "gauge", self._replay.device)
        history = self._agent.batch_spec.history
        steps = 1 if history is None else history.steps
        count = max(1, _STATES // steps) * steps
        spec = BatchSpec(count, next_pixels=False, history=history)
        batch = self._replay.sample(spec, rng)
        obs = encoded(self._agent, batch.obs)
        actor, critic = self._agent.actor.module, self._agent.critic.module
        with recorded(actor) as hidden:
            action = self._agent.policy.mode(obs)
        found = _health("actor", hidden)
        with recorded(critic) as hidden:
            critic(obs, batch.action)
        found |= _health("critic", hidden)
        squashed = action.float().cpu().numpy()
        return {**found, "probe/actor_saturation": encoder.saturated_share(squashed)}


class EncoderGauge:
    """Measures whether an encoder's features contain the achieved goal.

    Args:
        vision: encoder and objective.
        replay: the replay buffer with the images to encode.
        distance_fn: the task's distance of (achieved, desired) goals; None: no loss
            trains the objective.
    """

    def __init__(
        self,
        vision: Vision,
        replay: EpisodeReplayBuffer,
        distance_fn: GoalFn | None = None,
    ) -> None:
        self._vision, self._replay = vision, replay
        self._distance = distance_fn

    def measure(self) -> LogRow:
        """Return the linear probe's R², statistics of features, the objective's health."""
        if not self._replay.added:
            return {}
        rows, rng = newest(self._replay), generator(0, "gauge", self._replay.device)
        rows = {name: v.repeat_interleave(_STEPS, dim=0) for name, v in rows.items()}
        obs = self._replay.observations(rows["number"], random_step(rows, rng))
        with attended(self._vision) as maps:
            features, prediction = self._vision(obs["pixels"])
        x = features.float().cpu().numpy()
        y = obs["achieved_goal"].double().cpu().numpy()
        return {
            "probe/position_r2": encoder.linear_probe_r2(x, y, rows["number"].tolist()),
            "probe/encoder_rank": float(encoder.effective_rank(x)),
            "probe/encoder_constant": encoder.constant_share(x),
            "probe/encoder_saturation": encoder.saturated_share(x),
            **_attention(maps),
            **self._objective(prediction, obs),
            **self._goal_image(obs),
        }

    def _objective(self, prediction: Tensor, obs: Obs) -> LogRow:
        """Return the objective's health; {} if no loss trains it."""
        if self._distance is None:
            return {}
        return self._vision.objective.health(prediction, obs, self._distance)

    def _goal_image(self, obs: Obs) -> LogRow:
        """Return how far goals are from where their pictures seem to show them."""
        objective = self._vision.objective
        if self._distance is None or "goal_image" not in obs:
            return {}
        if not hasattr(objective, "goal"):  # one of a user's: it need not know goals
            return {}
        _, prediction = self._vision(still(obs["goal_image"], obs["pixels"]))
        error_m = self._distance(
            objective.goal(prediction), obs["desired_goal"].float()
        )
        return {"probe/goal_image_error_m": float(error_m.median())}


def encoded(agent: ActorCritic, obs: Obs) -> Obs:
    """Return an observation with features of actor and critics, without what they are of."""
    obs = agent.routing.critic.encode(agent.policy.encode(obs))
    for network in (agent.actor, agent.critic):
        inputs = getattr(network.module, "features", None)
        if isinstance(inputs, VectorInput):  # networks of a user's may have others
            obs = inputs.with_memory(obs)
    computed = {"pixels", "goal_image", HISTORY, HISTORY_STEP}
    return {name: value for name, value in obs.items() if name not in computed}


def newest(replay: EpisodeReplayBuffer) -> Obs:
    """Return vectors, lengths and numbers of the newest episodes, at most 128."""
    first = max(replay.oldest, replay.added - _EPISODES)
    rows = replay.export(first, replay.added, _VECTORS)
    number = torch.arange(first, replay.added, device=replay.device)
    return {**rows, "number": number}


def random_step(rows: Obs, rng: torch.Generator) -> Tensor:
    """Draw a step of each episode, (n,) int64."""
    unit = torch.rand(len(rows["length"]), generator=rng, device=rng.device)
    return (unit * rows["length"]).long()


def displacement_m(rows: Obs, distance_fn: GoalFn = euclidean) -> Tensor:
    """Return the distance of each episode's first and last achieved goal, m, (n,)."""
    index = torch.arange(len(rows["length"]), device=rows["length"].device)
    achieved = rows["achieved_goal"]
    return distance_fn(achieved[index, rows["length"]], achieved[:, 0])


@contextmanager
def recorded(network: nn.Module) -> Generator[list[Tensor]]:
    """Record the hidden activations, which follow each non-linearity.

    Yields:
        A list, filled by forward passes with (E, B, units) tensors in order of layers.
    """
    mlp = network.get_submodule("mlp")
    assert isinstance(mlp, EnsembleMLP), mlp
    with _inputs_of([*list(mlp.hidden)[1:], mlp.head]) as hidden:
        yield hidden


@contextmanager
def attended(vision: Vision) -> Generator[list[tuple[SpatialSoftmax, Tensor]]]:
    """Record spatial-softmax heads and their input maps, (B, C, H, W) each."""
    heads = [m for m in vision.modules() if isinstance(m, SpatialSoftmax)]
    pairs: list[tuple[SpatialSoftmax, Tensor]] = []
    with _inputs_of(heads) as maps:
        yield pairs
    pairs += zip(heads, maps, strict=True)


@contextmanager
def _inputs_of(layers: Sequence[nn.Module]) -> Generator[list[Tensor]]:
    """Record the first input of each layer, in the order of the calls."""
    recorded: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        recorded.append(inputs[0].detach())

    hooks = [layer.register_forward_pre_hook(keep) for layer in layers]
    try:
        yield recorded
    finally:
        for hook in hooks:
            hook.remove()


def _attention(maps: Sequence[tuple[SpatialSoftmax, Tensor]]) -> LogRow:
    """Return spread and temperature of spatial softmax; {} for other heads."""
    if not maps:
        return {}
    head, x = maps[0]
    weights = head.weights(x).float().view(x.shape).cpu().numpy()
    return {
        "probe/softmax_spread": encoder.softmax_spread(weights),
        "probe/softmax_temperature": float(head.log_temperature.exp()),
    }


def _health(part: str, hidden: list[Tensor]) -> LogRow:
    """Return the share of dormant units, and the last layer's effective rank."""
    layers = [h[0].float().cpu().numpy() for h in hidden]
    sizes = sum(h.shape[1] for h in layers)
    dormant = sum(encoder.dormant_share(h) * h.shape[1] for h in layers)
    return {
        f"probe/{part}_dormant": dormant / sizes,
        f"probe/{part}_rank": float(encoder.effective_rank(layers[-1])),
    }
