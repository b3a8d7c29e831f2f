"""Sizes that are promised before allocation, against what is then allocated."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from puckrl.core.types import BatchSpec, PixelSpace, Spaces
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.layout import (
    bytes_per_episode,
    bytes_per_sample,
    bytes_per_stack,
    bytes_per_transition,
)
from puckrl.replay.settings import ReplayCfg
from tests.replay.counting import SEEING, SPACES, CountingWorlds, reward, terminated

CPU = torch.device("cpu")
STATM = Path("/proc/self/statm")
TOUCHED = f"""
import mmap
import torch
from pathlib import Path
from puckrl.core.types import BatchSpec, PixelSpace, Spaces
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.settings import ReplayCfg
from tests.replay.counting import reward, terminated

def resident() -> int:
    return int(Path("{STATM}").read_text().split()[1]) * mmap.PAGESIZE

cpu = torch.device("cpu")
spaces = Spaces(1, 1, 1, horizon=50, pixels=PixelSpace(84, 84, 3, stack=4))
start = resident()
buffer = EpisodeReplayBuffer(ReplayCfg(25_000), spaces, 1, reward, terminated, cpu, cpu)
frames = buffer.rows["frame"]
assert not frames[-1, -1].any()
looked = resident()
frames.fill_(1)
print(frames.nbytes, looked - start, resident() - start)
"""


def nbytes(tensors: dict[str, Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())


def test_what_is_promised_is_what_is_allocated() -> None:
    cfg = ReplayCfg(capacity=60)
    for spaces in (SPACES, SEEING):
        buffer = EpisodeReplayBuffer(cfg, spaces, 5, reward, terminated, CPU, CPU)
        assert nbytes(buffer.rows) == cfg.episodes(spaces, 5) * bytes_per_episode(
            spaces
        )
        under_way = buffer.snapshot()
        del under_way["elapsed"]
        total = nbytes(buffer.rows) + nbytes(under_way)
        assert cfg.bytes_total(spaces, 5) == total


def test_a_batch_is_as_large_as_it_says() -> None:
    for spaces in (SPACES, SEEING):
        buffer = EpisodeReplayBuffer(
            ReplayCfg(), spaces, 2, reward, terminated, CPU, CPU
        )
        worlds = CountingWorlds(buffer, 2, torch.Generator().manual_seed(0))
        for _ in range(20):
            worlds.step()
        batch = buffer.sample(BatchSpec(32), torch.Generator())
        vectors = ("state", "achieved_goal", "desired_goal")
        size = sum(
            obs[name].nbytes for obs in (batch.obs, batch.next_obs) for name in vectors
        )
        size += batch.action.nbytes + batch.reward.nbytes + batch.terminated.nbytes
        if "pixels" in batch.obs:
            size += batch.obs["pixels"].untyped_storage().nbytes()
        assert size == 32 * (bytes_per_sample(spaces) + bytes_per_stack(spaces))


def test_an_image_costs_its_pixels_and_one_more_frame_an_episode() -> None:
    spaces = Spaces(25, 3, 4, horizon=50, pixels=PixelSpace(84, 84, 3, stack=4))
    frame = 84 * 84 * 3
    assert bytes_per_transition(spaces) == frame * 51 / 50 + 130.48
    assert bytes_per_transition(spaces) / 1024 < 21.3
    # four frames before and four after would be eight
    assert 8 * frame / bytes_per_transition(spaces) > 7.75


@pytest.mark.skipif(not STATM.exists(), reason="reads Linux's account of memory")
def test_memory_is_not_touched_before_it_is_needed() -> None:
    # In a process of its own: what other tests leave running also takes memory.
    done = subprocess.run(
        [sys.executable, "-c", TOUCHED], capture_output=True, text=True, check=True
    )
    stored, untouched, written = map(int, done.stdout.split())
    assert stored > 500e6
    assert untouched < 50e6
    assert written > stored / 2  # so the account does see such an array
