"""Measure how mujoco_warp scales with the number of worlds, and how many are enough."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from puckrl.bench.race import Contender, race
from puckrl.config.run_cfg import SimCfg
from puckrl.core.errors import UserError
from puckrl.core.rng import generator
from puckrl.core.runtime import pick_device
from puckrl.report.tables import TableRow
from puckrl.runner.worlds import make_env
from puckrl.sim.backend import Sim

_CAPTURE_CALLS = 4  # after this number of calls the graph is captured
_PAYS = 0.5  # growth with a smaller power of the worlds does not pay
_INK, _MUTED = "#1f2a44", "#8a94a6"


@dataclass(frozen=True)
class SweepCfg:
    """Configure the sweep."""

    task: str = "push"
    """Task to simulate."""
    num_worlds: tuple[int, ...] = (1, 64, 512, 1024, 2048, 4096, 8192)
    """Numbers of worlds to measure."""
    steps: int = 50
    """Control steps per repeat; 50 are a whole episode, reset included."""
    repeats: int = 5
    """How often the race is repeated."""
    device: str = "auto"
    """Device of the warp backend."""
    contacts: tuple[str, ...] = ("hand", "all")
    """Contact sets to measure; ``GoalEnv`` has the first, which is the presets'."""


def sweep(
    cfg: SweepCfg, tell: Callable[[TableRow], object] = lambda row: None
) -> list[TableRow]:
    """Measure control steps per second at each number of worlds.

    - ``GoalEnv``: takes random actions, returns observations and rewards, and resets.
    - ``physics``: the substeps of a control step alone, as one graph.

    Args:
        cfg: what to measure.
        tell: called with every row as soon as it is measured.
    """
    rows: list[TableRow] = []
    for num_worlds in cfg.num_worlds:
        for row in _measure(cfg, num_worlds):
            rows.append(row)
            tell(row)
    return rows


def _measure(cfg: SweepCfg, num_worlds: int) -> list[TableRow]:
    """Return the rows of one number of worlds."""
    device = pick_device(cfg.device)
    env = make_env(cfg.task, SimCfg("warp", cfg.contacts[0], num_worlds), device=device)
    shape = (cfg.steps, num_worlds, env.spaces.action_dim)
    rng = generator(0, "bench", device)
    actions = torch.rand(shape, generator=rng, device=device) * 2 - 1

    def play() -> int:
        for action in actions:
            env.step(action)
        return cfg.steps * num_worlds

    env.reset()
    for action in actions[:_CAPTURE_CALLS]:
        env.step(action)
    contenders = [
        Contender("GoalEnv", env.reset, play),
        _physics(f"physics, {cfg.contacts[0]}", env.sim, env.task.substeps, cfg.steps),
    ]
    for contacts in cfg.contacts[1:]:
        other = make_env(cfg.task, SimCfg("warp", contacts, num_worlds), device=device)
        other.reset()
        name = f"physics, {contacts}"
        contenders.append(_physics(name, other.sim, other.task.substeps, cfg.steps))
    sizes = {"num_worlds": num_worlds, "memory_gb": _memory_gb(device)}
    return [
        {
            **sizes,
            **row,
            "ms_per_step": round(1e3 * num_worlds / float(row["per_s"]), 3),
        }
        for row in race(contenders, cfg.repeats)
    ]


def _physics(name: str, sim: Sim, substeps: int, steps: int) -> Contender:
    """Return the substeps alone, from the settled state, with the gripper at rest."""
    start = sim.snapshot()
    advance = sim.captured(lambda: sim.step(substeps))
    for _ in range(_CAPTURE_CALLS):
        advance()

    def run() -> int:
        for _ in range(steps - 1):
            advance()
        bool(advance().any())  # waits for the device
        return steps * sim.num_worlds

    return Contender(name, lambda: sim.restore(start), run)


def _memory_gb(device: torch.device) -> float:
    """Return the GPU memory that all processes use, 1e9 bytes; 0 on the CPU."""
    if device.type == "cpu":
        return 0.0
    free, total = torch.cuda.mem_get_info(device)
    return round((total - free) / 1e9, 2)


def enough(rows: Sequence[TableRow]) -> int:
    """Return the number of worlds up to which steps/s grow faster than its square root.

    More worlds make steps a little cheaper and the behavior policy older. Beyond this
    number a learner gains less than it loses.
    """
    rates = _rates(rows, "GoalEnv")
    for (few, slow), (many, fast) in pairwise(rates):
        if math.log(fast / slow) < _PAYS * math.log(many / few):
            return few
    return rates[-1][0]


def advice(rows: Sequence[TableRow]) -> str:
    """Return a sentence: how many worlds to take, and what fewer cost."""
    rates, chosen = dict(_rates(rows, "GoalEnv")), enough(rows)
    fewest = min(rates)
    text = f"take --sim.num-worlds {chosen}: {rates[chosen]:,.0f} steps/s"
    if fewest == chosen:
        return text
    loss = rates[chosen] / rates[fewest]
    name = "1 world gets" if fewest == 1 else f"{fewest} worlds get"
    return f"{text}; {name} {rates[fewest]:,.0f}, {loss:,.0f} times fewer"


def sweep_figure(rows: Sequence[TableRow], path: Path) -> None:
    """Plot steps per second over the number of worlds, and mark the chosen one.

    Raises:
        UserError: if the file cannot be written.
    """
    figure = Figure(figsize=(7, 4.5), dpi=120, layout="constrained")
    axes, chosen = figure.subplots(), enough(rows)
    for name in dict.fromkeys(str(row["contender"]) for row in rows):
        points = _rates(rows, name)
        whole = name == "GoalEnv"
        axes.plot(
            *zip(*points, strict=True),
            marker="o",
            label=name,
            color=_INK if whole else None,
            linewidth=2.2 if whole else 1.2,
        )
    axes.axvline(chosen, color=_MUTED, linestyle=":")
    most = max(int(row["num_worlds"]) for row in rows)
    axes.annotate(
        f" {chosen} worlds ",
        (chosen, 0.02),
        xycoords=("data", "axes fraction"),
        ha="right" if chosen == most else "left",
        color=_MUTED,
    )
    axes.set(
        xscale="log", yscale="log", xlabel="worlds", ylabel="control steps per second"
    )
    axes.set_xticks(sorted({int(row["num_worlds"]) for row in rows}))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise UserError(
            f"cannot write {path}: {error}; name a .png in a folder that exists"
        ) from error


def _rates(rows: Sequence[TableRow], contender: str) -> list[tuple[int, float]]:
    """Return worlds and steps per second of one contender, fewest worlds first."""
    return sorted(
        (int(row["num_worlds"]), float(row["per_s"]))
        for row in rows
        if row["contender"] == contender
    )
