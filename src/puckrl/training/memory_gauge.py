"""A gauge of memory: whether the policy uses what it remembers."""

import torch

from puckrl.agents.actor_critic import ActorCritic
from puckrl.core.rng import generator
from puckrl.nets.inputs import inputs_of
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.training.gauges import encoded, newest, random_step
from puckrl.training.sinks import LogRow


class MemoryGauge:
    """Measures how much the policy's actions change without its memory.

    Args:
        agent: the agent; without memory there is nothing to measure.
        replay: the replay buffer with the episodes to evaluate.
    """

    def __init__(self, agent: ActorCritic, replay: EpisodeReplayBuffer) -> None:
        self._agent, self._replay = agent, replay

    def measure(self) -> LogRow:
        """Return the mean change of an action component, a step of each newest episode."""
        inputs = inputs_of(self._agent.actor)
        if inputs.memory is None or not self._replay.added:
            return {}
        rows = newest(self._replay)
        step = random_step(rows, generator(0, "gauge", self._replay.device))
        history = self._agent.batch_spec.history
        obs = encoded(
            self._agent, self._replay.observations(rows["number"], step, history)
        )
        name, mode = inputs.remembered_as, self._agent.policy.mode
        change = mode(obs) - mode({**obs, name: torch.zeros_like(obs[name])})
        return {"probe/memory_use": float(change.abs().mean())}
