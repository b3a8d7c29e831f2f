"""The doctor inside Stable-Baselines3."""

from pathlib import Path

import gymnasium
import pytest
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.logger import configure

import puckrl.interop.gym  # registers the ids
from puckrl.interop.sb3 import DoctorCallback, facts_of
from puckrl.lab.doctor import consult
from puckrl.monitor.facts import RunFacts

gymnasium.register_envs(puckrl.interop.gym)


@pytest.fixture(scope="module")
def model() -> SAC:
    return SAC(
        "MultiInputPolicy",
        gymnasium.make("puck/FetchReach-v4"),
        gamma=0.95,
        train_freq=8,
        gradient_steps=2,
        learning_starts=100,
        batch_size=16,
        replay_buffer_class=HerReplayBuffer,
        policy_kwargs={"net_arch": [16]},
        seed=0,
    )


def test_facts_of_a_model(model: SAC) -> None:
    assert facts_of(model) == RunFacts(
        modality="state",
        gamma=0.95,
        horizon=50,
        update_ratio=0.25,
        her=True,
        action_dim=4,
    )


def test_it_judges_what_is_logged_and_adds_its_verdict(
    model: SAC, tmp_path: Path
) -> None:
    model.set_logger(configure(str(tmp_path), ["csv", "tensorboard"]))
    doctor = DoctorCallback(verbose=0)
    model.learn(2500, callback=doctor, log_interval=4)
    model.logger.close()
    assert doctor.verdict is not None
    assert doctor.verdict.phase != "unknown"
    assert doctor.rows[-1]["env_steps"] == 2400
    found = consult([tmp_path])
    table = found.patients[0].table
    assert table.curve("doctor/phase").x.tolist() == [
        r["env_steps"] for r in doctor.rows
    ]
    assert table.curve("train/critic_loss").y[-1] == pytest.approx(
        doctor.rows[-1]["train/critic_loss"], rel=1e-5
    )


def rows(levels: list[float]) -> list[dict[str, float]]:
    return [{"rollout/success_rate": level, "train/n_updates": 1} for level in levels]


@pytest.mark.parametrize(("stop", "goes_on"), [("budget", True), ("auto", False)])
def test_it_stops_only_when_asked(stop: str, goes_on: bool) -> None:
    doctor = DoctorCallback(stop, RunFacts(), verbose=0)  # pyright: ignore[reportArgumentType]
    levels = [0.05] * 10 + [0.1 * i for i in range(1, 10)] + [0.97] * 20
    for i, row in enumerate(rows(levels), start=1):
        doctor.hear(row, 1000 * i)
    assert doctor._on_step() is goes_on  # pyright: ignore[reportPrivateUsage]
    assert (doctor.rule is None) is goes_on
