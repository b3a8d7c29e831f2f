"""Construction of a run from its RunCfg: backends, agents, compilers, schedules.

Cameras and GPU physics are imported only if needed, because importing mujoco_warp takes
seconds.
"""

import logging
from dataclasses import dataclass, replace
from functools import cache

import torch

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.distill import Distill, DistillCfg
from puckrl.agents.sac import Sac, SacCfg
from puckrl.agents.settings import AgentCfg
from puckrl.agents.td3 import Td3, Td3Cfg
from puckrl.config.bounds import check_bounds
from puckrl.config.run_cfg import PixelsCfg, RunCfg, SimCfg
from puckrl.core import team
from puckrl.core.clock import Ratio
from puckrl.core.errors import UserError, unknown
from puckrl.core.rng import generator
from puckrl.core.runtime import has_fast_bf16, pick_device, tune_convolutions
from puckrl.core.types import Spaces
from puckrl.envs.cameras import Cameras, NoCameras
from puckrl.envs.goal_env import GoalEnv
from puckrl.envs.worlds import GoalWorlds
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.runner.compile import fast_round
from puckrl.sim.backend import Sim
from puckrl.sim.cpu import CpuSim
from puckrl.sim.viewpoints import viewpoint
from puckrl.tasks.catalog import make_task
from puckrl.tasks.task import RewardKind, Task
from puckrl.training.collect import Collector
from puckrl.training.gauges import (
    EncoderGauge,
    Gauge,
    NetworkGauge,
    ReplayGauge,
    ValueGauge,
)
from puckrl.training.learner import Learner
from puckrl.training.schedule import Overlapped, Schedule, Sequential

log = logging.getLogger(__name__)

EVAL_WORLDS = 64
_CPU = torch.device("cpu")
NO_PIXELS = PixelsCfg()
_NOTABLE_S = 1.0
EVAL_SEED_OFFSET = 1_000_003  # evaluation never replays a training reset


@dataclass
class Parts:
    """All objects of a run."""

    env: GoalEnv
    """Environment to collect in, with automatic resets."""
    eval_env: GoalEnv
    """Environment to evaluate in, without automatic resets."""
    agent: ActorCritic
    """The agent."""
    replay: EpisodeReplayBuffer
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


def make_env(
    task: str | Task,
    sim: SimCfg,
    *,
    reward: RewardKind = "sparse",
    seed: int = 0,
    auto_reset: bool = True,
    pixels: PixelsCfg = NO_PIXELS,
    device: torch.device = _CPU,
    first_world: int = 0,
) -> GoalEnv:
    """A goal environment from names and numbers, or from a task that is not bound yet.

    Cameras render on ``device``, and ``warp`` simulates there; MuJoCo stays on the CPU.

    Raises:
        UserError: for an unknown name, or a number out of range.
    """
    if sim.num_worlds < 1:
        raise UserError(f"{sim.num_worlds} worlds are too few; use at least one")
    made = task if isinstance(task, Task) else make_task(task, reward)
    worlds = make_sim(made, sim, device)
    cameras = make_cameras(made, worlds, pixels, device)
    return GoalEnv(
        made,
        worlds,
        seed,
        auto_reset=auto_reset,
        cameras=cameras,
        first_world=first_world,
    )


def make_cameras(
    task: Task, sim: Sim, cfg: PixelsCfg, device: torch.device = _CPU
) -> Cameras | NoCameras:
    """Make cameras that render the worlds of ``sim`` on ``device``.

    Raises:
        UserError: for an unknown viewpoint, or a number out of range.
    """
    check_bounds(cfg.randomize, "pixels.randomize.")
    views = [viewpoint(name, task.viewpoints) for name in cfg.viewpoints]
    if not views:
        return NoCameras()
    from puckrl.sim.camera import Camera, CameraCfg

    cameras = [
        Camera(
            sim,
            task.scene(),
            CameraCfg(
                width=cfg.width,
                height=cfg.height,
                viewpoint=view,
                varied=cfg.randomize.on,
            ),
            device,
        )
        for view in views
    ]
    return Cameras(cameras, cfg.stack, cfg.randomize)


def make_sim(task: Task, cfg: SimCfg, device: torch.device) -> Sim:
    """Make the simulation of a task."""
    if cfg.backend == "cpu":
        model = task.scene().compile()
        return CpuSim(model, cfg.num_worlds, cfg.num_threads)
    assert cfg.backend == "warp", cfg.backend
    from puckrl.sim.warp import WarpSim

    if device.type == "cpu":
        log.warning("mujoco_warp without a GPU is for tests; use --sim.backend cpu")
    else:
        _announce_kernels()
    sim = WarpSim(task.limited_scene(cfg.contacts).compile(), cfg.num_worlds, device)
    if sim.compile_s > _NOTABLE_S:
        log.info("physics kernels are ready after %.1f s", sim.compile_s)
    return sim


@cache
def _announce_kernels() -> None:
    """Log once why the first start on a machine takes minutes."""
    log.info("physics kernels: compiling, or loading from ~/.cache/warp; minutes once")


def make_eval_env(
    cfg: RunCfg, worlds: int, seed: int, device: torch.device = _CPU
) -> GoalEnv:
    """Make an environment to evaluate and film in, with CPU physics.

    Its cameras render on ``device``.

    Raises:
        UserError: if ``worlds`` is below 1.
    """
    if worlds < 1:
        raise UserError(f"{worlds} worlds or episodes are too few; use at least one")
    sim = replace(cfg.sim, backend="cpu", num_worlds=worlds)
    return make_env(
        cfg.task,
        sim,
        reward=cfg.reward,
        seed=seed,
        auto_reset=False,
        pixels=cfg.pixels,
        device=device,
    )


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
    match settings:
        case DistillCfg():
            return Distill(settings, *arguments)
        case SacCfg():
            return Sac(settings, *arguments)
        case Td3Cfg():
            return Td3(settings, *arguments)
        case _:
            raise AssertionError(f"no agent for {settings}")


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
    for name in names:
        if name == "pixels" and not spaces.pixels:
            raise UserError(
                "a network gets pixels, but there is no camera; "
                "add one: --pixels.viewpoints side"
            )
        if name not in legal:
            raise unknown("sensor", name, legal)
    if "desired_goal" not in names:
        raise UserError(
            f"the sensors {', '.join(names) or '(none)'} leave out desired_goal: "
            "a network without its goal cannot reach it; add desired_goal"
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
) -> EpisodeReplayBuffer:
    """Make an empty replay buffer; unfinished episodes stay on the worlds' device."""
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
    worlds: GoalWorlds, agent: ActorCritic, replay: EpisodeReplayBuffer
) -> list[Gauge]:
    """Make the gauges of networks and replay buffer, for the doctor."""
    bounds, distance = worlds.reward_bounds, worlds.distance
    best = None if bounds is None else bounds[1]
    return [
        ReplayGauge(replay, worlds.reward, best, distance),
        ValueGauge(agent, replay, distance),
        NetworkGauge(agent, replay),
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


def build(cfg: RunCfg) -> Parts:
    """Make all objects of a run.

    Args:
        cfg: configuration of this process's part of the run; see ``shard``.
    """
    device = pick_device(cfg.device)
    tune_convolutions(device)
    env = make_env(
        cfg.task,
        cfg.sim,
        reward=cfg.reward,
        seed=cfg.seed,
        pixels=cfg.pixels,
        device=device,
        first_world=team.rank() * cfg.sim.num_worlds,
    )
    eval_worlds = min(EVAL_WORLDS, cfg.eval.episodes)
    agent = make_agent(cfg, env.spaces, device, env.reward_bounds)
    fast = fast_round(agent, compiled=cfg.loop.compile)
    replay = make_replay(cfg, env, device)
    rng = generator(cfg.seed, "replay", device)
    learner = Learner(
        agent,
        replay,
        Ratio(cfg.loop.update_ratio),
        rng,
        warm_up_episodes=cfg.loop.warm_up_episodes,
        normalize_episodes=cfg.loop.normalize_episodes,
        run=fast.run,
        compiles=fast.compiles,
    )
    collector = Collector(env, replay)
    return Parts(
        env=env,
        eval_env=make_eval_env(cfg, eval_worlds, cfg.seed, device),
        agent=agent,
        replay=replay,
        collector=collector,
        learner=learner,
        schedule=make_schedule(cfg, collector, learner),
        gauges=make_gauges(env, agent, replay),
        replay_rng=rng,
        device=device,
    )
