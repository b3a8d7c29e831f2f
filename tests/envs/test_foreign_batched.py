"""mjlab and Isaac Lab behind ``GoalWorlds``, shown on fakes of their contracts."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from puckrl.core.errors import UserError
from puckrl.doctor.foreign_check import protocol_rows
from puckrl.envs.foreign.batched import BatchedWorlds
from puckrl.envs.foreign.config import override
from puckrl.envs.foreign.groups import groups_of
from puckrl.envs.foreign.isaac_assets import use_local_assets
from puckrl.envs.foreign.isaaclab import IsaacSource
from puckrl.envs.foreign.mjlab import MjlabSource
from puckrl.envs.foreign.settings import ForeignCfg
from puckrl.training.judge import evaluate
from puckrl.training.rows import evaluation_row
from tests.envs.batched_fakes import HORIZON, FakeIsaac, FakeMjlab

BOUND = ForeignCfg(action_bound=2.0)


def _mjlab(cfg: ForeignCfg = BOUND, *, auto_reset: bool = True, **of: Any) -> Any:
    source = MjlabSource(FakeMjlab(**of), "mjlab:Fake", joint_limits=cfg.joint_limits)
    return BatchedWorlds("mjlab:Fake", source, cfg, auto_reset=auto_reset)


def _isaac(cfg: ForeignCfg = BOUND, *, auto_reset: bool = True, **of: Any) -> Any:
    source = IsaacSource(FakeIsaac(**of), "isaaclab:Fake")
    return BatchedWorlds("isaaclab:Fake", source, cfg, auto_reset=auto_reset)


MADE = [_mjlab, _isaac]


def _act(worlds: BatchedWorlds, value: float = 0.0) -> torch.Tensor:
    return torch.full((worlds.num_worlds, worlds.spaces.action_dim), value)


@pytest.mark.parametrize("make", MADE)
def test_the_last_observation_is_the_true_one(make: Any) -> None:
    worlds = make()
    first = worlds.reset()["state"][:, 1:3]
    episode = int(first[0, 0])
    steps = [worlds.step(_act(worlds)) for _ in range(HORIZON)]
    third, last = steps[2], steps[4]
    assert third.terminated.tolist() == [True, False, False]
    assert not third.truncated.any()
    assert third.final_obs["state"][0, 1:3].tolist() == [episode, 3]
    assert third.obs["state"][0, 1:3].tolist() == [episode + 1, 0]
    assert last.truncated.tolist() == [False, True, True]
    assert last.final_obs["state"][1, 1:3].tolist() == [episode, HORIZON]
    assert last.obs["state"][1, 1:3].tolist() == [episode + 1, 0]
    assert last.reward.tolist() == [10 * episode + 12, *[10 * episode + 5] * 2]


@pytest.mark.parametrize("make", MADE)
def test_adapters_keep_their_promises(make: Any) -> None:
    rows = list(protocol_rows(make()))
    assert [row.name for row in rows if not row.ok] == []


def test_a_judge_rests_where_an_episode_is_over() -> None:
    for make in MADE:
        worlds = make(auto_reset=False)
        worlds.reset()
        steps = [worlds.step(_act(worlds)) for _ in range(HORIZON)]
        assert sum(int(step.done.sum()) for step in steps) == 3
        assert steps[4].obs["state"][0, 2] == 3
        assert float(steps[4].reward[0]) == 0.0


def test_the_first_episodes_of_each_world_are_judged() -> None:
    policy: Any = SimpleNamespace(
        device=torch.device("cpu"),
        reset=lambda worlds: None,
        act=lambda obs, explore: torch.zeros(3, 3),
    )
    found = evaluate(_mjlab(auto_reset=False), policy, 6)
    assert found.episodes == 6  # two of each, though those of world 0 are short
    assert found.success == 1.0


def test_success_is_each_world_s_or_unknown() -> None:
    worlds = _mjlab()
    assert worlds.spaces.knows_success
    worlds.reset()
    told = [worlds.step(_act(worlds)).success.tolist() for _ in range(3)]
    assert told == [[False] * 3, [True] * 3, [True] * 3]  # read before the reset
    assert not _mjlab(says=False).spaces.knows_success
    assert not _isaac().spaces.knows_success
    with pytest.raises(UserError, match="measurement of a world"):
        MjlabSource(FakeMjlab(), "mjlab:Fake", "lift/glory")


def test_unknown_success_leaves_the_return() -> None:
    policy: Any = SimpleNamespace(
        device=torch.device("cpu"),
        reset=lambda worlds: None,
        act=lambda obs, explore: torch.zeros(3, 2),
    )
    row = evaluation_row(evaluate(_isaac(auto_reset=False), policy, 3))
    assert "eval/success" not in row
    assert "eval/return" in row


def test_both_flags_are_what_the_user_says() -> None:
    cuts = ForeignCfg(action_bound=1.0, timeout="truncates")
    for cfg, ends in ((BOUND, True), (cuts, False)):
        worlds = _isaac(cfg, both=True)
        worlds.reset()
        steps = [worlds.step(_act(worlds)) for _ in range(HORIZON)]
        assert steps[4].terminated.tolist() == [False, ends, ends]
        assert steps[4].truncated.tolist() == [False, not ends, not ends]
        assert steps[2].terminated.tolist() == [True, False, False]


def test_lost_final_observations_are_refused() -> None:
    worlds = _isaac(final=False)
    worlds.reset()
    worlds.step(_act(worlds))
    worlds.step(_act(worlds))
    with pytest.raises(UserError, match="final_obs"):
        worlds.step(_act(worlds))


def test_open_actions_are_said_not_guessed(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UserError, match=r"--foreign\.action-bound"):
        _isaac(ForeignCfg())
    with caplog.at_level(logging.INFO):
        worlds = _isaac()
    assert "1 stands for 2" in caplog.text
    worlds.step(torch.tensor([[0.5, -9.0]] * 3))
    assert worlds.source.env.actions[-1].tolist() == [[1.0, -2.0]] * 3


def test_limits_of_joints_bound_their_actions() -> None:
    worlds = _mjlab(ForeignCfg(action_bound=2.0, joint_limits=True))
    env = worlds.source.env
    for unit, sent in ((1.0, [4.0, 4.0, 2.0]), (-1.0, [-4.0, -4.0, -2.0])):
        worlds.step(_act(worlds, unit))
        assert env.actions[-1][0].tolist() == sent
    worlds.step(_act(worlds, 0.0))
    assert env.actions[-1][0].tolist() == [0.0, 0.0, 0.0]
    limits = env.action_manager.get_term("joints")._entity.data.joint_pos_limits
    limits = limits.clone()
    limits[:, 0, 1] = 2.0  # the default, 1, is nearer to it than to -1
    env.action_manager.get_term("joints")._entity.data.joint_pos_limits = limits
    source = MjlabSource(env, "mjlab:Fake", joint_limits=True)
    assert source.facts.action_low.tolist() == [-4.0, -4.0, -torch.inf]
    assert source.facts.action_high.tolist() == [2.0, 4.0, torch.inf]


def test_logs_are_means_over_the_episodes_that_ended() -> None:
    worlds = _mjlab()
    worlds.take_logs()
    worlds.reset()
    for _ in range(HORIZON):
        worlds.step(_act(worlds))
    taken = worlds.take_logs()  # 1 world ended, then 2
    assert taken["Metrics/won"] == 1.0
    assert taken["Rewards"] == pytest.approx((1 * 1 + 2 * 2) / 3)
    assert worlds.take_logs() == {}


def test_a_seed_decides_and_snapshots_go_on_with_fresh_episodes() -> None:
    worlds, env = (made := _isaac()), made.source.env
    del env.seeds[:]
    worlds.reseed(7)
    worlds.reset()
    worlds.reset()
    first, later = env.seeds
    assert first is not None
    assert later is None  # the library's own numbers go on
    kept = worlds.snapshot()
    worlds.reseed(7)
    worlds.restore(kept)
    worlds.reset()
    assert env.seeds[-1] not in (None, first)
    assert not worlds.restorable


@pytest.mark.parametrize(
    ("obs", "actor", "critic"),
    [
        ({"policy": 4}, [0, 1, 2, 3], [0, 1, 2, 3]),
        ({"actor": 2, "critic": 3}, [0, 1], [2, 3, 4]),
        ({"policy": {"q": 1, "dq": 2}}, [0, 1, 2], [0, 1, 2]),
        ({"policy": 2, "states": 1, "camera": 5}, [0, 1], [2]),
    ],
)
def test_rules_find_what_actor_and_critics_read(
    obs: dict[str, Any], actor: list[int], critic: list[int]
) -> None:
    groups = groups_of(_tree(obs))
    assert list(groups.sensors["actor"].columns) == actor
    assert list(groups.sensors["critic"].columns) == critic
    assert groups.flat(_tree(obs)).shape == (2, len({*actor, *critic}))


def test_keys_find_it_where_rules_do_not() -> None:
    tree = _tree({"robot": {"q": 2, "dq": 1}, "scene": {"cube": 3, "light": 4}})
    with pytest.raises(UserError, match=r"--foreign\.actor KEY"):
        groups_of(tree)
    groups = groups_of(tree, ("robot.q", "scene.cube"), ("robot", "scene.cube"))
    assert groups.sensors["actor"].columns == (0, 1, 3, 4, 5)
    assert groups.sensors["critic"].columns == (0, 1, 2, 3, 4, 5)
    assert groups.sensors["robot.dq"].columns == (2,)
    with pytest.raises(UserError, match="key of the observation"):
        groups_of(tree, ("robot.qq",))


def test_images_and_changing_shapes_are_refused() -> None:
    with pytest.raises(UserError, match="images"):
        groups_of({"policy": torch.zeros(2, 8, 8, 3)})
    groups = groups_of({"policy": torch.zeros(2, 3)})
    with pytest.raises(UserError, match="shape"):
        groups.flat({"policy": torch.zeros(2, 4)})


def _tree(sizes: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _tree(size) if isinstance(size, dict) else torch.zeros(2, size)
        for name, size in sizes.items()
    }


def test_fields_of_a_configuration_are_changed_by_name() -> None:
    cfg = SimpleNamespace(scene=SimpleNamespace(spacing=1.0), rewards={"lift": 1})
    override("mjlab:X", cfg, {"scene.spacing": 4.0, "rewards.lift": 2})
    assert (cfg.scene.spacing, cfg.rewards) == (4.0, {"lift": 2})
    with pytest.raises(UserError, match=r"scene\.spaces"):
        override("mjlab:X", cfg, {"scene.spaces": 1})


def _scene(**remote: str) -> Any:
    spawned = {
        name: SimpleNamespace(spawn=SimpleNamespace(usd_path=path))
        for name, path in remote.items()
    }
    return SimpleNamespace(num_envs=1, light=SimpleNamespace(spawn=None), **spawned)


def test_remote_assets_are_replaced_or_refused(tmp_path: Any) -> None:
    file = tmp_path / "robot.usda"
    file.write_text("#usda 1.0")
    scene = _scene(robot="https://far/robot.usd")
    with pytest.raises(UserError, match=r"--isaac\.usd robot=FILE"):
        use_local_assets("isaaclab:X", scene, ())
    use_local_assets("isaaclab:X", scene, (str(file),))
    assert scene.robot.spawn.usd_path == str(file)
    two = _scene(robot="https://far/robot.usd", hand="omniverse://hand.usd")
    with pytest.raises(UserError, match="2 remote assets"):
        use_local_assets("isaaclab:X", two, (str(file),))
    with pytest.raises(UserError, match="hand=FILE"):
        use_local_assets("isaaclab:X", two, (f"robot={file}",))
    with pytest.raises(UserError, match="remote asset"):
        use_local_assets("isaaclab:X", two, (f"foot={file}",))


def test_nan_stops_at_once() -> None:
    worlds = _isaac()
    worlds.source.env.ends = torch.tensor([99, 99, 99])
    worlds.reset()
    worlds.source.env.look = lambda: torch.full((3, 3), torch.nan)
    with pytest.raises(UserError, match="observation, number 0, is nan in world 0"):
        worlds.step(_act(worlds))


def test_the_libraries_missing_is_one_line() -> None:
    from puckrl.envs.foreign.isaaclab import make_isaaclab
    from puckrl.envs.foreign.mjlab import make_mjlab
    from puckrl.envs.foreign.settings import IsaacCfg

    cpu = torch.device("cpu")
    with pytest.raises(UserError, match=r"puckrl\[mjlab\]"):
        make_mjlab("Mjlab-X", BOUND, 1, cpu)
    with pytest.raises(UserError, match=r"puckrl\[isaaclab\]"):
        make_isaaclab("Isaac-X", BOUND, IsaacCfg(), 1, cpu)
    with pytest.raises(UserError, match="no file"):
        make_isaaclab("Isaac-X", BOUND, IsaacCfg(("nowhere.usd",)), 1, cpu)
