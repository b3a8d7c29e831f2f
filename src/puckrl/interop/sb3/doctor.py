"""Run the doctor in Stable-Baselines3: a callback diagnoses the run while it trains.

    from puckrl.interop.sb3 import DoctorCallback

    model = SAC("MultiInputPolicy", env, replay_buffer_class=HerReplayBuffer)
    model.learn(1_000_000, callback=DoctorCallback())

It reads the values before SB3's logger writes them, adds ``doctor/phase`` and
``doctor/confidence``, and prints a line when the verdict changes. It stops the run only
with ``stop="auto"``.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.type_aliases import TrainFreq, TrainFrequencyUnit
from stable_baselines3.common.vec_env import VecEnv

from puckrl.logs.frame import frame_of
from puckrl.logs.log import RunLog
from puckrl.logs.names import parse_map
from puckrl.logs.read import log_of
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.stopping import StopMode, StopRule, stop_rule
from puckrl.monitor.verdict import PHASES, Verdict

log = logging.getLogger(__name__)
_CLOCK = "time/total_timesteps"


class DoctorCallback(BaseCallback):
    """Diagnose a run at each dump of its logger.

    Args:
        stop: ``auto`` ends a run that is converged, dead or diverged; ``budget`` never.
        facts: facts of the run; None: those that the model states.
        verbose: 0 is silent, 1 prints each new verdict.
        mapping: ``theirs=ours`` names of signals, as ``puck doctor --map`` takes them.

    Raises:
        UserError: if ``mapping`` is none.
    """

    def __init__(
        self,
        stop: StopMode = "budget",
        facts: RunFacts | None = None,
        verbose: int = 1,
        mapping: Sequence[str] = (),
    ) -> None:
        super().__init__(verbose)
        self.stop: StopMode = stop
        self.facts = facts or RunFacts()
        self.rows: list[dict[str, float]] = []
        """Values of the logger, under its own names."""
        self.log: RunLog | None = None
        """What the doctor reads in them, as ``puck doctor`` would in the log's file."""
        self.verdict: Verdict | None = None
        """The newest verdict; None before the first."""
        self.rule: StopRule | None = None
        """The rule that ended the run, if the doctor did."""
        self._known, self._mapping = facts is not None, parse_map(mapping)
        self._printed, self._diagnosed_at = "", 0.0

    def _on_training_start(self) -> None:
        if not self._known:
            self.facts = facts_of(self.model)
        if self.rows and self.num_timesteps < self.rows[-1][_CLOCK]:  # another run
            self.rows, self.log, self.verdict, self.rule = [], None, None, None
            self._printed, self._diagnosed_at = "", 0.0
        # A training that raised never reached its end: its taps are still there
        now = self.locals
        self._take_out(lambda tap: tap.doctor is self or tap.doctor.locals is not now)
        # First: the other outputs write what it adds
        self.model.logger.output_formats.insert(0, _Tap(self))

    def _on_training_end(self) -> None:
        self._take_out(lambda tap: tap.doctor is self)

    def _take_out(self, which: "Callable[[_Tap], bool]") -> None:
        """Remove taps from the logger."""
        formats = self.model.logger.output_formats
        formats[:] = [f for f in formats if not (isinstance(f, _Tap) and which(f))]

    def _on_step(self) -> bool:
        return self.rule is None

    def hear(self, values: Mapping[str, Any], env_steps: int) -> Verdict:
        """Take a row of SB3's logger; diagnose again when the run has grown by 1 %."""
        row = {
            tag: float(value)
            for tag, value in values.items()
            if isinstance(value, int | float | np.number)
        }
        self.rows.append(row | {_CLOCK: float(env_steps)})
        if self.verdict is not None and env_steps < 1.01 * self._diagnosed_at:
            return self.verdict
        self._diagnosed_at = env_steps
        frame = frame_of(self.rows)
        self.log = log_of(Path("this run"), frame, self._mapping, self.facts)
        self.verdict = diagnose(self.log.table, self.log.facts, self.log.problems)
        self.rule = self.rule or stop_rule(self.verdict, self.log.facts, self.stop)
        line = f"{self.verdict.label}; {self.verdict.advice}"
        if self.verbose and line != self._printed:
            log.info("doctor: %s", line)
        self._printed = line
        return self.verdict


class _Tap(KVWriter):
    """Read the logger's values before its other outputs write them."""

    def __init__(self, doctor: DoctorCallback) -> None:
        self.doctor = doctor

    def write(
        self,
        key_values: dict[str, Any],
        key_excluded: dict[str, tuple[str, ...]],
        step: int = 0,
    ) -> None:
        """Pass the values to the doctor and add its verdict for the other outputs."""
        verdict = self.doctor.hear(key_values, step)
        more = {
            "doctor/phase": float(PHASES.index(verdict.phase)),
            "doctor/confidence": verdict.confidence,
        }
        key_values.update(more)
        key_excluded.update(dict.fromkeys(more, ()))

    def close(self) -> None:
        """Do nothing: nothing is open."""


def facts_of(model: BaseAlgorithm) -> RunFacts:
    """Return the facts that an SB3 model states; the kind of reward only if its env does."""
    space, env = model.observation_space, model.get_env()
    parts = space.spaces.values() if isinstance(space, spaces.Dict) else [space]
    pixels = any(is_image_space(part) for part in parts)
    box = model.action_space
    return RunFacts(
        modality="pixels" if pixels else "state",
        sparse=_sparse(env),
        gamma=float(getattr(model, "gamma", 0.0)) or None,
        horizon=horizon_of(env),
        update_ratio=_update_ratio(model),
        her=isinstance(getattr(model, "replay_buffer", None), HerReplayBuffer),
        action_dim=int(np.prod(box.shape)) if isinstance(box, spaces.Box) else None,
    )


def _update_ratio(model: BaseAlgorithm) -> float | None:
    """Return updates per env step of an off-policy model whose train_freq is in steps."""
    if not isinstance(model, OffPolicyAlgorithm):
        return None
    turn, updates = model.train_freq, model.gradient_steps
    if updates < 0:
        return 1.0
    if not isinstance(turn, TrainFreq) or turn.unit is not TrainFrequencyUnit.STEP:
        return None
    return updates / (turn.frequency * model.n_envs)


def horizon_of(env: VecEnv | None) -> int | None:
    """Return the steps of an episode, as the environment was registered."""
    spec = env.get_attr("spec", 0)[0] if env is not None else None
    return getattr(spec, "max_episode_steps", None)


def _sparse(env: VecEnv | None) -> bool | None:
    """Tell whether a robotics environment states that its reward is sparse."""
    if env is None or not env.has_attr("reward_type"):
        return None
    return env.get_attr("reward_type", 0)[0] == "sparse"
