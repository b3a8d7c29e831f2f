"""The doctor for Stable-Baselines3: a callback that judges the run while it goes on.

    from puckrl.interop.sb3 import DoctorCallback

    model = SAC("MultiInputPolicy", env, replay_buffer_class=HerReplayBuffer)
    model.learn(1_000_000, callback=DoctorCallback())

It reads what SB3's logger is about to write, logs ``doctor/phase`` and
``doctor/confidence`` beside it, and says a line when the verdict changes. It stops the
run only where ``stop="auto"`` asks for it.
"""

import logging
from collections.abc import Callable
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

from puckrl.doctor.logs.names import ours
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.regime import diagnose
from puckrl.monitor.stopping import StopMode, StopRule, stop_rule
from puckrl.monitor.table import from_rows
from puckrl.monitor.verdict import PHASES, Verdict

log = logging.getLogger(__name__)


class DoctorCallback(BaseCallback):
    """Judges a run at each dump of its logger.

    Args:
        stop: ``auto`` ends a run that is converged, dead or diverged; ``budget`` never.
        facts: what is known of the run; None: as far as the model tells.
        verbose: 0 is silent, 1 says each new verdict.
    """

    def __init__(
        self, stop: StopMode = "budget", facts: RunFacts | None = None, verbose: int = 1
    ) -> None:
        super().__init__(verbose)
        self.stop: StopMode = stop
        self.facts = facts or RunFacts()
        self.rows: list[dict[str, float]] = []
        """What the logger wrote, under our names."""
        self.verdict: Verdict | None = None
        """The newest."""
        self.rule: StopRule | None = None
        """What ended the run, if the doctor did."""
        self._known = facts is not None
        self._said, self._judged_at = "", 0.0

    def _on_training_start(self) -> None:
        if not self._known:
            self.facts = facts_of(self.model)
        if self.rows and self.num_timesteps < self.rows[-1]["env_steps"]:  # another run
            self.rows, self.verdict, self.rule = [], None, None
            self._said, self._judged_at = "", 0.0
        # A training that failed was not ended: its taps are still there
        now = self.locals
        self._take_out(lambda tap: tap.doctor is self or tap.doctor.locals is not now)
        # First: what it adds reaches the others
        self.model.logger.output_formats.insert(0, _Tap(self))

    def _on_training_end(self) -> None:
        self._take_out(lambda tap: tap.doctor is self)

    def _take_out(self, which: "Callable[[_Tap], bool]") -> None:
        """Remove taps from the logger."""
        formats = self.model.logger.output_formats
        formats[:] = [f for f in formats if not (isinstance(f, _Tap) and which(f))]

    def _on_step(self) -> bool:
        return self.rule is None

    def hear(self, values: dict[str, Any], env_steps: int) -> Verdict:
        """Take what SB3 logs; judge anew when the run has grown by a hundredth."""
        row = {"env_steps": float(env_steps)}
        for tag, value in values.items():
            name = ours(tag, {})
            if name is not None and isinstance(value, int | float | np.number):
                row[name] = float(value)
        self.rows.append(row)
        if self.verdict is not None and env_steps < 1.01 * self._judged_at:
            return self.verdict
        self._judged_at = env_steps
        self.verdict = diagnose(from_rows(self.rows), self.facts)
        self.rule = self.rule or stop_rule(self.verdict, self.facts, self.stop)
        said = f"{self.verdict.label}; {self.verdict.advice}"
        if self.verbose and said != self._said:
            log.info("doctor: %s", said)
        self._said = said
        return self.verdict


class _Tap(KVWriter):
    """Sits among the logger's outputs, before those that write."""

    def __init__(self, doctor: DoctorCallback) -> None:
        self.doctor = doctor

    def write(
        self,
        key_values: dict[str, Any],
        key_excluded: dict[str, tuple[str, ...]],
        step: int = 0,
    ) -> None:
        """Listen, and add the verdict to what the others will write."""
        verdict = self.doctor.hear(key_values, step)
        more = {
            "doctor/phase": float(PHASES.index(verdict.phase)),
            "doctor/confidence": verdict.confidence,
        }
        key_values.update(more)
        key_excluded.update(dict.fromkeys(more, ()))

    def close(self) -> None:
        """Nothing is open."""


def facts_of(model: BaseAlgorithm) -> RunFacts:
    """What an SB3 model says of its run; the reward's kind only where the env tells it."""
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
    """Updates per env step of an off-policy model that counts its turns in steps."""
    if not isinstance(model, OffPolicyAlgorithm):
        return None
    turn, updates = model.train_freq, model.gradient_steps
    if updates < 0:
        return 1.0
    if not isinstance(turn, TrainFreq) or turn.unit is not TrainFrequencyUnit.STEP:
        return None
    return updates / (turn.frequency * model.n_envs)


def horizon_of(env: VecEnv | None) -> int | None:
    """Steps of an episode, as the environment was registered."""
    spec = env.get_attr("spec", 0)[0] if env is not None else None
    return getattr(spec, "max_episode_steps", None)


def _sparse(env: VecEnv | None) -> bool | None:
    """Whether a robotics environment says that its reward is sparse."""
    if env is None or not env.has_attr("reward_type"):
        return None
    return env.get_attr("reward_type", 0)[0] == "sparse"
