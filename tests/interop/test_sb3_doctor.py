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
    assert doctor.log is not None
    heard = doctor.log.table
    assert heard.end == 1200
    (patient,) = consult([tmp_path]).patients
    table = patient.table
    assert table.curve("doctor/phase").x.tolist() == heard.columns["env_steps"].tolist()
    for name in set(heard.columns) - {"wall_s", "rate/env_steps_per_s"}:
        assert table.columns[name] == pytest.approx(
            heard.columns[name], rel=1e-5, nan_ok=True
        )
    assert "train/episodes_averaged" in heard
    assert patient.log.facts.producer == doctor.log.facts.producer
    assert (patient.verdict.phase, patient.verdict.success) == (
        doctor.verdict.phase,
        pytest.approx(doctor.verdict.success),
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


PERCENT = [5.0] * 10 + [10.0 * i for i in range(1, 10)] + [97.0] * 20


def written(folder: Path, levels: list[float]) -> Path:
    """The same rows, as SB3's CSV logger writes them."""
    lines = [f"{1000 * i},{x},1" for i, x in enumerate(levels, start=1)]
    head = "time/total_timesteps,rollout/success_rate,train/n_updates"
    path = folder / "progress.csv"
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    ("levels", "mapping"),
    [
        ([x / 100 for x in PERCENT], []),
        (PERCENT, ["rollout/success_rate=train/success%"]),
        ([0.28] * 60, []),
        ([0.05] * 60, []),
    ],
)
def test_it_agrees_with_the_doctor_on_the_file(
    tmp_path: Path, levels: list[float], mapping: list[str]
) -> None:
    doctor = DoctorCallback(facts=RunFacts(), verbose=0, mapping=mapping)
    for i, row in enumerate(rows(levels), start=1):
        doctor.hear(row, 1000 * i)
    doctor._diagnosed_at = 0  # pyright: ignore[reportPrivateUsage]
    last = doctor.hear(rows(levels[-1:])[0], 1000 * len(levels))
    (patient,) = consult([written(tmp_path, levels)], mapping).patients
    assert patient.verdict.as_dict() == last.as_dict()


def test_a_success_in_percent_is_asked_about_not_taken_for_a_share() -> None:
    doctor = DoctorCallback("auto", RunFacts(), verbose=0)
    for i, row in enumerate(rows(PERCENT), start=1):
        doctor.hear(row, 1000 * i)
    assert doctor.verdict is not None
    found = doctor.verdict.finding("unread success")
    assert found is not None
    assert "rollout/success_rate=train/success%" in found.reason
    assert doctor.rule is None


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
