"""RunCfg -> live objects; the only place that picks backends, agents and compilers.

Cameras and the GPU's physics are imported by whoever asks for them: mujoco_warp takes
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
from puckrl.core.runtime import has_fast_bf16, pick_device
from puckrl.core.types import Spaces
from puckrl.envs.cameras import Cameras, NoCameras
from puckrl.envs.goal_env import GoalEnv
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.runner.compile import speed_up
from puckrl.runner.shard import share
from puckrl.sim.backend import Sim
from puckrl.sim.cpu import CpuSim
from puckrl.sim.viewpoints import viewpoint
from puckrl.tasks.catalog import make_task
from puckrl.tasks.task import RewardKind, Task
from puckrl.training.gauges import (
    EncoderGauge,
    Gauge,
    NetworkGauge,
    ReplayGauge,
    ValueGauge,
)
from puckrl.training.learner import Learner
from puckrl.training.rollout import Collector
from puckrl.training.schedule import Overlapped, Schedule, Sequential

log = logging.getLogger(__name__)

EVAL_WORLDS = 64
_CPU = torch.device("cpu")
NO_PIXELS = PixelsCfg()
_NOTABLE_S = 1.0
EVAL_SEED_OFFSET = 1_000_003  # evaluation never replays a training reset


@dataclass
class Parts:
    """Everything alive in a run."""

    env: GoalEnv
    """Collects; resets itself."""
    eval_env: GoalEnv
    """Judges; does not."""
    agent: ActorCritic
    """Acts and learns."""
    replay: EpisodeReplayBuffer
    """Remembers."""
    collector: Collector
    """Plays the agent into the replay."""
    learner: Learner
    """Updates the agent from the replay."""
    turn: Schedule
    """Collects and learns, in turn or overlapped."""
    gauges: list[Gauge]
    """Look into networks and replay at evaluation times."""
    replay_rng: torch.Generator
    """Draws batches."""
    device: torch.device
    """Where agent and replay live."""


def make_env(
    task: str,
    sim: SimCfg,
    *,
    reward: RewardKind = "sparse",
    seed: int = 0,
    auto_reset: bool = True,
    pixels: PixelsCfg = NO_PIXELS,
    device: torch.device = _CPU,
    first_world: int = 0,
) -> GoalEnv:
    """A goal environment from names and numbers.

    Cameras draw on ``device``, and ``warp`` computes there; MuJoCo stays on the CPU.
    """
    if sim.num_worlds < 1:
        raise UserError(f"{sim.num_worlds} worlds; at least one")
    made = make_task(task, reward)
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
    """Cameras that look at the worlds of ``sim`` and draw them on ``device``.

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
    """The physics of a task."""
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
    """Say once what the first start on a machine waits for."""
    log.info("physics kernels: compiling, or loading from ~/.cache/warp; minutes once")


def make_eval_env(
    cfg: RunCfg, worlds: int, seed: int, device: torch.device = _CPU
) -> GoalEnv:
    """The environment that judges and is filmed: its own worlds, on the C engine.

    Its cameras draw on ``device``.

    Raises:
        UserError: if there is to be no world.
    """
    if worlds < 1:
        raise UserError(f"{worlds} worlds or episodes show nothing; at least one")
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


def make_agent(cfg: RunCfg, spaces: Spaces, device: torch.device) -> ActorCritic:
    """A fresh agent.

    Raises:
        UserError: if it is to see a sensor that is not there, no goal, or pixels where
            nobody looks at them.
    """
    settings = _at_hand(cfg.agent, device)
    check_sensors(settings, spaces)
    # A sparse reward lies in [-1, 0]; a dense one has no bound that clipping could use.
    bounds = (-1.0, 0.0) if cfg.reward == "sparse" else None
    if isinstance(settings, DistillCfg):
        return Distill(settings, spaces, bounds, cfg.seed, device)
    if isinstance(settings, SacCfg):
        return Sac(settings, spaces, bounds, cfg.seed, device)
    assert isinstance(settings, Td3Cfg), settings
    return Td3(settings, spaces, bounds, cfg.seed, device)


def check_sensors(cfg: AgentCfg, spaces: Spaces) -> None:
    """Refuse what no network could see, or learn from.

    Raises:
        UserError: for a sensor that is not there, a network that is not told its goal,
            and critics beside a teacher that would see pixels.
    """
    for names in (cfg.actor_sensors, cfg.critic_sensors):
        _check_sensors(names, spaces)
    if isinstance(cfg, DistillCfg) and "pixels" in cfg.critic_sensors:
        raise UserError(
            "beside a teacher the critics see no pixels; leave them out of "
            "--agent.critic-sensors, or train without a teacher: push-pixels-symmetric"
        )


def _check_sensors(names: tuple[str, ...], spaces: Spaces) -> None:
    """The list of one network."""
    legal = ["state", *spaces.sensors, "achieved_goal", "desired_goal"]
    legal += ["pixels"] if spaces.pixels else []
    for name in names:
        if name == "pixels" and not spaces.pixels:
            raise UserError(
                "a network is to see pixels, but there is no camera; "
                "add one: --pixels.viewpoints side"
            )
        if name not in legal:
            raise unknown("sensor", name, legal)
    if "desired_goal" not in names:
        raise UserError(
            f"the sensors {', '.join(names) or '(none)'} leave out desired_goal: "
            "a network that is not shown its goal cannot reach it; add desired_goal"
        )


def _at_hand(cfg: AgentCfg, device: torch.device) -> AgentCfg:
    """float32 where bfloat16 would be emulated."""
    if cfg.precision == "bf16" and not has_fast_bf16(device):
        what = "CPU" if device.type == "cpu" else "GPU"
        log.info("this %s has no bfloat16 products: using float32", what)
        return replace(cfg, precision="fp32")
    return cfg


def make_replay(cfg: RunCfg, env: GoalEnv, device: torch.device) -> EpisodeReplayBuffer:
    """An empty replay; episodes under way stay where the simulation is."""
    task = env.task
    return EpisodeReplayBuffer(
        cfg.replay,
        env.spaces,
        env.num_worlds,
        task.reward,
        task.terminated,
        device,
        env.sim.device,
        task.distance,
    )


def make_gauges(
    cfg: RunCfg, task: Task, agent: ActorCritic, replay: EpisodeReplayBuffer
) -> list[Gauge]:
    """What the doctor wants to know of networks and replay."""
    best = 0.0 if cfg.reward == "sparse" else None
    return [
        ReplayGauge(replay, task.reward, best, task.distance),
        ValueGauge(agent, replay, task.distance),
        NetworkGauge(agent, replay),
        *(
            EncoderGauge(s.vision, replay, task.distance if s.guesses else None)
            for s in agent.looks.sights.values()
        ),
    ]


def make_schedule(cfg: RunCfg, collector: Collector, learner: Learner) -> Schedule:
    """How collecting and learning take turns."""
    spaces, agent = collector.env.spaces, learner.agent
    steps = cfg.loop.collect_steps or spaces.horizon
    if not cfg.loop.overlap:
        return Sequential(collector, learner, steps)
    stand_in = make_agent(cfg, spaces, agent.device)
    stand_in.explore_like(agent)
    return Overlapped(collector, learner, stand_in, steps)


def build(cfg: RunCfg) -> Parts:
    """Everything that a run needs, fresh; this process's part of it."""
    device, cfg = pick_device(cfg.device), share(cfg)
    env = make_env(
        cfg.task,
        cfg.sim,
        reward=cfg.reward,
        seed=cfg.seed,
        pixels=cfg.pixels,
        device=device,
        first_world=team.rank() * cfg.sim.num_worlds,
    )
    judged = min(EVAL_WORLDS, cfg.eval.episodes)
    agent = make_agent(cfg, env.spaces, device)
    slow_start = speed_up(agent, compiled=cfg.loop.compile)
    replay = make_replay(cfg, env, device)
    rng = generator(cfg.seed, "replay", device)
    learner = Learner(
        agent,
        replay,
        Ratio(cfg.loop.update_ratio),
        rng,
        warm_up_episodes=cfg.loop.warm_up_episodes,
        normalize_episodes=cfg.loop.normalize_episodes,
        slow_start=slow_start,
    )
    collector = Collector(env, replay, device)
    return Parts(
        env=env,
        eval_env=make_eval_env(cfg, judged, cfg.seed, device),
        agent=agent,
        replay=replay,
        collector=collector,
        learner=learner,
        turn=make_schedule(cfg, collector, learner),
        gauges=make_gauges(cfg, env.task, agent, replay),
        replay_rng=rng,
        device=device,
    )
