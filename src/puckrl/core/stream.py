"""Run work on a second CUDA stream, concurrently with the current one."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")


class SideStream:
    """Run what is launched inside ``active`` concurrently with other work.

    Only ``begin`` and ``join`` make one stream wait for another. A CPU has no streams, so
    there everything runs in the order of the calls.
    """

    def __init__(self, device: torch.device) -> None:
        on_cuda = device.type == "cuda"
        self._device = device
        self._stream = torch.cuda.Stream(device) if on_cuda else None

    def begin(self) -> None:
        """Make later work on this stream wait for what the current stream has so far."""
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.current_stream(self._device))

    def join(self) -> None:
        """Make later work on the current stream wait for what this stream has so far."""
        if self._stream is not None:
            torch.cuda.current_stream(self._device).wait_stream(self._stream)

    @contextmanager
    def active(self) -> Generator[None]:
        """Launch work on this stream in a ``with`` block."""
        if self._stream is None:
            yield
            return
        with torch.cuda.stream(self._stream):
            yield


def beside(
    functions: Sequence[Callable[..., T]], device: torch.device
) -> Callable[..., list[T]]:
    """Return a function that calls all ``functions`` with its arguments.

    While a CUDA graph is recorded, each runs on its own stream, and later work waits for
    all of them. Otherwise they run one after the other: cuDNN then times its algorithms,
    and should time them alone.
    """
    sides = [SideStream(device) for _ in functions[1:]]

    def call(*args: object) -> list[T]:
        on_cuda = device.type == "cuda"
        if not (on_cuda and torch.cuda.is_current_stream_capturing()):
            return [function(*args) for function in functions]
        for side in sides:
            side.begin()
        results = [functions[0](*args)]
        for side, function in zip(sides, functions[1:], strict=True):
            with side.active():
                results.append(function(*args))
        for side in sides:
            side.join()
        return results

    return call
