"""Settings become objects that suit the machine."""

import pytest
import torch

from puckrl.config.presets import preset
from puckrl.config.run_cfg import SimCfg
from puckrl.nets.blocks import EnsembleLinear
from puckrl.runner import build
from puckrl.runner.worlds import make_env


def test_half_precision_is_left_where_it_would_be_emulated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spaces = make_env("push", SimCfg(num_worlds=1)).spaces
    for fast, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(build, "has_fast_bf16", lambda _, fast=fast: fast)
        agent = build.make_agent(
            preset("push"), spaces, torch.device("cpu"), (-1.0, 0.0)
        )
        layers = [
            m for m in agent.critic.module.modules() if isinstance(m, EnsembleLinear)
        ]
        # the last product is float32 in any case
        assert {layer.compute_dtype for layer in layers[:-1]} == {dtype}
