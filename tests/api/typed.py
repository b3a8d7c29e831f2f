"""Calls of the public API with the types that a strict checker must see; never run."""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from pathlib import Path
from typing import Any, assert_type

import numpy as np
import torch
from numpy.typing import NDArray

import puckrl


class Watch(puckrl.Callback):
    """A callback in full."""

    def on_step(self, run: puckrl.TrainingView) -> None:
        assert_type(run.env_steps, int)

    def on_evaluation(self, run: puckrl.TrainingView) -> None:
        assert_type(run.metrics["eval/success"], float)
        assert_type(run.policy(), puckrl.Policy)
        run.stop("enough")


def train() -> puckrl.Run:
    cfg = puckrl.preset("push").with_(**{"agent.gamma": 0.98})
    assert_type(cfg, puckrl.RunCfg)
    assert_type(cfg.agent.gamma, float)
    run = puckrl.train(cfg, callbacks=[Watch()], runs=Path("runs"))
    assert_type(run, puckrl.Run)
    assert_type(run.rows, list[dict[str, float]])
    assert_type(run.card, str)
    assert_type(run.path, Path)
    assert_type(run.verdict.headline, str)
    assert_type(run.snapshots, list[puckrl.SnapshotInfo])
    assert_type(run.manifest, dict[str, Any])
    return run.resume(callbacks=(Watch(),))


def act(run: puckrl.Run) -> None:
    policy = puckrl.load(run.path, snapshot=1)
    arrays: dict[str, NDArray[np.float64]] = {}
    assert_type(policy.act(arrays), NDArray[np.float32])
    tensors: dict[str, torch.Tensor] = {}
    assert_type(policy.act(tensors, deterministic=False), torch.Tensor)
    assert_type(policy.spec, puckrl.PolicySpec)
    assert_type(policy.spec.inputs[0].columns[0].unit, str)
    policy.reset()


def step() -> None:
    pixels = puckrl.PixelsCfg(viewpoints=("side",))
    with puckrl.make("push", 4, pixels=pixels, backend="warp") as env:
        assert_type(env, puckrl.GoalEnv)
        assert_type(env.reset(), dict[str, torch.Tensor])
        result = env.step(torch.zeros(4, 4))
        assert_type(result.reward, torch.Tensor)
        assert env.action_space.shape == (4, 4)


def wrong() -> None:
    """What a strict checker must refuse: an ignore that ignores nothing is an error."""
    puckrl.train(3)  # pyright: ignore[reportArgumentType]
    puckrl.make("push", backend="gpu")  # pyright: ignore[reportArgumentType]
    puckrl.load("run").act(3)  # pyright: ignore[reportCallIssue, reportArgumentType]
