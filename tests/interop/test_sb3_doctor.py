"""The doctor inside Stable-Baselines3."""

from pathlib import Path

import gymnasium
import pytest
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure

import puckrl.interop.gym  # registers the ids
from puckrl.doctor.consult import consult
from puckrl.interop.sb3 import DoctorCallback, facts_of
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
        sparse=True,
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
    model.learn(1250, callback=doctor, log_interval=2)
    model.logger.close()
    assert doctor.verdict is not None
    assert doctor.verdict.phase != "unknown"
    assert doctor.rows[-1]["env_steps"] == 1200
    found = consult([tmp_path])
    table = found.patients[0].table
    assert table.curve("doctor/phase").x.tolist() == [
        r["env_steps"] for r in doctor.rows
    ]
    assert table.curve("train/critic_loss").y[-1] == pytest.approx(
        doctor.rows[-1]["train/critic_loss"], rel=1e-5
    )


class Failing(BaseCallback):
    """A training that ends in an error, and is not told."""

    def _on_step(self) -> bool:
        raise RuntimeError


def test_a_second_doctor_hears_what_the_first_no_longer_does(
    model: SAC, tmp_path: Path
) -> None:
    model.set_logger(configure(str(tmp_path), ["csv"]))
    torn, first, second = (DoctorCallback(verbose=0) for _ in range(3))
    for _ in range(2):
        with pytest.raises(RuntimeError):
            model.learn(600, callback=[torn, Failing()])
    assert sum("_Tap" in str(f) for f in model.logger.output_formats) == 1
    model.learn(600, callback=first)
    assert not any("_Tap" in str(f) for f in model.logger.output_formats)
    heard = len(first.rows)
    beside = DoctorCallback(verbose=0)
    model.learn(600, callback=[second, beside], reset_num_timesteps=False)
    model.logger.close()
    assert [len(d.rows) for d in (torn, first)] == [0, heard]
    assert heard
    assert second.rows
    assert len(beside.rows) == len(second.rows)


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


def test_another_run_is_judged_by_itself(model: SAC) -> None:
    doctor = DoctorCallback("auto", RunFacts(), verbose=0)
    doctor.init_callback(model)
    levels = [0.05] * 10 + [0.1 * i for i in range(1, 10)] + [0.97] * 20
    for i, row in enumerate(rows(levels), start=1):
        doctor.hear(row, 1000 * i)
    assert not doctor._on_step()  # pyright: ignore[reportPrivateUsage]
    doctor.num_timesteps = 0
    doctor._on_training_start()  # pyright: ignore[reportPrivateUsage]
    assert doctor._on_step()  # pyright: ignore[reportPrivateUsage]
    assert doctor.hear(rows([0.0])[0], 500).phase != "converged"
    assert len(doctor.rows) == 1
