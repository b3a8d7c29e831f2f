"""More kinds of foreign logs: lives that the rules were not written on, see ``foreign.py``.

    python benchmarks/foreign_lives.py first          writes results/doctor_lives_first.csv

What is right was decided before the doctor was asked; what it said then is in
``results/doctor_lives_first.csv``. Kinds whose faults were mended since are under "develop".
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from foreign import (
    SB3,
    UNKNOWN,
    Array,
    Asked,
    Family,
    Invented,
    Split,
    judged,
    log,
    noisy,
    rise,
    score,
)
from foreign_families import DONE, FLAT, HEALTHY, LOST, ONLY_RETURNS, RETURNS, Rng

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.verdict import Color
from puckrl.report.tables import TableRow, manifest, write_table

SEEDS = 10

_CALM: tuple[Color, ...] = ("green", "yellow")
_NO_STOP = ("stop here", "it is done", "others never")


def line(rng: Rng, low: int = 40, high: int = 150) -> Array:
    """Return the places of a log's rows in the run, in (0, 1]."""
    rows = int(rng.integers(low, high))
    return np.arange(1, rows + 1) / rows


def rates(rng: Rng, chance: Array, episodes: int = 100) -> Array:
    """Return success over independent episodes."""
    return rng.binomial(episodes, np.clip(chance, 0, 1)) / episodes


def two_stages(rng: Rng) -> Invented:
    """A third of the goals for long, then nearly all of them."""
    x = line(rng)
    chance = rise(x, 0.02, 0.33, 0.15, 0.02) + rise(x, 0, 0.64, 0.65, 0.02)
    columns = {"env_steps": 8e5 * x, "eval/success": rates(rng, chance)}
    return log(columns, DONE, SB3)


def slow_decay(rng: Rng) -> Invented:
    """Solved, and then worse and worse: a third is lost by the end."""
    x = line(rng)
    chance = rise(x, 0.02, 0.96, 0.2, 0.03) - np.maximum(x - 0.5, 0) * rng.uniform(
        0.7, 1
    )
    columns = {"env_steps": 8e5 * x, "eval/success": rates(rng, chance)}
    asked = Asked((), ("forgetting",), ("stalled",), ("yellow", "red"), _NO_STOP)
    return log(columns, asked, SB3)


def slow_waves(rng: Rng) -> Invented:
    """Success that comes and goes over many rows."""
    x = line(rng, 60)
    wave = 0.65 + 0.28 * np.sin(2 * np.pi * rng.uniform(3, 5) * x)
    chance = np.minimum(rise(x, 0.02, 1.0, 0.1, 0.02), wave)
    columns = {"env_steps": 8e5 * x, "eval/success": rates(rng, chance)}
    asked = Asked(
        (), ("unsteady", "forgetting"), ("stalled", "wasting time"), ("yellow", "red")
    )
    return log(columns, asked, SB3)


def good_plateau(rng: Rng) -> Invented:
    """A plateau between 0.82 and 0.88: done only if that is enough."""
    x = line(rng)
    chance = rise(x, 0.02, rng.uniform(0.82, 0.88), 0.25, 0.03)
    columns = {"env_steps": 8e5 * x, "eval/success": rates(rng, chance)}
    asked = Asked(
        ("converged", "converging"), (), ("forgetting", "stalled", "wasting time"), _CALM,
        ("stop here",),
    )  # fmt: skip
    return log(columns, asked, SB3)


def solved_at_once(rng: Rng) -> Invented:
    """An easy task: 0 in the first row, solved from the third on."""
    x = line(rng)
    chance = np.where(np.arange(len(x)) < 1, 0.0, 0.99)
    chance[1] = rng.uniform(0.3, 0.7)
    columns = {"env_steps": 1e5 * x, "eval/success": rates(rng, chance, 50)}
    return log(columns, DONE, SB3)


def solved_from_the_first_row(rng: Rng) -> Invented:
    """A trained policy goes on, or random play succeeds: the log cannot tell."""
    x = line(rng)
    columns = {"env_steps": 1e5 * x, "eval/success": rates(rng, np.full(len(x), 0.99))}
    asked = Asked(("converged", "converging"), (), ("forgetting", "divergence"), _CALM)
    return log(columns, asked, UNKNOWN)


def one_lucky_row(rng: Rng) -> Invented:
    """Flat, and one evaluation of ten episodes was lucky."""
    x = line(rng)
    success = rates(rng, np.full(len(x), 0.02), 10)
    success[int(rng.uniform(0.3, 0.8) * len(x))] = 0.4
    return log({"env_steps": 3e5 * x, "eval/success": success}, FLAT, SB3)


def loss_spike(rng: Rng) -> Invented:
    """The critic's loss jumps a thousandfold for a few rows, and comes back."""
    x = line(rng, 60)
    loss = noisy(rng, rise(x, 0.1, 0.4, 0.4, 0.05))
    at = int(rng.uniform(0.5, 0.85) * len(x))
    loss[at : at + 3] *= 1000
    columns = {
        "env_steps": 4e5 * x,
        "eval/success": rates(rng, rise(x, 0.02, 0.97, 0.35, 0.04)),
        "train/critic_loss": loss,
    }
    asked = Asked(("converged",), (), ("divergence", "forgetting"), _CALM)
    return log(columns, asked, SB3)


def rewards_times_100(rng: Rng) -> Invented:
    """The same sparse task with a reward of -100 a step: values of thousands are right."""
    x = line(rng)
    success = rates(rng, rise(x, 0.02, 0.95, 0.4, 0.05))
    columns = {
        "env_steps": 3e5 * x,
        "train/success": success,
        "train/return": -5000 + 4000 * success,
        "train/episode_steps": np.full(len(x), 50.0),
        "train/actor_loss": 3500 * np.minimum(5 * x, 1) * (1 - 0.7 * success),
        "train/critic_loss": noisy(rng, 3e4 * (0.3 + success)),
    }
    return log(columns, HEALTHY, SB3)


def a_point_a_step(rng: Rng) -> Invented:
    """1 for each step at the goal, episodes that go on: values up to 1 / (1 - γ)."""
    x = line(rng)
    success = rates(rng, rise(x, 0.02, 0.96, 0.4, 0.05))
    columns = {
        "env_steps": 3e5 * x,
        "eval/success": success,
        "eval/return": 38 * success,
        "train/q_mean": rise(x, 0, 60, 0.45, 0.08),
        "train/critic_loss": noisy(rng, rise(x, 0.01, 0.8, 0.4, 0.08)),
    }
    return log(columns, HEALTHY, SB3)


def large_returns_of_ppo(rng: Rng) -> Invented:
    """A value loss of thousands beside returns of thousands: large, and sane."""
    x = line(rng)
    returns = rise(x, 200, 6000, 0.5, 0.15)
    columns = {
        "env_steps": 5e6 * x,
        "train/return": noisy(rng, returns, 0.05),
        "train/episode_steps": np.full(len(x), 1000.0),
        "train/critic_loss": noisy(rng, 300 + returns),
        "train/entropy": 8 - 4 * x,
    }
    asked = Asked((), (), ("divergence", "stalled", "forgetting"), _CALM, RETURNS)
    return log(columns, asked, SB3)


def never_a_goal(rng: Rng) -> Invented:
    """Returns of -200 in every row, and nothing else."""
    x = line(rng)
    columns = {
        "env_steps": 3e5 * x,
        "train/return": np.full(len(x), -200.0),
        "train/episode_steps": np.full(len(x), 200.0),
    }
    asked = Asked(
        ("flat", "unknown"), (), ("divergence", "stalled"), ("yellow",), _NO_STOP
    )
    return log(columns, asked, SB3)


def hacked_reward(rng: Rng) -> Invented:
    """Returns rise while success is lost: success decides."""
    x = line(rng)
    good = rise(x, 0.02, 0.95, 0.25, 0.03)
    columns = {
        "env_steps": 6e5 * x,
        "eval/success": rates(rng, np.where(x > 0.6, 0.05, good)),
        "eval/return": 100 * x + rng.normal(size=len(x)),
    }
    return log(columns, LOST, SB3)


def success_against_returns(rng: Rng) -> Invented:
    """Success rises while penalties lower the returns: success decides."""
    x = line(rng)
    success = rates(rng, rise(x, 0.02, 0.97, 0.35, 0.04))
    columns = {
        "env_steps": 6e5 * x,
        "eval/success": success,
        "eval/return": -20 - 60 * success + rng.normal(size=len(x)),
    }
    return log(columns, DONE, SB3)


def lost_twice(rng: Rng) -> Invented:
    """Solved, lost, solved, lost, solved."""
    x = line(rng, 80)
    chance = rise(x, 0.02, 0.97, 0.2, 0.02)
    for at in (0.45, 0.7):
        chance = np.where((x > at) & (x < at + 0.08), 0.05, chance)
    columns = {"env_steps": 6e5 * x, "eval/success": rates(rng, chance)}
    asked = Asked(
        (), ("forgetting", "unsteady"), ("stalled", "wasting time"), ("yellow", "red")
    )
    return log(columns, asked, SB3)


def still_low(rng: Rng) -> Invented:
    """A climb that has reached a fifth by the end: it began, and is not over."""
    x = line(rng)
    chance = 0.02 + np.maximum(x - 0.5, 0) * rng.uniform(0.35, 0.5)
    columns = {"env_steps": 6e5 * x, "eval/success": rates(rng, chance)}
    asked = Asked(
        ("take-off", "flat"), (), ("stalled", "dead flat", "forgetting"), _CALM
    )
    return log(columns, asked, SB3)


def one_evaluation(rng: Rng) -> Invented:
    """Training succeeds; the only evaluation failed: too little to accuse it."""
    x = line(rng)
    evaluated = np.full(len(x), np.nan)
    evaluated[0] = 0.0
    columns = {
        "env_steps": 3e5 * x,
        "train/success": rates(rng, rise(x, 0.02, 0.97, 0.35, 0.04)),
        "eval/success": evaluated,
    }
    asked = Asked((), (), ("eval-train mismatch", "forgetting"), _CALM)
    return log(columns, asked, SB3)


def a_little_too_high(rng: Rng) -> Invented:
    """Q a little above 0 from the start, and not climbing: a bias, and no catastrophe."""
    x = line(rng)
    success = rates(rng, rise(x, 0.02, 0.96, 0.4, 0.05))
    columns = {
        "env_steps": 3e5 * x,
        "train/success": success,
        "train/return": -50 + 40 * success,
        "train/episode_steps": np.full(len(x), 50.0),
        "train/actor_loss": -(0.8 + 0.1 * rng.normal(size=len(x))),
        "train/critic_loss": noisy(rng, np.full(len(x), 0.2)),
    }
    return log(columns, HEALTHY, SB3)


def q_grows_unbounded(rng: Rng) -> Invented:
    """No return in the log; Q grows a thousandfold while success stands, with its loss."""
    x = line(rng)
    grown = np.maximum(x - 0.35, 0) / 0.65
    columns = {
        "env_steps": 6e5 * x,
        "eval/success": rates(rng, rise(x, 0.02, rng.uniform(0.2, 0.6), 0.2, 0.03)),
        "train/q_mean": -3 + 3 * 10 ** (3.3 * grown),
        "train/critic_loss": noisy(rng, 0.2 * 10 ** (5 * grown)),
    }
    asked = Asked(
        (), ("divergence",), ("stalled", "healthy flat", "wasting time"), ("red", "yellow"),
        ("good sign", "let it run"),
    )  # fmt: skip
    return log(columns, asked, UNKNOWN)


def few_that_climb(rng: Rng, *, episodes: int) -> Invented:
    """A handful of evaluations of a few episodes: no number of them is a plateau."""
    rows = int(rng.integers(2, 5))
    columns = judged(
        rng, lambda x: 0.6 * x, rows=rows, episodes=episodes, end=1e5, counted=True
    )
    asked = Asked(
        ("unknown", "flat", "take-off"), (), ("stalled", "forgetting"), _CALM, _NO_STOP
    )
    return log(columns, asked, UNKNOWN)


def slow_returns(rng: Rng) -> Invented:
    """Returns of noisy single episodes that creep up: they rise or stand, nobody is done."""
    count = int(rng.integers(150, 800))
    x = np.arange(1, count + 1) / count
    spread = rng.uniform(10, 40)
    columns = {
        "env_steps": 200.0 * np.arange(1, count + 1),
        "train/return": -150 + 40 * x + spread * rng.normal(size=count),
    }
    asked = Asked((), (), ("stalled", "forgetting", "divergence"), _CALM, RETURNS)
    return log(columns, asked, UNKNOWN)


def returns_that_stand_high(rng: Rng) -> Invented:
    """Dense returns that stood from the first row on: no success in the log."""
    x = line(rng)
    level = float(rng.choice([-1, 1])) * 10 ** rng.uniform(0.5, 3)
    returns = level * (1 + 0.02 * rng.normal(size=len(x)))
    asked = Asked(("flat", "unknown"), (), ONLY_RETURNS.without, ("yellow",), RETURNS)
    return log({"env_steps": 1e6 * x, "eval/return": returns}, asked, UNKNOWN)


def dead_from_state(rng: Rng) -> Invented:
    """Known updates, known state, nothing rises over ten times the usual: dead."""
    x = line(rng)
    columns = {
        "env_steps": 8e6 * x,
        "updates": 8e6 * x,
        "eval/success": rates(rng, np.full(len(x), 0.01)),
        "train/critic_loss": noisy(rng, 0.3 * np.exp(-3 * x) + 0.01),
    }
    asked = Asked(("flat",), ("dead flat",), ("healthy flat", "divergence"), ("red",))
    return log(columns, asked, RunFacts(modality="state"))


_DEVELOPED = (
    "two stages",
    "slow decay",
    "slow waves",
    "good plateau",
    "few evaluations of 10",
)
"""Kinds that showed faults of rules, which were mended."""


def _life(
    name: str,
    make: Callable[[Rng], Invented],
    *,
    diverges: bool = False,
    unsolved: bool = True,
) -> Family:
    split: Split = "develop" if name in _DEVELOPED else "held-out"
    return Family(name, split, make, diverges, unsolved)


LIVES: tuple[Family, ...] = (
    _life("two stages", two_stages, unsolved=False),
    _life("slow decay", slow_decay),
    _life("slow waves", slow_waves),
    _life("good plateau", good_plateau, unsolved=False),
    _life("solved at once", solved_at_once, unsolved=False),
    _life("solved from the first row", solved_from_the_first_row, unsolved=False),
    _life("one lucky row", one_lucky_row),
    _life("loss spike", loss_spike, unsolved=False),
    _life("rewards times 100", rewards_times_100, unsolved=False),
    _life("a point a step", a_point_a_step, unsolved=False),
    _life("large returns of ppo", large_returns_of_ppo),
    _life("never a goal", never_a_goal),
    _life("hacked reward", hacked_reward),
    _life("success against returns", success_against_returns, unsolved=False),
    _life("lost twice", lost_twice, unsolved=False),
    _life("still low", still_low),
    _life("one evaluation", one_evaluation, unsolved=False),
    _life("a little too high", a_little_too_high, unsolved=False),
    _life("q grows, returns unknown", q_grows_unbounded, diverges=True),
    _life("few evaluations of 3", partial(few_that_climb, episodes=3)),
    _life("few evaluations of 10", partial(few_that_climb, episodes=10)),
    _life("slow returns", slow_returns),
    _life("returns stand from the start", returns_that_stand_high),
    _life("dead from state", dead_from_state),
)
"""Lives beside those of ``foreign_families.py``."""


def main() -> None:
    """Judge ten logs of each kind."""
    rows: list[TableRow] = []
    for found in (score(life, seed) for life in LIVES for seed in range(SEEDS)):
        rows.append(
            {
                "kind": found.family.name,
                "seed": found.seed,
                "right": found.right,
                "praised": found.praised,
                "stopped": found.stopped,
                "said": found.verdict.headline,
            }
        )
    path = Path("results") / f"doctor_lives_{sys.argv[1]}.csv"
    write_table(path, rows, manifest(seeds=SEEDS))
    print(f"{sum(bool(row['right']) for row in rows)} of {len(rows)} right")


if __name__ == "__main__":
    main()
