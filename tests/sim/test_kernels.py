"""Kernels are found without being launched, and loaded before they are."""

import pytest
import torch
import warp

from puckrl.sim.kernels import load_kernels, start_warp

CPU = torch.device("cpu")
start_warp()


@warp.kernel(module="unique")
def count(x: warp.array(dtype=int)):  # pyright: ignore
    x[warp.tid()] += 1


@warp.kernel(module="unique")
def countdown(x: warp.array(dtype=int), left: warp.array(dtype=int)):  # pyright: ignore
    x[warp.tid()] += 10
    if warp.tid() == 0:
        left[0] -= 1


@warp.kernel(module="unique")
def never(x: warp.array(dtype=int)):  # pyright: ignore
    x[warp.tid()] = -1


def test_modules_are_loaded_and_nothing_is_launched() -> None:
    x = warp.zeros(3, dtype=int, device="cpu")
    left = warp.array([2], dtype=int, device="cpu")

    def launch() -> None:
        warp.launch(count, 3, [x], device="cpu")
        warp.capture_while(
            left, lambda: warp.launch(countdown, 3, [x, left], device="cpu")
        )
        warp.capture_if(left, lambda: warp.launch(never, 3, [x], device="cpu"))

    known = (warp.Module.load, warp.capture_while, warp.capture_if)
    assert not any(kernel.module.execs for kernel in (count, countdown, never))

    assert load_kernels(launch, CPU) == 3
    assert all(kernel.module.execs for kernel in (count, countdown, never))
    assert x.numpy().tolist() == [0, 0, 0]
    assert known == (warp.Module.load, warp.capture_while, warp.capture_if)

    launch()  # in earnest: both loops, and not the branch
    assert x.numpy().tolist() == [21, 21, 21]


def test_warp_is_itself_again_after_an_error() -> None:
    known = warp.Module.load

    def fails() -> None:
        raise ValueError("no such geom")

    with pytest.raises(ValueError, match="no such geom"):
        load_kernels(fails, CPU)
    assert warp.Module.load is known
