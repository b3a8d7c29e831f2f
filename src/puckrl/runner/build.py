"""Construction of a run from its RunCfg: backends, agents, compilers, schedules.

Cameras and GPU physics are imported only if needed, because importing mujoco_warp takes
seconds.
"""

import logging
from dataclasses import dataclass, replace

import torch

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.distill import Distill
from puckrl.agents.sac import Sac
from puckrl.agents.settings import AgentCfg, DistillCfg, SacCfg, Td3Cfg
from puckrl.agents.td3 import Td3
from puckrl.config.run_cfg import RunCfg
from puckrl.core.clock import Ratio
from puckrl.core.errors import UserError, unknown
from puckrl.core.registry import find_class
from puckrl.core.rng import generator
from puckrl.core.runtime import has_fast_bf16, pick_device, tune_convolutions
from puckrl.core.types import Spaces
from puckrl.envs.worlds import GoalWorlds
from puckrl.replay.buffer import ReplayBuffer
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.steps import StepReplayBuffer
from puckrl.runner.compile import fast_round, import_compiler
from puckrl.runner.judging import make_judge
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.worlds import RunWorlds, make_training_env
from puckrl.training.collect import Collector
from puckrl.training.gauges import (
    EncoderGauge,
    Gauge,
    NetworkGauge,
    ReplayGauge,
    ValueGauge,
)
from puckrl.training.learner import Learner
from puckrl.training.loop import Limits
from puckrl.training.memory_gauge import MemoryGauge
from puckrl.training.schedule import Overlapped, Schedule, Sequential
from puckrl.training.verdicts import Judge

log = logging.getLogger(__name__)


@dataclass
class Parts:
    """All objects of a run."""

    env: RunWorlds
    """Environment to collect in, with automatic resets."""
    agent: ActorCritic
    """The agent."""
    judge: Judge
    """Evaluates the agent's averaged policy."""
    replay: ReplayBuffer
    """The replay buffer."""
    collector: Collector
    """Collects into the replay buffer."""
    learner: Learner
    """Updates the agent from the replay buffer."""
    schedule: Schedule
    """Collects and updates, sequentially or overlapped."""
    gauges: list[Gauge]
    """Measure networks and replay buffer at evaluations."""
    replay_rng: torch.Generator
    """Draws batches."""
    device: torch.device
    """Device of agent and replay buffer."""

    def close(self) -> None:
        """Release the threads of the environment, and the judge."""
        self.env.close()
        self.judge.close()


def make_agent(
    cfg: RunCfg,
    spaces: Spaces,
    device: torch.device,
    reward_bounds: tuple[float, float] | None,
) -> ActorCritic:
    """Make a fresh agent.

    Args:
        cfg: configuration of the run.
        spaces: sizes of observations and actions.
        device: device of the agent.
        reward_bounds: minimum and maximum reward of a step; None: unbounded.

    Raises:
        UserError: if a network has an unknown sensor, no goal, or pixels that it cannot
            use.
    """
    settings = _supported(cfg.agent, device)
    check_sensors(settings, spaces)
    arguments = (spaces, reward_bounds, cfg.seed, device)
    if settings.rule:
        return own_rule(settings.rule)(settings, *arguments)
    match settings:
        case DistillCfg():
            return Distill(settings, *arguments)
        case SacCfg():
            return Sac(settings, *arguments)
        case Td3Cfg():
            return Td3(settings, *arguments)
        case _:
            raise AssertionError(f"no agent for {settings}")


def own_rule(name: str) -> type[ActorCritic]:
    """Return a learning rule of a user's.

    Raises:
        UserError: for an unknown name, or a class that is no learning rule or lacks a part.
    """
    found: type[ActorCritic] = find_class("agent", name, ActorCritic, ())  # pyright: ignore[reportAbstractUsage]
    if missing := sorted(found.__abstractmethods__):
        raise UserError(f"the learning rule {name} lacks: {', '.join(missing)}")
    return found


def check_sensors(cfg: AgentCfg, spaces: Spaces) -> None:
    """Check that the networks can learn from their sensors.

    Raises:
        UserError: for an unknown sensor, a network without its goal, or pixels for the
            critics of a teacher.
    """
    for names in (cfg.actor_sensors, cfg.critic_sensors):
        _check_sensors(names, spaces)
    if isinstance(cfg, DistillCfg) and "pixels" in cfg.critic_sensors:
        raise UserError(
            "the critics of a teacher get no pixels; leave them out of "
            "--agent.critic-sensors, or train without a teacher: push-pixels-symmetric"
        )


def _check_sensors(names: tuple[str, ...], spaces: Spaces) -> None:
    """Check the sensors of one network."""
    legal = ["state", *spaces.sensors, "achieved_goal", "desired_goal"]
    legal += ["pixels"] if spaces.pixels else []
    legal += ["goal_image"] if spaces.goal_image else []
    for name in names:
        if name == "goal_image" and not spaces.goal_image:
            raise UserError(
                "a network gets goal_image, but goals are not rendered; "
                "add --pixels.goal-images"
            )
        if name == "pixels" and not spaces.pixels:
            raise UserError(
                "a network gets pixels, but there is no camera; "
                "add one: --pixels.viewpoints side"
            )
        if name not in legal:
            raise unknown("sensor", name, legal)
    if not {"desired_goal", "goal_image"} & set(names):
        raise UserError(
            f"the sensors {', '.join(names) or '(none)'} leave out desired_goal: "
            "a network without its goal cannot reach it; add desired_goal, or goal_image"
        )
    if "goal_image" in names and "pixels" not in names:
        raise UserError(
            "a network gets goal_image without pixels, with which it is compared; "
            "add pixels"
        )
    if "achieved_goal" in names and "desired_goal" not in names:
        raise UserError(
            "a network gets achieved_goal as its offset to desired_goal, which the "
            "sensors leave out; add desired_goal, or leave out achieved_goal"
        )


def _supported(cfg: AgentCfg, device: torch.device) -> AgentCfg:
    """Return the settings, with float32 if the device would emulate bfloat16."""
    if cfg.precision == "bf16" and not has_fast_bf16(device):
        what = "CPU" if device.type == "cpu" else "GPU"
        log.info("this %s has no bfloat16 products: using float32", what)
        return replace(cfg, precision="fp32")
    return cfg


def make_replay(
    cfg: RunCfg, worlds: GoalWorlds, device: torch.device
) -> EpisodeReplayBuffer | StepReplayBuffer:
    """Make an empty replay buffer; unfinished episodes stay on the worlds' device."""
    if cfg.stores_steps:
        return StepReplayBuffer(
            cfg.replay.capacity,
            cfg.replay.n_step,
            cfg.agent.gamma,
            worlds.spaces,
            worlds.num_worlds,
            device,
            counts_rows=cfg.loop.warm_up_steps > 0,
        )
    return EpisodeReplayBuffer(
        cfg.replay,
        worlds.spaces,
        worlds.num_worlds,
        worlds.reward,
        worlds.terminated,
        device,
        worlds.device,
        worlds.distance,
    )


def make_gauges(
    worlds: GoalWorlds,
    agent: ActorCritic,
    replay: EpisodeReplayBuffer | StepReplayBuffer,
) -> list[Gauge]:
    """Make the gauges of networks and replay buffer, for the doctor."""
    if isinstance(replay, StepReplayBuffer):
        return [NetworkGauge(agent, replay)]
    bounds, distance = worlds.reward_bounds, worlds.distance
    best = None if bounds is None else bounds[1]
    return [
        ReplayGauge(replay, worlds.reward, best, distance),
        ValueGauge(agent, replay, distance),
        NetworkGauge(agent, replay),
        MemoryGauge(agent, replay),
        *(
            EncoderGauge(trainer.vision, replay, distance if trainer.predicts else None)
            for trainer in agent.routing.trainers.values()
        ),
    ]


def make_schedule(cfg: RunCfg, collector: Collector, learner: Learner) -> Schedule:
    """Make the schedule of collecting and updating."""
    steps = cfg.loop.collect_steps or collector.worlds.spaces.horizon
    if not cfg.loop.overlap:
        return Sequential(collector, learner, steps)
    return Overlapped(collector, learner, learner.agent.behavior.copy(), steps)


def build(cfg: RunCfg, folder: RunFolder | None = None) -> Parts:
    """Make all objects of a run.

    Args:
        cfg: configuration of this process's part of the run; see ``shard``.
        folder: the run's folder, which keeps a copy of its task; None: there is none.
    """
    device = pick_device(cfg.device)
    if cfg.loop.compile and device.type == "cuda":
        import_compiler()
    tune_convolutions(device)
    env = make_training_env(cfg, device)
    agent = make_agent(cfg, env.spaces, device, env.reward_bounds)
    fast = fast_round(agent, compiled=cfg.loop.compile)
    replay = make_replay(cfg, env, device)
    rng = generator(cfg.seed, "replay", device)
    learner = Learner(
        agent,
        replay,
        Ratio(cfg.loop.update_ratio),
        rng,
        warm_up_episodes=cfg.warm_up,
        normalize_episodes=cfg.loop.normalize_episodes,
        run=fast.run,
        compiles=fast.compiles,
    )
    collector = Collector(env, replay)
    return Parts(
        env=env,
        agent=agent,
        judge=make_judge(cfg, agent, device, folder),
        replay=replay,
        collector=collector,
        learner=learner,
        schedule=make_schedule(cfg, collector, learner),
        gauges=make_gauges(env, agent, replay),
        replay_rng=rng,
        device=device,
    )


def limits_of(cfg: RunCfg) -> Limits:
    """Return the limits of a run; the stop rule ``never`` switches all of them off."""
    if cfg.budget.stop == "never":
        return Limits(0, 0.0, 0.0)
    budget = cfg.budget
    return Limits(budget.env_steps, budget.train_s, budget.until_success)
