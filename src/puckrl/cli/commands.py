"""Run each command: call the layer below and print. No logic lives here."""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from puckrl.cli.commands_leaving import dataset, export
from puckrl.cli.page import watch
from puckrl.cli.screen import console
from puckrl.cli.train import train
from puckrl.core.errors import Exit, UserError
from puckrl.core.foreign import library_of

_PIPE = 140  # columns of a comparison that no terminal shows


def list_(args: argparse.Namespace, rest: list[str]) -> int:
    """Print presets and tasks, or the sensors of a task."""
    if args.sensors:
        from puckrl.runner import sensors

        console.print(sensors.render(args.sensors))
    else:
        from puckrl.runner import listing

        console.print(listing.render())
    return 0


def plan(args: argparse.Namespace, rest: list[str]) -> int:
    """Predict a run; ``rest`` holds its settings."""
    from puckrl.cli import settings
    from puckrl.config.presets import preset

    cfg = settings.parse(preset(args.preset), rest, f"puck train {args.preset}")
    if library_of(cfg.task):
        from puckrl.runner.foreign_plan import plan_foreign, render_foreign

        made = plan_foreign(cfg)
        shown = render_foreign(made)
    else:
        from puckrl.runner import plan as ahead

        made = ahead.plan(cfg)
        shown = ahead.render(made)
    if args.json:
        print(json.dumps(made.as_dict(), indent=2))
    else:
        console.print(shown, soft_wrap=True)
    return 0 if made.ok else 1


def warm_up(args: argparse.Namespace, rest: list[str]) -> int:
    """Compile ahead of time what runs compile first."""
    from puckrl.config.presets import preset
    from puckrl.runner import warm_up as ahead

    chosen = [preset(name) for name in args.presets]
    if len(chosen) > 1:
        return ahead.warm_up_each(args.presets)
    console.print(ahead.render(ahead.warm_up(chosen[0])), markup=False, soft_wrap=True)
    return Exit.DONE


def eval_(args: argparse.Namespace, rest: list[str]) -> int:
    """Evaluate the policy of a run."""
    from puckrl.runner import run_folder

    run = str(run_folder.find(args.run_name, args.runs).path)
    from puckrl.cli.pictures import tell_picture, write_json
    from puckrl.report.card import measurement, seconds_or_dash, without_nan
    from puckrl.runner.policies import judge_run, judge_run_on_picture

    table = Table(box=None, show_header=False)
    if args.goal_image:
        pictured = judge_run_on_picture(
            run, args.runs, args.goal_image, args.episodes, args.seed, args.task
        )
        tell_picture(table, pictured)
        result = pictured.evaluation
        if result is None:
            console.print(table)
            write_json(args.json, asdict(pictured))
            return 0
    else:
        result = judge_run(run, args.runs, args.episodes, args.seed, args.task)
    if result.success != result.success:
        table.add_row("success", "not reported by this environment")
    else:
        table.add_row("success at the last step", f"{result.success:.3f}")
        interval = f"{result.interval.low:.3f} ... {result.interval.high:.3f}"
        table.add_row("Wilson 95 % interval", interval)
    played = f"{result.episodes}"
    if result.episodes > args.episodes:
        played += f" ({args.episodes} rounded up to the same number in every world)"
    table.add_row("episodes", played)
    table.add_row("return", f"{result.mean_return:.2f}")
    table.add_row("median time to success", seconds_or_dash(result.time_to_success_s))
    table.add_row("mean change of an action per step", f"{result.action_change:.3f}")
    for name, value in result.metrics.items():
        table.add_row(*measurement(name, value))
    console.print(table)
    write_json(args.json, without_nan(asdict(result)))
    return 0


def record(args: argparse.Namespace, rest: list[str]) -> int:
    """Film the policy of a run."""
    from puckrl.runner import run_folder

    run = str(run_folder.find(args.run_name, args.runs).path)
    from puckrl.runner.policies import record_run

    path = record_run(
        run,
        args.runs,
        args.output,
        worlds=args.worlds,
        episodes=args.episodes,
        seed=args.seed,
        task=args.task,
        picture=args.goal_image,
        save_goals=args.save_goals,
    )
    console.print(str(path), markup=False, soft_wrap=True)
    return 0


def runs(args: argparse.Namespace, rest: list[str]) -> int:
    """List runs."""
    from puckrl.runner import runs_table, summaries

    found = summaries.chosen(summaries.read_runs(args.runs), args.preset, args.status)
    shown = summaries.ordered(found, args.sort, reverse=args.reverse)[: args.last]
    if args.json:
        print(summaries.to_json(shown))
        return 0
    if not shown:
        asked = " that you asked for" if args.preset or args.status else " yet"
        console.print(f"no runs in {args.runs}{asked}", markup=False, soft_wrap=True)
        return 0
    width = console.width if console.is_terminal else None
    table = runs_table.render(shown, time.time(), width)
    console.print(table, soft_wrap=width is None)
    return 0


def compare(args: argparse.Namespace, rest: list[str]) -> int:
    """Compare runs."""
    from puckrl.study.compare import compare as compared
    from puckrl.study.side_by_side import render

    found = compared(args.run_names, args.runs)
    if args.json:
        print(json.dumps(found.as_dict(), indent=2))
        return 0
    blocks = console.encoding.lower().startswith("utf")
    wide = console if console.is_terminal else Console(highlight=False, width=_PIPE)
    wide.print(render(found, wide.width, blocks=blocks))
    return 0


def doctor(args: argparse.Namespace, rest: list[str]) -> int:
    """Diagnose logs."""
    from puckrl.doctor.consult import consult, render

    try:
        found = consult(_logs(args.paths, args.runs), args.map, args.fact)
    except UserError as error:
        if args.json:
            print(json.dumps({"error": str(error), "runs": []}, indent=2))
        raise
    if args.json:
        print(json.dumps(found.as_dict(), indent=2))
    else:
        console.print(render(found), soft_wrap=False)
    if args.plot:
        from puckrl.report.figures import comparison

        comparison(
            [(p.log.name, p.table, p.verdict) for p in found.patients], args.plot
        )
    return found.exit_code


def _logs(paths: Sequence[Path], root: Path) -> list[Path]:
    """Return paths, and runs by their names in ``root``.

    Raises:
        UserError: if there is none, and a run has nearly the name of the first.
    """
    from puckrl.runner.runs_dir import closest, in_runs_dir

    found = [in_runs_dir(path, root) for path in paths]
    meant = closest(str(paths[0]), root)
    if meant and not any(path.exists() for path in found):
        raise UserError(
            f"no log at {paths[0]}; did you mean {meant}? All runs: puck runs"
        )
    return found


def completion(args: argparse.Namespace, rest: list[str]) -> int:
    """Print the code that lets a shell complete the words of a command line."""
    from puckrl.cli.completion import shell_code

    print(shell_code(args.shell), end="")
    return 0


def bench(args: argparse.Namespace, rest: list[str]) -> int:
    """Measure the speed of this machine."""
    from puckrl.bench.menu import measure, render
    from puckrl.bench.sweep import advice, sweep_figure

    swept = (args.what, args.sim) == ("sim", "warp")
    if args.plot and not swept:
        raise UserError(
            "--plot needs the sweep over worlds: puck bench sim --sim warp --plot FILE.png"
        )
    rows = measure(args.what, args.task, args.preset, args.sim)
    console.print(render(args.what, rows))
    if swept:
        console.print(advice(rows), soft_wrap=True)
    if args.plot:
        sweep_figure(rows, args.plot)
    return 0


def check(args: argparse.Namespace, rest: list[str]) -> int:
    """Check that a task is sane; ``rest`` holds settings of an environment not ours."""
    from puckrl.cli import settings
    from puckrl.config.presets import preset
    from puckrl.doctor.task_check import check_task, render

    task, cfg = args.task, None
    if library_of(task):
        cfg = settings.parse(preset(task), rest, f"puck train {task}")
    report = check_task(task, cfg=cfg)
    console.print(render(report))
    return 0 if report.ok else 1


def study(args: argparse.Namespace, rest: list[str]) -> int:
    """Conduct a study."""
    from puckrl.study.conduct import Options, conduct

    given = {name: value for name, value in vars(args).items() if name in _STUDY}
    done = conduct(Options(**given), console)
    if done is None:
        return Exit.DONE
    counts = ", ".join(
        f"{count} {state}" for state, count in done.summary.counts.items()
    )
    left = "" if done.summary.exit_code == Exit.DONE else "; continue with --resume"
    console.print(f"{counts}: {done.path}{left}", markup=False, soft_wrap=True)
    return done.summary.exit_code


def _encoders(name: str, args: argparse.Namespace, rest: list[str]) -> int:
    """Run a command about encoders."""
    from puckrl.cli import encoders

    return encoders.COMMANDS[name](args, rest, console)


_STUDY = (
    *("file", "root", "dry_run", "resume", "amend", "workers", "address", "parallel"),
)
COMMANDS: dict[str, Callable[[argparse.Namespace, list[str]], int]] = {
    "list": list_,
    "plan": plan,
    "warm-up": warm_up,
    "train": train,
    **{name: partial(_encoders, name) for name in ("pretrain", "probe")},
    "eval": eval_,
    "record": record,
    "export": export,
    "dataset": dataset,
    "runs": runs,
    "compare": compare,
    "doctor": doctor,
    "bench": bench,
    "completion": completion,
    "study": study,
    "watch": watch,
    "check": check,
}
"""Map the name of a command to its function."""
