"""What runs on the nodes of a Ray cluster: small to import, since every task imports it."""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_POLL_S = 0.1


def run_worker(
    order: Mapping[str, str],
    output: str,
    environment: Mapping[str, str],
    program: Sequence[str],
) -> int:
    """Start a worker on this node, wait for it, and return its exit code.

    A cancelled task gets ``KeyboardInterrupt``: the worker then ends with a snapshot. If
    this process is killed, the worker loses its stdin, and ends with a snapshot, too.

    Args:
        order: what the worker reads from its stdin.
        output: file that takes what it prints.
        environment: variables beside this node's own.
        program: starts the worker.
    """
    with open(output, "ab") as file:
        process = subprocess.Popen(
            program,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    assert process.stdin is not None
    try:
        with suppress(BrokenPipeError):  # it ended at once: its exit code says why
            process.stdin.write(json.dumps(dict(order)).encode() + b"\n")
            process.stdin.flush()
        node = os.getppid()
        while process.poll() is None:
            if os.getppid() != node:  # this process outlives its node for a while
                process.terminate()
            time.sleep(_POLL_S)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
    except BaseException:  # Ray ends this process
        process.terminate()
        raise
    return process.returncode


class Seen(NamedTuple):
    """What a node says of itself."""

    sees: bool
    """Whether it sees a file."""
    cpu: str
    """Name of its processor; empty where the system does not say."""


def look(path: str) -> Seen:
    """Return whether this node sees a file, and what processor it has."""
    cpu = ""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line for line in lines if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else ""
    return Seen(Path(path).is_file(), cpu)
