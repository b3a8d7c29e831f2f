"""Many worlds of ``gymnasium.make``, in this process or divided among several."""

import itertools
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from puckrl.core.errors import UserError
from puckrl.envs.foreign.crew import UNKNOWN, Crew, allocate
from puckrl.envs.foreign.layout import Layout, layout_of
from puckrl.envs.foreign.make import make_one, told
from puckrl.envs.foreign.source import Rows

_MESSAGE_S = 3e-4
"""What a step costs more with processes: a message there and back, on a busy machine."""
_MEASURED_STEPS = 30


def processes_for(name: str, kwargs: dict[str, Any], worlds: int) -> int:
    """Return the number of processes that pay, from the time of a few steps.

    A process saves the steps of its share of the worlds and costs a message a step.
    """
    cores = min(os.cpu_count() or 1, worlds)
    if cores == 1:
        return 0
    env = make_one(name, **kwargs)
    with told(name, "reset"):
        env.reset(seed=0)
    env.action_space.seed(0)
    began = time.perf_counter()
    for _ in range(_MEASURED_STEPS):
        with told(name, "step"):
            *_, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            with told(name, "reset"):
                env.reset()
    step_s = (time.perf_counter() - began) / _MEASURED_STEPS
    with told(name, "close"):
        env.close()
    return cores if step_s * worlds * (1 - 1 / cores) > _MESSAGE_S else 0


class Pool:
    """Worlds of one environment; see ``Source``.

    Args:
        name: id of the environment.
        num_worlds: number of worlds.
        kwargs: its arguments.
        keys: keys of its observation to read; empty: all.
        auto_reset: see ``Crew``.
        processes: processes that share the worlds; 0: this one; -1: as measured.

    Raises:
        UserError: if it cannot be made.
    """

    def __init__(
        self,
        name: str,
        num_worlds: int,
        kwargs: dict[str, Any],
        keys: Sequence[str] = (),
        *,
        auto_reset: bool = True,
        processes: int = -1,
    ) -> None:
        self.name, self.num_worlds = name, num_worlds
        first = make_one(name, **kwargs)
        self.action_space: spaces.Space[Any] = first.action_space
        """Action space of one world."""
        self.layout: Layout = layout_of(first.observation_space, keys)
        """Columns of an observation."""
        first.close()
        if processes < 0:
            processes = processes_for(name, kwargs, num_worlds)
        self.processes = min(processes, num_worlds)
        """Processes that share the worlds; 0: this one."""
        space = self.action_space
        action = (space.shape or (), str(space.dtype))
        order = {
            "name": name,
            "kwargs": kwargs,
            "keys": list(keys),
            "auto_reset": auto_reset,
            "worlds": num_worlds,
            "width": self.layout.width,
            "action": action,
        }
        self._crew: Crew | None = None
        self._helpers: list[_Helper] = []
        if not self.processes:
            self._board, _ = allocate(num_worlds, self.layout.width, action)
            self._board.success[:] = UNKNOWN
            self._crew = Crew(name, kwargs, keys, self._board, auto_reset=auto_reset)
            return
        _, size = allocate(num_worlds, self.layout.width, action)
        with tempfile.TemporaryFile() as file:
            file.truncate(size)
            self._memory = mmap.mmap(file.fileno(), size)
            self._board, _ = allocate(
                num_worlds, self.layout.width, action, self._memory
            )
            self._board.success[:] = UNKNOWN
            edges = np.linspace(0, num_worlds, self.processes + 1).astype(int).tolist()
            parts = list(itertools.pairwise(edges))
            self._helpers = [
                _Helper({**order, "part": part}, file.fileno(), size) for part in parts
            ]
        self._tell("hello")

    def _tell(self, command: str, value: Sequence[Any] | None = None) -> list[Any]:
        """Give every process a command, with its part of ``value``; return the answers."""
        for helper in self._helpers:
            helper.ask(command, None if value is None else value[helper.part])
        return [helper.answer() for helper in self._helpers]

    def reset(self, seeds: list[int] | None) -> NDArray[np.float64]:
        """Begin an episode in every world; see ``Source``."""
        if self._crew is not None:
            self._crew.reset(seeds)
        else:
            self._tell("reset", seeds)
        return self._board.obs.copy()

    def step_async(self, actions: NDArray[Any]) -> None:
        """Launch a control step; see ``Source``."""
        self._board.action[:] = actions
        for helper in self._helpers:
            helper.ask("step", None)

    def step_wait(self) -> Rows:
        """Return the launched control step; see ``Source``."""
        if self._crew is not None:
            self._crew.step()
        for helper in self._helpers:
            helper.answer()
        board = self._board
        known = not (board.success == UNKNOWN).any()
        return Rows(
            obs=board.obs.copy(),
            final=board.final.copy(),
            reward=board.reward.copy(),
            terminated=board.terminated.copy(),
            truncated=board.truncated.copy(),
            success=board.success == 1 if known else None,
        )

    def render(self) -> NDArray[np.uint8] | None:
        """Return an image of every world; see ``Source``."""
        if self._crew is not None:
            return self._crew.render()
        images = self._tell("render")
        return None if any(i is None for i in images) else np.concatenate(images)

    def close(self) -> None:
        """End the processes, or close the worlds; safe to call twice."""
        if self._crew is not None:
            self._crew.close()
        for helper in self._helpers:
            helper.close()
        self._helpers = []


class _Helper:
    """A process that steps a part of the worlds."""

    def __init__(self, order: dict[str, Any], memory_fd: int, size: int) -> None:
        ours, theirs = socket.socketpair()
        fds = (theirs.fileno(), memory_fd)
        command = [sys.executable, "-m", "puckrl.envs.foreign.crew", *map(str, fds)]
        path = os.pathsep.join([entry for entry in sys.path if entry])
        self._process = subprocess.Popen(
            [*command, str(size)],
            pass_fds=fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # pybullet greets there
            env={**os.environ, "PYTHONPATH": path},
            process_group=0,  # ctrl-C is for the run, which closes the channel
        )
        theirs.close()
        self._channel = Connection(ours.detach())
        self._channel.send(json.dumps(order))
        self._name = order["name"]
        self.part = slice(*order["part"])
        """The worlds that it steps."""

    def ask(self, command: str, value: Any) -> None:
        """Send a command.

        Raises:
            UserError: if the process has died.
        """
        try:
            self._channel.send((command, value))
        except OSError as error:
            raise self._dead() from error

    def answer(self) -> Any:
        """Return the answer to the last command.

        Raises:
            UserError: for whatever went wrong in the environment.
        """
        try:
            state, value = self._channel.recv()
        except (EOFError, OSError) as error:
            raise self._dead() from error
        if state != "ok":
            raise UserError(value)
        return value

    def _dead(self) -> UserError:
        """Return the error for a process that has died."""
        code = self._process.wait()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return UserError(
            f"a process that steps gym:{self._name} ended with {how}; try it in this one: "
            "--foreign.processes 0"
        )

    def close(self) -> None:
        """End the process."""
        self._channel.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
