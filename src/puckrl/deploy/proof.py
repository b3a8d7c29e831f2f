"""Prove a network before it is written: the judged policy and the file, side by side.

    (i)   the same observations of real episodes: largest difference of an action
    (ii)  whole episodes that the file drives: success, beside the judged policy's

A memory is compared over sequences of 1,000 steps too, across resets and without
forgetting: errors that grow would show.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from puckrl.agents.policy import ActorPolicy
from puckrl.core.errors import UserError
from puckrl.core.intervals import wilson_interval
from puckrl.core.policy import Policy
from puckrl.core.spec import PolicySpec
from puckrl.core.types import Obs
from puckrl.deploy.contract import PAIRS, TOLERANCE
from puckrl.deploy.emit import ACTION, MEMORY, MEMORY_NEXT, Limits
from puckrl.deploy.exported import ExportedPolicy, measured
from puckrl.runner.worlds import RunWorlds
from puckrl.statistics.episodes import Agreement, compare_episodes
from puckrl.training.judge import outcomes

_SEQUENCE = 1000
_LEAST_OBSERVATIONS = 10_000


@dataclass(frozen=True)
class Effort:
    """How much is compared; the defaults are what ``puck export`` promises."""

    episodes: int = 512
    """Episodes that each of both drives."""
    observations: int = _LEAST_OBSERVATIONS
    """Least number of observations."""
    sequence: int = _SEQUENCE
    """Steps of a sequence, for a policy with memory."""
    worlds: int | None = None
    """Worlds that step together; None: what suits the policy."""


@dataclass(frozen=True)
class Proof:
    """What was compared, and what came out."""

    observations: int
    """Observations that both acted on."""
    max_difference: float
    """Largest difference of an action, in shares of its limits."""
    sequence_difference: float
    """The same at the end of long sequences, of a policy with memory; 0 without."""
    agreement: Agreement
    """Both policies on the same episodes."""
    golden: bytes
    """Observations and what the judged policy does."""
    seed: int
    """Seed of the episodes."""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON, without the golden pairs."""
        low, high = wilson_interval(self.agreement.won, self.agreement.episodes)
        success = {"rate": self.agreement.success, "low": low, "high": high}
        return {
            "observations": self.observations,
            "max_difference": self.max_difference,
            "sequence_difference": self.sequence_difference,
            "episodes": asdict(self.agreement),
            "success": success if self.agreement.judged_by == "success" else None,
            "seed": self.seed,
        }


def prove(
    model: bytes,
    spec: PolicySpec,
    policy: ActorPolicy,
    env: RunWorlds,
    seed: int,
    effort: Effort,
) -> Proof:
    """Compare a network with the judged policy.

    Args:
        model: the ONNX file's bytes.
        spec: the run's contract, with factors to SI.
        policy: the judged policy.
        env: worlds without automatic resets.
        seed: seed of the episodes.
        effort: how much to compare.

    Raises:
        UserError: if they differ in what they do, or in what comes of it.
    """
    size = memory_size(policy)
    exported = ExportedPolicy(model, spec, size)
    per_episode = env.spaces.horizon
    episodes = max(effort.episodes, math.ceil(effort.observations / per_episode))
    both = _SideBySide(spec, policy, exported)
    env.reseed(seed)
    judged = outcomes(env, both, episodes)
    _refuse_difference(both.worst, both.observations, "observations")
    drift = 0.0
    if size:
        drift = _carried(spec, policy, exported, env, effort.sequence)
        _refuse_difference(drift, effort.sequence, "steps of a sequence")
    env.reseed(seed)
    driven = outcomes(env, exported, episodes)
    agreement = _compared(judged, driven, knows=env.spaces.knows_success)
    if not agreement.agree:
        raise UserError(
            f"the exported network reaches {agreement.success:.3f}, the judged policy "
            f"{agreement.judged_success:.3f} in the same {agreement.episodes} episodes, "
            f"paired 95 % interval {agreement.low:+.3f} ... {agreement.high:+.3f}; "
            "nothing was written; please report it"
        )
    return Proof(both.observations, both.worst, drift, agreement, both.golden(), seed)


def memory_size(policy: ActorPolicy) -> int:
    """Return the length of a policy's recurrent state; 0 without one."""
    inputs = policy.actor.module.get_submodule("features")
    memory = getattr(inputs, "memory", None)
    return 0 if memory is None else int(memory.state_size)


class _SideBySide:
    """The judged policy acts; the exported one acts on the same, and is compared."""

    def __init__(
        self, spec: PolicySpec, judged: ActorPolicy, exported: ExportedPolicy
    ) -> None:
        self._spec, self._judged, self._exported = spec, judged, exported
        self._scale = Limits.of(spec).scale
        self._pairs: list[dict[str, NDArray[Any]]] = []
        self.device = judged.device
        self.worst, self.observations = 0.0, 0

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Return the judged actions of B worlds, (B, A)."""
        feed = measured(self._spec, obs)
        before = self._memory(len(obs["desired_goal"]))
        action = self._judged.act(obs, explore=False)
        physical = self._exported.physical(feed)
        wanted = action.cpu().numpy() * self._scale
        share = np.abs(physical - wanted) / self._scale
        self.worst = max(self.worst, _largest(share))
        row = len(self._pairs) % len(share)  # every time another world
        self._pairs.append(self._pair(feed, before, wanted, row))
        self.observations += len(share)
        return action

    def reset(self, done: Tensor) -> None:
        """Reset both."""
        self._judged.reset(done)
        self._exported.reset(done.cpu())

    def golden(self) -> bytes:
        """Return pairs spread over all episodes, in the contract's layout."""
        chosen = np.linspace(0, len(self._pairs) - 1, PAIRS).astype(int)
        return b"".join(
            np.ascontiguousarray(value).astype(value.dtype.newbyteorder("<")).tobytes()
            for index in chosen
            for value in self._pairs[index].values()
        )

    def _pair(
        self,
        feed: dict[str, NDArray[Any]],
        before: NDArray[Any],
        wanted: NDArray[Any],
        row: int,
    ) -> dict[str, NDArray[Any]]:
        """Return one world's inputs and outputs, in the contract's order."""
        pair = {name: value[row].copy() for name, value in feed.items()}
        if before.shape[1]:
            pair[MEMORY] = before[row]
        pair[ACTION] = wanted[row]
        if before.shape[1]:
            pair[MEMORY_NEXT] = self._memory(len(before))[row]
        return pair

    def _memory(self, worlds: int) -> NDArray[np.float32]:
        """Return what the judged policy remembers of each world, (B, size)."""
        state = self._judged.memory.tensors().get("state", torch.zeros(worlds, 0))
        if not len(state):
            state = state.new_zeros(worlds, state.shape[1])
        return state.cpu().numpy().copy()


class _Carried:
    """Passes everything on to both policies but the end of an episode."""

    def __init__(self, both: _SideBySide) -> None:
        self._both, self.device = both, both.device

    def act(self, obs: Obs, *, explore: bool) -> Tensor:
        """Return the judged actions."""
        return self._both.act(obs, explore=explore)

    def reset(self, done: Tensor) -> None:
        """Go on: the sequence is longer than an episode."""


def _carried(
    spec: PolicySpec,
    policy: ActorPolicy,
    exported: ExportedPolicy,
    env: RunWorlds,
    steps: int,
) -> float:
    """Return the largest difference over sequences that no reset interrupts."""
    both = _SideBySide(spec, policy, exported)
    both.reset(torch.ones(env.num_worlds, dtype=torch.bool))
    carried: Policy = _Carried(both)
    while both.observations < steps * env.num_worlds:
        outcomes(env, carried, env.num_worlds)
    return both.worst


def _compared(
    judged: tuple[Tensor, Tensor], driven: tuple[Tensor, Tensor], *, knows: bool
) -> Agreement:
    """Compare success, or returns where the environment does not report success."""
    part = 0 if knows else 1
    ours, theirs = (one[part].double().cpu().numpy() for one in (driven, judged))
    return compare_episodes(ours, theirs, "success" if knows else "return")


def _refuse_difference(worst: float, count: int, what: str) -> None:
    """Refuse a network that acts in another way.

    Raises:
        UserError: if the difference is above the tolerance, or NaN.
    """
    if not worst <= TOLERANCE:
        raise UserError(
            f"the exported network's actions are off by {worst:.1e} of their limits over "
            f"{count:,} {what}, more than {TOLERANCE:g}; nothing was written; please "
            "report it"
        )


def _largest(share: NDArray[Any]) -> float:
    """Return the largest number; NaN if there is one."""
    return float(share.max()) if np.isfinite(share).all() else float("nan")
