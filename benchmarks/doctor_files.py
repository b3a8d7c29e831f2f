"""Write the invented logs of every kind as files in different dresses, and judge the files.

    python benchmarks/doctor_files.py          writes results/doctor_files.csv

`foreign_families.py` hands tables to the doctor. Here each table is first written as a file:
with the names of Stable-Baselines3, as nested JSON lines, as TensorBoard events, or as a table
with names, separators and numbers that chance chooses. What reading loses costs a verdict.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from foreign import Array, Family, Invented, Score, judge
from foreign_families import FAMILIES, Rng
from foreign_lives import LIVES

from puckrl.core.errors import UserError
from puckrl.doctor.consult import consult
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.verdict import Verdict
from puckrl.report.tables import TableRow, manifest, write_table

SEEDS = (1000, 1001)
_SB3 = {
    "env_steps": "time/total_timesteps",
    "updates": "train/n_updates",
    "train/success": "rollout/success_rate",
    "train/return": "rollout/ep_rew_mean",
    "train/episode_steps": "rollout/ep_len_mean",
    "eval/success": "eval/success_rate",
    "eval/return": "eval/mean_reward",
    "train/alpha": "train/ent_coef",
}
_CALLED: Mapping[str, Sequence[str]] = {
    "env_steps": ("step", "Global Step", "total_env_steps", "num_timesteps", "env_frames", "TotalEnvSteps"),
    "updates": ("n_updates", "gradient_steps", "Num Updates", "grad_steps"),
    "train/success": ("success_rate", "rollout/success", "Train Success", "training/success_rate"),
    "train/return": ("episode_return", "train/mean_return", "ep_reward", "Episodic Return"),
    "train/episode_steps": ("ep_len", "episode_length", "rollout/episode_length"),
    "train/episodes_averaged": ("train/episodes_averaged",),
    "eval/success": ("eval/success_rate", "test_success", "Eval Success Rate", "evaluation/success"),
    "eval/return": ("eval/episode_return", "test_return", "evaluation/mean_reward"),
    "eval/episodes": ("eval/episodes", "eval/n_episodes", "eval_num_episodes"),
    "train/critic_loss": ("critic_loss", "losses/qf_loss", "critic/loss", "Q Loss"),
    "train/actor_loss": ("actor_loss", "losses/actor_loss", "actor/loss", "Pi Loss"),
    "train/q_mean": ("q_mean", "losses/q_values", "critic/q1", "Mean Q"),
    "train/alpha": ("alpha", "ent_coef", "Temperature"),
}  # fmt: skip
"""Our name -> what people call it."""
_FACTS = ("modality", "gamma", "horizon", "sparse", "update_ratio", "her", "action_dim")


def stable_baselines3(folder: Path, columns: Mapping[str, Array], rng: Rng) -> Path:
    """Write progress.csv: a gap where a row does not carry a signal."""
    return _table(folder / "progress.csv", _renamed(columns, _SB3), ",", "{:.6g}")


def json_lines(folder: Path, columns: Mapping[str, Array], rng: Rng) -> Path:
    """Write nested JSON lines, with names that chance chooses."""
    path, named = folder / "metrics.jsonl", _renamed(columns, _drawn(rng))
    lines: list[str] = []
    for row in zip(*named.values(), strict=True):
        nested: dict[str, object] = {}
        for name, value in zip(named, map(float, row), strict=True):
            group, _, end = name.rpartition("/")
            inside = nested.setdefault(group, {}) if group else nested
            inside[end] = value  # pyright: ignore[reportIndexIssue]
        lines.append(json.dumps(nested))
    path.write_text("\n".join(lines) + "\n")
    return path


def tensorboard(folder: Path, columns: Mapping[str, Array], rng: Rng) -> Path:
    """Write event files, a tag for each signal; their step is the clock."""
    from torch.utils.tensorboard.writer import SummaryWriter

    steps = columns["env_steps"]
    with SummaryWriter(str(folder)) as writer:
        for name, values in _renamed(columns, _drawn(rng), keep="env_steps").items():
            for step, value in zip(steps, values, strict=True):
                if name != "env_steps":
                    writer.add_scalar(name.replace(" ", "_"), value, int(step))
    return folder


def spreadsheet(folder: Path, columns: Mapping[str, Array], rng: Rng) -> Path:
    """Write a table with separators and numbers that chance chooses."""
    named = _renamed(columns, _drawn(rng))
    separator = str(rng.choice([",", ";", "\t"]))
    path = _table(folder / "results.csv", named, separator, "{:.6g}")
    text = path.read_text()
    if separator == ";" and rng.random() < 0.7:
        text = text.replace(".", ",")
    encoding = str(rng.choice(["utf-8", "utf-8-sig", "utf-16"]))
    path.write_bytes(text.encode(encoding))
    return path


DRESSES: tuple[Callable[[Path, Mapping[str, Array], Rng], Path], ...] = (
    stable_baselines3,
    json_lines,
    tensorboard,
    spreadsheet,
)
"""How a log may be written."""


def _drawn(rng: Rng) -> dict[str, str]:
    """Return a name for each of ours that chance chooses."""
    return {ours: str(rng.choice(list(names))) for ours, names in _CALLED.items()}


def _renamed(
    columns: Mapping[str, Array], names: Mapping[str, str], keep: str = ""
) -> dict[str, Array]:
    """Return columns under other names."""
    return {n if n == keep else names.get(n, n): c for n, c in columns.items()}


def _table(path: Path, columns: Mapping[str, Array], separator: str, form: str) -> Path:
    """Write separated values; the clock in whole numbers."""
    rows = [separator.join(columns)]
    for row in zip(*columns.values(), strict=True):
        cells = [f"{row[0]:.0f}", *(form.format(value) for value in row[1:])]
        rows.append(separator.join(cells))
    path.write_text("\n".join(rows) + "\n")
    return path


def stated(facts: RunFacts) -> list[str]:
    """Return what a file cannot say of a run, as values of the --fact option."""
    known = {name: getattr(facts, name) for name in _FACTS}
    words = {n: str(v).lower() for n, v in known.items() if v is not None}
    return [f"{name}={word}" for name, word in words.items()]


def can_be_written(made: Invented, dress: str) -> bool:
    """Return whether a file in this dress holds what the table holds."""
    facts = made.facts
    if made.table.resumed_at or facts.producer == "another":
        return False
    return dress != "stable_baselines3" or facts.producer == "stable-baselines3"


def scored(family: Family, seed: int, folder: Path) -> list[tuple[str, Score | str]]:
    """Return for each dress the score of a family's log, or why it was not judged."""
    found: list[tuple[str, Score | str]] = []
    for dress in DRESSES:
        rng = np.random.default_rng([seed, *family.name.encode()])
        made = family.make(rng)
        if not can_be_written(made, dress.__name__):
            continue
        here = folder / f"{family.name}-{seed}-{dress.__name__}"
        here.mkdir()
        path = dress(here, _written(made), rng)
        try:
            (patient,) = consult([path], (), stated(made.facts)).patients
        except UserError as error:
            found.append((dress.__name__, str(error)))
            continue
        found.append((dress.__name__, judge(family, seed, made.asked, patient.verdict)))
    return found


def _written(made: Invented) -> dict[str, Array]:
    """Return the columns of a log, the clock first; what was not finite is NaN again."""
    columns = dict(made.table.columns)
    return {"env_steps": columns.pop("env_steps"), **columns}


def _row(family: Family, seed: int, dress: str, found: Score | str) -> TableRow:
    told: Verdict | None = None if isinstance(found, str) else found.verdict
    return {
        "split": family.split,
        "kind": family.name,
        "dress": dress,
        "seed": seed,
        "right": not isinstance(found, str) and found.right,
        "praised": not isinstance(found, str) and found.praised,
        "stopped": not isinstance(found, str) and found.stopped,
        "said": told.headline if told is not None else str(found),
    }


def main() -> None:
    """Judge every kind in every dress."""
    lines: list[TableRow] = []
    for family in (*FAMILIES, *LIVES):
        with tempfile.TemporaryDirectory() as folder:
            for seed in SEEDS:
                for dress, found in scored(family, seed, Path(folder)):
                    lines.append(_row(family, seed, dress, found))
    write_table(Path("results/doctor_files.csv"), lines, manifest(seeds=list(SEEDS)))
    right = sum(bool(line["right"]) for line in lines)
    wrong = [
        line
        for line in lines
        if not line["right"] or line["praised"] or line["stopped"]
    ]
    for line in wrong:
        print(line)
    print(f"{right} of {len(lines)} right")


if __name__ == "__main__":
    main()
