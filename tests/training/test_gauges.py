"""Gauges: what they measure, and that they change nothing."""

import statistics
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from puckrl.agents.settings import Td3Cfg
from puckrl.agents.td3 import Td3
from puckrl.core.types import Obs, PixelSpace, Spaces, Step
from puckrl.monitor.signals import METRICS
from puckrl.nets.encoders import Encoder
from puckrl.nets.layers import EncoderCfg
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.sampling import euclidean
from puckrl.replay.settings import ReplayCfg
from puckrl.representation.goal_prediction import GoalPrediction
from puckrl.representation.vision import Vision
from puckrl.training.gauges import (
    EncoderGauge,
    NetworkGauge,
    ReplayGauge,
    ValueGauge,
    attended,
    displacement_m,
    measure,
    newest,
    recorded,
)

SPACES = Spaces(state_dim=5, goal_dim=3, action_dim=2, horizon=4)
CPU = torch.device("cpu")
EPISODES = 40


def sparse(achieved: Tensor, desired: Tensor) -> Tensor:
    return -((achieved - desired).norm(dim=-1) > 0.05).float()


def make_buffer(moves: float) -> EpisodeReplayBuffer:
    """Return episodes whose achieved goal moves evenly, by ``moves`` meters in total."""
    rng = torch.Generator().manual_seed(0)
    replay = EpisodeReplayBuffer(
        ReplayCfg(),
        SPACES,
        EPISODES,
        sparse,
        lambda a, d: torch.zeros(len(a)),
        CPU,
        CPU,
    )
    first = torch.rand(EPISODES, 3, generator=rng)
    goal = torch.rand(EPISODES, 3, generator=rng) + 2.0
    side = torch.nn.functional.normalize(
        torch.randn(EPISODES, 3, generator=rng), dim=-1
    )

    def obs(step: int) -> Obs:
        state = torch.randn(EPISODES, 5, generator=rng)
        achieved = first + side * moves * step / 4
        return {"state": state, "achieved_goal": achieved, "desired_goal": goal}

    replay.begin(obs(0))
    for step in range(1, 5):
        action = torch.rand(EPISODES, 2, generator=rng) * 2 - 1
        done = torch.full((EPISODES,), step == 4)
        replay.add(action, Step.recorded(obs(step), done))
    return replay


def tenfold(achieved: Tensor, desired: Tensor) -> Tensor:
    return 10 * (achieved - desired).norm(dim=-1)


def agent() -> Td3:
    cfg = Td3Cfg(hidden=(32, 16), batch_size=8, precision="fp32")
    return Td3(cfg, SPACES, (-1.0, 0.0), 0, CPU)


@pytest.mark.parametrize("moves", [0.0, 0.8])
def test_displacement_and_trivial_rewards(moves: float) -> None:
    replay = make_buffer(moves)
    found = ReplayGauge(replay, sparse, 0.0).measure()
    assert found["replay/displacement_m"] == pytest.approx(moves, abs=1e-5)
    # unmoved: every relabelled goal is already reached; moved 0.2 m a step: none is
    assert found["replay/trivial_share"] == pytest.approx(1.0 if moves == 0 else 0.0)
    assert displacement_m(newest(replay)).shape == (EPISODES,)


def test_displacement_is_the_tasks_distance() -> None:
    replay, made = make_buffer(0.01), agent()
    found = ReplayGauge(replay, sparse, 0.0, tenfold).measure()
    assert found["replay/displacement_m"] == pytest.approx(0.1, abs=1e-5)
    still = ValueGauge(made, replay).measure()["probe/hindsight_gap"]
    assert still != still  # 1 cm is no movement
    gap = ValueGauge(made, replay, tenfold).measure()["probe/hindsight_gap"]
    assert gap == gap


def test_a_constant_critic_sees_no_difference() -> None:
    replay, made = make_buffer(0.8), agent()
    before = ValueGauge(made, replay).measure()
    assert before["probe/q_action_spread"] > 1e-4
    made.critic.vector.zero_()
    found = ValueGauge(made, replay).measure()
    assert found == {
        "probe/q_start": 0.0,
        "probe/q_action_spread": 0.0,
        "probe/hindsight_gap": 0.0,
    }


def test_the_gap_needs_goals_that_moved() -> None:
    gap = ValueGauge(agent(), make_buffer(0.0)).measure()["probe/hindsight_gap"]
    assert gap != gap


class Judge(torch.nn.Module):
    """Two critics, the better one by 1 everywhere; keeps what it was asked.

    -|goal - what the episode achieved| * first component of the action, if the second
    is that of the same step, and 10 times the episode's number.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Tensor, Tensor]] = []

    def forward(self, obs: Obs, action: Tensor) -> Tensor:
        self.asked.append((obs["state"], action))
        episode, step = obs["state"][:, 0], obs["state"][:, 1]
        miss = (obs["desired_goal"][:, 0] - episode / 10).abs()
        same_step = (action[:, 1] - step / 10).abs() < 1e-6
        q = 10 * episode - miss * action[:, 0] * same_step
        return torch.stack([q + 1, q])


def numbered() -> EpisodeReplayBuffer:
    """Ten episodes: number i ends i / 10 m from where it began, with the action i / 10.

    The state is (episode, step, ...), the second component of an action step / 10.
    """
    replay = EpisodeReplayBuffer(
        ReplayCfg(), SPACES, 10, sparse, lambda a, d: torch.zeros(len(a)), CPU, CPU
    )
    number = torch.arange(10.0)

    def obs(step: int) -> Obs:
        state, achieved = torch.zeros(10, 5), torch.zeros(10, 3)
        state[:, 0], state[:, 1] = number, step
        achieved[:, 0] = number / 10 * step / 4
        return {
            "state": state,
            "achieved_goal": achieved,
            "desired_goal": torch.full((10, 3), 7.0),
        }

    replay.begin(obs(0))
    for step in range(1, 5):
        action = torch.stack([number / 10, torch.full((10,), (step - 1) / 10)], dim=1)
        done = torch.full((10,), step == 4)
        replay.add(action, Step.recorded(obs(step), done))
    return replay


def test_values_are_compared_as_worked_out_by_hand() -> None:
    made, judge = agent(), Judge()
    made.critic.module = judge
    found = ValueGauge(made, numbered()).measure()
    # Episode 0 did not move. The others' own goals are met; the other goal is that of
    # the one before: 0.1 m off with the actions 0.2 ... 0.9, and for 1 that of 9:
    # 0.8 m off with the action 0.1.
    gap = (0.1 * sum(i / 10 for i in range(2, 10)) + 0.8 * 0.1) / 9
    assert found["probe/hindsight_gap"] == pytest.approx(gap, abs=1e-4)

    (start, _), (states, actions), *_ = judge.asked
    assert start[:, :2].tolist() == [[i, 0] for i in range(10)]  # at each first step
    assert found["probe/q_start"] == pytest.approx(10 * 4.5)
    # eight actions in [-1, 1] for each state; that states differ by 10 does not count
    assert len(actions.unique(dim=0)) == 80
    assert float(actions.abs().max()) <= 1.0
    deviations: list[float] = []
    for i in range(10):
        asked = states[:, 0] == i
        value = judge(
            {"state": states, "desired_goal": torch.full((80, 3), 7.0)}, actions
        )
        deviations.append(statistics.stdev(value[1][asked].tolist()))
        assert len(value[1][asked]) == 8
    spread = statistics.mean(deviations)
    assert found["probe/q_action_spread"] == pytest.approx(spread, abs=1e-4)


def test_recorded_activations_are_those_of_the_network() -> None:
    made, replay = agent(), make_buffer(0.8)
    obs = {k: v[:7] for k, v in newest(replay).items()}
    obs = {
        "state": obs["state"][:, 0],
        "achieved_goal": obs["achieved_goal"][:, 0],
        "desired_goal": obs["desired_goal"],
    }
    with recorded(made.actor.module) as hidden:
        out = made.actor.module(obs)
    assert [h.shape for h in hidden] == [(1, 7, 32), (1, 7, 16)]
    assert all(bool((h >= 0).all()) for h in hidden)  # behind the ReLU
    head = made.actor.module.get_submodule("mlp.head")
    assert torch.equal(head(hidden[-1])[0], out)
    with recorded(made.actor.module) as again:
        pass
    made.actor.module(obs)
    assert again == []  # the hooks are gone


def test_dead_networks_are_dormant() -> None:
    made, replay = agent(), make_buffer(0.8)
    alive = NetworkGauge(made, replay).measure()
    made.actor.vector.zero_()
    dead = NetworkGauge(made, replay).measure()
    assert alive["probe/actor_dormant"] < 0.6
    assert dead["probe/actor_dormant"] == 1.0
    assert dead["probe/actor_rank"] == 0.0
    assert dead["probe/critic_rank"] == alive["probe/critic_rank"]


class Eye(Encoder):
    """Not learned: the brightness of the corner pixel of every frame, twice."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.size = 2

    def forward(self, pixels: Tensor) -> Tensor:
        bright = pixels[:, -1, 0, 0].float() / 255
        return torch.stack([bright, 1 - bright], dim=1)


@pytest.mark.parametrize("sees", [True, False])
def test_an_encoder_is_probed_for_the_achieved_goal(sees: bool) -> None:
    pixels = PixelSpace(height=4, width=4, channels=3, stack=2)
    spaces = replace(SPACES, pixels=pixels, goal_dim=1)
    replay = EpisodeReplayBuffer(
        ReplayCfg(),
        spaces,
        EPISODES,
        sparse,
        lambda a, d: torch.zeros(len(a)),
        CPU,
        CPU,
    )
    rng = torch.Generator().manual_seed(0)

    def obs() -> Obs:
        bright = torch.randint(256, (EPISODES,), generator=rng)
        frame = bright[:, None, None, None].expand(-1, 4, 4, 3).to(torch.uint8)
        noise = torch.rand(EPISODES, 1, generator=rng)
        achieved = bright[:, None] / 255 if sees else noise
        return {
            "state": torch.zeros(EPISODES, 5),
            "achieved_goal": achieved.float(),
            "desired_goal": noise,
            "frame": frame,
        }

    replay.begin(obs())
    for step in range(1, 5):
        final, done = obs(), torch.full((EPISODES,), step == 4)
        replay.add(torch.zeros(EPISODES, 2), Step.recorded(final, done))
    objective = GoalPrediction(2, 1)
    vision = Vision(Eye(), objective)
    with torch.no_grad():  # brightness, a tenth too large, in the units of the goals
        objective.head.weight.copy_(torch.tensor([[2.0, 0.0]]))
        objective.head.bias.fill_(-1.0 + 0.2)
        objective.goals.mean.fill_(0.5)
        objective.goals.scale.fill_(2.0)
    found = measure([EncoderGauge(vision, replay, euclidean)])
    assert set(found) <= set(METRICS)
    assert "probe/goal_prediction_error_m" not in measure(
        [EncoderGauge(vision, replay)]
    )
    if sees:
        assert found["probe/goal_prediction_error_m"] == pytest.approx(0.1, abs=1e-6)
        assert found["probe/position_r2"] > 0.99
    else:
        assert found["probe/position_r2"] < 0.1


def test_attention_is_read_where_there_is_some() -> None:
    encoder = Encoder(EncoderCfg(head="spatial-softmax"), 3, 16, 16, torch.float32)
    with attended(Vision(encoder, GoalPrediction(encoder.size, 3))) as maps:
        encoder(torch.zeros(2, 3, 16, 16, dtype=torch.uint8))
    ((head, x),) = maps
    assert x.shape[0] == 2
    assert head.weights(x).sum(dim=-1).allclose(torch.ones(()))


def test_gauges_know_the_glossary_change_nothing_and_repeat() -> None:
    replay, made = make_buffer(0.8), agent()
    gauges = [
        ReplayGauge(replay, sparse, 0.0),
        ValueGauge(made, replay),
        NetworkGauge(made, replay),
    ]
    torch.manual_seed(7)
    state = torch.get_rng_state()
    before = {n: t.clone() for n, t in made.tensors().items()}
    draws = [g.get_state() for g in made.generators().values()]
    one = measure(gauges)
    assert one == measure(gauges)
    assert set(one) <= set(METRICS)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[n], t) for n, t in made.tensors().items())
    after = [g.get_state() for g in made.generators().values()]
    assert all(torch.equal(a, b) for a, b in zip(draws, after, strict=True))


def test_an_empty_replay_gives_nothing() -> None:
    replay = EpisodeReplayBuffer(
        ReplayCfg(), SPACES, 2, sparse, lambda a, d: torch.zeros(len(a)), CPU, CPU
    )
    gauges = [
        ReplayGauge(replay, sparse, 0.0),
        ValueGauge(agent(), replay),
        NetworkGauge(agent(), replay),
    ]
    assert measure(gauges) == {}
