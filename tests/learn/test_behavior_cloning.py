"""Data sets are worth learning from: a small policy clones the expert of Push."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

from puckrl.agents.scripted import Scripted
from puckrl.config.run_cfg import SimCfg
from puckrl.core.types import Obs
from puckrl.dataset.make import dataset_of_script
from puckrl.dataset.settings import DatasetCfg
from puckrl.runner.worlds import make_env
from puckrl.training.judge import evaluate

EPISODES, UPDATES, BATCH = 1000, 6_000, 256


def cloned(path: Path) -> Scripted:
    """Train an MLP from state and goal to action; return it as a policy."""
    rows = pl.concat(
        [pl.read_parquet(f) for f in sorted(path.glob("data/*/*.parquet"))]
    )
    names = ("observation.state", "observation.desired_goal")
    x = torch.from_numpy(np.hstack([rows[name].to_numpy() for name in names]))
    y = torch.from_numpy(rows["action"].to_numpy().copy())
    mean, std = x.mean(0), x.std(0).clamp_min(1e-3)
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Linear(x.shape[1], 256), nn.ReLU()),
        *(nn.Linear(256, 256), nn.ReLU()),
        *(nn.Linear(256, 256), nn.ReLU()),
        nn.Linear(256, y.shape[1]),
    )
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, UPDATES)
    for _ in range(UPDATES):
        batch = torch.randint(len(x), (BATCH,))
        loss = nn.functional.l1_loss(net((x[batch] - mean) / std), y[batch])
        adam.zero_grad()
        loss.backward()
        adam.step()
        decay.step()

    def act(obs: Obs) -> Tensor:
        seen = torch.cat([obs["state"], obs["desired_goal"]], dim=-1).float()
        return net((seen - mean) / std)

    return Scripted(act)


@pytest.mark.learn
def test_a_cloned_policy_reaches_nine_tenths_of_the_expert(tmp_path: Path) -> None:
    made = dataset_of_script("push", tmp_path / "data", DatasetCfg(episodes=EPISODES))
    policy = cloned(made.path)
    env = make_env("push", SimCfg(num_worlds=64), seed=7, auto_reset=False)
    found = evaluate(env, policy, 256)
    env.close()
    assert found.success >= 0.9 * made.rate, (found, made)
