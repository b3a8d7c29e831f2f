"""Run the commands whose results leave the house: policies, and the data that they make."""

import argparse

from rich.table import Table

from puckrl.cli.screen import console


def export(args: argparse.Namespace, rest: list[str]) -> int:
    """Export the policy of a run."""
    from puckrl.deploy.needs import check_packages
    from puckrl.runner import run_folder

    run = str(run_folder.find(args.run_name, args.runs).path)
    check_packages()
    from puckrl.deploy.export import export_run, told

    done = export_run(run, args.runs, args.output, task=args.task, seed=args.seed)
    table = Table(box=None, show_header=False)
    for row in told(done):
        table.add_row(*row)
    console.print(table)
    console.print(str(done.path), markup=False, soft_wrap=True)
    return 0


def dataset(args: argparse.Namespace, rest: list[str]) -> int:
    """Write episodes as a data set."""
    from puckrl.dataset.make import dataset_of_run, dataset_of_script, told
    from puckrl.dataset.settings import VARIED, DatasetCfg

    cfg = DatasetCfg(
        episodes=args.episodes,
        format=args.format,
        cameras=tuple(args.cameras),
        size=args.size,
        video=args.video,
        noise=args.noise,
        randomize=VARIED if args.randomize else DatasetCfg().randomize,
        failures=args.all,
        worlds=args.worlds,
        seed=args.seed,
    )
    if args.script:
        made = dataset_of_script(args.source, args.output, cfg)
    else:
        made = dataset_of_run(args.source, args.runs, args.output, cfg, args.task)
    table = Table(box=None, show_header=False)
    for row in told(made):
        table.add_row(*row)
    console.print(table)
    console.print(str(made.path), markup=False, soft_wrap=True)
    return 0
