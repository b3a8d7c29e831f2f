"""Run folders that earlier versions wrote: they load, act, judge, resume and diagnose.

``actions.json`` holds what ``trained_agent`` of the version that wrote the folder did at
the reset of ``make_eval_env(cfg, 2, seed=5)``.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from puckrl.config.bounds import check_bounds
from puckrl.core.runtime import pick_device
from puckrl.doctor.consult import consult
from puckrl.envs.play import policy_obs
from puckrl.runner import session
from puckrl.runner.policies import judge_run
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.snapshot import trained_agent
from puckrl.runner.worlds import make_eval_env

FOLDER = Path(__file__).parent.parent / "old_runs"
OLD = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
each = pytest.mark.parametrize("name", OLD)


@pytest.fixture
def old(name: str, tmp_path: Path) -> RunFolder:
    """A copy: resuming writes."""
    shutil.copytree(FOLDER / name, tmp_path / name)
    return RunFolder(tmp_path / name)


@each
def test_its_policy_acts_as_it_did(old: RunFolder) -> None:
    cfg = old.config()
    check_bounds(cfg)
    env = make_eval_env(cfg, 2, seed=5)
    agent = trained_agent(old, cfg, env.spaces, pick_device("cpu"))
    action = agent.averaged.act(policy_obs(env.reset(), agent.device), explore=False)
    expected = torch.tensor(json.loads((old.path / "actions.json").read_text()))
    torch.testing.assert_close(action, expected, atol=1e-5, rtol=1e-4)


@each
def test_it_is_judged_and_diagnosed(old: RunFolder) -> None:
    judged = judge_run(old.path.name, old.path.parent, episodes=2, seed=5)
    assert judged.episodes == 2
    assert consult([old.path]) is not None


@each
def test_it_resumes(old: RunFolder) -> None:
    (old.path / "actions.json").unlink()
    cfg, before = old.config(), old.manifest()["clock"]
    budget = replace(cfg.budget, env_steps=before["env_steps"] + 1, until_success=0.0)
    more = replace(
        cfg, budget=budget, save=replace(cfg.save, video=False, tensorboard=False)
    )
    session.resume(old, more)
    after = old.manifest()["clock"]
    assert after["env_steps"] > before["env_steps"]
    assert after["updates"] > before["updates"]
