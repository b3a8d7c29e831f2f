"""Step some worlds of an environment, one after the other, in arrays that others see.

    python -m puckrl.envs.foreign.crew FD      serves a pool, see pool.py

Torch is not imported here: a worker process starts in the time of the environment alone.
"""

import json
import mmap
import os
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from puckrl.core.errors import UserError, said
from puckrl.envs.foreign.layout import Layout, layout_of
from puckrl.envs.foreign.make import make_one, told

SUCCESS_KEYS = ("is_success", "success")
"""Names under which libraries report success in ``info``, in the order of preference."""
UNKNOWN = 2
"""A success that an environment did not report."""


class Board(NamedTuple):
    """The arrays of some worlds, W rows each; shared between processes or not."""

    action: NDArray[Any]
    """The environment's own actions, (W, ...)."""
    obs: NDArray[np.float64]
    """Observations to act on next, (W, width)."""
    final: NDArray[np.float64]
    """Observations that the last step led to, (W, width)."""
    reward: NDArray[np.float64]
    """Rewards, (W,)."""
    terminated: NDArray[np.bool_]
    """Episodes that ended, (W,)."""
    truncated: NDArray[np.bool_]
    """Episodes that were cut, (W,)."""
    success: NDArray[np.uint8]
    """1: succeeded; 0: did not; ``UNKNOWN``, (W,)."""

    def rows(self, part: slice) -> "Board":
        """Return the rows of some worlds, as views."""
        arrays: list[NDArray[Any]] = [array[part] for array in self]
        return Board(*arrays)


def allocate(
    worlds: int,
    width: int,
    action: tuple[tuple[int, ...], str],
    memory: mmap.mmap | None = None,
) -> tuple[Board, int]:
    """Return the arrays of ``worlds`` worlds, and their bytes.

    Args:
        worlds: W.
        width: columns of an observation.
        action: shape and data type of one world's action.
        memory: where they lie; None: in memory of this process.
    """
    shape, dtype = action
    wanted = [
        ((worlds, *shape), np.dtype(dtype)),
        ((worlds, width), np.dtype(np.float64)),
        ((worlds, width), np.dtype(np.float64)),
        ((worlds,), np.dtype(np.float64)),
        ((worlds,), np.dtype(np.bool_)),
        ((worlds,), np.dtype(np.bool_)),
        ((worlds,), np.dtype(np.uint8)),
    ]
    arrays: list[NDArray[Any]] = []
    first = 0
    for size, kind in wanted:
        count = int(np.prod(size))
        if memory is None:
            arrays.append(np.zeros(size, kind))
        else:
            arrays.append(np.frombuffer(memory, kind, count, first).reshape(size))
        first += -(-count * kind.itemsize // 64) * 64
    return Board(*arrays), max(first, 1)


class Crew:
    """Steps worlds of one environment, one after the other.

    Args:
        name: id of the environment.
        kwargs: its arguments.
        keys: see ``layout_of``.
        board: its arrays, a row for each world.
        auto_reset: whether a world begins its next episode as soon as one ends; else it
            rests, unchanged, until the next reset.
    """

    def __init__(
        self,
        name: str,
        kwargs: dict[str, Any],
        keys: Sequence[str],
        board: Board,
        *,
        auto_reset: bool,
    ) -> None:
        self.name, self._board, self._auto_reset = name, board, auto_reset
        self._envs = [make_one(name, **kwargs) for _ in board.reward]
        self.layout: Layout = layout_of(self._envs[0].observation_space, keys)
        """Columns of an observation."""
        self._resting = np.ones(len(self._envs), dtype=bool)

    def reset(self, seeds: Sequence[int] | None) -> None:
        """Begin an episode in every world; without seeds, go on with the random numbers."""
        for world in range(len(self._envs)):
            self._reset(world, None if seeds is None else seeds[world])

    def _reset(self, world: int, seed: int | None = None) -> None:
        with told(self.name, "reset"):
            obs, _ = self._envs[world].reset(seed=seed)
            self.layout.write(obs, self._board.obs[world])
        self._resting[world] = False

    def step(self) -> None:
        """Make a control step of every world that does not rest, with the board's actions."""
        board = self._board
        for world, env in enumerate(self._envs):
            if self._resting[world]:
                board.final[world] = board.obs[world]
                board.reward[world] = 0.0
                board.terminated[world] = board.truncated[world] = False
                continue
            with told(self.name, "step"):
                # its own copy: an environment may keep or change what it is given
                results = env.step(board.action[world].copy())
                obs, reward, terminated, truncated, info = results
                self.layout.write(obs, board.final[world])
                board.obs[world] = board.final[world]
                board.reward[world] = _number(self.name, reward)
                board.terminated[world], board.truncated[world] = terminated, truncated
                board.success[world] = success_of(info)
            if terminated or truncated:
                self._resting[world] = True
                if self._auto_reset:
                    self._reset(world)

    def render(self) -> NDArray[np.uint8] | None:
        """Return an image of every world, (W, height, width, 3); None: it draws none."""
        images: list[Any] = [env.render() for env in self._envs]
        if any(image is None for image in images):
            return None
        return np.stack([np.asarray(image)[..., :3] for image in images]).astype(
            np.uint8
        )

    def close(self) -> None:
        """Close every world."""
        envs, self._envs = self._envs, []
        for env in envs:
            with told(self.name, "close"):
                env.close()


def success_of(info: dict[str, Any]) -> int:
    """Return what an environment says of its success: 0, 1 or ``UNKNOWN``."""
    for key in SUCCESS_KEYS:
        if key in info and info[key] is not None:
            return int(bool(info[key]))
    return UNKNOWN


def _number(name: str, reward: Any) -> float:
    """Return a reward as a number.

    Raises:
        UserError: for anything else, text among it, which ``float`` would read.
    """
    try:
        return float(reward + 0.0)
    except TypeError as error:
        raise UserError(
            f"gym:{name}: step() returned the reward {reward!r}; wanted: a number"
        ) from error


def serve(channel: Connection, memory: mmap.mmap) -> None:
    """Serve a pool until it closes the channel: commands in, ("ok", value) out."""
    order = json.loads(channel.recv())
    board, _ = allocate(order["worlds"], order["width"], order["action"], memory)
    crew: Crew | None = None
    while True:
        try:
            command, value = channel.recv()
        except (EOFError, OSError):
            break
        try:
            if crew is None:
                part = board.rows(slice(*order["part"]))
                crew = Crew(
                    order["name"],
                    order["kwargs"],
                    order["keys"],
                    part,
                    auto_reset=order["auto_reset"],
                )
            channel.send(("ok", _obey(crew, command, value)))
        except UserError as error:
            channel.send(("refused", str(error)))
        except Exception as error:  # noqa: BLE001  the run raises it
            channel.send(("refused", f"{type(error).__name__}: {said(error)}"))
    if crew is not None:
        crew.close()


def _obey(crew: Crew, command: str, value: Any) -> Any:
    """Carry out one command of a pool's."""
    if command == "step":
        return crew.step()
    if command == "reset":
        return crew.reset(value)
    return crew.render() if command == "render" else None


def main() -> None:
    """Serve the pool at the other end of a socket; both file descriptors are inherited."""
    socket_fd, memory_fd, size = map(int, sys.argv[1:4])
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with mmap.mmap(memory_fd, size) as memory, Connection(socket_fd) as channel:
        try:
            serve(channel, memory)
        except (KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
            return  # the run ends, and says so itself
        finally:
            os._exit(0)  # views of the memory are alive: it cannot be closed


if __name__ == "__main__":
    main()
