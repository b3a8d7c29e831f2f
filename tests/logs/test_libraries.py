"""A log in the form of each library: by running it, or with the names in its sources."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.logger import configure
from stable_baselines3.common.monitor import Monitor
from torch.utils.tensorboard.writer import SummaryWriter

from puckrl.doctor.consult import Patient, consult
from puckrl.logs.known import PRODUCERS

ROOT = Path(__file__).parents[2]
ROWS = 20


@dataclass(frozen=True)
class Form:
    """How a library writes: a file, and names that mean success, return, and so on."""

    file: str
    """``events``, a file for each tag, or a name of a file; several joined by "+"."""
    names: Sequence[str]
    """What it logs; a number between the ends of a line, or a constant."""
    means: Sequence[str]
    """Our names of what must be read."""
    clock: str = "step"
    """Its column; event files have a step."""
    ratio: float | None = None
    """Updates per env step that it makes by default."""
    asks: str = ""
    """What the clock counts, if not env steps."""
    scale: float = 1.0
    """What success is multiplied with."""
    more: dict[str, float] = field(default_factory=dict[str, float])
    """Constants besides."""


FORMS = {
    "maniskill": Form(
        "events",
        ["eval/success_once", "eval/return", "train/return", "losses/qf1_values"],
        ["eval/success", "eval/return", "train/return", "train/q_mean"],
        ratio=0.5,
    ),
    "cleanrl": Form(
        "events",
        ["charts/episodic_return", "losses/qf_loss", "losses/qf1_values", "charts/SPS"],
        [
            "train/return",
            "train/critic_loss",
            "train/q_mean",
            "train/episodes_averaged",
        ],
        ratio=1.0,
    ),
    "rllib": Form(
        "result.json",
        [
            "env_runners/episode_return_mean",
            "env_runners/episode_len_mean",
            "evaluation/env_runners/success_rate",
            "training_iteration",
            "info/learner/default_policy/learner_stats/critic_loss",
        ],
        ["eval/success", "train/return", "train/episode_steps", "train/critic_loss"],
        clock="num_env_steps_sampled_lifetime",
    ),
    "skrl": Form(
        "events",
        ["Reward / Total reward (mean)", "Info / success_rate", "Loss / Critic loss"],
        ["train/success", "train/return", "train/critic_loss"],
        asks="vector steps",
    ),
    "mjlab": Form(
        "events",
        ["Train/mean_reward", "Metrics/lift_height/episode_success"],
        ["train/success", "train/return", "train/episodes_averaged"],
        asks="iterations",
        more={"Train/mean_episode_length": 50.0},
    ),
    "isaac lab": Form(
        "events",
        ["Train/mean_reward", "Episode_Reward/lifting", "Metrics/success_rate"],
        ["train/success", "train/return"],
        asks="iterations",
    ),
    "rsl_rl": Form(
        "events",
        ["Train/mean_reward", "Train/mean_episode_length", "Loss/value_function"],
        ["train/return", "train/episode_steps"],
        asks="iterations",
    ),
    "rl_games": Form(
        "events",
        ["rewards/step", "losses/a_loss", "successes/frame", "rewards/iter"],
        ["train/return", "train/success"],
    ),
    "lerobot": Form(
        "history.csv",
        ["eval/pc_success", "eval/avg_sum_reward", "train/loss"],
        ["eval/success", "eval/return"],
        clock="_step",
        asks="updates",
        scale=100.0,
    ),
    "td-mpc2": Form(
        "eval.csv",
        ["episode_reward", "episode_success", "episode_length"],
        ["eval/success", "eval/return"],
        ratio=1.0,
    ),
    "drq-v2": Form(
        "train.csv+eval.csv",
        ["episode_reward", "critic_loss", "critic_target_q", "frame", "actor_logprob"],
        ["train/return", "train/critic_loss", "eval/return"],
        ratio=0.5,
    ),
    "pytorch_sac": Form(
        "train.csv",
        ["episode_reward", "critic_loss", "actor_entropy", "batch_reward", "duration"],
        ["train/return", "train/critic_loss"],
        ratio=1.0,
    ),
    "dreamer": Form(
        "metrics.jsonl",
        ["episode/score", "episode/length", "train/loss/dyn"],
        ["train/return", "train/episode_steps"],
    ),
    "openai baselines": Form(
        "progress.csv",
        ["test/success_rate", "train/success_rate", "stats_o/mean", "test/mean_Q"],
        ["eval/success", "train/success"],
        clock="epoch",
        asks="epochs",
    ),
    "spinning up": Form(
        "progress.txt",
        ["AverageEpRet", "AverageTestEpRet", "EpLen", "LossQ", "AverageQ1Vals"],
        ["train/return", "eval/return", "train/critic_loss", "train/q_mean"],
        clock="TotalEnvInteracts",
        ratio=1.0,
    ),
    "jaxgcrl": Form(
        "history.csv",
        ["eval/episode_success_any", "eval/episode_success", "training/sps"],
        ["eval/success"],
        clock="_step",
    ),
    "tianshou": Form(
        "events",
        ["test/returns_stat/mean", "train/returns_stat/mean", "update/loss/critic1"],
        ["eval/return", "train/return"],
    ),
    "d3rlpy": Form(
        "a file for each tag",
        ["rollout_return", "evaluation", "critic_loss", "time_environment_step"],
        ["train/return", "eval/return", "train/critic_loss"],
        ratio=1.0,
    ),
    "d3rlpy offline": Form(
        "a file for each tag",
        ["environment", "critic_loss", "time_algorithm_update"],
        ["eval/return", "train/critic_loss"],
        asks="updates",
    ),
    "torchrl": Form(
        "events",
        ["train/reward", "eval/reward", "train/q_loss", "train/actor_loss"],
        ["train/return", "eval/return", "train/critic_loss", "train/actor_loss"],
        ratio=1.0,
    ),
}


def level(name: str, i: int, form: Form) -> float:
    if "succ" in name:
        return form.scale * min(0.97, i / ROWS)
    return -50.0 + i


def write(folder: Path, form: Form, clocks: Sequence[float]) -> Path:
    if form.file == "events":
        writer = SummaryWriter(str(folder))
        for i, step in enumerate(clocks):
            for name in form.names:
                # rl_games and tianshou log some tags over a clock of their own
                other = name.endswith("/iter") or name.startswith("update/")
                writer.add_scalar(name, level(name, i, form), i if other else int(step))
            for name, value in form.more.items():
                writer.add_scalar(name, value, int(step))
        writer.close()
        return folder
    if form.file == "a file for each tag":
        (folder / "params.json").write_text("{}")
        for name in form.names:
            lines = [f"{i},{s},{level(name, i, form)}" for i, s in enumerate(clocks)]
            (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
        return folder
    for file in form.file.split("+"):
        rows = [
            {form.clock: step, **{n: level(n, i, form) for n in form.names}}
            for i, step in enumerate(clocks)
        ]
        path, comma = folder / file, "\t" if file.endswith(".txt") else ","
        if path.suffix in (".jsonl", ".json"):
            path.write_text("".join(json.dumps(nested(r)) + "\n" for r in rows))
        else:
            lines = [comma.join(map(str, r.values())) for r in rows]
            path.write_text("\n".join([comma.join(rows[0]), *lines]) + "\n")
    return folder


def nested(row: dict[str, float]) -> dict[str, object]:
    """As RLlib writes it."""
    found: dict[str, object] = {}
    for name, value in row.items():
        at, *parts = (found, *name.split("/"))
        for part in parts[:-1]:
            at = at.setdefault(part, {})  # pyright: ignore[reportAttributeAccessIssue]
        at[parts[-1]] = value  # pyright: ignore[reportIndexIssue]
    return found


@pytest.mark.parametrize("name", FORMS)
def test_a_log_is_read_without_map(tmp_path: Path, name: str) -> None:
    form = FORMS[name]
    unit = 1 if form.asks in ("iterations", "epochs") else 1000
    (patient,) = consult(
        [write(tmp_path, form, [unit * i for i in range(1, ROWS + 1)])]
    ).patients
    assert patient.facts.producer == name
    assert patient.facts.assumed_update_ratio == form.ratio
    assert not set(form.means) - set(patient.table.columns)
    asked = [f for f in patient.log.problems if f.name == "unknown clock"]
    assert len(patient.log.problems) == len(asked) == bool(form.asks)
    assert all(form.asks in f.reason and "=env_steps*N" in f.reason for f in asked)
    success = next((s for s in form.means if s.endswith("/success")), None)
    if success is not None:
        assert patient.table.columns[success][-1] == pytest.approx(0.95, abs=1e-6)


class Coin(gymnasium.Env[np.ndarray, np.ndarray]):
    """Episodes of ten steps, of which every other succeeds."""

    observation_space = spaces.Box(-1.0, 1.0, (2,))
    action_space = spaces.Box(-1.0, 1.0, (1,))
    episode = steps = 0

    def reset(self, **_: object) -> tuple[np.ndarray, dict[str, object]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.steps, self.episode = 0, self.episode + 1
        return np.zeros(2, np.float32), {}

    def step(
        self, action: np.ndarray
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, object]]:
        self.steps += 1
        over, won = self.steps == 10, self.episode % 2 == 0
        return np.zeros(2, np.float32), -1.0, False, over, {"is_success": won}


def sb3(folder: Path) -> Path:
    """Run Stable-Baselines3 with all that it writes."""
    model = SAC(
        "MlpPolicy",
        Monitor(Coin(), str(folder / "0"), info_keywords=("is_success",)),
        learning_starts=100,
        batch_size=8,
        train_freq=20,
        gradient_steps=1,
        policy_kwargs={"net_arch": [4]},
        seed=0,
    )
    model.set_logger(configure(str(folder), ["csv", "tensorboard"]))
    judge = EvalCallback(
        Monitor(Coin()),
        eval_freq=100,
        n_eval_episodes=4,
        log_path=str(folder),
        verbose=0,
    )
    model.learn(500, callback=judge, log_interval=2)
    model.logger.close()
    return folder


def test_stable_baselines3_by_running_it(tmp_path: Path) -> None:
    folder = sb3(tmp_path)
    (whole,) = consult([folder]).patients
    assert whole.facts.producer == "stable-baselines3"
    assert set(whole.log.kinds) == {
        "csv",
        "tensorboard",
        "sb3 monitor",
        "sb3 evaluations",
    }
    for name in ("eval/success", "eval/return", "train/success", "updates", "episodes"):
        assert name in whole.table, name
    assert set(whole.table.curve("eval/episodes").y) == {4.0}
    assert set(whole.table.curve("eval/success").y) == {0.5}
    assert whole.table.curve("eval/success").x.tolist() == [100, 200, 300, 400, 500]
    assert whole.log.problems == ()
    for file in ("progress.csv", "evaluations.npz", "0.monitor.csv"):
        (alone,) = consult([folder / file]).patients
        assert alone.log.problems == ()
        assert 400 < alone.table.end <= 500
    (board,) = consult([next(folder.glob("events*"))]).patients
    assert board.facts.assumed_update_ratio == 1.0


def test_the_folders_of_rl_zoo(tmp_path: Path) -> None:
    """``logs/sac/FetchReach-v4_1``: monitors, evaluations, a folder of settings."""
    for i in (1, 2):
        folder = tmp_path / "sac" / f"FetchReach-v4_{i}"
        (folder / "FetchReach-v4").mkdir(parents=True)
        (folder / "FetchReach-v4" / "config.yml").write_text("!!python/object: x\n")
        (folder / "best_model.zip").write_bytes(b"PK")
        lines = [f"{-50 + j % 9},50,{j},{float(j % 3 == 0)}" for j in range(400)]
        head = f'#{{"t_start": {i}000.0, "env_id": "FetchReach-v4"}}\nr,l,t,is_success'
        (folder / "0.monitor.csv").write_text("\n".join([head, *lines]) + "\n")
    found = consult([tmp_path]).patients
    assert [p.log.name for p in found] == ["FetchReach-v4_1", "FetchReach-v4_2"]
    assert all(p.table.end == 20_000 for p in found)


def test_a_chart_of_wandb_holds_many_runs(tmp_path: Path) -> None:
    path = tmp_path / "chart.csv"
    rows = "".join(f"{1000 * i},{i / 40},{i / 80}\n" for i in range(1, 31))
    path.write_text(f"Step,a - eval/success_rate,b - eval/success_rate\n{rows}")
    found: tuple[Patient, ...] = consult([path]).patients
    assert [p.log.name for p in found] == ["chart.csv a", "chart.csv b"]
    assert [p.table.curve("eval/success").y[-1] for p in found] == [30 / 40, 30 / 80]


def test_every_library_has_a_form_and_a_row_in_the_docs() -> None:
    names = {library.name for library in PRODUCERS}
    assert set(FORMS) | {"stable-baselines3"} == names
    page = (ROOT / "docs/doctor.md").read_text().lower()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ")]
    assert not [n for n in names if not any(n in row.split(",")[0] for row in rows)]
