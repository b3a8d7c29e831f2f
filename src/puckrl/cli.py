"""The command line: parses, calls the lab, prints. No logic."""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import tyro
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from puckrl.core import team
from puckrl.core.errors import UserError
from puckrl.lab.config import RunCfg

_ROOT = Path("runs")
_TRAIN_HELP = """\
usage: puck train PRESET [settings]
       puck train path/to/task.py:ClassName [settings]
       puck train --resume RUN [--budget.env-steps N]

  --root DIR   folder of run folders (default: runs)
  --out DIR    this very folder instead of a new one in --root
  --stop MODE  budget: at the budget's limits (default)
               auto: also when the doctor calls the run converged, dead or diverged
               never: only when interrupted

presets:                 puck list
settings of a preset:    puck train PRESET --help"""
console = Console(highlight=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``puck``; returns the exit code.

    0 good, 1 a task or a plan is not sane, 2 bad input, 3 a run is sick.
    """
    parser = _parser()
    args, rest = parser.parse_known_args(argv)
    if rest and args.run not in (_train, _plan):
        parser.error(f"unknown argument {rest[0]!r}; see: puck {args.command} --help")
    logging.basicConfig(
        level=logging.INFO if team.is_first() else logging.ERROR,
        format="%(message)s",
        handlers=[RichHandler(console=console, show_time=False, show_path=False)],
    )
    try:
        return args.run(args, rest)
    except UserError as error:
        print(f"puck: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("puck: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    """Commands and their own options; a run's settings are tyro's."""
    parser = argparse.ArgumentParser(
        prog="puck",
        description="Train robot manipulation policies from sparse rewards, "
        "and know whether the run is working.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[..., int], text: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=text, description=text, add_help=name != "train"
        )
        sub.set_defaults(run=run)
        return sub

    _list_options(command("list", _list, "what can be trained: presets and tasks"))

    sub = command(
        "plan", _plan, "before a run: memory, time, what can be seen, conflicts"
    )
    sub.add_argument("preset", help="preset, or path/to/task.py:ClassName")
    sub.add_argument("--json", action="store_true", help="print JSON instead")

    _train_options(command("train", _train, "train a preset, or go on with a run"))

    sub = command(
        "eval", _eval, "success of a trained policy, with a confidence interval"
    )
    sub.add_argument("run_name", metavar="RUN")
    sub.add_argument("--episodes", type=_positive, default=500)
    sub.add_argument(
        "--seed", type=int, default=10_000, help="seed of the test episodes"
    )
    sub.add_argument(
        "--json", type=Path, metavar="FILE", help="write the result here too"
    )
    sub.add_argument("--root", type=Path, default=_ROOT, help="folder of run folders")

    sub = command("record", _record, "a video of a trained policy")
    sub.add_argument("run_name", metavar="RUN")
    sub.add_argument("-o", "--output", type=Path, metavar="FILE.mp4|.gif")
    sub.add_argument("--worlds", type=_positive, help="default: 6; from pixels 4")
    sub.add_argument("--episodes", type=_positive, default=2)
    sub.add_argument("--seed", type=int, default=10_000)
    sub.add_argument("--root", type=Path, default=_ROOT, help="folder of run folders")

    _doctor_options(
        command("doctor", _doctor, "which phase a run is in, why, and what to do")
    )

    _bench_options(command("bench", _bench, "speeds of this machine, side by side"))

    sub = command("check", _check, "is a task sane: resets, contact, script, camera")
    sub.add_argument("task", help="task, or path/to/task.py:ClassName")
    return parser


def _list_options(sub: argparse.ArgumentParser) -> None:
    """Options of ``puck list``."""
    sub.add_argument(
        "--sensors",
        nargs="?",
        const="push",
        metavar="TASK",
        help="what networks may see of a task instead (default: push)",
    )


def _train_options(sub: argparse.ArgumentParser) -> None:
    """Options of ``puck train`` that are no settings of the run."""
    sub.add_argument("--resume", metavar="RUN", help="go on with this run")
    sub.add_argument("--root", type=Path, default=_ROOT, help="folder of run folders")
    sub.add_argument(
        "--out", type=Path, help="this very folder instead of one in --root"
    )
    sub.add_argument(
        "--stop", choices=("auto", "budget", "never"), help="what may end it"
    )
    sub.add_argument(
        "-h", "--help", action="store_true", help="every setting of the preset"
    )


def _doctor_options(sub: argparse.ArgumentParser) -> None:
    """Options of ``puck doctor``."""
    sub.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        type=Path,
        help="run folder, TensorBoard folder, SB3's or W&B's .csv, or a folder of those",
    )
    sub.add_argument("--json", action="store_true", help="print JSON instead")
    sub.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the curves")
    sub.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="THEIRS=OURS",
        help="name of a signal in a foreign log; repeatable; ours: docs/metrics.md",
    )
    sub.add_argument(
        "--fact",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what a log does not tell: modality=pixels, gamma=0.95, horizon=50, "
        "update_ratio=0.25, sparse=true, ...; repeatable",
    )


def _bench_options(sub: argparse.ArgumentParser) -> None:
    """Options of ``puck bench``."""
    sub.add_argument("what", choices=("sim", "render", "replay", "update"))
    sub.add_argument("--task", default="push", help="of sim and render")
    sub.add_argument("--preset", default="push", help="of update")
    sub.add_argument(
        "--sim",
        choices=("cpu", "warp"),
        default="cpu",
        help="warp: sim and render on the GPU, sim over the number of worlds",
    )


def _positive(text: str) -> int:
    """An argument that must be a whole number above 0."""
    number = int(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return number


def _list(args: argparse.Namespace, rest: list[str]) -> int:
    """Print the catalogue, or the sensors of a task."""
    from puckrl.lab import catalogue, sensors

    console.print(sensors.render(args.sensors) if args.sensors else catalogue.render())
    return 0


def _plan(args: argparse.Namespace, rest: list[str]) -> int:
    """Look ahead; further arguments are settings of the run."""
    from puckrl.lab.plan import plan, render
    from puckrl.lab.presets import preset

    cfg = _settings(preset(args.preset), rest, f"puck plan {args.preset}")
    made = plan(cfg)
    if args.json:
        print(json.dumps(made.as_dict(), indent=2))
    else:
        console.print(render(made), soft_wrap=True)
    return 0 if made.ok else 1


def _train(args: argparse.Namespace, rest: list[str]) -> int:
    """Start or resume a run."""
    from puckrl.lab import runs, session
    from puckrl.lab.presets import preset

    name = rest.pop(0) if rest and not rest[0].startswith("-") else None
    if args.help and not (args.resume or name):
        console.print(_TRAIN_HELP, markup=False)
        return 0
    if bool(args.resume) == bool(name):
        raise UserError("say either a preset or --resume RUN; presets: puck list")
    folder = runs.find(args.resume, args.root) if args.resume else None
    base = folder.config() if folder else preset(name or "")
    settings = [*rest, "--help"] if args.help else rest
    if args.stop:
        base = replace(base, budget=replace(base.budget, stop=args.stop))
    cfg = _settings(base, settings, f"puck train {args.resume or name}")
    folder = (
        session.resume(folder, cfg)
        if folder
        else session.start(cfg, args.root, args.out)
    )
    if team.is_first():
        status = folder.manifest()["status"]
        console.print(f"{status}: {folder.path / 'card.md'}", soft_wrap=True)
    return 0


def _settings(base: RunCfg, args: list[str], prog: str) -> RunCfg:
    """A configuration with the command line's changes."""
    return tyro.cli(
        RunCfg, default=base, args=args, prog=prog, config=(tyro.conf.AvoidSubcommands,)
    )


def _eval(args: argparse.Namespace, rest: list[str]) -> int:
    """Judge a run's policy."""
    from puckrl.lab.card import seconds_or_dash, without_nan
    from puckrl.lab.judge import judge_run

    result = judge_run(args.run_name, args.root, args.episodes, args.seed)
    table = Table(box=None, show_header=False)
    table.add_row("success at the last step", f"{result.success:.3f}")
    table.add_row(
        "Wilson 95 % interval",
        f"{result.interval.low:.3f} ... {result.interval.high:.3f}",
    )
    table.add_row("episodes", f"{result.episodes}")
    table.add_row("return", f"{result.mean_return:.2f}")
    table.add_row("time to success, median", seconds_or_dash(result.time_to_success_s))
    table.add_row("change of action per step", f"{result.action_change:.3f}")
    console.print(table)
    if args.json:
        try:
            args.json.write_text(
                json.dumps(without_nan(asdict(result)), indent=2) + "\n"
            )
        except OSError as error:
            raise UserError(f"cannot write {args.json}: {error.strerror}") from error
    return 0


def _record(args: argparse.Namespace, rest: list[str]) -> int:
    """Film a run's policy."""
    from puckrl.lab.judge import record_run

    path = record_run(
        args.run_name,
        args.root,
        args.output,
        worlds=args.worlds,
        episodes=args.episodes,
        seed=args.seed,
    )
    console.print(f"{path}")
    return 0


def _doctor(args: argparse.Namespace, rest: list[str]) -> int:
    """Judge logs."""
    from puckrl.lab.doctor import consult, render

    found = consult(args.paths, args.map, args.fact)
    if args.json:
        print(json.dumps(found.as_dict(), indent=2))
    else:
        console.print(render(found), soft_wrap=False)
    if args.plot:
        from puckrl.lab.figures import comparison

        comparison(
            [(p.log.name, p.log.rows, p.verdict) for p in found.patients], args.plot
        )
    return found.exit_code


def _bench(args: argparse.Namespace, rest: list[str]) -> int:
    """Race the ways to do the same work."""
    from puckrl.lab.benches import measure, render

    rows = measure(args.what, args.task, args.preset, args.sim)
    console.print(render(args.what, rows))
    return 0


def _check(args: argparse.Namespace, rest: list[str]) -> int:
    """Check a task."""
    from puckrl.lab.check import check_task, render

    report = check_task(args.task)
    console.print(render(report))
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
