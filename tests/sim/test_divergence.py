"""What StateDump writes of worlds whose physics failed."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from puckrl.sim.cpu import CpuSim
from puckrl.sim.divergence import StateDump
from puckrl.tasks.catalog import make_task


def test_the_state_of_failed_worlds_is_written_up_to_a_number(tmp_path: Path) -> None:
    """In a folder that nobody has made: processes of a team have one of their own."""
    sim = CpuSim(make_task("reach").scene().compile(), 3, 1)
    sim.field("qpos")[2, 0] = 7.0
    folder = tmp_path / "diverged" / "process-1"
    dump = StateDump(folder, max_files=2)
    for _ in range(3):
        dump(sim, torch.tensor([2]))
    assert sorted(p.name for p in folder.iterdir()) == [
        "001.safetensors",
        "002.safetensors",
    ]
    found = load_file(folder / "001.safetensors")
    assert found["worlds"].tolist() == [2]
    assert found["qpos"][0, 0] == 7.0
