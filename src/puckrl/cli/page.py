"""Run ``puck watch``: call the layer below and print."""

import argparse

from puckrl.core.errors import Exit


def watch(args: argparse.Namespace, rest: list[str]) -> int:
    """Serve a page on runs until it is interrupted, or write it as a file."""
    from puckrl.web.watch import Options
    from puckrl.web.watch import watch as serve

    options = Options(
        paths=args.paths,
        root=args.runs,
        out=args.out,
        host=args.host,
        port=args.port,
        open=args.open,
        mapping=args.map,
        facts=args.fact,
    )
    serve(options, lambda line: print(line, flush=True))
    return Exit.DONE
