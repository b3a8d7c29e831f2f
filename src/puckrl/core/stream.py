"""A second CUDA stream: work that runs beside what the present one does."""

from collections.abc import Generator
from contextlib import contextmanager

import torch


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
