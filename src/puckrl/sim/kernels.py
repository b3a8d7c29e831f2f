"""Start Warp, and run its kernels where torch runs its own."""

import contextlib
import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import mujoco
import mujoco_warp
import torch
import warp

from puckrl.core.errors import UserError, said
from puckrl.core.runtime import usable_cores


def start_warp() -> None:
    """Start Warp without its greeting, and without its warning that there is no GPU."""
    warp.config.log_level = max(warp.config.log_level, warp.LOG_WARNING)
    silent = contextlib.nullcontext if torch.cuda.is_available() else _native_silence
    with silent():
        warp.init()


def put_model(model: mujoco.MjModel, sizes: dict[Any, int] | None = None) -> Any:
    """Return mujoco_warp's copy of a model.

    Args:
        model: the compiled model.
        sizes: number of rows of each field that varies.

    Raises:
        UserError: if mujoco_warp lacks what the model needs.
    """
    try:
        return mujoco_warp.put_model(model, batch_sizes=sizes or {})
    except NotImplementedError as error:
        raise UserError(
            "mujoco_warp, which renders images and simulates on GPUs, cannot take this "
            f"scene: {said(error)}; change the scene's <option> or elements"
        ) from error


_loaded: dict[tuple[Any, int | None], None] = {}


def loaded_modules() -> list[Path]:
    """Return the folders of Warp's cache with the modules of ``load_kernels``."""
    cache = Path(warp.config.kernel_cache_dir)
    return [cache / module.get_module_identifier(dim) for module, dim in _loaded]


def load_kernels(function: Callable[[], object], device: torch.device) -> int:
    """Compile and load the modules whose kernels a function launches, in parallel.

    Warp compiles a module when its first kernel is launched, one after the other: two
    minutes for a robot. So the function runs twice: here without launching anything, to
    find the modules, and later in earnest.

    Args:
        function: launches kernels through Warp's public functions. Here it runs each body
            of a loop once and both sides of a condition.
        device: where the kernels are to run.

    Returns:
        The number of modules.
    """
    found = _modules_of(function)
    _loaded.update(dict.fromkeys(found))
    for block_dim in dict.fromkeys(block_dim for _, block_dim in found):
        modules = [module for module, dim in found if dim == block_dim]
        warp.force_load(str(device), modules, block_dim, max_workers=usable_cores())
    return len(found)


def _modules_of(function: Callable[[], object]) -> list[tuple[Any, int | None]]:
    """Return the modules and block sizes that a function launches kernels of."""
    found: dict[tuple[Any, int | None], None] = {}

    def load(module: Any, device: Any, block_dim: int | None = None) -> None:
        """Note the module; a launch without a loaded module does nothing."""
        found[module, block_dim] = None

    def block_size(kernel: Any, device: Any = None) -> tuple[int, int]:
        load(kernel.module, device)
        return 256, 1

    def loop(condition: Any, while_body: Callable[..., Any], **given: Any) -> None:
        while_body(**given)

    def branch(
        condition: Any,
        on_true: Callable[..., Any] | None = None,
        on_false: Callable[..., Any] | None = None,
        **given: Any,
    ) -> None:
        for side in filter(None, (on_true, on_false)):
            side(**given)

    with contextlib.ExitStack() as replaced:
        for place, name, instead in (
            (warp.Module, "load", load),
            (warp, "get_suggested_block_size", block_size),
            (warp, "capture_while", loop),
            (warp, "capture_if", branch),
        ):
            replaced.callback(setattr, place, name, getattr(place, name))
            setattr(place, name, instead)
        function()
    return list(found)


@contextlib.contextmanager
def _native_silence() -> Generator[None]:
    """Drop what C code writes to stderr in the block; Python's redirection cannot."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


class Streams:
    """Make Warp launch on torch's current stream of a device.

    Both libraries share one stream: kernels run in the order of their launches, and
    neither library waits for the other. On the CPU there are no streams.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        # Warp identifies a recording by the stream object: keep one object per stream
        self._known: dict[int, Any] = {}

    def current(self) -> Any:
        """Return torch's current stream as a Warp stream; only on CUDA."""
        stream = torch.cuda.current_stream(self._device)
        if stream.cuda_stream not in self._known:
            self._known[stream.cuda_stream] = warp.stream_from_torch(stream)
        return self._known[stream.cuda_stream]

    @contextlib.contextmanager
    def shared(self) -> Generator[None]:
        """Use our device and torch's stream as Warp's defaults in the block."""
        if self._device.type == "cpu":
            with warp.ScopedDevice("cpu"):
                yield
            return
        with warp.ScopedStream(self.current(), sync_enter=False):
            yield


class WarpGraph:
    """Record what Warp and torch launch as one CUDA graph; a ``core.capture.Graph``.

    Warp begins the recording: the loops of its solver become conditional nodes, which
    it cannot add to a recording that torch began.
    """

    def __init__(self, device: torch.device, streams: Streams) -> None:
        self._device, self._streams = device, streams
        # Tensors of the recording must keep their memory for all replays
        with torch.cuda.device(device):
            self._pool = torch.cuda.MemPool()
        self._stream = torch.cuda.Stream(device)
        self._graph: Any = None

    def record(self, function: Callable[[], Any]) -> Any:
        """See ``Graph.record``."""
        torch.cuda.synchronize(self._device)
        with (
            torch.cuda.device(self._device),
            torch.cuda.stream(self._stream),
            torch.cuda.use_mem_pool(self._pool),
            self._streams.shared(),
            # relaxed: torch may have to allocate during the recording
            warp.ScopedCapture(
                stream=self._streams.current(), capture_mode=warp.CaptureMode.RELAXED
            ) as capture,
        ):
            outputs = function()
        self._graph = capture.graph
        return outputs

    def replay(self) -> None:
        """See ``Graph.replay``."""
        warp.capture_launch(self._graph, stream=self._streams.current())
