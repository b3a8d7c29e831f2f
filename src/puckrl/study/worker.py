"""Train one run of a study in a process of its own: ``python -m puckrl.study.worker``.

The order is one JSON object on stdin: {"config": YAML text, "folder": path}. Stdin then
stays open for as long as the study lives. When it closes, the study is gone, even by
SIGKILL, and the run ends as after ctrl-C, with a snapshot.
"""

import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path

from puckrl.config.run_cfg import RunCfg, from_yaml
from puckrl.core.errors import (
    Exit,
    Interrupted,
    UserError,
    exit_code_of,
    outside_reason,
)
from puckrl.core.timeline import command, process_began
from puckrl.runner import session
from puckrl.runner.interrupt import caught
from puckrl.runner.run_folder import Lock, RunFolder
from puckrl.study.pending import has_begun, is_finished

_LAST_WRITER_S = 300.0
"""How long an earlier process of the same run may take to write its last snapshot."""


def work(cfg: RunCfg, path: Path) -> str:
    """Start a run, continue it or leave it, by what its folder holds; return its status.

    A folder without a manifest is what a kill has left of a start: it is emptied.

    Raises:
        UserError: as ``session.start`` and ``session.resume``.
    """
    folder = RunFolder(path)
    if path.is_dir():
        _wait_for_last_writer(path)
    if is_finished(folder, cfg):
        return "finished"
    if has_begun(folder):
        session.resume(folder, cfg)
    else:
        shutil.rmtree(path, ignore_errors=True)
        session.start(cfg, path.parent, path)
    return str(folder.manifest().get("status", ""))


def _wait_for_last_writer(path: Path) -> None:
    """Wait until an earlier process of this run, which may still save, has ended."""
    late = time.monotonic() + _LAST_WRITER_S
    while True:
        try:
            with Lock(path):
                return
        except UserError:
            if time.monotonic() > late:
                raise
        time.sleep(0.2)


def _end_with_the_study() -> None:
    """End this process as ctrl-C does when its stdin closes."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    """Carry out the order on stdin; return an exit code as ``puck train`` does."""
    order = json.loads(_line(0))
    _end_with_the_study()
    try:
        with caught():
            status = work(from_yaml(order["config"]), Path(order["folder"]))
    except Interrupted as error:
        return error.exit_code
    except UserError as error:
        return _said(str(error), error.exit_code)
    except Exception as error:  # noqa: BLE001  the study counts it and goes on
        if reason := outside_reason(error):
            return _said(reason, Exit.REFUSED)
        with suppress(OSError):
            traceback.print_exc()
        return Exit.BUG
    return exit_code_of(signal.SIGTERM) if status == "interrupted" else Exit.DONE


def _line(file: int) -> bytes:
    """Read a line without taking more from the file than that."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(file, 1)
        if not byte:
            raise SystemExit("no order on stdin; puck study starts this program")
        line += byte
    return line


def _said(text: str, code: int) -> int:
    """Print the reason for an end, where it can be written, and return the exit code."""
    with suppress(OSError):
        print(f"puck: {text}", flush=True)  # noqa: T201  into the run's output file
    return code


if __name__ == "__main__":
    with command(process_began()):
        sys.exit(main())
