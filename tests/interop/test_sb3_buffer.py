"""Our replay inside SB3's algorithms, against what SB3's own HerReplayBuffer holds."""

from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import SAC, TD3, HerReplayBuffer
from stable_baselines3.common.type_aliases import DictReplayBufferSamples
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from stable_baselines3.her.goal_selection_strategy import GoalSelectionStrategy

from puckrl.core.errors import UserError
from puckrl.interop.sb3 import FrameReplayBuffer, PixelExtractor, facts_of
from tests.interop.counting import HORIZON, STACK, CountingEnv

WORLDS = 3
EPISODES = 11  # that fit: no multiple of the worlds, so writes straddle the wrap
NEVER = 10**9


class Both(FrameReplayBuffer):
    """Ours; whatever is added goes into SB3's as well, which never forgets."""

    def __init__(self, size: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(size, *args, **kwargs)
        self.theirs = HerReplayBuffer(3000, *args, env=kwargs["env"], n_envs=WORLDS)

    def add(self, *args: Any, **kwargs: Any) -> None:
        super().add(*args, **kwargs)
        self.theirs.add(*args, **kwargs)


def worlds(count: int = WORLDS, **options: Any) -> DummyVecEnv:
    return DummyVecEnv(
        [partial(CountingEnv, world, **options) for world in range(count)]
    )


def model(
    buffer: type[FrameReplayBuffer] = Both,
    env: Any = None,
    seed: int = 0,
    **options: Any,
) -> SAC:
    """A learner that has yet to act; it never updates."""
    kwargs = {"horizon": HORIZON, **options}
    return SAC(
        "MultiInputPolicy",
        env or worlds(),
        buffer_size=EPISODES * HORIZON,
        learning_starts=NEVER,
        replay_buffer_class=buffer,
        replay_buffer_kwargs=kwargs,
        policy_kwargs={
            "net_arch": [8],
            "features_extractor_class": PixelExtractor,
            "features_extractor_kwargs": {"kind": "padded", "channels": 2},
        },
        seed=seed,
    )


def both(learner: SAC) -> tuple[FrameReplayBuffer, HerReplayBuffer]:
    ours = learner.replay_buffer
    assert isinstance(ours, Both)
    return ours, ours.theirs


def held(theirs: HerReplayBuffer) -> dict[int, tuple[int, int]]:
    """Where SB3 keeps the step of each complete episode that began at a counter."""
    rows = zip(*np.nonzero(theirs.ep_length), strict=True)
    counter = theirs.observations["proprio"][..., 0]
    return {int(counter[at]): (int(at[0]), int(at[1])) for at in rows}


def newest(theirs: HerReplayBuffer, count: int) -> set[int]:
    """Counters of the steps of the episodes that were complete last."""
    ends = {
        (start + theirs.ep_length[t, w] - 1, w): (t, w)
        for t, w in zip(*np.nonzero(theirs.ep_length), strict=True)
        if (start := theirs.ep_start[t, w]) == t
    }
    kept = [ends[end] for end in sorted(ends)[-count:]]
    return {
        int(theirs.observations["proprio"][t + i, w, 0])
        for t, w in kept
        for i in range(theirs.ep_length[t, w])
    }


def counters(batch: DictReplayBufferSamples) -> list[int]:
    return batch.observations["proprio"][:, 0].round().int().tolist()


def assert_theirs(
    batch: DictReplayBufferSamples, theirs: HerReplayBuffer, rtol: float = 0.0
) -> None:
    """All but the goals and rewards are SB3's; the goals do not change in a step."""
    where = held(theirs)
    rows, columns = map(list, zip(*(where[c] for c in counters(batch)), strict=True))
    pairs = (
        (batch.observations, theirs.observations),
        (batch.next_observations, theirs.next_observations),
    )
    for sampled, stored in pairs:
        assert sampled.keys() == stored.keys()
        for name in ("pixels", "where", "proprio", "achieved_goal"):
            wanted = stored[name][rows, columns]
            np.testing.assert_allclose(sampled[name], wanted, rtol, err_msg=name)
    desired = batch.observations["desired_goal"]
    assert torch.equal(desired, batch.next_observations["desired_goal"])
    np.testing.assert_array_equal(batch.actions, theirs.actions[rows, columns])
    ended = theirs.dones * (1 - theirs.timeouts)
    np.testing.assert_array_equal(batch.dones[:, 0], ended[rows, columns])
    achieved = batch.next_observations["achieved_goal"]
    assert torch.equal(batch.rewards, -(achieved - desired).abs())


# 8 steps of each world: a few episodes · 30: the ring fills · 200: it wrapped often
@pytest.mark.parametrize("steps", [8, 30, 200])
def test_every_sample_is_what_sb3_holds(steps: int) -> None:
    learner = model().learn(steps * WORLDS)
    ours, theirs = both(learner)
    batch = ours.sample(1000)
    assert set(counters(batch)) == newest(theirs, EPISODES)
    assert len(set(counters(batch))) == ours.size()
    assert {0.0, 1.0} == set(batch.dones.flatten().tolist()) or steps == 8
    assert batch.observations["pixels"].dtype == torch.uint8
    assert_theirs(batch, theirs)


def allowed(strategy: str, counter: int, first: int, last: int) -> set[int]:
    """Counters of the goals that serve the step from ``counter``, slowly."""
    return {
        "future": set(range(counter + 1, last + 1)),
        "episode": set(range(first + 1, last + 1)),
        "final": {last},
    }[strategy]


@pytest.mark.parametrize(
    "strategy", ["future", "final", "episode", GoalSelectionStrategy.FUTURE]
)
def test_hindsight_goals_are_sb3_s(strategy: Any) -> None:
    name = strategy if isinstance(strategy, str) else strategy.name.lower()
    learner = model(goal_selection_strategy=strategy, n_sampled_goal=3)
    ours, theirs = both(learner.learn(60 * WORLDS))
    theirs.goal_selection_strategy = GoalSelectionStrategy[name.upper()]
    batch, where = ours.sample(5000), held(theirs)
    goals = batch.observations["desired_goal"][:, 0].int().tolist()
    seen: dict[int, set[int]] = {}
    for counter, goal in zip(counters(batch), goals, strict=True):
        if goal >= 0:
            seen.setdefault(counter, set()).add(goal)
        else:
            episode = -1 - goal
            assert theirs.observations["where"][where[counter]][1] == episode
    for counter, found in seen.items():
        t, w = where[counter]
        first = int(theirs.observations["proprio"][theirs.ep_start[t, w], w, 0])
        last = first + int(theirs.ep_length[t, w])
        assert found == allowed(name, counter, first, last)
        # and SB3's sampler agrees with the slow oracle
        at = np.full(300, t), np.full(300, w)
        drawn = theirs._sample_goals(*at)  # pyright: ignore[reportPrivateUsage]
        assert set(drawn[:, 0].astype(int)) == found
    share = np.mean([goal >= 0 for goal in goals])
    assert share == pytest.approx(3 / 4, abs=0.025)  # 4 sigma of 5000 coin tosses


def test_an_episode_cut_off_by_a_reset_is_forgotten() -> None:
    env = worlds(1, horizon=HORIZON)
    learner = model(FrameReplayBuffer, env)
    [world] = env.envs
    assert isinstance(world, CountingEnv)
    cut: set[int] = set()
    for steps in (7, 13, 8, 21):
        learner.learn(steps)  # begins with a reset
        cut |= set(range(world.counter - len(world.frames) + STACK, world.counter))
    buffer = learner.replay_buffer
    assert isinstance(buffer, FrameReplayBuffer)
    batch = buffer.sample(1000)
    assert cut
    assert not cut & set(counters(batch))
    where, after = (o["where"] for o in (batch.observations, batch.next_observations))
    assert torch.equal(where, after)
    moved = batch.next_observations["proprio"] - batch.observations["proprio"]
    assert (moved == 1).all()


def test_a_saved_buffer_goes_on_where_it_was(tmp_path: Path) -> None:
    learner = model(FrameReplayBuffer).learn(200 * WORLDS + 2 * WORLDS)
    kept = learner.replay_buffer
    assert isinstance(kept, FrameReplayBuffer)
    learner.save_replay_buffer(tmp_path / "replay")
    learner.load_replay_buffer(tmp_path / "replay", truncate_last_traj=False)
    loaded = learner.replay_buffer
    assert isinstance(loaded, FrameReplayBuffer)
    assert loaded is not kept
    # the same future in both: what is under way goes on, too
    step = loaded.add

    def add_to_both(*args: Any, **kwargs: Any) -> None:
        kept.add(*args, **kwargs)
        step(*args, **kwargs)

    loaded.add = add_to_both
    learner.learn(9 * WORLDS, reset_num_timesteps=False)
    for buffer in (kept, loaded):
        buffer._rng.manual_seed(1)  # pyright: ignore[reportPrivateUsage]
    one, two = kept.sample(500), loaded.sample(500)
    for a, b in zip(one, two, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_a_seed_decides_the_batches() -> None:
    drawn = list[Any]()
    for seed in (0, 0, 1):
        buffer = model(FrameReplayBuffer, seed=seed).learn(20 * WORLDS).replay_buffer
        assert buffer is not None
        drawn.append(counters(buffer.sample(50)))  # pyright: ignore
    assert drawn[0] == drawn[1] != drawn[2]


def test_vecnormalize_is_asked_when_a_batch_is_drawn() -> None:
    env = VecNormalize(
        worlds(), norm_obs_keys=["proprio", "desired_goal"], clip_obs=1e9
    )
    ours, theirs = both(model(env=env).learn(30 * WORLDS))
    env.training = False
    ours._rng.manual_seed(1)  # pyright: ignore[reportPrivateUsage]
    plain = ours.sample(100)
    ours._rng.manual_seed(1)  # pyright: ignore[reportPrivateUsage]
    normal = ours.sample(100, env)
    # SB3 itself rounds the last observation of an episode: it undoes the scaling
    assert_theirs(plain, theirs, rtol=1e-6)
    stats = env.obs_rms["proprio"]  # pyright: ignore
    counter = plain.observations["proprio"].numpy()
    wanted = (counter - stats.mean) / np.sqrt(stats.var + 1e-8)
    np.testing.assert_allclose(normal.observations["proprio"], wanted, rtol=1e-5)
    assert torch.equal(normal.observations["pixels"], plain.observations["pixels"])
    scale = np.sqrt(env.ret_rms.var + 1e-8)
    wanted = (plain.rewards.numpy() / scale).clip(-10, 10)
    np.testing.assert_allclose(normal.rewards, wanted, rtol=1e-5)


def test_pictures_are_kept_once() -> None:
    ours, _ = both(model())
    frames = ours.episodes.rows["frame"]
    assert frames.shape == (EPISODES, HORIZON + 1, 3, 9, 9)
    assert not any(hasattr(ours, name) for name in ("observations", "rewards"))


class Changed(gymnasium.Wrapper[Any, Any, Any, Any]):
    """What people do to environments."""

    def __init__(self, what: str) -> None:
        super().__init__(CountingEnv())
        self.what = what

    def reset(self, **options: Any) -> Any:
        obs, info = self.env.reset(**options)
        if self.what == "zeros":
            obs["pixels"][:-3] = 0
        return obs, info

    def step(self, action: Any) -> Any:
        obs, reward, *rest = self.env.step(action)
        if self.what == "goal":
            obs["desired_goal"] = obs["desired_goal"] - 1.0
        return obs, float(reward) - (self.what == "reward"), *rest


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("reward", "wrappers must not change the reward"),
        ("goal", "desired_goal changed"),
        ("zeros", "do not pad with zeros"),
    ],
)
def test_what_would_not_be_found_again_is_refused(what: str, message: str) -> None:
    learner = model(FrameReplayBuffer, DummyVecEnv([lambda: Changed(what)]))
    with pytest.raises(UserError, match=message):
        learner.learn(20)


def test_wrong_sizes_are_told_in_one_line() -> None:
    with pytest.raises(UserError, match="has no horizon; set it"):
        model(FrameReplayBuffer, horizon=None)
    with pytest.raises(UserError, match="9 channels are no stack of 2"):
        model(FrameReplayBuffer, stack=2)
    with pytest.raises(UserError, match="9 frames of 1 channels"):
        model(FrameReplayBuffer, stack=9).learn(20)
    with pytest.raises(UserError, match="longer than 3 steps"):
        model(FrameReplayBuffer, horizon=3).learn(60)
    with pytest.raises(UserError, match="legal: episode, final, future"):
        model(FrameReplayBuffer, goal_selection_strategy="past")
    empty = model(FrameReplayBuffer).replay_buffer
    assert empty is not None
    with pytest.raises(UserError, match="raise learning_starts above 18"):
        empty.sample(4)


def test_observations_of_another_form_are_refused() -> None:
    env = worlds()
    assert isinstance(env.observation_space, spaces.Dict)
    parts = env.observation_space.spaces
    box = spaces.Box(-1, 1, (2, 2))
    wrongs = [
        ({"extra": box}, "'extra' is Box"),
        ({"more": parts["pixels"]}, "are images"),
        ({"achieved_goal": None}, "without achieved_goal"),
    ]
    for change, message in wrongs:
        merged = {n: p for n, p in {**parts, **change}.items() if p is not None}
        space = spaces.Dict(merged)
        with pytest.raises(UserError, match=message):
            FrameReplayBuffer(60, space, env.action_space, env, horizon=6)


def test_other_algorithms_train_from_it() -> None:
    learner = TD3(
        "MultiInputPolicy",
        worlds(),
        buffer_size=EPISODES * HORIZON,
        learning_starts=30,
        batch_size=8,
        replay_buffer_class=FrameReplayBuffer,
        replay_buffer_kwargs={"horizon": HORIZON},
        policy_kwargs={
            "net_arch": [8],
            "features_extractor_class": PixelExtractor,
            "features_extractor_kwargs": {"kind": "padded", "channels": 2},
        },
    ).learn(60)
    assert learner._n_updates > 0  # pyright: ignore[reportPrivateUsage]
    assert facts_of(learner).her
