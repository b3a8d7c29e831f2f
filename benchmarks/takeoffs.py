"""Fit and score the prognosis of flat runs, on runs whose settings are drawn at random.

    python benchmarks/takeoffs.py make push planar --seeds 0-19 --jobs 2 --into /tmp/new
    python benchmarks/takeoffs.py adopt /tmp/new/*.jsonl.gz
    python benchmarks/takeoffs.py fit

``make`` trains runs with one to three settings changed: many learn, some late, some never.
``adopt`` keeps what the prognosis looks at, in ``tests/curves/takeoffs.jsonl.gz``. ``fit``
fits the weights to the families under "develop", writes them to
``src/puckrl/monitor/prognosis.json``, and scores the held-out families: a row for each
moment in ``results/prognosis.csv``, and the reliability diagram ``docs/prognosis.png``;
``results/prognosis_gate.csv`` counts what became of flat runs whose signals rise.
Moments lie 25 % of updates apart; each asks whether the run takes off before twice its
updates.
"""

import argparse
import dataclasses
import gzip
import json
import multiprocessing
import queue
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import corpus
import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import minimize

from puckrl.config.facts import facts_of
from puckrl.config.fields import Setting, changed
from puckrl.config.presets import preset
from puckrl.config.run_cfg import BudgetCfg, EvalCfg, RunCfg
from puckrl.core.errors import UserError
from puckrl.monitor.evidence import Evidence, rising
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.findings import UNLIKELY
from puckrl.monitor.phases import spans
from puckrl.monitor.prognosis import FEATURES, Model, Prognosis, features
from puckrl.monitor.success_curve import success_curve
from puckrl.monitor.table import Array, RunTable, from_rows
from puckrl.report.figures import RUN_COLORS
from puckrl.report.tables import manifest, write_table
from puckrl.study.trial import trial
from puckrl.training.sinks import LogRow

STORE = Path("tests/curves/takeoffs.jsonl.gz")
WEIGHTS = Path("src/puckrl/monitor/prognosis.json")
RESULTS, GATE = Path("results/prognosis.csv"), Path("results/prognosis_gate.csv")
HELD_OUT = ("planar", "slide", "goals-out-of-reach", "push-pixels-gpu")
"""Families that the weights do not see; those of the corpus have their own split."""
_KEPT = (
    "env_steps",
    "updates",
    "eval/success",
    "eval/success_near",
    "eval/success_far",
    "replay/recent_moving_share",
    "replay/displacement_m",
    "probe/q_action_spread",
    "probe/hindsight_gap",
    "probe/position_r2",
)
_RIDGE, _RESAMPLED = 1.0, 200
_TASKS = f"{Path(__file__).parent}/doctor_tasks.py"
_EXAMPLES = f"{Path(__file__).parents[1]}/examples"
FAMILIES: dict[str, tuple[str, float]] = {
    "push": ("push", 4_000),
    "pick-place": ("pick-place", 8_000),
    "slide": ("slide", 8_000),
    "planar": (f"{_EXAMPLES}/planar_pusher.py:PlanarPusher", 4_000),
    "hand-that-only-rises": (f"{_TASKS}:HandThatOnlyRises", 4_000),
    "goals-out-of-reach": (f"{_TASKS}:GoalsOutOfReach", 800),
    "push-gpu": ("push-gpu", 40_000),
    "pick-place-gpu": ("pick-place-gpu", 40_000),
    "push-pixels-gpu": ("push-pixels-gpu", 40_000),
    "pick-place-pixels-gpu": ("pick-place-pixels-gpu", 40_000),
}
"""Name -> preset or task file, and env steps between evaluations."""
_CHOICES: dict[str, tuple[Any, ...]] = {
    "agent.gamma": (0.5, 0.8, 0.9, 0.98, 0.995),
    "agent.tau": (0.0002, 0.001, 0.005, 0.1, 0.5),
    "agent.alpha": (1e-4, 0.01, 0.2, 1.0),
    "agent.action_l2": (0.3, 3.0),
    "agent.explore.random_share": (0.0, 0.4),
    "agent.explore.explorer_share": (0.0,),
    "agent.explore.sigma": (0.0, 0.6),
    "replay.her_ratio": (0.0, 0.1, 0.3, 0.5),
    "replay.sampling.moving_share": (0.0, 0.3),
    "agent.vision.lr": (1e-5, 1e-4),
    "agent.vision.aux_weight": (0.0,),
}
_FACTORS: dict[str, tuple[float, float]] = {
    "agent.critic_lr": (0.003, 30.0),
    "agent.actor_lr": (0.003, 30.0),
    "loop.update_ratio": (0.1, 2.0),
}
"""Factors, drawn uniformly in their logarithm."""


def drawn(family: str, seed: int) -> tuple[RunCfg, dict[str, Any]]:
    """Return a run of a family with one to three settings changed, and the changes."""
    name, every = FAMILIES[family]
    base, rng = preset(name), np.random.default_rng(seed)
    named = {s for s in [*_CHOICES, *_FACTORS] if _has(base, s)}
    picked = rng.choice(sorted(named), size=int(rng.integers(1, 4)), replace=False)
    changes: dict[str, Any] = {}

    def value(setting: Setting) -> Any:
        if setting.name not in picked:
            return setting.value
        if setting.name in _CHOICES:
            changes[setting.name] = _CHOICES[setting.name][
                int(rng.integers(len(_CHOICES[setting.name])))
            ]
        else:
            low, high = np.log(_FACTORS[setting.name])
            factor = float(np.exp(rng.uniform(low, high)))
            changes[setting.name] = setting.value * factor
        return changes[setting.name]

    cfg = changed(base, value)
    if cfg.device != "cuda":  # one thread without a compiler
        small = replace(cfg.agent, batch_size=256, precision="fp32")
        cfg = replace(cfg, agent=small)
    return replace(
        cfg,
        seed=seed,
        sim=replace(cfg.sim, num_threads=1),
        loop=replace(cfg.loop, compile=cfg.device == "cuda"),
        eval=EvalCfg(every_env_steps=int(every), episodes=128, final_episodes=64),
    ), changes


def _has(cfg: RunCfg, name: str) -> bool:
    """Return whether a configuration has a setting, and the run uses it."""
    section: Any = cfg
    for part in name.split("."):
        section = getattr(section, part, None)
    pixels = "pixels" in cfg.agent.actor_sensors
    return section is not None and (pixels or ".vision." not in name)


def run(family: str, seed: int, seconds: float) -> dict[str, Any]:
    """Train one run until it took off, or for some seconds of training."""
    cfg, changes = drawn(family, seed)
    cfg = replace(
        cfg, budget=BudgetCfg(env_steps=0, train_s=seconds, until_success=0.4)
    )
    began = time.perf_counter()
    try:
        made, error = trial(cfg).rows, ""
    except UserError as refused:
        made, error = [], str(refused)
    return {
        "family": family,
        "seed": seed,
        "changes": changes,
        "facts": asdict(facts_of(cfg)),
        "seconds": round(time.perf_counter() - began, 1),
        "error": error,
        "rows": [{k: _short(v) for k, v in row.items()} for row in thinned(made)],
    }


def thinned(rows: list[LogRow], most: int = 60) -> list[LogRow]:
    """Return every evaluation, and some of the rows of training."""
    trained = sum("eval/success" not in row for row in rows)
    step, kept, seen = -(-trained // most) or 1, [], 0
    for row in rows:
        judged = "eval/success" in row
        if judged or seen % step == 0:
            kept.append(row)
        seen += not judged
    return kept


def _short(value: float) -> float:
    """Return a number with five digits."""
    return float(f"{value:.5g}")


def _work(todo: Any, done: Any, seconds: float, end: float) -> None:
    """Train runs from a queue until it is empty or time is over."""
    torch.set_num_threads(1)
    while time.time() < end:
        try:
            family, seed = todo.get_nowait()
        except queue.Empty:
            break
        done.put(run(family, seed, seconds))
    done.put(None)


def make(
    families: list[str],
    seeds: range,
    jobs: int,
    seconds: float,
    limit_s: float,
    into: Path,
) -> None:
    """Train the drawn runs of families, several at a time, and append what they logged."""
    into.mkdir(parents=True, exist_ok=True)
    spawn = multiprocessing.get_context("spawn")
    todo, done = spawn.Queue(), spawn.Queue()
    for seed in seeds:
        for family in families:
            todo.put((family, seed))
    end = time.time() + limit_s
    workers = [
        spawn.Process(target=_work, args=(todo, done, seconds, end))
        for _ in range(jobs)
    ]
    for worker in workers:
        worker.start()
    alive = jobs
    while alive:
        made = done.get()
        if made is None:
            alive -= 1
            continue
        with gzip.open(into / f"{made['family']}.jsonl.gz", "at") as file:
            file.write(json.dumps(made) + "\n")
        last = made["rows"][-1] if made["rows"] else {}
        print(
            f"{made['family']} {made['seed']} {made['changes']} {made['seconds']} s "
            f"updates {last.get('updates')} success {last.get('eval/success')} {made['error'][:150]}",
            flush=True,
        )


@dataclass(frozen=True)
class Moments:
    """Hold moments of flat runs; n of them."""

    features: Array
    """(n, features); NaN: not logged."""
    updates: Array
    """Updates so far, (n,)."""
    until: Array
    """Updates at the next moment, or at the end, (n,)."""
    took_off: Array
    """Whether success left its floor before ``until``, (n,)."""
    by_double: Array
    """Whether it did before twice the updates; NaN: the log ends before, (n,)."""
    run: NDArray[np.int64]
    """Number of the run, (n,)."""
    family: NDArray[np.str_]
    """Family of the run, (n,)."""
    held_out: NDArray[np.bool_]
    """Whether the weights may not see it, (n,)."""

    def where(self, chosen: NDArray[np.bool_]) -> "Moments":
        """Return some of the moments."""
        return Moments(
            *(getattr(self, f.name)[chosen] for f in dataclasses.fields(self))
        )


Run = tuple[str, bool, list[LogRow], RunFacts]


def runs() -> Iterator[Run]:
    """Yield family, whether held out, rows and facts of all runs."""
    with gzip.open(STORE, "rt") as file:
        for line in map(json.loads, file):
            family = line["family"]
            yield family, family in HELD_OUT, line["rows"], RunFacts(**line["facts"])
    for label in corpus.read_labels(STORE.parent):
        if label.sickness != "contaminated log":
            rows = corpus.load(STORE.parent, label)
            yield label.family, label.split == "held-out", rows, label.run_facts()


def moments(found: Iterable[Run]) -> Moments:
    """Return the moments of all runs at which success was at its floor."""
    lines: list[tuple[Any, ...]] = []
    for number, (family, held_out, rows, facts) in enumerate(found):
        table = from_rows(rows)
        for line in _flat_moments(table, facts, corpus.proposed(rows)["take_off"]):
            lines.append((*line, number, family, held_out))
    return Moments(*(np.array(column) for column in zip(*lines, strict=True)))


def _flat_moments(
    table: RunTable, facts: RunFacts, take_off: float
) -> Iterator[tuple[Any, ...]]:
    """Yield features, updates, the next moment, and what came of it, while flat."""
    judged = table.curve("eval/success")
    if "updates" not in table or len(judged) < 3 or np.median(judged.y[:3]) > 0.3:
        return
    last = table.at("updates", table.end)
    never = not np.isfinite(take_off)
    left = np.inf if never else table.at("updates", take_off)
    clock = np.array([table.at("updates", x) for x in judged.x])
    begun = clock[clock > 0]
    now = max(float(begun[0]), 100.0) if len(begun) else np.inf
    while now < min(left, last):
        until = min(now * 1.25, last)
        seen = table.upto(float(np.interp(now, clock, judged.x)))
        double = 1.0 if left <= 2 * now else 0.0 if last >= 2 * now else np.nan
        yield features(seen, facts), now, until, float(left <= until), double
        now = until if until < last else np.inf


def fitted(data: Moments) -> Model:
    """Return the model of maximum penalized likelihood."""
    mean = np.nanmean(data.features, axis=0)
    std = np.nanstd(data.features, axis=0) + 1e-9
    blank = np.zeros((1 + len(FEATURES), 1 + len(FEATURES)))
    model = Model(mean, std, blank[0], blank)
    x, length = model.design(data.features), np.log(data.until / data.updates)
    weights = _maximum(x, length, data.took_off)
    rng = np.random.default_rng(0)
    drawn: list[Array] = []
    for _ in range(_RESAMPLED):  # runs, not moments: those of a run are alike
        names = np.unique(data.run)
        times = np.bincount(rng.choice(names, len(names)), minlength=names.max() + 1)
        drawn.append(_maximum(x, length, data.took_off, times[data.run]))
    return dataclasses.replace(
        model, weights=weights, covariance=np.cov(np.array(drawn).T)
    )


def _maximum(
    x: Array, length: Array, event: Array, times: Array | None = None
) -> Array:
    """Return the weights that make the moments most likely, with a ridge penalty.

    A moment is survived with probability exp(-h ``length``), h = exp(x·w).
    """
    times = np.ones(len(event)) if times is None else times

    def loss(w: Array) -> tuple[float, Array]:
        exposed = np.exp(np.clip(x @ w, -12, 6)) * length
        chance = np.clip(-np.expm1(-exposed), 1e-9, 1.0)
        slope = event * exposed * np.exp(-exposed) / chance - (1 - event) * exposed
        value = event * np.log(chance) - (1 - event) * exposed
        ridge = np.r_[0.0, w[1:]]
        total = -(times * value).sum() + _RIDGE * (ridge**2).sum()
        return total, -(x.T @ (times * slope)) + 2 * _RIDGE * ridge

    return minimize(loss, np.zeros(x.shape[1]), jac=True, method="BFGS").x


def scored(data: Moments, model: Model) -> list[dict[str, Any]]:
    """Return a row for each moment whose outcome is known."""
    rows: list[dict[str, Any]] = []
    for i in np.flatnonzero(np.isfinite(data.by_double)):
        made = model.prognosis(data.features[i], float(data.updates[i]))
        chance, low, high = made.chance(2 * made.updates)
        rows.append(
            {
                "split": "held-out" if data.held_out[i] else "develop",
                "family": data.family[i], "run": int(data.run[i]),
                "updates": round(made.updates), "chance": round(chance, 3),
                "low": round(low, 3), "high": round(high, 3),
                "took_off": int(data.by_double[i]),
            }
        )  # fmt: skip
    return rows


def gated() -> list[dict[str, Any]]:
    """Return what became of flat runs whose signals rise, a row for each chance's range.

    Each run is looked at after 30, 60 and 100 % of its evaluations.
    """
    counts = {low: [0, 0, 0] for low in (0.0, UNLIKELY)}
    for _, _, rows, facts in runs():
        table, take_off = from_rows(rows), corpus.proposed(rows)["take_off"]
        judged = table.curve("eval/success")
        if "updates" not in table or len(judged) < 5:
            continue
        for share in (0.3, 0.6, 1.0):
            at = float(judged.x[max(4, int(len(judged) * share) - 1)])
            made = _rising(table.upto(at), facts) if at < take_off else None
            if made is None:
                continue
            by = 2 * made.updates
            count = counts[UNLIKELY if made.chance(by)[0] >= UNLIKELY else 0.0]
            left = table.at("updates", take_off) if np.isfinite(take_off) else np.inf
            known = left <= by or table.at("updates", table.end) >= by
            count[0] += 1
            count[1] += known
            count[2] += left <= by
    return [
        {"chance_from": low, "looked_at": n, "outcome_known": known, "took_off": took}
        for low, (n, known, took) in counts.items()
    ]


def _rising(table: RunTable, facts: RunFacts) -> Prognosis | None:
    """Return the prognosis of a flat run whose leading signals rise; None: it is none."""
    success = success_curve(table, facts)
    life = () if success is None else spans(table, success, facts)
    if success is None or not life or life[-1].phase != "flat":
        return None
    evidence = Evidence(table, facts, success, life)
    return evidence.prognosis if rising(evidence) else None


def brier(rows: Sequence[Mapping[str, Any]], base: float | None = None) -> float:
    """Return the mean squared error of the chances, or of one chance for all."""
    chance = [float(row["chance"]) if base is None else base for row in rows]
    happened = [float(row["took_off"]) for row in rows]
    return float(np.mean((np.array(chance) - np.array(happened)) ** 2))


def reliability(
    rows: Sequence[Mapping[str, Any]],
) -> list[tuple[float, float, int, int]]:
    """Return mean chance, share that took off, moments and runs, for each range of chances."""
    found: list[tuple[float, float, int, int]] = []
    for low, high in pairwise((0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.01)):
        mine = [row for row in rows if low <= float(row["chance"]) < high]
        if mine:
            chance = float(np.mean([float(row["chance"]) for row in mine]))
            share = float(np.mean([float(row["took_off"]) for row in mine]))
            found.append((chance, share, len(mine), len({row["run"] for row in mine})))
    return found


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the reliability diagram of both sides of the split."""
    figure = Figure(figsize=(5, 4.4), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#8a94a6", lw=0.8, ls=":")
    for split, color in (("develop", RUN_COLORS[1]), ("held-out", RUN_COLORS[0])):
        points = reliability([row for row in rows if row["split"] == split])
        chance, share, count, _ = zip(*points, strict=True)
        axes.plot(chance, share, "o-", color=color, label=split, lw=1.4)
        if split == "held-out":
            for x, y, n in zip(chance, share, count, strict=True):
                axes.annotate(f"{n}", (x, y), (4, -12), textcoords="offset points")
    axes.set_xlabel("chance of a take-off before twice the updates")
    axes.set_ylabel("share of moments that were followed by one")
    axes.legend(frameon=False)
    figure.savefig(path)


def fit() -> None:
    """Fit on the families under develop, score the others, write everything."""
    data = moments(runs())
    model = fitted(data.where(~data.held_out))
    stored = {
        "made_by": "benchmarks/takeoffs.py fit",
        "features": list(FEATURES),
        **{name: np.round(value, 5).tolist() for name, value in vars(model).items()},
    }
    WEIGHTS.write_text(json.dumps(stored, indent=1) + "\n")
    rows = scored(data, model)
    write_table(RESULTS, rows, manifest(ridge=_RIDGE, resampled=_RESAMPLED))
    draw(rows, Path("docs/prognosis.png"))
    write_table(GATE, gated(), manifest(unlikely=UNLIKELY))
    for name, weight in zip(FEATURES, model.weights[1:], strict=True):
        print(f"{name:40} {weight:+.2f}")
    develop = [row for row in rows if row["split"] == "develop"]
    base = float(np.mean([row["took_off"] for row in develop]))
    for split in ("develop", "held-out"):
        mine = [row for row in rows if row["split"] == split]
        print(f"{split}: {len(mine)} moments of {len({r['run'] for r in mine})} runs,")
        print(
            f"  Brier {brier(mine):.4f}, base rate {base:.2f}: {brier(mine, base):.4f}"
        )
        for chance, share, count, several in reliability(mine):
            print(f"  | {chance:.2f} | {share:.2f} | {count} | {several} |")


def adopt(paths: Sequence[str]) -> None:
    """Keep of each run what the prognosis looks at, sorted."""
    kept: dict[tuple[str, int], dict[str, Any]] = {}
    for path in [*([str(STORE)] if STORE.is_file() else []), *paths]:
        with gzip.open(path, "rt") as file:
            for line in map(json.loads, file):
                kept[line["family"], line["seed"]] = line
    names = ("family", "seed", "changes", "facts")
    lines = "".join(
        json.dumps({n: line[n] for n in names} | {"rows": _seen(line["rows"])}) + "\n"
        for _, line in sorted(kept.items())
        if line["rows"]
    )
    with gzip.GzipFile(STORE, "wb", mtime=0) as file:  # same runs, same bytes
        file.write(lines.encode())


def _seen(rows: Sequence[LogRow]) -> list[LogRow]:
    """Return the signals that the prognosis looks at, of the rows that carry one."""
    short = [{k: v for k, v in row.items() if k in _KEPT} for row in rows]
    return [row for row in short if len(row) > 2]


def main() -> None:
    """Parse the command line and run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("make", "adopt", "fit"))
    parser.add_argument("names", nargs="*", help="families to make, files to adopt")
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--limit", type=float, default=3600.0)
    parser.add_argument("--into", type=Path, default=Path("results/takeoffs"))
    args = parser.parse_args()
    if args.command == "fit":
        fit()
    elif args.command == "adopt":
        adopt(args.names)
    else:
        first, _, last = args.seeds.partition("-")
        seeds = range(int(first), int(last or first) + 1)
        make(args.names, seeds, args.jobs, args.seconds, args.limit, args.into)


if __name__ == "__main__":
    main()
