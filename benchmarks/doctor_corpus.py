"""Make the doctor's corpus of labeled runs, and score the doctor on it.

    python benchmarks/doctor_corpus.py list             print the recipes: family, and sickness if any
    python benchmarks/doctor_corpus.py make NAME ...     train recipes, store curves and labels
    python benchmarks/doctor_corpus.py adopt PATH ...    add run folders, or a table of curves
    python benchmarks/doctor_corpus.py label             propose every label anew; drops corrections
    python benchmarks/doctor_corpus.py table             write results/doctor.csv, print the tables of docs/doctor.md

Runs under tests/curves are real; no curve there is drawn by hand. The kinds of foreign logs in
foreign_families.py are invented, and say so in the table. A recipe knows the sickness of its run because it
causes it. ``corpus.proposed`` proposes take-off and plateau from the evaluations;
labels.csv holds them for a person to correct.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import corpus
import foreign
import gymnasium
import torch
from corpus import Label, Score, Split
from foreign_families import FAMILIES
from foreign_lives import LIVES
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.logger import configure

import puckrl.interop.gym
from puckrl.config.facts import facts_of
from puckrl.config.presets import preset
from puckrl.config.run_cfg import BudgetCfg, EvalCfg, RunCfg
from puckrl.interop.sb3 import facts_of as sb3_facts
from puckrl.logs.read import read_logs
from puckrl.monitor.facts import RunFacts
from puckrl.report.rows import read_rows
from puckrl.report.tables import manifest, read_table, write_table
from puckrl.runner.run_folder import RunFolder
from puckrl.study.trial import trial
from puckrl.training.sinks import LogRow

CORPUS, RESULTS = Path("tests/curves"), Path("results")
BROKEN = f"{Path(__file__).parent}/doctor_tasks.py"
EXAMPLE = f"{Path(__file__).parents[1]}/examples/planar_pusher.py"
SEEDS = 10
"""Logs of each invented family."""
KINDS = (*FAMILIES, *LIVES)
HELD_OUT = (
    "sb3",
    "lr-x100",
    "upside-down",
    "unreachable",
    "planar",
    "no-her",
    "broken-scene",
    "frozen",
    "contaminated",
    # made after the last rule was written
    "slide-gpu",
    "pick-place-pixels",
    "push-pixels-changed",
    "push-pixels-symmetric",
    "push-pixels-symmetric-gpu",
)
"""Families that no rule is tuned on."""

gymnasium.register_envs(puckrl.interop.gym)

Made = tuple[list[LogRow], RunFacts]


@dataclass(frozen=True)
class Recipe:
    """Say how to make a run of the corpus."""

    family: str
    """Whose siblings it stands with in the split."""
    make: Callable[[int], Made]
    """Trains with a seed."""
    sickness: str = ""
    """The finding that must be made."""


def ours(cfg: RunCfg) -> Callable[[int], Made]:
    """Train a run of puckrl."""

    def make(seed: int) -> Made:
        seeded = replace(cfg, seed=seed)
        return trial(seeded).rows, facts_of(seeded)

    return make


def sb3(env_id: str, steps: int, **changes: object) -> Callable[[int], Made]:
    """Train Stable-Baselines3's SAC + HER and return the rows of its own progress.csv."""
    settings: dict[str, object] = {
        "learning_starts": 500,
        "batch_size": 256,
        "gamma": 0.95,
        "tau": 0.05,
        "learning_rate": 1e-3,
        "policy_kwargs": {"net_arch": [256, 256]},
    }

    def make(seed: int) -> Made:
        model = SAC(
            "MultiInputPolicy",
            gymnasium.make(env_id),
            replay_buffer_class=HerReplayBuffer,
            seed=seed,
            **(settings | changes),  # pyright: ignore[reportArgumentType]
        )
        with tempfile.TemporaryDirectory() as folder:
            model.set_logger(configure(folder, ["csv"]))
            try:
                model.learn(steps)
            except ValueError as error:
                # Of a policy that is NaN: what it logged until then counts
                print(f"Stable-Baselines3 gave up: {error}"[:100])
            model.logger.close()
            (log,) = read_logs(Path(folder))
        columns = log.table.columns
        rows = [
            {n: float(c[i]) for n, c in columns.items() if c[i] == c[i]}
            for i in range(len(columns["env_steps"]))
        ]
        return rows, replace(sb3_facts(model), sparse=True)

    return make


def two_writers(seed: int) -> Made:
    """Append two real runs of the corpus to one file."""
    labels = [x for x in corpus.read_labels(CORPUS) if not x.sickness]
    one, other = labels[seed % len(labels)], labels[(seed + 1) % len(labels)]
    rows = [*corpus.load(CORPUS, one), *corpus.load(CORPUS, other)]
    return rows, one.run_facts()


def recipes() -> dict[str, Recipe]:
    """Return every recipe by name."""
    reach, push = preset("reach"), preset("push")
    # Judged often, for labels that say when; not ended by success, to see what follows.
    longer = replace(
        reach,
        budget=BudgetCfg(env_steps=8_000),
        eval=EvalCfg(every_env_steps=320, episodes=128, final_episodes=64),
    )
    often = EvalCfg(every_env_steps=4_000, episodes=128, final_episodes=64)
    push = replace(push, budget=BudgetCfg(env_steps=200_000), eval=often)
    brief = replace(push, budget=BudgetCfg(env_steps=60_000))
    still = replace(push.agent.explore, random_share=0.0, explorer_share=0.0, sigma=0.0)
    hot = replace(longer, agent=replace(reach.agent, critic_lr=0.2, actor_lr=0.2))
    hot_push = replace(brief, agent=replace(push.agent, critic_lr=0.1, actor_lr=0.1))
    planar = preset(f"{EXAMPLE}:PlanarPusher")
    planar = replace(planar, budget=BudgetCfg(env_steps=80_000), eval=often)
    seeing = replace(preset("push-pixels-asymmetric"), eval=often)
    frozen = replace(seeing.agent.vision, encoder_gradient="none", aux_weight=0.0)
    frozen = replace(seeing.agent, vision=frozen)
    blind = replace(brief, agent=replace(push.agent, explore=still, alpha=1e-6))
    return {
        "reach": Recipe("reach", ours(longer)),
        "push": Recipe("push", ours(push)),
        "pick-place": Recipe("pick-place", ours(preset("pick-place"))),
        "slide": Recipe("slide", ours(preset("slide"))),
        **{
            name: Recipe(
                name, ours(replace(preset(name), budget=brief.budget, eval=often))
            )
            for name in ("pick-place-dense", "slide-dense")
        },
        "push-dense": Recipe("push-dense", ours(preset("push-dense"))),
        "push-no-her": Recipe(
            "no-her", ours(replace(brief, replay=replace(push.replay, her_ratio=0.0)))
        ),
        "push-short": Recipe("push", ours(brief)),
        "reach-dense": Recipe(
            "reach-dense", ours(replace(longer, preset="reach-dense", reward="dense"))
        ),
        "planar": Recipe("planar", ours(planar)),
        "push-pixels-frozen": Recipe(
            "frozen", ours(replace(seeing, agent=frozen, budget=brief.budget))
        ),
        "reach-unreachable": Recipe(
            "unreachable",
            ours(replace(longer, task=f"{BROKEN}:GoalsOutOfReach")),
            "dead flat",
        ),
        "push-lr-x100": Recipe("lr-x100", ours(hot_push), "saturated actor"),
        "reach-lr-x100": Recipe("lr-x100", ours(hot), "saturated actor"),
        "push-no-exploration": Recipe("no-exploration", ours(blind), "broken task"),
        "reach-upside-down": Recipe(
            "upside-down",
            ours(replace(longer, task=f"{BROKEN}:RewardUpsideDown")),
            "broken task",
        ),
        "push-broken-scene": Recipe(
            "broken-scene",
            ours(replace(brief, task=f"{BROKEN}:HandThatOnlyRises")),
            "broken task",
        ),
        "reach-asks-nothing": Recipe(
            "asks-nothing",
            ours(replace(longer, task=f"{BROKEN}:GoalsThatAskForNothing")),
            "broken task",
        ),
        "contaminated": Recipe("contaminated", two_writers, "contaminated log"),
        "sb3-reach": Recipe("sb3", sb3("puck/FetchReach-v4", 8_000)),
        "sb3-reach-lr-x100": Recipe(
            "sb3", sb3("puck/FetchReach-v4", 8_000, learning_rate=0.1), "divergence"
        ),
        "sb3-push": Recipe("sb3", sb3("puck/FetchPush-v4", 10_000)),
    }


def add(family: str, name: str, origin: str, sickness: str, made: Made) -> Label:
    """Store a run and its proposed label; keep an existing label of that name."""
    rows, facts = made
    corpus.store(CORPUS, family, name, rows)
    known = corpus.read_labels(CORPUS) if (CORPUS / "labels.csv").is_file() else []
    told = {k: v for k, v in asdict(facts).items() if v is not None}
    guess = corpus.proposed(rows)
    print(f"{family}/{name}: {len(rows)} rows")
    label = Label(
        family, name, split_of(family), origin,
        guess["first_update"], guess["take_off"], guess["settled"], float("inf"),
        sickness, json.dumps(told),
    )  # fmt: skip
    labels = {(x.family, x.name): x for x in known}
    labels.setdefault((family, name), label)
    corpus.write_labels(CORPUS, list(labels.values()))
    return label


def make(names: list[str], seeds: int, jobs: int) -> None:
    """Train recipes, several at a time, and add their runs."""
    runs = [(name, seed) for name in names for seed in range(seeds)]
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        trained = pool.map(train, runs, [(os.cpu_count() or 1) // jobs] * len(runs))
        for (name, seed), made in zip(runs, trained, strict=True):
            recipe, origin = recipes()[name], f"recipe {name}"
            add(recipe.family, f"{name}-s{seed}", origin, recipe.sickness, made)


def train(run: tuple[str, int], threads: int) -> Made:
    """Make one run of a recipe, by name and seed."""
    torch.set_num_threads(max(1, threads))
    name, seed = run
    return recipes()[name].make(seed)


def adopt_run(folder: RunFolder, family: str | None) -> None:
    """Add a whole run; its family is its preset unless another is given."""
    cfg, name = folder.config(), folder.path.name
    made = read_rows(folder.metrics), facts_of(cfg)
    add(family or cfg.preset, name, f"whole run {name}", "", made)


def adopt_table(path: Path) -> None:
    """Add the runs of a table with a row for each evaluation."""
    runs: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in read_table(path):
        key = (row["preset"], row["seed"], row.get("change", ""))
        runs.setdefault(key, []).append(row)
    for number, ((name, seed, change), mine) in enumerate(runs.items()):
        if len(mine) < 5:
            print(
                f"{name}, seed {seed}: {len(mine)} evaluations are too few for phases"
            )
            continue
        curve: list[LogRow] = [
            {
                "env_steps": float(r["env_steps"]),
                "updates": float(r["updates"]),
                "train_s": float(r["train_s"]),
                "eval/success": float(r["success"]),
                "eval/episodes": float(r.get("episodes", 200)),
            }
            for r in mine
        ]
        made = curve, facts_of(preset(name))
        which = f"{name}-{path.stem.removeprefix('learning_')}" if change else name
        which += f"-{number}" if change else f"-table-s{seed}"
        origin = f"{path.name}, success only" + (f": {change}" if change else "")
        add(name, which, origin, "", made)


def label() -> None:
    """Propose every label anew, and split by ``HELD_OUT``."""
    fresh: list[Label] = []
    for old in corpus.read_labels(CORPUS):
        guess = corpus.proposed(corpus.load(CORPUS, old))
        fresh.append(replace(old, split=split_of(old.family), **guess))
    corpus.write_labels(CORPUS, fresh)


def split_of(family: str) -> Split:
    """Return the side of the split of a family."""
    return "held-out" if family in HELD_OUT else "develop"


def table() -> None:
    """Score every run, failures included."""
    labels = corpus.read_labels(CORPUS)
    scores = [corpus.score(x, corpus.load(CORPUS, x)) for x in labels]
    invented = [foreign.score(f, seed) for f in KINDS for seed in range(SEEDS)]
    rows = [
        {
            "origin": "measured", "split": s.label.split, "family": s.label.family, "name": s.label.name,
            "phases_right": s.right, "moments": s.judged, "called_dead": s.called_dead,
            "sickness": s.label.sickness or "-", "found": s.found, "said": s.said,
        }
        for s in scores
    ] + [
        {
            "origin": "invented", "split": s.family.split, "family": s.family.name,
            "name": f"{s.family.name}-s{s.seed}", "phases_right": "", "moments": "",
            "called_dead": s.verdict.finding("dead flat") is not None,
            "sickness": "divergence" if s.family.diverges else "-", "found": s.right,
            "said": s.verdict.headline,
        }
        for s in invented
    ]  # fmt: skip
    write_table(RESULTS / "doctor.csv", rows, manifest(corpus=str(CORPUS)))
    for line in [*by_family(scores), *by_kind(invented)]:
        print(line)
    pairs = {
        split: [
            pair
            for x in labels
            if x.split == split
            for pair in corpus.sureness(x, corpus.load(CORPUS, x))
        ]
        for split in ("develop", "held-out")
    }
    calibration = [
        {"split": split, **{k: round(v, 3) for k, v in bin_.items()}}
        for split in pairs
        for bin_ in corpus.calibration(pairs[split])
    ]
    write_table(RESULTS / "doctor_calibration.csv", calibration, manifest())
    for line in calibration:
        print(line)
    for split in ("develop", "held-out"):
        chosen = [s for s in scores if s.label.split == split]
        print(split, corpus.summary(chosen))


def by_family(scores: list[Score]) -> list[str]:
    """Return the rows of the table in docs/doctor.md."""
    families: dict[tuple[str, str], list[Score]] = {}
    for s in scores:
        families.setdefault((s.label.split, s.label.family), []).append(s)
    lines: list[str] = []
    for (split, family), group in sorted(families.items()):
        sick = [s for s in group if s.label.sickness]
        asked = sick or group
        what = sick[0].label.sickness if sick else "nothing"
        lines.append(
            f"| {split} | {family} | {len(group)} | {sum(s.right for s in group)} of "
            f"{sum(s.judged for s in group)} | {sum(s.called_dead for s in group)} | "
            f"{what}: {sum(s.found for s in asked)} of {len(asked)} |"
        )
    return lines


def by_kind(scores: list[foreign.Score]) -> list[str]:
    """Return the rows of the table of invented logs in docs/doctor.md."""
    kinds: dict[tuple[str, str], list[foreign.Score]] = {}
    for s in scores:
        kinds.setdefault((s.family.split, s.family.name), []).append(s)
    return [
        f"| {split} | {kind} | {sum(s.right for s in group)} of {len(group)} | "
        f"{sum(s.praised for s in group)} | {sum(s.stopped for s in group)} |"
        for (split, kind), group in sorted(kinds.items())
    ]


def main() -> None:
    """Parse the command line and run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("list", "make", "adopt", "label", "table"))
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--family", help="family of adopted run folders")
    args = parser.parse_args()
    if args.command == "list":
        for name, recipe in recipes().items():
            print(f"{name:22} {recipe.family:16} {recipe.sickness or 'healthy'}")
    elif args.command == "make":
        make(args.names, args.seeds, args.jobs)
    elif args.command == "adopt":
        for path in map(Path, args.names):
            if path.is_dir():
                adopt_run(RunFolder(path), args.family)
            else:
                adopt_table(path)
    elif args.command == "label":
        label()
    else:
        table()


if __name__ == "__main__":
    main()
