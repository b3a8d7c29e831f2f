"""Pick a device, set threads and memory, and tell what the machine supports."""

import contextlib
import ctypes
import os
import shutil
import sys
from collections.abc import Generator
from typing import Any

import torch

from puckrl.core import team
from puckrl.core.errors import UserError


def pick_device(name: str) -> torch.device:
    """Return a torch device by name; "auto" is CUDA if there is a GPU, else the CPU.

    Each process that torchrun starts on a machine takes its own GPU.

    Raises:
        UserError: if CUDA is named but absent, or the name is not a device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and team.local_rank():
        name = f"cuda:{team.local_rank()}"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"no device {name!r}; legal: auto, cpu, cuda, cuda:N")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError("no CUDA device here; use --device cpu or auto")
    return device


def usable_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def torch_threads(count: int) -> Generator[None]:
    """Let torch use ``count`` threads in a ``with`` block.

    While MuJoCo's thread pool steps, torch must use one: OpenMP's threads spin for a
    while after each parallel region and take the cores from the physics.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)


def keep_memory() -> None:
    """Let this process keep freed memory, if its malloc is glibc's.

    A batch of images is tens of megabytes. glibc returns such a block to the system at
    once, and the next batch takes fresh pages, with one page fault each; on a virtual
    machine the faults took longer than the copy.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 256 << 20)
        libc.mallopt(_M_TRIM_THRESHOLD, 1 << 30)


def tune_convolutions(device: torch.device) -> None:
    """Let cuDNN time its algorithms and take the fastest, on a GPU.

    Its guess can be four times as slow as what it finds by timing:
    docs/experiments/2026-11-25-pixel-update-gpu.md.
    """
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True


@contextlib.contextmanager
def exact_float32() -> Generator[None]:
    """Let a GPU compute float32 products in float32 in a ``with`` block, not in TF32.

    cuDNN's default for float32 convolutions is TF32, with 10 bits of mantissa.
    """
    cudnn: Any = torch.backends.cudnn
    cublas = torch.backends.cuda.matmul
    before = cudnn.allow_tf32, cublas.allow_tf32
    cudnn.allow_tf32 = cublas.allow_tf32 = False
    try:
        yield
    finally:
        cudnn.allow_tf32, cublas.allow_tf32 = before


def accelerator_name(device: str) -> str:
    """Return the model of the GPU that a run with this ``--device`` uses, or "cpu"."""
    if device == "cpu" or not torch.cuda.is_available():
        return "cpu"
    return torch.cuda.get_device_name(0)


def has_compiler() -> bool:
    """Return whether there is a C++ compiler, which torch.compile needs on the CPU."""
    return shutil.which(os.environ.get("CXX", "g++")) is not None


def has_fast_bf16(device: torch.device) -> bool:
    """Return whether a device multiplies bfloat16 natively.

    CPUs with AVX512-BF16 or AMX do, and GPUs from Ampere on. Emulated products are many
    times slower than float32.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    try:
        with open("/proc/cpuinfo") as info:
            flags = info.read()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
