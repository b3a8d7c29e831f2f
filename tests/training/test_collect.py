"""Collecting, compared with counts by hand."""

from puckrl.agents.scripted import Zero
from puckrl.envs.goal_env import GoalEnv
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.settings import ReplayCfg
from puckrl.training.collect import Collected, Collector
from tests.envs.test_goal_env import HORIZON, CountingSim
from tests.training.test_judge import CPU, WORLDS, Anywhere


def test_collecting_counts_steps_episodes_wins_and_failures() -> None:
    calls: list[str] = []
    sim = CountingSim(WORLDS, calls)
    task = Anywhere()
    env = GoalEnv(task, sim)
    replay = EpisodeReplayBuffer(
        ReplayCfg(), task.spaces, WORLDS, task.reward, task.terminated, CPU, CPU
    )
    collector = Collector(env, replay)
    first = collector.collect(Zero(2), HORIZON - 1)
    assert first.env_steps == WORLDS * (HORIZON - 1)
    assert first.episodes == first.diverged == 0
    assert first.success != first.success
    sim.failing[1] = True
    assert collector.collect(Zero(2), 1) == Collected(WORLDS, 3, 2 / 3, 1)
    assert replay.added == 3
    assert len(replay) == 2 * HORIZON + HORIZON - 1  # less the step that failed


def test_a_world_out_of_step_is_no_success_rate() -> None:
    """A world that diverged ends later: its episode counts with the others' last."""
    sim, task = CountingSim(WORLDS, []), Anywhere()
    task._goals = task._goals.repeat(2, 1, 1)  # more rounds than the list has
    env = GoalEnv(task, sim)
    replay = EpisodeReplayBuffer(
        ReplayCfg(), task.spaces, WORLDS, task.reward, task.terminated, CPU, CPU
    )
    collector = Collector(env, replay)
    sim.failing[1] = True
    assert collector.collect(Zero(2), 1).success == 0.0  # nothing else has ended yet
    sim.failing[1] = False
    together = collector.collect(Zero(2), HORIZON - 1)
    assert (together.episodes, together.success) == (2, 2 / 3)
    alone = collector.collect(Zero(2), 1)
    assert (alone.episodes, alone.success) == (1, 1.0)  # these two and this one
