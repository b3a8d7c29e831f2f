"""Run the jobs of a study as processes on this machine."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from puckrl.config.run_cfg import to_yaml
from puckrl.core.errors import UserError
from puckrl.core.runtime import usable_cores
from puckrl.runner.memory import free_ram, size_text
from puckrl.runner.run_folder import RunFolder
from puckrl.study.admission import Admission, Gpu, refuse_company
from puckrl.study.jobs import Job, with_threads
from puckrl.study.schedule import Ended

WORKER = (sys.executable, "-m", "puckrl.study.worker")
"""The program that trains one run."""
_SAFETY = 0.9
_TAIL_BYTES = 4096


@dataclass
class _Started:
    """A process and what it has taken."""

    job: Job
    process: subprocess.Popen[bytes]
    gpu: str | None


class Places(Protocol):
    """Say where jobs run; a ``Ledger`` does."""

    def folder_of(self, job: Job) -> RunFolder:
        """Return the folder of a job's run."""
        ...

    def output_of(self, job: Job) -> Path:
        """Return the file that gets what a job's process prints."""
        ...


class LocalWorkers:
    """Run every job in a process of its own; see ``schedule.Workers``.

    Args:
        ledger: where the jobs run, the study's folder.
        admission: how many at a time, with how many threads.
        gpus: what runs are divided among.
        program: starts a worker.
    """

    def __init__(
        self,
        ledger: Places,
        admission: Admission,
        gpus: Sequence[Gpu] = (),
        program: Sequence[str] = WORKER,
    ) -> None:
        self._ledger, self._admission = ledger, admission
        self._gpus, self._program = tuple(gpus), tuple(program)
        self._started: dict[str, _Started] = {}

    @property
    def running(self) -> Collection[str]:
        """Return the names of the jobs under way."""
        return tuple(self._started)

    def has_room(self) -> bool:
        """Return whether another job may start now.

        Raises:
            UserError: if none is under way and other programs hold the memory, or would
                disturb a clock.
        """
        if len(self._started) >= self._admission.slots:
            return False
        need, free = self._admission.demand.ram, free_ram()
        fits = need <= _SAFETY * free
        if not fits and not self._started:
            raise UserError(
                f"the next run needs {size_text(need)} of RAM and {size_text(free)} is "
                "free now; stop other programs and continue with --resume"
            )
        if fits and self._admission.exclusive:
            refuse_company(usable_cores())
        return fits

    def start(self, job: Job) -> None:
        """Start a process that begins or continues the job.

        It is in a session of its own, so that ctrl-C reaches it only through the study.
        """
        cfg = with_threads(job.cfg, self._admission.threads)
        gpu = self._emptiest_gpu() if self._admission.demand.gpu else None
        order = {
            "config": to_yaml(cfg),
            "folder": str(self._ledger.folder_of(job).path.absolute()),
        }
        output = self._ledger.output_of(job)
        output.parent.mkdir(exist_ok=True)
        with output.open("ab") as file:
            process = subprocess.Popen(
                self._program,
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment(self._admission.threads, gpu)},
                start_new_session=True,
            )
        self._started[job.name] = _Started(job, process, gpu)
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it was killed already: ``ended`` says so
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()

    def ended(self, wait_s: float) -> list[Ended]:
        """Return the jobs that have ended, after at most this time."""
        late = time.monotonic() + wait_s
        while True:
            over = [s for s in self._started.values() if s.process.poll() is not None]
            left = late - time.monotonic()
            if over or left <= 0:
                return [self._over(started) for started in over]
            time.sleep(min(0.02, left))

    def stop(self) -> None:
        """Ask every process to end with a snapshot."""
        for started in self._started.values():
            started.process.terminate()

    def kill(self) -> None:
        """Kill every process, and wait until they are gone."""
        for started in self._started.values():
            started.process.kill()
        for started in list(self._started.values()):
            started.process.wait()
            self._over(started)

    def _over(self, started: _Started) -> Ended:
        """Forget a process that has ended; return how it did."""
        del self._started[started.job.name]
        code = started.process.returncode
        assert code is not None
        with suppress(BrokenPipeError):
            assert started.process.stdin is not None
            started.process.stdin.close()
        return Ended(started.job, code, last_line(self._ledger.output_of(started.job)))

    def _emptiest_gpu(self) -> str:
        """Return the GPU with the fewest runs; of equals, that with the most memory."""
        runs = Counter(started.gpu for started in self._started.values())
        need = self._admission.demand.gpu
        room = {gpu.name: int(_SAFETY * gpu.free / need) for gpu in self._gpus}
        with_room = [gpu for gpu in self._gpus if runs[gpu.name] < room[gpu.name]]
        return min(with_room, key=lambda gpu: (runs[gpu.name], -gpu.free)).name


def environment(threads: int, gpu: str | None) -> Mapping[str, str]:
    """Return the variables that a worker gets beside ours: its threads and its GPU.

    Args:
        threads: of each library that has a pool of its own.
        gpu: the only GPU that it sees; None: as we see them.
    """
    own = {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "TORCHINDUCTOR_COMPILE_THREADS": str(threads),
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "200",
    }
    return {**own, "CUDA_VISIBLE_DEVICES": gpu} if gpu else own


def last_line(output: Path) -> str:
    """Return the last line of a file that is not empty, without the program's name."""
    try:
        with output.open("rb") as file:
            file.seek(max(0, output.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return said.removeprefix("puck: ")
