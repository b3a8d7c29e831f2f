"""Peg insertion on mujoco_warp, on its CPU device, against MuJoCo's C engine."""

import pytest
import torch

from puckrl.config.run_cfg import SimCfg
from puckrl.runner.worlds import make_env
from puckrl.tasks.peg.settings import PegInsertCfg, PegVaryCfg

pytestmark = pytest.mark.slow
TOLERANCE_M = 5e-5
"""Largest distance of the tips in float32 and float64, through impacts and sliding."""
FORCE_N = 0.2
"""Largest difference of the smoothed force; 2 N is the largest push."""


@pytest.mark.parametrize("vary", [PegVaryCfg(), PegVaryCfg(0.3, 0.3, 0.3, 0.3)])
def test_an_insertion_agrees_with_the_c_engine(vary: PegVaryCfg) -> None:
    """The expert inserts, then pushes to the walls: 45 control steps, most in contact."""
    cfg = PegInsertCfg(clearance_m=0.0005, vary=vary)
    c, w = (
        make_env("peg-insert", SimCfg(name, num_worlds=4), params=cfg, seed=3)
        for name in ("cpu", "warp")
    )
    obs, other, touched = c.reset(), w.reset(), 0
    torch.testing.assert_close(other["state"].double(), obs["state"], rtol=0, atol=1e-6)
    for step in range(45):
        action = c.task.expert({name: x.float() for name, x in obs.items()})
        assert action is not None
        if step >= 35:
            action[:, :2] = 0.8
        obs, other = c.step(action).obs, w.step(action).obs
        tips = other["achieved_goal"].double() - obs["achieved_goal"]
        assert float(tips.abs().max()) < TOLERANCE_M, step
        force = (other["state"].double() - obs["state"])[:, 19:22]
        assert float(force.abs().max()) < FORCE_N, step
        touched += bool((obs["state"][:, 19:22].abs() > 0.2).any(dim=1).all())
    assert touched > 10
    assert bool((obs["achieved_goal"][:, 2] < -0.015).all())
