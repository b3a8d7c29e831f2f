"""A second CUDA stream: work that runs beside what the present one does."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")


class SideStream:
    """Runs what is launched inside ``active`` beside everything else.

    Nothing waits by itself: ``begin`` and ``join`` say what comes before what. On a CPU
    there are no streams, and everything happens in the order of its calls.
    """

    def __init__(self, device: torch.device) -> None:
        on_cuda = device.type == "cuda"
        self._device = device
        self._stream = torch.cuda.Stream(device) if on_cuda else None

    def begin(self) -> None:
        """What it does from now on comes after everything launched so far."""
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.current_stream(self._device))

    def join(self) -> None:
        """What others do from now on comes after everything it was given."""
        if self._stream is not None:
            torch.cuda.current_stream(self._device).wait_stream(self._stream)

    @contextmanager
    def active(self) -> Generator[None]:
        """Launch on it inside."""
        if self._stream is None:
            yield
            return
        with torch.cuda.stream(self._stream):
            yield


def beside(
    functions: Sequence[Callable[..., T]], device: torch.device
) -> Callable[..., list[T]]:
    """A function that calls all of them with its arguments; in a CUDA graph side by side.

    What comes after the call comes after all of them. While nothing is recorded they run
    one after the other: cuDNN times its algorithms then, and should time them alone.
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
