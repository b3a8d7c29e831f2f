"""Other people's libraries on our environments, as their own guides use them."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import puckrl.interop.gym

gymnasium.register_envs(puckrl.interop.gym)
pytestmark = pytest.mark.interop


@pytest.mark.parametrize("id_", ["puck/FetchReach-v4", "puck/FetchReachPixels-v4"])
def test_torchrl_takes_one_world(id_: str) -> None:
    from torchrl.envs import GymEnv, GymWrapper, check_env_specs  # pyright: ignore[reportMissingImports]

    small: dict[str, Any] = {"height": 16, "width": 16} if "Pixels" in id_ else {}
    for env in (GymWrapper(gymnasium.make(id_, **small)), GymEnv(id_, **small)):
        check_env_specs(env)
        played = env.rollout(60)
        assert len(played) == 50
        assert played["next", "truncated"].flatten().tolist() == [False] * 49 + [True]


@pytest.mark.parametrize("mode", ["Disabled", "SameStep"])
def test_torchrl_takes_many_worlds(mode: str) -> None:
    from torchrl.envs import GymWrapper, check_env_specs  # pyright: ignore[reportMissingImports]

    limit = 5 if mode == "Disabled" else 50
    envs = gymnasium.make_vec(
        "puck/FetchReach-v4",
        num_envs=3,
        vectorization_mode="vector_entry_point",
        max_episode_steps=limit,
        autoreset_mode=mode,
    )
    env = GymWrapper(envs)
    assert tuple(env.batch_size) == (3,)
    check_env_specs(env)
    # torchrl cannot read the last observation of a Dict in SameStep: no episode ends
    played = env.rollout(12, break_when_any_done=False)
    assert played["next", "done"].sum() == (6 if mode == "Disabled" else 0)
    moved = played["desired_goal"].diff(dim=1).abs().sum(-1) > 0
    ended = played["next", "done"][:, :-1, 0]
    assert moved.equal(ended)


@pytest.mark.parametrize("infos", [False, True])
def test_minari_records_a_data_set_and_reads_it_back(
    infos: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    import minari

    env = minari.DataCollector(
        gymnasium.make("puck/FetchReach-v4", max_episode_steps=7), record_infos=infos
    )
    seen: list[Any] = []
    for seed in range(3):
        obs, _ = env.reset(seed=seed, options={"minari_autoseed": True})
        seen.append([obs, *(env.step(env.action_space.sample())[0] for _ in range(7))])
    env.create_dataset(dataset_id="puck/reach-v0", algorithm_name="chance")
    env.close()
    data = minari.load_dataset("puck/reach-v0")
    assert (data.total_episodes, data.total_steps) == (3, 21)
    for stored, episode in zip(data.iterate_episodes(), seen, strict=True):
        for name, rows in stored.observations.items():
            np.testing.assert_array_equal(rows, [obs[name] for obs in episode])
    again = data.recover_environment()
    start = again.reset(seed=1)[0]["observation"]
    np.testing.assert_array_equal(start, seen[1][0]["observation"])
