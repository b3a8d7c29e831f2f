"""A run in an environment that is not ours has everything that a run has."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from puckrl.config.presets import preset
from puckrl.config.run_cfg import (
    BudgetCfg,
    EvalCfg,
    RunCfg,
    config_hash,
    from_yaml,
    to_yaml,
)
from puckrl.core.errors import UserError
from puckrl.envs.foreign.gymnasium import GymWorlds
from puckrl.runner.load import load_policy
from puckrl.runner.policies import judge_run, record_run
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.session import resume, start

HERE = "gym:tests.envs.foreign_fakes:fake"


def _small(name: str, env_steps: int = 400) -> RunCfg:
    cfg = preset(f"{HERE}/{name}-v0")
    assert cfg.foreign is not None
    return replace(
        cfg,
        foreign=replace(cfg.foreign, processes=0),
        sim=replace(cfg.sim, num_worlds=4),
        agent=replace(cfg.agent, hidden=(16,), batch_size=16, precision="fp32"),
        loop=replace(
            cfg.loop,
            warm_up_episodes=8,
            collect_steps=10,
            compile=False,
            update_ratio=0.1,
        ),
        eval=EvalCfg(every_env_steps=200, episodes=8, final_episodes=8),
        budget=BudgetCfg(env_steps=env_steps),
        save=replace(cfg.save, tensorboard=False),
    )


def _rows(folder: RunFolder) -> list[dict[str, float]]:
    return [json.loads(line) for line in folder.metrics.read_text().splitlines()]


def test_dense_rewards_are_trained_judged_by_return_and_filmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = _small("Count")
    assert cfg.stores_steps
    folder = start(cfg, tmp_path)
    assert folder.manifest()["status"] == "finished"
    page = (folder.path / "card.md").read_text()
    assert "does not report success" in page
    assert "not reported by this environment, 8 episodes" in page
    rows = _rows(folder)
    assert {row.get("eval/success") for row in rows} == {None}
    assert not any("train/success" in row for row in rows)
    assert any("eval/return" in row for row in rows)
    assert rows[-2]["updates"] > 0
    assert (folder.path / "policy.mp4").stat().st_size > 0
    judged = judge_run(str(folder.path), tmp_path, episodes=8, seed=1)
    assert judged.success != judged.success  # NaN
    policy = load_policy(folder.path)
    assert len(policy.spec.action.numbers) == 2

    def no_display(worlds: GymWorlds) -> None:
        raise RuntimeError("an OpenGL context is missing")

    monkeypatch.setattr(GymWorlds, "render", no_display)
    with pytest.raises(UserError, match=r"cannot draw .* context is missing.*GL=egl"):
        record_run(
            str(folder.path), tmp_path, None, worlds=None, episodes=1, seed=1, task=None
        )


def test_goals_are_trained_with_hindsight(tmp_path: Path) -> None:
    cfg = _small("Line")
    assert not cfg.stores_steps
    folder = start(replace(cfg, save=replace(cfg.save, video=False)), tmp_path)
    assert folder.manifest()["spaces"]["reward_bounds"] == [-1.0, 0.0]
    assert 0 <= folder.manifest()["result"]["success"] <= 1


@pytest.mark.parametrize("name", ["Count", "Line"])
def test_a_resumed_run_goes_on_with_fresh_episodes_and_says_so(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cfg = _small(name)
    cfg = replace(cfg, save=replace(cfg.save, video=False))
    folder = start(cfg, tmp_path)
    before = folder.manifest()["clock"]
    longer = replace(cfg, budget=BudgetCfg(env_steps=800))
    with caplog.at_level(logging.WARNING):
        resume(folder, longer)
    assert "fresh episodes" in caplog.text
    manifest = folder.manifest()
    assert manifest["fresh_episodes_at"] == [before["env_steps"]]
    assert manifest["clock"]["env_steps"] == 2 * before["env_steps"]
    assert manifest["clock"]["updates"] > before["updates"]


def test_hindsight_without_goals_is_refused_before_a_folder_is_made(
    tmp_path: Path,
) -> None:
    cfg = _small("Count")
    cfg = replace(cfg, replay=replace(cfg.replay, her_ratio=0.8))
    with pytest.raises(UserError, match=r"--replay\.her-ratio 0"):
        start(cfg, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_a_configuration_survives_yaml_and_foreign_settings_count_for_its_hash() -> (
    None
):
    cfg = _small("Count")
    assert from_yaml(to_yaml(cfg)) == cfg
    assert cfg.foreign is not None
    other = replace(cfg, foreign=replace(cfg.foreign, horizon=7))
    assert config_hash(other) != config_hash(cfg)
    faster = replace(cfg, foreign=replace(cfg.foreign, processes=2))
    assert config_hash(faster) == config_hash(cfg)
