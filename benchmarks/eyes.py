"""Measure encoders that are trained apart from policies -> results/eyes_*.csv.

    python benchmarks/eyes.py objectives      what each objective knows after 50,000 own frames
    python benchmarks/eyes.py pick-place      updates until 0.95, from scratch and pre-trained
    python benchmarks/eyes.py gradients       lesson 7: whose gradient, shared or not, pre-trained or not
    python benchmarks/eyes.py predictions     does the probe foretell which frozen encoders work?

Every GPU runs one command at a time (``--gpus``); the first pretraining compiles the physics
kernels for all. ``--cpu`` uses presets for two CPU cores. Tables go to ``--out``.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import Queue
from typing import Any

import torch

from puckrl.report.rows import read_rows
from puckrl.report.tables import TableRow, manifest, write_table
from puckrl.runner.run_folder import RunFolder

ROOT = Path(__file__).parents[1]
CHOSEN = ("time-contrastive", "inverse-dynamics")
SETS: dict[str, tuple[str, ...]] = {
    "time-contrastive + inverse-dynamics": CHOSEN,
    "time-contrastive": ("time-contrastive",),
    "inverse-dynamics": ("inverse-dynamics",),
    "masked-patches": ("masked-patches",),
    "vae": ("vae",),
    "infonce": ("infonce",),
    "goal-prediction (labels)": ("goal-prediction",),
}
PREDICTED = (
    *("time-contrastive + inverse-dynamics", "masked-patches", "vae", "infonce"),
    "goal-prediction (labels)",
)
GRADIENTS = ("critic", "actor", "self-supervised", "none")
WORKS = 0.5  # success of a frozen encoder that is said to work


class Bench:
    """Runs puck on several GPUs, one command on each at a time.

    Args:
        args: of the command line.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.began = args, time.time()
        self.files: Path = args.out / "eyes"
        self.runs: Path = args.out / "runs"
        self.rows: list[TableRow] = []
        self.gpus: Queue[int] = Queue()
        for gpu in range(max(1, args.gpus)):
            self.gpus.put(gpu)

    def preset(self, name: str) -> str:
        """Return a preset for this device."""
        return name if self.args.cpu else f"{name}-gpu"

    def puck(self, *words: str) -> str:
        """Run a command on a free GPU; return what it printed."""
        gpu = self.gpus.get()
        path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
        env = {**os.environ, "PYTHONPATH": path}
        if not self.args.cpu:
            env["CUDA_VISIBLE_DEVICES"] = str(gpu)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "puckrl", *words],
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            self.gpus.put(gpu)
        took = time.time() - self.began
        print(f"{took:5.0f} s  exit {done.returncode}  puck {' '.join(words)[:150]}")
        if done.returncode:
            print(done.stderr[-600:] or done.stdout[-600:], flush=True)
        return done.stdout if done.returncode == 0 else ""

    def pretrain(self, preset: str, name: str, *changes: str) -> dict[str, Any] | None:
        """Train an encoder; return what came of it, None if it failed."""
        path = self.files / f"{preset}-{name.split()[0]}{len(changes)}.safetensors"
        said = self.puck(
            *("pretrain", preset, "-o", str(path), "--json"),
            *("--objective", *SETS[name]),
            *("--frames", str(self.args.frames), "--updates", str(self.args.updates)),
            *("--frames-from", *self.args.frames_from),
            *changes,
        )
        return json.loads(said[said.index("{") :]) if "{" in said else None

    def train(self, preset: str, name: str, seed: int, *changes: str) -> Path | None:
        """Train a policy in a folder of its own; return the folder if it finished."""
        folder = self.runs / f"{preset}-{name}-s{seed}".replace(" ", "-")
        self.puck(
            *("train", preset, "--out", str(folder), "--seed", str(seed)),
            *("--budget.train-s", str(self.args.train_s), "--eval.judge", "beside"),
            *("--save.no-replay", "--save.no-video", "--save.no-tensorboard"),
            *changes,
        )
        return folder if (folder / "metrics.jsonl").is_file() else None

    def at_once(self, jobs: Sequence[Callable[[], TableRow | None]]) -> None:
        """Run jobs on all GPUs, and keep the rows of those that finish."""
        with ThreadPoolExecutor(max_workers=max(1, self.args.gpus)) as pool:
            for future in as_completed([pool.submit(job) for job in jobs]):
                self.keep(future.result())

    def keep(self, row: TableRow | None) -> None:
        """Add a row to the table and write it: a time limit may end this at any moment."""
        if row is None:
            return
        self.rows.append(row)
        device = torch.device("cpu" if self.args.cpu else "cuda")
        said = {name: str(value) for name, value in vars(self.args).items()}
        name = f"eyes_{self.args.measure.replace('-', '_')}.csv"
        rows = sorted(self.rows, key=lambda one: [str(x) for x in one.values()][:5])
        write_table(self.args.out / name, rows, manifest(device, **said))


def outcome(folder: Path, level: float = 0.95) -> dict[str, float]:
    """Return success at the end, and both clocks when a level was first reached."""
    rows = [r for r in read_rows(RunFolder(folder).metrics) if "eval/success" in r]
    reached = next((r for r in rows if r["eval/success"] >= level), None)
    last = rows[-1] if rows else {}
    return {
        "success": round(float(last.get("eval/success", float("nan"))), 4),
        "best": round(max([float(r["eval/success"]) for r in rows], default=0.0), 4),
        "updates": float(last.get("updates", 0)),
        "updates_to_95": float(reached["updates"]) if reached else float("inf"),
        "train_s_to_95": round(float(reached["train_s"]), 1)
        if reached
        else float("inf"),
        "env_steps_to_95": float(reached["env_steps"]) if reached else float("inf"),
    }


def known(probe: dict[str, Any], what: str, of: str = "encoder") -> dict[str, float]:
    """Return the errors of a probe as columns."""
    errors = probe["errors_mm"][what][of]
    name = what if of == "encoder" else f"{what}_{of.replace(' ', '_')}"
    return {
        f"{name}_linear_mm": errors["linear"]["median_mm"],
        f"{name}_linear_p95_mm": errors["linear"]["p95_mm"],
        f"{name}_mlp_mm": errors["mlp"]["median_mm"],
        f"{name}_mlp_p95_mm": errors["mlp"]["p95_mm"],
    }


def probe_columns(
    found: dict[str, Any], probe: dict[str, Any]
) -> dict[str, str | float]:
    """Return what a pretraining and a probe of its encoder found, as columns."""
    columns: dict[str, str | float] = {
        "play_s": round(found["play_s"], 1),
        "train_s": round(found["train_s"], 1),
        **known(probe, "object"),
        **known(probe, "hand"),
        "always_the_mean_mm": probe["always_the_mean_mm"]["object"],
        "rank": found["rank"],
        "features": found["features"],
        "collapsed": str(found["collapsed"]),
    }
    for of in ("random weights", "pixels", "shuffled labels"):
        columns |= known(probe, "object", of)
    return columns


def objectives(bench: Bench) -> None:
    """Measure what each set of objectives knows of Push, two heads each."""
    preset = bench.preset("push-pixels")
    heads: dict[str, tuple[str, ...]] = {
        "spatial-softmax": (),
        "flatten-norm": (
            *("--agent.vision.encoder.kind", "drqv2"),
            *("--agent.vision.encoder.head", "flatten-norm"),
        ),
    }

    def job(name: str, head: str) -> TableRow | None:
        found = bench.pretrain(preset, name, *heads[head])
        said = "" if found is None else bench.puck("probe", found["path"], "--json")
        if found is None or "{" not in said:
            return None
        probe = json.loads(said[said.index("{") :])
        about = {"preset": preset, "objectives": name, "head": head}
        frames = {"frames": bench.args.frames, "updates": bench.args.updates}
        return {**about, **frames, **probe_columns(found, probe)}

    pairs = [(name, head) for head in heads for name in SETS]
    bench.keep(job(*pairs[0]))  # alone: it compiles the kernels for all
    bench.at_once([lambda p=pair: job(*p) for pair in pairs[1:]])


def pick_place(bench: Bench) -> None:
    """Measure when PickAndPlace reaches 0.95, from scratch and with pre-trained eyes."""
    preset = bench.preset("pick-place-pixels")
    found = bench.pretrain(preset, "time-contrastive + inverse-dynamics")
    if found is None:
        return
    loaded = ("--agent.vision.encoder.weights", found["path"])
    arms: dict[str, tuple[str, ...]] = {
        "scratch": (),
        "pre-trained": loaded,
        "frozen": (*loaded, "--agent.vision.encoder-gradient", "none"),
    }

    def job(arm: str, seed: int) -> TableRow | None:
        folder = bench.train(preset, arm, seed, *arms[arm])
        if folder is None:
            return None
        known_mm = found["probe"]["knows_mm"]
        about = {"preset": preset, "arm": arm, "seed": seed, "encoder_mm": known_mm}
        return {**about, **outcome(folder)}

    chosen = [(a, s) for s in bench.args.seeds for a in bench.args.arms]
    bench.at_once([lambda p=pair: job(*p) for pair in chosen])


def gradients(bench: Bench) -> None:
    """Measure lesson 7's table: actor and critics from the same pixels, no labels."""
    preset = bench.preset("push-pixels-symmetric")
    found = bench.pretrain(preset, "time-contrastive + inverse-dynamics")
    if found is None:
        return

    def job(
        gradient: str, shared: bool, pretrained: bool, seed: int
    ) -> TableRow | None:
        changes = [
            *("--agent.vision.encoder-gradient", gradient),
            "--agent.vision.shared" if shared else "--agent.vision.no-shared",
            *("--agent.vision.aux-weight", "0"),
            "--agent.vision.no-condition-on-prediction",
        ]
        if gradient == "self-supervised":
            changes += ["--agent.vision.self-supervised", *CHOSEN]
        if pretrained:
            changes += ["--agent.vision.encoder.weights", found["path"]]
        name = f"{gradient}-{'shared' if shared else 'separate'}"
        name += "-pretrained" if pretrained else "-scratch"
        folder = bench.train(preset, name, seed, *changes)
        if folder is None:
            return None
        return {
            "preset": preset,
            "gradient": gradient,
            "shared": str(shared),
            "pretrained": str(pretrained),
            "seed": seed,
            "encoder_mm": found["probe"]["knows_mm"] if pretrained else float("nan"),
            **outcome(folder),
        }

    arms = [
        (gradient, shared, pretrained, seed)
        for seed in bench.args.seeds
        for gradient in GRADIENTS
        for shared in (True, False)
        for pretrained in (True, False)
    ]
    bench.at_once([lambda a=arm: job(*a) for arm in arms])


def predictions(bench: Bench) -> list[TableRow]:
    """Return, for frozen encoders in two tasks, what the probe foretold and what came."""

    def job(task: str, name: str) -> TableRow | None:
        preset = bench.preset(task)
        found = bench.pretrain(preset, name)
        if found is None:
            return None
        loaded = ("--agent.vision.encoder.weights", found["path"])
        frozen = ("--agent.vision.encoder-gradient", "none")
        folder = bench.train(preset, name.split()[0], 0, *loaded, *frozen)
        if folder is None:
            return None
        done = outcome(folder)
        foretold, works = bool(found["probe"]["helps"]), done["best"] >= WORKS
        return {
            "preset": preset,
            "objectives": name,
            "encoder_mm": found["probe"]["knows_mm"],
            "needs_mm": found["probe"]["needs_mm"],
            "foretold": str(foretold),
            "works": str(works),
            "right": str(foretold == works),
            **done,
        }

    pairs = [(t, n) for t in ("push-pixels", "pick-place-pixels") for n in PREDICTED]
    bench.pretrain(bench.preset("push-pixels"), "vae")  # compiles the kernels for all
    bench.at_once([lambda p=pair: job(*p) for pair in pairs])


MEASURES: dict[str, Callable[[Bench], None]] = {
    "objectives": objectives,
    "pick-place": pick_place,
    "gradients": gradients,
    "predictions": predictions,
}


def main() -> None:
    """Measure and write a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measure", choices=MEASURES)
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--gpus", type=int, default=torch.cuda.device_count())
    parser.add_argument("--frames", type=int, default=50_000)
    parser.add_argument("--updates", type=int, default=3_000)
    parser.add_argument("--frames-from", nargs="+", default=["random"])
    parser.add_argument("--train-s", type=float, default=120.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13, 14, 15])
    parser.add_argument("--arms", nargs="+", default=["scratch", "pre-trained"])
    parser.add_argument("--out", type=Path, default=Path("results"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(args)
    MEASURES[args.measure](bench)
    if not bench.rows:
        raise SystemExit("nothing finished")


if __name__ == "__main__":
    main()
