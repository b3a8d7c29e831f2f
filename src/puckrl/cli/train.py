"""Train: one run, or several seeds side by side."""

import argparse
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

from puckrl.cli.profile import tell_profile
from puckrl.cli.screen import console
from puckrl.core import timeline
from puckrl.core.errors import Exit, UserError, exit_code_of

if TYPE_CHECKING:  # the command line answers before this is needed
    from puckrl.config.run_cfg import RunCfg

_TRAIN_HELP = """\
usage: puck train PRESET [settings]
       puck train path/to/task.py:ClassName [settings]
       puck train gym:ID | mjlab:TASK | isaaclab:TASK [settings]
       puck train --resume RUN [--budget.env-steps N]

Train a preset or a task of your own, or continue a run.

  --runs DIR   folder of the run folders (default: PUCK_RUNS, else runs)
  --seeds N    train N seeds, each in a process of its own; --devices 0,1 chooses GPUs
  --out DIR    write into this folder instead of a new one in --runs
  --stop MODE  what may end the run:
               budget  the limits of --budget (default)
               auto    the doctor too: converged, dead or diverged
               never   nothing but an interrupt

presets:                 puck list
settings of a preset:    puck train PRESET --help"""


def train(args: argparse.Namespace, rest: list[str]) -> int:
    """Start or resume a run; ``rest`` holds its settings."""
    from puckrl.cli import settings
    from puckrl.config.presets import preset
    from puckrl.runner import run_folder

    if args.profile:
        timeline.record()
    name = rest.pop(0) if rest and not rest[0].startswith("-") else None
    if args.help and not (args.resume or name):
        console.print(_TRAIN_HELP, markup=False)
        return 0
    if bool(args.resume) == bool(name):
        raise UserError(
            "give either a preset, before its settings, or --resume RUN; presets: puck list"
        )
    folder = run_folder.find(args.resume, args.runs) if args.resume else None
    base = folder.config() if folder else preset(name or "")
    changes = [*rest, "--help"] if args.help else rest
    if args.stop:
        base = replace(base, budget=replace(base.budget, stop=args.stop))
    cfg = settings.parse(base, changes, f"puck train {args.resume or name}")
    if args.seeds:
        return _train_seeds(args, cfg)
    with timeline.span("imports"):  # of torch, once the settings are known to be legal
        from puckrl.core import team
        from puckrl.core.clock import Clock
        from puckrl.core.words import duration
        from puckrl.runner import session

    folder = (
        session.resume(folder, cfg)
        if folder
        else session.start(cfg, args.runs, args.out)
    )
    manifest = folder.manifest()
    if team.is_first():
        clock = Clock.from_dict(manifest["clock"])
        took = f"{duration(clock.total_s)}, {duration(clock.train_s)} of it training"
        line = f"{manifest['status']} after {took}: {folder.path / 'card.md'}"
        console.print(line, markup=False, soft_wrap=True)
        tell_profile(console, folder.path / "profile.json")
    if manifest["status"] == "interrupted":
        return exit_code_of(signal.Signals[manifest["signal"]])
    return Exit.DONE


def _train_seeds(args: argparse.Namespace, cfg: "RunCfg") -> int:
    """Train several seeds and compare them."""
    alone = ("resume", "out", "profile")
    if given := next((name for name in alone if getattr(args, name)), None):
        raise UserError(f"--{given} is for one run, --seeds for several: leave one out")
    from puckrl.study import seeds

    def say(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    runs, code = seeds.train_seeds(cfg, args.seeds, args.runs, args.devices, say)
    console.print(seeds.render(runs))
    return code
