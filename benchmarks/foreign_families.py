"""The kinds of foreign logs that the doctor is scored on: see ``foreign.py``."""

from collections.abc import Callable
from functools import partial

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
    play,
    rise,
    windows,
)

from puckrl.monitor.facts import RunFacts
from puckrl.monitor.verdict import Color

Rng = np.random.Generator
Columns = dict[str, Array]

RUNS_AWAY = Asked(
    findings=("divergence",),
    without=("healthy flat", "wasting time", "stalled", "memorizing failure"),
    colors=("red",),
    silent=("good sign", "let it run"),
)
SLOWLY = Asked(
    findings=("divergence",),
    without=RUNS_AWAY.without,
    colors=("yellow", "red"),
    silent=RUNS_AWAY.silent,
)
HEALTHY = Asked(without=("divergence", "forgetting"), colors=("green", "yellow"))
FLAT = Asked(phases=("flat",), without=("divergence", "forgetting", "stalled"))
RETURNS = ("it is done", "stop here", "success below", "others never")
ONLY_RETURNS = Asked(
    phases=("unknown",),
    findings=("unknown success",),
    without=("stalled", "forgetting", "wasting time"),
    colors=("yellow",),
    silent=RETURNS,
)
DONE = Asked(phases=("converged",), without=("divergence",), colors=("green", "yellow"))
LOST = Asked(phases=("collapsed",), findings=("forgetting",), colors=("red",))


def share(columns: Columns) -> Array:
    """Return the rows' places in the run, from 0 to 1."""
    return columns["env_steps"] / columns["env_steps"][-1]


def flat_at(level: float) -> Callable[[Array], Array]:
    """Return a chance of success that never changes."""
    return lambda x: np.full(len(x), level)


def climb(
    low: float, high: float, middle: float, width: float
) -> Callable[[Array], Array]:
    """Return a chance of success that climbs."""
    return lambda x: rise(x, low, high, middle, width)


def some_rows(rng: Rng) -> int:
    """Return a number of rows, as short and long logs have them."""
    return int(rng.integers(20, 300))


# -- values that run away ------------------------------------------------------------


def q_above_zero(rng: Rng, *, slowly: bool = False) -> Invented:
    """SB3's actor-critics on a sparse reward: Q climbs above what any return was."""
    horizon = int(rng.choice([50, 100, 200]))
    level = rng.uniform(0, 0.1) if slowly else rng.uniform(0, 0.6)
    played = play(rng, climb(0.03, level, 0.1, 0.03), horizon=horizon)
    columns = windows(rng, played, some_rows(rng))
    x = share(columns)
    top = horizon * (rng.uniform(0.3, 0.6) if slowly else rng.uniform(0.6, 4.0))
    power = rng.uniform(0.8, 1.3) if slowly else rng.uniform(1, 3)
    q = -1 + (top + 1) * x**power + 0.2 * rng.normal(size=len(x))
    grown = rng.uniform(5, 20) if slowly else 10 ** rng.uniform(1.5, 3.5)
    columns["train/actor_loss"] = -q
    columns["train/critic_loss"] = noisy(rng, 0.08 * grown**x)
    if rng.random() < 0.5:
        columns["updates"] = columns["env_steps"] - 500
    return log(columns, SLOWLY if slowly else RUNS_AWAY, SB3)


def q_above_zero_judged(rng: Rng) -> Invented:
    """Q of another library, success by evaluations, up to nearly solved."""
    end = 10 ** rng.uniform(5, 6.5)
    high = rng.uniform(0.3, 0.95)
    columns = judged(
        rng, climb(0.02, high, 0.2, 0.04), rows=int(rng.integers(20, 60)),
        episodes=int(rng.choice([10, 20, 50])), end=end,
    )  # fmt: skip
    x = share(columns)
    returns = -100 * (1 - 0.7 * columns["eval/success"]) + rng.normal(size=len(x))
    columns["eval/return"] = np.minimum(returns, -1.0)
    columns["train/q_mean"] = -5 + 10 ** (rng.uniform(2.2, 4) * x)
    columns["train/critic_loss"] = noisy(rng, 0.3 * 10 ** (rng.uniform(2, 5) * x))
    return log(columns, RUNS_AWAY)


def q_of_dense_costs(rng: Rng) -> Invented:
    """Dense negative rewards: returns stand, Q climbs above 0."""
    horizon = float(rng.choice([100, 200, 500]))
    x = np.linspace(0.01, 1, some_rows(rng))
    worst = -rng.uniform(0.1, 8) * horizon
    returns = rise(x, worst, 0.6 * worst, 0.2, 0.05)
    columns = {
        "env_steps": 3e5 * x,
        "train/return": returns + 0.02 * worst * rng.normal(size=len(x)),
        "train/episode_steps": np.full(len(x), horizon),
        "train/actor_loss": 0.2 * -worst - 1.5 * -worst * x**2,
        "train/critic_loss": noisy(rng, 0.5 * 10 ** (rng.uniform(2, 4) * x)),
    }
    return log(columns, RUNS_AWAY, SB3)


def q_of_positive_rewards(rng: Rng) -> Invented:
    """Returns of a few dozen at most, and values of tens of thousands."""
    x = np.linspace(0.01, 1, some_rows(rng))
    best = rng.uniform(5, 50)
    columns = {
        "env_steps": 1e6 * x,
        "eval/return": best * rise(x, 0.1, 1, 0.2, 0.05) * rng.uniform(0.9, 1, len(x)),
        "train/q_mean": 1 + 10 ** (rng.uniform(3.5, 6) * x),
        "train/critic_loss": noisy(rng, 10 ** (rng.uniform(4, 7) * x) / 10),
    }
    return log(columns, RUNS_AWAY)


def q_runs_down(rng: Rng) -> Invented:
    """Values far below the worst that a sparse reward can add up to."""
    played = play(rng, flat_at(rng.uniform(0, 0.05)))
    columns = windows(rng, played, some_rows(rng))
    x = share(columns)
    columns["train/q_mean"] = -(10 ** (rng.uniform(3.5, 5) * x))
    columns["train/critic_loss"] = noisy(rng, 0.2 * 10 ** (rng.uniform(3, 6) * x))
    return log(columns, RUNS_AWAY, SB3)


def loss_explodes(rng: Rng, *, level: tuple[float, float] = (0.0, 0.06)) -> Invented:
    """No Q in the log: the critic's loss alone grows while success stands."""
    high = rng.uniform(*level)
    played = play(rng, climb(min(high, 0.04), high, 0.15, 0.03))
    columns = windows(rng, played, some_rows(rng), ("success",))
    x = share(columns)
    begun = rng.uniform(0.3, 0.5)
    grown = np.where(x > begun, (x - begun) / (1 - begun), 0)
    columns["train/critic_loss"] = noisy(rng, 0.1 * 10 ** (rng.uniform(4, 12) * grown))
    columns["updates"] = columns["env_steps"] - 500
    return log(columns, RUNS_AWAY if high < 0.6 else SLOWLY, SB3)


def loss_explodes_judged(rng: Rng) -> Invented:
    """The same by evaluations, on rewards that other columns do not show."""
    high = rng.uniform(0.1, 0.6)
    columns = judged(
        rng, climb(0.02, high, 0.2, 0.04), rows=int(rng.integers(25, 80)),
        episodes=int(rng.choice([10, 20, 50])), end=10 ** rng.uniform(5, 7),
    )  # fmt: skip
    grown = np.maximum(share(columns) - rng.uniform(0.2, 0.6), 0)
    loss = rng.uniform(0.02, 2) * 10 ** (rng.uniform(10, 20) * grown)
    columns["train/critic_loss"] = noisy(rng, loss)
    return log(columns, RUNS_AWAY)


def q_below_known_discount(rng: Rng) -> Invented:
    """A known discount, returns of -1 a step: Q sinks below what failing for ever is."""
    horizon = int(rng.choice([50, 100]))
    gamma = float(rng.choice([0.9, 0.95]))
    columns = windows(rng, play(rng, flat_at(0.02), horizon=horizon), some_rows(rng))
    x = share(columns)
    lowest = -rng.uniform(2.5, 4) / (1 - gamma)
    columns["train/actor_loss"] = -(lowest * x + 0.2 * rng.normal(size=len(x)))
    columns["train/critic_loss"] = noisy(rng, 0.2 * 12**x)
    facts = RunFacts(
        producer="stable-baselines3", gamma=gamma, assumed_update_ratio=1.0
    )
    return log(columns, SLOWLY, facts)


def q_of_a_goal_paid_once(rng: Rng) -> Invented:
    """1 at the goal, where the episode ends: Q far above 1."""
    played = play(rng, climb(0.02, rng.uniform(0.7, 1.0), 0.3, 0.05))
    played.returns = played.won
    columns = windows(rng, played, some_rows(rng))
    x = share(columns)
    columns["train/q_mean"] = rng.uniform(8, 20) * x + 0.1 * rng.normal(size=len(x))
    columns["train/critic_loss"] = noisy(rng, 0.01 * 100**x)
    return log(columns, SLOWLY, SB3)


def q_above_zero_cool(rng: Rng) -> Invented:
    """A temperature that decayed explains no values above 0."""
    played = play(rng, climb(0.03, rng.choice([0.03, 0.8]), 0.3, 0.05))
    columns = windows(rng, played, int(rng.integers(40, 200)))
    x = share(columns)
    columns["train/alpha"] = np.maximum(0.5 * np.exp(-8 * x), 0.003)
    columns["train/actor_loss"] = -(-8 + 18 * x + 0.2 * rng.normal(size=len(x)))
    columns["train/critic_loss"] = noisy(rng, 0.1 * 15**x)
    return log(columns, SLOWLY, SB3)


# -- healthy runs of every scale of reward -------------------------------------------


def healthy_sparse(rng: Rng) -> Invented:
    """SAC that begins with a temperature of 1: entropy lifts its first values above 0."""
    horizon = int(rng.choice([50, 100]))
    middle = rng.uniform(0.3, 0.6)
    played = play(rng, climb(0.03, 0.97, middle, 0.06), horizon=horizon, way=(0.1, 0.3))
    columns = windows(rng, played, some_rows(rng))
    x = share(columns)
    alpha = np.maximum(np.exp(-20 * x), rng.uniform(0.001, 0.02))
    value = -rise(x, 0.6 * horizon, 0.15 * horizon, middle, 0.08) * np.minimum(8 * x, 1)
    columns["train/alpha"] = alpha
    columns["train/actor_loss"] = -(value + 60 * alpha)
    columns["train/critic_loss"] = noisy(rng, rise(x, 0.1, 0.6, middle, 0.05))
    columns["updates"] = columns["env_steps"] - 500
    return log(columns, HEALTHY, SB3)


def healthy_td3(rng: Rng) -> Invented:
    """A critic that begins above 0 and comes down, still flat or already climbing."""
    played = play(rng, climb(0.02, rng.choice([0.02, 0.9]), 0.6, 0.06))
    columns = windows(rng, played, some_rows(rng))
    x = share(columns)
    q = rng.uniform(1, 8) * np.exp(-15 * x) - 20 * np.minimum(2 * x, 1)
    columns["train/actor_loss"] = -q
    columns["train/critic_loss"] = noisy(rng, 0.1 + 0.3 * np.exp(-10 * x))
    return log(columns, HEALTHY, SB3)


def healthy_positive(rng: Rng) -> Invented:
    """Locomotion: returns grow to thousands, and values and losses with them."""
    x = np.linspace(0.01, 1, some_rows(rng))
    best = 10 ** rng.uniform(2, 4)
    returns = best * rise(x, 0.01, 1, rng.uniform(0.3, 0.6), 0.12)
    columns = {
        "env_steps": 1e6 * x,
        "train/return": noisy(rng, returns, 0.05),
        "train/episode_steps": np.full(len(x), 1000.0),
        "train/actor_loss": -0.3 * returns,
        "train/critic_loss": noisy(rng, 0.1 + (0.02 * returns) ** 2),
        "train/alpha": np.full(len(x), 0.2),
    }
    return log(columns, Asked(without=("divergence", "stalled"), silent=RETURNS), SB3)


def healthy_costs(rng: Rng) -> Invented:
    """Dense negative rewards: returns rise towards 0, values with them."""
    x = np.linspace(0.01, 1, some_rows(rng))
    worst = -(10 ** rng.uniform(1, 3.3))
    returns = worst * rise(-x, 0.1, 1, -0.4, 0.08)
    columns = {
        "env_steps": 1e5 * x,
        "eval/return": returns * rng.uniform(0.9, 1.1, len(x)),
        "train/actor_loss": -0.5 * returns * np.minimum(4 * x, 1),
        "train/critic_loss": noisy(rng, np.full(len(x), 0.01 * worst**2)),
    }
    return log(columns, Asked(without=("divergence", "stalled"), silent=RETURNS), SB3)


def healthy_shaped(rng: Rng) -> Invented:
    """A cost for each step and a bonus at the goal, success by evaluations."""
    columns = judged(
        rng, climb(0.02, 0.96, 0.4, 0.06), rows=int(rng.integers(25, 80)),
        episodes=20, end=5e5, counted=True,
    )  # fmt: skip
    x, bonus = share(columns), rng.uniform(5, 100)
    mean = -5 + (bonus + 4) * columns["eval/success"]
    columns["eval/return"] = mean + 0.1 * rng.normal(size=len(x))
    columns["train/q_mean"] = rise(x, -2, 0.8 * bonus, 0.35, 0.06)
    columns["train/critic_loss"] = noisy(rng, rise(x, 0.3, 0.02 * bonus, 0.4, 0.1))
    return log(columns, DONE)


def still_flat_with_hindsight(rng: Rng) -> Invented:
    """0 or 1 for the goal, relabeled: values are positive before a return ever is."""
    x = np.linspace(0.01, 1, some_rows(rng))
    columns = {
        "env_steps": 2e5 * x,
        "train/success": _rare(rng, len(x)),
        "train/return": np.zeros(len(x)),
        "train/q_mean": rise(x, 0.0, rng.uniform(1, 20), 0.4, 0.1),
        "train/critic_loss": noisy(rng, rise(x, 0.01, 0.2, 0.5, 0.2)),
        "updates": 2e5 * x,
    }
    return log(columns, FLAT)


def _rare(rng: Rng, rows: int) -> Array:
    """Return success of a hundred episodes, nearly never."""
    return rng.binomial(100, 0.01, rows) / 100


def far_sighted(rng: Rng) -> Invented:
    """Dense costs and a discount near 1 that the log does not tell: Q is right."""
    x = np.linspace(0.01, 1, int(rng.integers(40, 200)))
    returns = rise(x, -50, -30, 0.4, 0.1) + rng.normal(size=len(x))
    columns = {
        "env_steps": 3e5 * x,
        "train/return": returns,
        "train/episode_steps": np.full(len(x), 50.0),
        "train/actor_loss": rng.uniform(500, 900) * (1 - np.exp(-4 * x)),
        "train/critic_loss": noisy(rng, 0.5 + 6 * x),
    }
    return log(columns, Asked(without=("forgetting",), colors=("yellow",)), SB3)


def loss_grows_sanely(rng: Rng, *, level: float) -> Invented:
    """A loss that grows a hundredfold, and is small beside the returns; Q is sane."""
    played = play(rng, climb(0.02, level, 0.3, 0.04), count=4000)
    columns = windows(rng, played, int(rng.integers(60, 150)))
    x, success = share(columns), columns["train/success"]
    columns["train/actor_loss"] = 18 - 12 * success
    columns["train/critic_loss"] = noisy(rng, 0.01 * rng.uniform(150, 250) ** x)
    columns["updates"] = columns["env_steps"] - 500
    colors: tuple[Color, ...] = ("green", "yellow")
    silent = ("success does not follow",) if level > 0.9 else ()
    return log(columns, Asked(colors=colors, silent=silent), SB3)


def trained_before(rng: Rng, *, lost: bool = False) -> Invented:
    """Success is high in the first row, and updates were made before it."""
    high = rng.uniform(0.9, 1.0)
    end = 0.02 if lost else high
    played = play(rng, climb(high, end, 0.5, 0.05), count=4000)
    columns = windows(rng, played, int(rng.integers(40, 150)))
    columns["updates"] = columns["env_steps"] + rng.uniform(10, 5000)
    if lost:
        asked = Asked(("collapsed",), ("forgetting",), ("broken task",), ("red",))
    else:
        asked = Asked((), (), ("broken task", "forgetting"), ("green", "yellow"))
    return log(columns, asked, SB3)


# -- clocks --------------------------------------------------------------------------


def no_updates(rng: Rng, *, over: bool) -> Invented:
    """Flat, and nothing says how many updates there were."""
    facts = SB3 if rng.random() < 0.5 else UNKNOWN
    end = rng.uniform(2.5e6, 2e7) if over else rng.uniform(5e4, 1.2e6)
    columns = judged(
        rng, flat_at(rng.uniform(0, 0.05)), rows=int(rng.integers(15, 80)),
        episodes=int(rng.choice([10, 50, 100])), end=end,
    )  # fmt: skip
    if rng.random() < 0.5:
        loss = rise(share(columns), 0.3, 0.05, 0.3, 0.1)
        columns["train/critic_loss"] = noisy(rng, loss)
    asked = Asked(
        phases=("flat",),
        findings=("dead flat",) if over else ("no update clock",),
        without=("divergence",) if over else ("divergence", "dead flat"),
        colors=("yellow",),
    )
    return log(columns, asked, facts)


def slow_producer(rng: Rng) -> Invented:
    """A library of one update to several env steps: patience lasts longer."""
    facts = RunFacts(producer="another", assumed_update_ratio=0.1)
    columns = judged(rng, flat_at(0.01), rows=40, episodes=50, end=5e6)
    asked = Asked(("flat",), ("no update clock",), ("dead flat",), ("yellow",))
    return log(columns, asked, facts)


# -- returns without success ---------------------------------------------------------


def returns_stand(rng: Rng, *, positive: bool = False) -> Invented:
    """Dense returns that rose and stand still."""
    x = np.linspace(0.01, 1, some_rows(rng))
    low, high = (
        (0.1, rng.uniform(1, 5000))
        if positive
        else sorted(-(10 ** rng.uniform(0.5, 3, 2)))
    )
    if high - low < 0.3 * abs(low):
        high = 0.3 * low
    returns = rise(x, low, high, 0.3, 0.04)
    wobble = 0.02 * (high - low) * rng.normal(size=len(x))
    name = "eval/return" if rng.random() < 0.5 else "train/return"
    columns = {"env_steps": 1.2e5 * x, name: returns + wobble, "updates": 1.2e5 * x}
    return log(columns, ONLY_RETURNS, SB3)


def returns_fall(rng: Rng) -> Invented:
    """Dense returns that rose and fell: no certain collapse of success."""
    x = np.linspace(0.01, 1, some_rows(rng))
    returns = rise(x, 0, 1, 0.25, 0.04) - rise(x, 0, 0.9, 0.7, 0.03)
    scale = 10 ** rng.uniform(0, 3)
    columns = {
        "env_steps": 1e6 * x,
        "train/return": scale * (returns + 0.02 * rng.normal(size=len(x))),
    }
    asked = Asked(
        findings=("unknown success",), without=("forgetting", "stalled"),
        colors=("yellow",), silent=RETURNS,
    )  # fmt: skip
    return log(columns, asked)


def slow_way(rng: Rng, *, horizons: tuple[int, ...] = (50,)) -> Invented:
    """Sparse returns of a policy that succeeds, after much of its episode."""
    horizon = int(rng.choice(horizons))
    way = rng.uniform(0.3, 0.6)
    played = play(
        rng, climb(0.01, rng.uniform(0.85, 1.0), 0.3, 0.04), horizon=horizon,
        way=(way - 0.05, way + 0.05),
    )  # fmt: skip
    columns = windows(rng, played, some_rows(rng), ("return",))
    facts = RunFacts(sparse=True, horizon=horizon, producer="stable-baselines3")
    return log(columns, ONLY_RETURNS, facts)


def quick_way(rng: Rng) -> Invented:
    """Sparse returns so near 0 that success must be nearly 1."""
    columns = windows(
        rng, play(rng, climb(0.02, 1.0, 0.3, 0.04), way=(0.01, 0.05)), 120, ("return",)
    )
    asked = Asked(
        ("take-off", "converging", "converged"), (),
        ("divergence", "forgetting", "stalled"), ("green", "yellow"),
    )  # fmt: skip
    return log(columns, asked, RunFacts(sparse=True, horizon=50, update_ratio=1.0))


def few_values(rng: Rng) -> Invented:
    """Two to four evaluations' returns."""
    count = int(rng.integers(2, 5))
    columns = {
        "env_steps": 1e4 * np.arange(1, count + 1),
        "eval/return": rng.uniform(-50, 100, count),
    }
    return log(columns, Asked(phases=("unknown",), colors=("yellow",), silent=RETURNS))


# -- floors and noise ----------------------------------------------------------------


def filling_windows(rng: Rng) -> Invented:
    """Random play succeeds in some of the episodes; the first rows are of a few."""
    level = rng.uniform(0.12, 0.36)
    columns = windows(
        rng, play(rng, flat_at(level), count=int(rng.integers(1500, 4000))),
        int(rng.integers(60, 200)), ("success",), filling=rng.uniform(0.2, 1),
    )  # fmt: skip
    columns["updates"] = columns["env_steps"] - 500
    return log(columns, FLAT, SB3)


def counted_windows(rng: Rng) -> Invented:
    """The same, where the log says how many episodes a row averages."""
    made = filling_windows(rng)
    columns = dict(made.table.columns)
    count = np.minimum(np.arange(1, len(columns["env_steps"]) + 1) * 20.0, 100.0)
    columns["train/episodes_averaged"] = count
    return log(columns, FLAT, SB3)


def lucky_episodes(rng: Rng, *, returns: bool) -> Invented:
    """One row an episode, and a few of them lucky."""
    count = int(rng.integers(40, 600))
    chance = rng.uniform(0.02, 0.12)
    if returns:
        made = play(rng, flat_at(chance), count=count, way=(0.8, 0.98), ends=False)
        columns = {"env_steps": made.clock, "train/return": made.returns}
        facts = RunFacts(sparse=True, horizon=50) if rng.random() < 0.5 else UNKNOWN
        asked = Asked(("flat",), (), ("forgetting", "stalled"), ("green", "yellow"))
        return log(columns, asked, facts)
    won = (rng.random(count) < chance).astype(np.float64)
    columns = {"env_steps": 50.0 * np.arange(1, count + 1), "train/success": won}
    return log(columns, FLAT)


def few_episodes(rng: Rng, *, counts: tuple[int, ...] = (5, 10)) -> Invented:
    """Evaluations of five or ten episodes of a policy that hardly ever succeeds."""
    columns = judged(
        rng, flat_at(rng.uniform(0.0, 0.08)), rows=int(rng.integers(6, 60)),
        episodes=int(rng.choice(counts)), end=3e5,
    )  # fmt: skip
    return log(columns, FLAT, SB3)


def few_episodes_that_climb(rng: Rng) -> Invented:
    """The same number of episodes, and a policy that learns: noise hides no success."""
    columns = judged(
        rng, climb(0.02, 0.95, rng.uniform(0.3, 0.6), 0.05),
        rows=int(rng.integers(25, 80)), episodes=5, end=3e5,
    )  # fmt: skip
    asked = Asked(
        ("converging", "converged"), (), ("divergence", "forgetting", "stalled"),
        ("green", "yellow"),
    )  # fmt: skip
    return log(columns, asked, SB3)


def noisy_plateau(rng: Rng) -> Invented:
    """Evaluations of five episodes of a policy that stays good: luck is no collapse."""
    columns = judged(
        rng, climb(0.05, rng.uniform(0.75, 0.95), 0.2, 0.04),
        rows=int(rng.integers(30, 80)), episodes=5, end=3e5,
    )  # fmt: skip
    asked = Asked((), (), ("divergence", "forgetting"), ("green", "yellow"))
    return log(columns, asked, SB3)


def dip(rng: Rng, *, after: tuple[float, float] = (0.1, 0.2)) -> Invented:
    """Solved, lost for a while, and back."""
    columns = windows(
        rng, play(rng, climb(0.02, 0.97, 0.25, 0.03), count=4000),
        int(rng.integers(60, 120)), ("success",),
    )  # fmt: skip
    x = share(columns)
    arrived = x[np.flatnonzero(columns["train/success"] > 0.9)[0]]
    place = x[np.searchsorted(x, arrived + rng.uniform(*after))]
    depth = rng.uniform(0.6, 0.8)
    late = np.exp(-(x - place) / rng.uniform(0.02, 0.05))
    lost = np.where(x >= place, depth * late, 0.0)
    columns["train/success"] = np.clip(columns["train/success"] - lost, 0, 1)
    columns["updates"] = columns["env_steps"] - 500
    asked = Asked(
        ("converging", "converged"), ("forgetting",), ("divergence",), ("yellow",)
    )
    return log(columns, asked, SB3)


# -- resumed runs, and what is lost ---------------------------------------------------


def resumed(rng: Rng, *, after: str = "worse") -> Invented:
    """Another process goes on where the first one stopped."""
    place, high = rng.uniform(0.4, 0.7), rng.uniform(0.8, 0.98)

    def chance(x: Array) -> Array:
        first = rise(x, 0.02, high, 0.2, 0.03)
        lost = {
            "worse": np.full(len(x), rng.uniform(0.0, 0.15)),
            "well": first,
            "comes back": rise(x, 0.05, high, place + 0.1, 0.02),
        }[after]
        return np.where(x < place, first, lost)

    columns = judged(rng, chance, rows=80, episodes=50, end=2e5)
    at = (float(2e5 * place),)
    asked = {
        "worse": LOST,
        "well": Asked(without=("forgetting",), colors=("green", "yellow")),
        "comes back": Asked((), ("forgetting",), (), ("yellow",)),
    }[after]
    return log(columns, asked, SB3, resumed_at=at)


def forgotten(rng: Rng) -> Invented:
    """SB3's evaluations: 1.0, then 0."""
    place = rng.uniform(0.5, 0.85)
    columns = judged(
        rng, lambda x: np.where(x < place, rise(x, 0.0, 1.0, 0.15, 0.02), 0.0),
        rows=int(rng.integers(20, 60)), episodes=int(rng.choice([5, 10, 20])), end=5e4,
    )  # fmt: skip
    return log(columns, LOST, SB3)


def stands_halfway(rng: Rng) -> Invented:
    """Success in the log that stands at a half: some goals are solved."""
    level = rng.uniform(0.4, 0.65)
    columns = windows(rng, play(rng, climb(0.03, level, 0.4, 0.04), count=4000), 150)
    columns["updates"] = columns["env_steps"] - 500
    asked = Asked((), ("stalled",), ("divergence", "wasting time"), ("yellow",))
    return log(columns, asked, SB3)


def climbs_slowly(rng: Rng) -> Invented:
    """Success that climbs by the same amount all along: nothing stands."""
    high = rng.uniform(0.5, 0.75)
    played = play(rng, lambda x: high * x, count=6000)
    columns = windows(rng, played, int(rng.integers(60, 150)))
    columns["updates"] = columns["env_steps"] - 500
    asked = Asked((), (), ("stalled", "divergence", "forgetting"), ("green", "yellow"))
    return log(columns, asked, SB3)


def swings(rng: Rng) -> Invented:
    """Success that jumps from one evaluation to the next."""
    low, high = rng.uniform(0.05, 0.2), rng.uniform(0.8, 0.95)
    columns = judged(
        rng, climb(0.02, 1.0, 0.2, 0.03), rows=int(rng.integers(30, 80)), episodes=20,
        end=3e5,
    )  # fmt: skip
    rows = len(columns["env_steps"])
    odd = np.where(np.arange(rows) % 2 > 0, high, low)
    columns["eval/success"] = np.round(columns["eval/success"] * odd * 20) / 20
    asked = Asked((), ("unsteady", "forgetting"), ("stalled", "wasting time"))
    return log(columns, asked, SB3)


def solved(rng: Rng) -> Invented:
    """Success in the log that reaches the top."""
    columns = windows(rng, play(rng, climb(0.03, 0.98, 0.35, 0.04), count=3000), 120)
    columns["train/critic_loss"] = noisy(rng, rise(share(columns), 0.1, 0.4, 0.4, 0.1))
    columns["updates"] = columns["env_steps"] - 500
    return log(columns, DONE, SB3)


# -- NaN and infinity ------------------------------------------------------------------


def not_finite(rng: Rng, *, where: str) -> Invented:
    """NaN before learning, once, at the end, or from the moment success was lost."""
    ill = where in ("end", "loss")
    place = rng.uniform(0.6, 0.8)

    def chance(x: Array) -> Array:
        first = rise(x, 0.02, 0.97, 0.3, 0.03)
        return np.where(x > place, 0.0, first) if ill else first

    columns = windows(rng, play(rng, chance, count=4000), int(rng.integers(60, 150)))
    x = share(columns)
    loss = noisy(rng, rise(x, 0.1, 0.3, 0.35, 0.05))
    updates = columns["env_steps"] - 500
    begin = rng.uniform(0.05, 0.1)
    match where:
        case "before":
            loss[x < begin] = np.nan
            updates = np.where(x < begin, 0.0, updates)
        case "once":
            loss[int(rng.uniform(0.3, 0.9) * len(x))] = np.inf
        case "end":
            loss[x > place] = np.nan
        case _:
            loss[(x > place) & (x < place + 0.08)] = np.nan
    columns |= {"train/critic_loss": loss, "updates": np.maximum(updates, 0.0)}
    asked = DONE if not ill else Asked((), ("divergence",), (), ("red",))
    return log(columns, asked, SB3)


def _family(
    name: str,
    split: Split,
    make: Callable[[Rng], Invented],
    *,
    diverges: bool = False,
    unsolved: bool = True,
) -> Family:
    return Family(name, split, make, diverges, unsolved)


FAMILIES: tuple[Family, ...] = (
    _family("q above zero", "develop", q_above_zero, diverges=True),
    _family("q above zero slowly", "develop", partial(q_above_zero, slowly=True), diverges=True),
    _family("q above zero, judged", "held-out", q_above_zero_judged, diverges=True),
    _family("q of dense costs", "held-out", q_of_dense_costs, diverges=True),
    _family("q of positive rewards", "held-out", q_of_positive_rewards, diverges=True),
    _family("q runs down", "develop", q_runs_down, diverges=True),
    _family("q below a known discount", "develop", q_below_known_discount, diverges=True),
    _family("q of a goal paid once", "develop", q_of_a_goal_paid_once, diverges=True),
    _family("q above zero, cool", "develop", q_above_zero_cool, diverges=True),
    _family("discount near 1, unknown", "develop", far_sighted),
    _family("loss grows, half-way", "develop", partial(loss_grows_sanely, level=0.5)),
    _family("loss grows, solved", "develop", partial(loss_grows_sanely, level=0.99), unsolved=False),
    _family("trained before", "develop", trained_before, unsolved=False),
    _family("trained before, lost", "develop", partial(trained_before, lost=True)),
    _family("climbs slowly", "develop", climbs_slowly),
    _family("swings", "develop", swings),
    _family("loss explodes while flat", "develop", loss_explodes, diverges=True),
    _family("loss explodes later", "develop", partial(loss_explodes, level=(0.2, 0.95)), diverges=True),
    _family("loss explodes, judged", "held-out", loss_explodes_judged, diverges=True),
    _family("healthy sparse", "develop", healthy_sparse, unsolved=False),
    _family("healthy td3", "held-out", healthy_td3, unsolved=False),
    _family("healthy locomotion", "held-out", healthy_positive),
    _family("healthy dense costs", "develop", healthy_costs),
    _family("healthy bonus", "held-out", healthy_shaped, unsolved=False),
    _family("flat with hindsight", "held-out", still_flat_with_hindsight),
    _family("no updates, patience left", "develop", partial(no_updates, over=False)),
    _family("no updates, patience over", "develop", partial(no_updates, over=True)),
    _family("no updates, slow producer", "held-out", slow_producer),
    _family("dense returns stand", "develop", returns_stand),
    _family("positive returns stand", "held-out", partial(returns_stand, positive=True)),
    _family("dense returns fall", "held-out", returns_fall),
    _family("slow way to the goal", "develop", slow_way),
    _family("slow way, other horizons", "held-out", partial(slow_way, horizons=(20, 100, 300))),
    _family("quick way to the goal", "held-out", quick_way, unsolved=False),
    _family("few returns", "develop", few_values),
    _family("short first windows", "develop", filling_windows),
    _family("counted first windows", "held-out", counted_windows),
    _family("lucky successes", "held-out", partial(lucky_episodes, returns=False)),
    _family("lucky returns", "develop", partial(lucky_episodes, returns=True)),
    _family("few episodes", "develop", few_episodes),
    _family("some episodes", "held-out", partial(few_episodes, counts=(20, 32))),
    _family("few episodes that climb", "develop", few_episodes_that_climb, unsolved=False),
    _family("noisy plateau", "held-out", noisy_plateau, unsolved=False),
    _family("brief dip", "develop", dip, unsolved=False),
    _family("early dip", "held-out", partial(dip, after=(0.02, 0.1)), unsolved=False),
    _family("resumed, worse", "develop", resumed),
    _family("resumed, well", "held-out", partial(resumed, after="well"), unsolved=False),
    _family("resumed, comes back", "held-out", partial(resumed, after="comes back"), unsolved=False),
    _family("forgotten", "held-out", forgotten),
    _family("stands half-way", "develop", stands_halfway),
    _family("solved", "develop", solved, unsolved=False),
    _family("nan before learning", "develop", partial(not_finite, where="before"), unsolved=False),
    _family("one inf", "held-out", partial(not_finite, where="once"), unsolved=False),
    _family("nan at the end", "develop", partial(not_finite, where="end")),
    _family("nan and success lost", "held-out", partial(not_finite, where="loss")),
)  # fmt: skip
"""Every kind; half of each room of kinds is held out."""
