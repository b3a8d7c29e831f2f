"""Run puck watch: serve the page until it is interrupted, or write it as a file."""

import signal
import threading
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from puckrl.core.errors import Interrupted, UserError, exit_code_of
from puckrl.logs.facts import with_facts
from puckrl.logs.names import parse_map
from puckrl.monitor.facts import RunFacts
from puckrl.runner.runs_dir import closest, in_runs_dir
from puckrl.web.access import Access
from puckrl.web.board import Board, refuse_unreadable
from puckrl.web.one_file import write_page
from puckrl.web.server import Server, free_port


@dataclass(frozen=True)
class Options:
    """Say what to watch, and how."""

    paths: Sequence[Path]
    """Runs, logs, folders of those, studies; empty: the folder of run folders."""
    root: Path
    """Folder of run folders."""
    out: Path | None = None
    """File to write instead of serving."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int | None = None
    """Port to listen on, 0 for a free one; None: the usual one, else a free one."""
    open: bool = False
    """Whether to open the page in a browser."""
    mapping: Sequence[str] = ()
    """``theirs=ours`` names of signals of foreign logs."""
    facts: Sequence[str] = ()
    """``name=value`` facts that foreign logs do not hold."""


def board_of(options: Options) -> tuple[Board, str]:
    """Return the runs to watch, and a title.

    Raises:
        UserError: if a path does not exist or holds no log, or a mapping or fact is wrong.
    """
    mapping = parse_map(options.mapping)
    with_facts(RunFacts(), options.facts)
    paths = [in_runs_dir(path, options.root) for path in options.paths]
    if not paths:
        if not options.root.is_dir():
            raise UserError(
                f"no folder {options.root}; puck train makes it, and --runs DIR and "
                "PUCK_RUNS name another"
            )
        paths = [options.root]
    for path in paths:
        meant = None if path.exists() else closest(path.name, options.root)
        if meant:
            raise UserError(f"no run {path}; did you mean {meant}? All runs: puck runs")
    refuse_unreadable(paths)
    names = [path.resolve().name for path in paths]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return Board(paths, mapping, options.facts), ", ".join(names[:3]) + more


def watch(options: Options, say: Callable[[str], None]) -> None:
    """Serve the page until SIGINT, or write it to a file.

    Args:
        options: what to watch.
        say: prints a line.

    Raises:
        UserError: as ``board_of``; if the port is in use, or the file cannot be written.
        Interrupted: for SIGTERM.
    """
    board, title = board_of(options)
    if options.out is not None:
        size = write_page(board, options.out, title)
        say(f"{options.out} ({size / 1e6:.1f} MB)")
        return
    port = free_port(options.host) if options.port is None else options.port
    server = Server(board, Access(options.host), port, title)
    for work in (server.watch, server.serve_forever):
        threading.Thread(target=work, daemon=True, name=work.__name__).start()
    say(server.address)
    if options.open:
        with suppress(webbrowser.Error):
            webbrowser.open(server.address)
    try:
        threading.Event().wait()
    except Interrupted as error:
        if error.exit_code != exit_code_of(signal.SIGINT):
            raise
    finally:
        server.shutdown()
        server.close()
