"""Gauges: numbers from live networks and the replay, taken at evaluation times.

They draw from a generator of their own and change nothing: a run with gauges equals a
run without, number for number.

An agent with an encoder adds ``EncoderGauge`` with its ``features``: observations in,
(B, F) out, and the columns of the state that hold the object's position. Which gauges a
run has is decided in lab/build.py.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from puckrl.agents.actor_critic import ActorCritic
from puckrl.core.rng import generator
from puckrl.core.types import Obs
from puckrl.monitor import encoder
from puckrl.nets.blocks import EnsembleMLP
from puckrl.replay.episodes import EpisodeRing
from puckrl.train.sinks import Row

_EPISODES = 128
_STATES = 128
_ACTIONS = 8
_MOVED_M = 0.02


class Gauge(Protocol):
    """Something that can be measured at any time."""

    def measure(self) -> Row:
        """The present numbers; {} while there is nothing to measure."""
        ...


@torch.no_grad()
def measure(gauges: Sequence[Gauge]) -> Row:
    """The numbers of all gauges; those that are NaN are left out by the sinks."""
    return {name: value for g in gauges for name, value in g.measure().items()}


class ReplayGauge:
    """What the newest episodes did.

    Args:
        replay: where they are.
        reward_fn: reward of (achieved, desired) goals, to tell trivial rewards.
        success_reward: reward at the goal; None: dense, nothing is trivial.
    """

    def __init__(
        self,
        replay: EpisodeRing,
        reward_fn: Callable[[Tensor, Tensor], Tensor],
        success_reward: float | None,
    ) -> None:
        self._replay, self._reward = replay, reward_fn
        self._best = success_reward

    def measure(self) -> Row:
        """Displacement, and the share of rewards that nobody earned."""
        if not self._replay.added:
            return {}
        return {
            "replay/displacement_m": float(displacement_m(newest(self._replay)).mean()),
            "replay/trivial_share": self._trivial(),
        }

    def _trivial(self) -> float:
        """Of sampled transitions that end at their goal, those that began there."""
        if self._best is None:
            return float("nan")
        rng = generator(0, "gauge", self._replay.device)
        batch = self._replay.sample(1024, rng)
        at_goal = batch.reward >= self._best
        goal = batch.obs["desired_goal"]
        before = self._reward(batch.obs["achieved_goal"], goal) >= self._best
        return float((at_goal & before).sum() / at_goal.sum().clamp_min(1))


class ValueGauge:
    """What the critic sees: failure everywhere, or differences.

    Args:
        agent: its critic and policy.
        replay: states to ask about.
    """

    def __init__(self, agent: ActorCritic, replay: EpisodeRing) -> None:
        self._agent, self._replay = agent, replay

    def measure(self) -> Row:
        """Value at the start, spread over actions, reached against unreached goals."""
        if not self._replay.added:
            return {}
        rows = newest(self._replay)
        start = at(rows, torch.zeros_like(rows["length"]), rows["desired_goal"])
        rng = generator(0, "gauge", self._replay.device)
        unit = torch.rand(len(rows["length"]), generator=rng, device=rng.device)
        step = (unit * rows["length"]).long()
        return {
            "probe/q_start": float(
                self._q(start, self._agent.mean_action(start)).mean()
            ),
            "probe/q_action_spread": self._spread(rows, step, rng),
            "probe/hindsight_gap": self._gap(rows, step),
        }

    def _q(self, obs: Obs, action: Tensor) -> Tensor:
        """The least of the critics' values, (B,)."""
        return self._agent.critic.module(obs, action).amin(dim=0)

    def _spread(self, rows: Obs, step: Tensor, rng: torch.Generator) -> float:
        """Deviation over random actions at a state, mean over states."""
        obs = at(rows, step, rows["desired_goal"])
        count, dim = len(step), rows["action"].shape[-1]
        many = {k: v.repeat_interleave(_ACTIONS, dim=0) for k, v in obs.items()}
        shape = (count * _ACTIONS, dim)
        action = 2 * torch.rand(shape, generator=rng, device=rng.device) - 1
        return float(self._q(many, action).view(count, _ACTIONS).std(dim=1).mean())

    def _gap(self, rows: Obs, step: Tensor) -> float:
        """Value of a step for the goal that it led to, less for another episode's goal.

        Over episodes in which the achieved goal moved; NaN if there are fewer than 8.
        """
        moved = (displacement_m(rows) > _MOVED_M).nonzero()[:, 0]
        if len(moved) < 8:
            return float("nan")
        few = {name: value[moved] for name, value in rows.items()}
        when = step[moved]
        index = torch.arange(len(moved), device=when.device)
        reached = few["achieved_goal"][index, few["length"]]
        action = few["action"][index, when]
        own = self._q(at(few, when, reached), action)
        others = self._q(at(few, when, reached.roll(1, dims=0)), action)
        return float((own - others).mean())


class NetworkGauge:
    """Whether the units of actor and critic are alive and differ.

    Args:
        agent: its networks; they need an ``mlp``.
        replay: states to look at.
    """

    def __init__(self, agent: ActorCritic, replay: EpisodeRing) -> None:
        self._agent, self._replay = agent, replay

    def measure(self) -> Row:
        """Dormant units, effective rank of the last layer, saturated actions."""
        if not self._replay.added:
            return {}
        rng = generator(0, "gauge", self._replay.device)
        batch = self._replay.sample(_STATES, rng)
        actor, critic = self._agent.actor.module, self._agent.critic.module
        with recorded(actor) as seen:
            action = self._agent.mean_action(batch.obs)
        found = _health("actor", seen)
        with recorded(critic) as seen:
            critic(batch.obs, batch.action)
        found |= _health("critic", seen)
        squashed = action.float().cpu().numpy()
        return {**found, "probe/actor_saturation": encoder.saturated_share(squashed)}


class EncoderGauge:
    """Whether the encoder sees the object.

    Args:
        features: observations to (B, F).
        sample: observations to look at, and their episodes (B,).
        columns: of the state, that hold what should be seen (the object's position).
    """

    def __init__(
        self,
        features: Callable[[Obs], Tensor],
        sample: Callable[[], tuple[Obs, Sequence[int]]],
        columns: Sequence[int],
    ) -> None:
        self._features, self._sample = features, sample
        self._columns = list(columns)

    def measure(self) -> Row:
        """Linear probe of the object's position, rank, constant and saturated features."""
        obs, episodes = self._sample()
        x = self._features(obs).float().cpu().numpy()
        y = obs["state"][:, self._columns].double().cpu().numpy()
        return {
            "probe/position_r2": encoder.linear_probe_r2(x, y, episodes),
            "probe/encoder_rank": float(encoder.effective_rank(x)),
            "probe/encoder_constant": encoder.constant_share(x),
            "probe/encoder_saturation": encoder.saturated_share(x),
        }


def newest(replay: EpisodeRing) -> Obs:
    """The newest episodes, at most 128, and their lengths."""
    return replay.export(max(replay.oldest, replay.added - _EPISODES), replay.added)


def displacement_m(rows: Obs) -> Tensor:
    """How far the achieved goal got in each episode, metres, (n,)."""
    index = torch.arange(len(rows["length"]), device=rows["length"].device)
    achieved = rows["achieved_goal"]
    return (achieved[index, rows["length"]] - achieved[:, 0]).norm(dim=-1)


def at(rows: Obs, step: Tensor, goal: Tensor) -> Obs:
    """Observations of exported episodes at one step each, for given goals."""
    index = torch.arange(len(step), device=step.device)
    return {
        "state": rows["state"][index, step],
        "achieved_goal": rows["achieved_goal"][index, step],
        "desired_goal": goal,
    }


@contextmanager
def recorded(network: nn.Module) -> Generator[list[Tensor]]:
    """What enters the layers after each non-linearity: the hidden activations.

    Yields:
        A list that fills with (E, B, units) tensors, the last layer's last.
    """
    mlp = network.get_submodule("mlp")
    assert isinstance(mlp, EnsembleMLP), mlp
    seen: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0].detach())

    layers = [*list(mlp.hidden)[1:], mlp.head]
    hooks = [layer.register_forward_pre_hook(keep) for layer in layers]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _health(part: str, seen: list[Tensor]) -> Row:
    """Dormant share over all hidden units, effective rank of the last layer."""
    layers = [h[0].float().cpu().numpy() for h in seen]
    sizes = sum(h.shape[1] for h in layers)
    dormant = sum(encoder.dormant_share(h) * h.shape[1] for h in layers)
    return {
        f"probe/{part}_dormant": dormant / sizes,
        f"probe/{part}_rank": float(encoder.effective_rank(layers[-1])),
    }
