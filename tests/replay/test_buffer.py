"""The protocol: the loop and the snapshots work with a buffer of another kind."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch

from puckrl.agents.sac import Sac
from puckrl.agents.settings import SacCfg
from puckrl.core.clock import Clock, Ratio
from puckrl.core.rng import generator
from puckrl.envs.goal_env import GoalEnv
from puckrl.replay.buffer import ReplayBuffer
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.settings import ReplayCfg
from puckrl.sim.cpu import CpuSim
from puckrl.tasks.fetch.reach import FetchReach
from puckrl.training.checkpoint import Checkpoints
from puckrl.training.collect import Collector
from puckrl.training.judge import Episodes, evaluate
from puckrl.training.learner import Learner
from puckrl.training.loop import Limits, train
from puckrl.training.schedule import Sequential
from puckrl.training.sinks import NullSink
from puckrl.training.status import report_nothing
from puckrl.training.verdicts import Given, Progress
from tests.replay.step_buffer import StepBuffer

CPU = torch.device("cpu")
WORLDS = 2


def make_env(*, auto_reset: bool) -> GoalEnv:
    task = FetchReach()
    return GoalEnv(task, CpuSim(task.scene().compile(), WORLDS), auto_reset=auto_reset)


@dataclass
class InTurn:
    """Judges while training waits."""

    env: GoalEnv
    agent: Sac
    beside: bool = False

    def ask(self, episodes: Episodes, moment: int) -> Given:
        return Given(evaluate(self.env, self.agent.averaged, episodes))

    def go_back(self) -> None: ...

    def close(self) -> None: ...


def test_both_buffers_satisfy_the_protocol() -> None:
    task = FetchReach()
    arguments = (task.spaces, WORLDS, task.reward, task.terminated, CPU, CPU)
    episodes: ReplayBuffer = EpisodeReplayBuffer(ReplayCfg(), *arguments)
    steps: ReplayBuffer = StepBuffer(100, task.spaces, WORLDS)
    assert len(episodes) == len(steps) == 0


def test_a_step_buffer_goes_through_loop_and_snapshot(tmp_path: Path) -> None:
    env, judged = make_env(auto_reset=True), make_env(auto_reset=False)
    buffer = StepBuffer(70, env.spaces, WORLDS)
    cfg = SacCfg(hidden=(8,), batch_size=4, precision="fp32")
    agent = Sac(cfg, env.spaces, env.reward_bounds, 0, CPU)
    learner = Learner(
        agent,
        buffer,
        Ratio(0.1),
        generator(0, "replay", CPU),
        warm_up_episodes=2,
        normalize_episodes=2,
    )
    checkpoints = Checkpoints(tmp_path)
    begun = agent.actor.vector.clone()
    stop = train(
        progress=Progress(Clock(), 0, []),
        limits=Limits(env_steps=200, train_s=0.0, success=0.0),
        schedule=Sequential(Collector(env, buffer), learner, 25),
        replay=buffer,
        judge=InTurn(judged, agent),
        episodes=Episodes(WORLDS),
        diagnose=dict,
        evaluate_every=0,
        save=lambda: checkpoints.save(agent.tensors(), {}, buffer),
        save_every_s=1e-9,
        sink=NullSink(),
        report=report_nothing,
        asked_to_stop=lambda: None,
    )
    assert stop == "budget"
    assert not torch.equal(agent.actor.vector, begun)
    assert (buffer.added, len(buffer.steps), buffer.episodes_added) == (100, 70, 4)

    again = StepBuffer(70, env.spaces, WORLDS)
    Checkpoints(tmp_path).load(cast(ReplayBuffer, again))
    assert (again.added, again.episodes_added) == (100, 4)
    for one, two in zip(buffer.steps, again.steps, strict=True):
        assert all(torch.equal(one[name], two[name]) for name in one)
    rows = [b.snapshot() for b in (buffer, again)]
    assert all(torch.equal(rows[0][name], rows[1][name]) for name in rows[0])
