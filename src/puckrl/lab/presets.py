"""Named runs, each with its budget and the bounds it is held to."""

from dataclasses import replace

from puckrl.agents.distill import DistillCfg
from puckrl.agents.explore import ExploreCfg
from puckrl.agents.sac import SacCfg
from puckrl.agents.settings import MODES
from puckrl.agents.sight import SightCfg
from puckrl.agents.td3 import Td3Cfg
from puckrl.core.errors import unknown
from puckrl.lab.config import (
    BudgetCfg,
    EvalCfg,
    ExpectCfg,
    LoopCfg,
    PixelsCfg,
    RunCfg,
    SimCfg,
)
from puckrl.nets.encoders import EncoderCfg
from puckrl.replay.episodes import ReplayCfg
from puckrl.replay.her import relabel_probability
from puckrl.replay.sampling import SamplingCfg

_PUSH = RunCfg(
    preset="push",
    task="push",
    # Twin critics and slow targets are what lifts it from 0.97 to 0.99.
    agent=SacCfg(alpha=0.05, tau=0.02, batch_size=512, hidden=(256, 256), critics=2),
    replay=ReplayCfg(sampling=SamplingCfg(moving_share=0.6)),
    loop=LoopCfg(update_ratio=0.125),
    budget=BudgetCfg(env_steps=320_000, until_success=0.99),
    expect=ExpectCfg(success=0.95, train_s=120.0, takeoff_updates=7_000),
)

_REACH = RunCfg(
    preset="reach",
    task="reach",
    sim=SimCfg(num_worlds=16),
    # A goal is ten steps away, so a short discount tells good actions from bad ones
    # sooner; without a price on effort one seed in three saturates and waits.
    # Every action moves the gripper: there is nothing for explorers to find.
    agent=Td3Cfg(
        gamma=0.8,
        tau=0.1,
        hidden=(64, 64),
        batch_size=256,
        critic_lr=2e-3,
        actor_lr=2e-3,
        actor_delay=1,
        action_l2=0.2,
        explore=ExploreCfg(random_share=0.2, explorer_share=0.0, corners=False),
    ),
    # So few updates are over before a compiler is.
    loop=LoopCfg(
        update_ratio=0.25, warm_up_episodes=16, normalise_episodes=320, compile=False
    ),
    eval=EvalCfg(every_env_steps=800),
    budget=BudgetCfg(env_steps=5_000, until_success=0.99),
    expect=ExpectCfg(success=0.98, train_s=4.0, takeoff_updates=200),
)

# Twice the fresh steps per update and a third layer: with Push's rhythm it stood at 0.6,
# the goals on the table, after nine minutes.
_PICK_PLACE = replace(
    _PUSH,
    preset="pick-place",
    task="pick-place",
    agent=replace(_PUSH.agent, hidden=(256, 256, 256)),
    loop=LoopCfg(update_ratio=0.0625),
    budget=BudgetCfg(env_steps=2_000_000, wall_s=1200.0, until_success=0.99),
    eval=EvalCfg(every_env_steps=50_000),
    expect=ExpectCfg(success=0.95, train_s=900.0, takeoff_updates=5_000),
)

_SLIDE = replace(
    _PICK_PLACE,
    preset="slide",
    task="slide",
    expect=ExpectCfg(takeoff_updates=17_000),
)


# Honest: the policy sees a camera, what the robot measures itself, and the goal. Critics
# and auxiliary loss know the state, and so does the teacher that the policy imitates; all
# three are thrown away after training.
_PUSH_PIXELS = replace(
    _PUSH,
    preset="push-pixels",
    pixels=PixelsCfg(viewpoints=("side",), height=32, width=32, stack=3),
    agent=DistillCfg(
        alpha=0.05,
        tau=0.02,
        batch_size=512,
        hidden=(256, 256),
        critics=2,
        max_grad_norm=1.0,
        # 256 saves a tenth of the updates, and makes each of them a third slower.
        student_batch=128,
        actor_sensors=MODES["pixels"],
        sight=SightCfg(encoder=EncoderCfg(channels=16), lr=1e-3),
    ),
    replay=ReplayCfg(capacity=400_000, sampling=SamplingCfg(moving_share=0.6)),
    eval=EvalCfg(every_env_steps=20_000),
    budget=BudgetCfg(env_steps=400_000, until_success=0.98),
    expect=ExpectCfg(success=0.95, train_s=720.0, takeoff_updates=7_000),
)

_PICK_PLACE_PIXELS = replace(
    _PUSH_PIXELS,
    preset="pick-place-pixels",
    task="pick-place",
    agent=replace(_PUSH_PIXELS.agent, hidden=_PICK_PLACE.agent.hidden),
    loop=_PICK_PLACE.loop,
    budget=BudgetCfg(env_steps=2_000_000, until_success=0.98),
    # One seed, on busy cores: 1232 s.
    expect=ExpectCfg(success=0.95, train_s=1500.0, takeoff_updates=5_000),
)

# No teacher: the critics' loss reaches the policy as in plain SAC.
_ASYMMETRIC = replace(
    _PUSH_PIXELS,
    preset="push-pixels-asymmetric",
    agent=SacCfg(
        alpha=0.05,
        tau=0.02,
        batch_size=256,
        hidden=(256, 256),
        critics=2,
        actor_lr=3e-4,
        max_grad_norm=1.0,
        actor_sensors=MODES["pixels"],
        sight=SightCfg(encoder=EncoderCfg(channels=16)),
    ),
    expect=ExpectCfg(success=0.95, train_s=720.0, takeoff_updates=10_000),
)

# Without proprioception: with it, Reach needs no camera. One view does not tell how far
# away the gripper is: with it alone the policy stands between 0.90 and 0.97.
_REACH_PIXELS = replace(
    _REACH,
    preset="reach-pixels",
    pixels=replace(_PUSH_PIXELS.pixels, viewpoints=("side", "front")),
    agent=DistillCfg(
        gamma=0.8,
        action_l2=0.2,
        batch_size=256,
        hidden=(256, 256),
        max_grad_norm=1.0,
        explore=_REACH.agent.explore,
        student_batch=128,
        actor_sensors=MODES["pixels-no-proprio"],
        sight=_PUSH_PIXELS.agent.sight,
    ),
    loop=replace(_REACH.loop, compile=True),
    replay=ReplayCfg(capacity=100_000),
    budget=BudgetCfg(env_steps=100_000, until_success=0.99),
    eval=EvalCfg(every_env_steps=4_000),
    expect=ExpectCfg(success=0.95, train_s=300.0, takeoff_updates=1_000),
)

# The critics see what the actor sees, and train the encoder that both share.
_SYMMETRIC = replace(
    _ASYMMETRIC,
    preset="push-pixels-symmetric",
    agent=replace(
        _ASYMMETRIC.agent,
        critic_sensors=MODES["pixels"],
        sight=replace(_ASYMMETRIC.agent.sight, encoder_gradient="critic"),
    ),
    expect=ExpectCfg(),
)

# The setting of the lessons: the object's position comes with the achieved goal, the
# encoder learns from the critics alone, k = 8 hindsight goals, no help besides.
_LESSONS = replace(
    _SYMMETRIC,
    preset="push-pixels-lessons",
    pixels=PixelsCfg(viewpoints=("reference",), height=84, width=84, stack=4),
    agent=replace(
        _SYMMETRIC.agent,
        actor_sensors=MODES["pixels-goal-both"],
        critic_sensors=MODES["pixels-goal-both"],
        sight=SightCfg(
            encoder=EncoderCfg(kind="manipulation"),
            encoder_gradient="critic",
            aux_weight=0.0,
        ),
    ),
    replay=ReplayCfg(capacity=400_000, her_ratio=relabel_probability(8)),
)


def _control(name: str, sight: SightCfg, sensors: tuple[str, ...] = ()) -> RunCfg:
    """The lessons' run with one thing changed."""
    seen = sensors or MODES["pixels-goal-both"]
    agent = replace(
        _LESSONS.agent, sight=sight, actor_sensors=seen, critic_sensors=seen
    )
    return replace(_LESSONS, preset=f"{_LESSONS.preset}-{name}", agent=agent)


_SEEN = _LESSONS.agent.sight
_LESSON_RUNS = (
    _LESSONS,
    _control("nature", replace(_SEEN, encoder=EncoderCfg(kind="nature"))),
    _control("actor-encoder", replace(_SEEN, encoder_gradient="actor")),
    _control("drq", replace(_SEEN, augment="shift")),
    _control("no-proprio", _SEEN, ("pixels", "achieved_goal", "desired_goal")),
)
_PIXELS = (
    _REACH_PIXELS,
    _PUSH_PIXELS,
    _PICK_PLACE_PIXELS,
    _ASYMMETRIC,
    _SYMMETRIC,
    *_LESSON_RUNS,
)


def _on_gpu(
    cfg: RunCfg, *, batch: int, expect: ExpectCfg, overlap: bool = True
) -> RunCfg:
    """The same run for one data-centre GPU: physics, replay and learning stay on it.

    Steps are cheap there and small products cost no less than large ones, so there are
    more worlds, larger batches and networks, and fewer updates per step. Physics leaves
    out the robot's contacts with itself; success is judged with them. Short runs from
    state do not overlap: a turn's delay costs them what it gains.
    """
    agent = replace(cfg.agent, batch_size=batch, hidden=(256, 256, 256))
    return replace(
        cfg,
        preset=f"{cfg.preset}-gpu",
        device="cuda",
        sim=SimCfg(backend="warp", contacts="hand", num_worlds=1024),
        agent=agent,
        loop=LoopCfg(update_ratio=0.0625, turn_steps=10, overlap=overlap),
        replay=replace(cfg.replay, capacity=1_000_000),
        eval=EvalCfg(every_env_steps=60_000, episodes=512),
        budget=BudgetCfg(env_steps=1_500_000, until_success=0.99),
        expect=expect,
    )


_PIXELS_GPU = replace(_PUSH_PIXELS.pixels, height=64, width=64)
# A hit decides everything, so what is learned of it must be precise: wider networks,
# larger batches, less noise, and a discount that sees the end from the hit.
_SLIDE_GPU = _on_gpu(_SLIDE, batch=2048, expect=ExpectCfg(takeoff_updates=15_000))
_SLIDE_GPU = replace(
    _SLIDE_GPU,
    sim=replace(_SLIDE_GPU.sim, num_worlds=2048),
    agent=replace(_SLIDE_GPU.agent, gamma=0.97, alpha=0.02, hidden=(512, 512, 512)),
    eval=replace(_SLIDE_GPU.eval, every_env_steps=500_000),
    budget=BudgetCfg(env_steps=10_000_000, until_success=0.9),
)
_PUSH_PIXELS_GPU = _on_gpu(
    replace(
        _PUSH_PIXELS,
        pixels=_PIXELS_GPU,
        agent=replace(_PUSH_PIXELS.agent, student_batch=256, sight=SightCfg(lr=1e-3)),
    ),
    batch=1024,
    expect=ExpectCfg(success=0.99, train_s=60.0, takeoff_updates=5_000),
)
_PICK_PLACE_PIXELS_GPU = _on_gpu(
    replace(_PICK_PLACE_PIXELS, pixels=_PIXELS_GPU, agent=_PUSH_PIXELS_GPU.agent),
    batch=1024,
    expect=ExpectCfg(success=0.95, train_s=300.0, takeoff_updates=9_000),
)

_SYMMETRIC_GPU = _on_gpu(
    replace(
        _SYMMETRIC,
        pixels=_PIXELS_GPU,
        agent=replace(_SYMMETRIC.agent, sight=SightCfg(encoder_gradient="critic")),
    ),
    batch=512,
    expect=ExpectCfg(success=0.95, train_s=1200.0, takeoff_updates=15_000),
)
# It was at 0.58 after 666,000 env steps, and climbing.
_SYMMETRIC_GPU = replace(
    _SYMMETRIC_GPU, budget=replace(_SYMMETRIC_GPU.budget, env_steps=4_000_000)
)


def _lessons_on_gpu(cfg: RunCfg, expect: ExpectCfg) -> RunCfg:
    """84 x 84 in stacks of four, with a budget of twice what the lessons' run took.

    Batches are those of Stable-Baselines3, which the lessons used. Updates take most of
    the time, so there are twice as many fresh steps between two.
    """
    made = _on_gpu(cfg, batch=256, expect=expect)
    loop = replace(made.loop, update_ratio=0.03125)
    budget = BudgetCfg(env_steps=7_000_000, until_success=0.95)
    return replace(made, loop=loop, eval=EvalCfg(200_000, episodes=256), budget=budget)


_GPU = (
    _on_gpu(
        _PUSH,
        batch=1024,
        expect=ExpectCfg(success=0.99, train_s=20.0, takeoff_updates=5_000),
        overlap=False,
    ),
    _on_gpu(
        _PICK_PLACE,
        batch=1024,
        expect=ExpectCfg(success=0.99, train_s=60.0, takeoff_updates=9_000),
        overlap=False,
    ),
    _SLIDE_GPU,
    _PUSH_PIXELS_GPU,
    _PICK_PLACE_PIXELS_GPU,
    _SYMMETRIC_GPU,
    _lessons_on_gpu(
        _LESSONS, ExpectCfg(success=0.95, train_s=240.0, takeoff_updates=20_000)
    ),
    *(_lessons_on_gpu(cfg, ExpectCfg()) for cfg in _LESSON_RUNS[1:]),
)


def _dense(cfg: RunCfg) -> RunCfg:
    """The same run on the dense reward."""
    return replace(
        cfg, preset=f"{cfg.preset}-dense", reward="dense", expect=ExpectCfg()
    )


_SPARSE = (_REACH, _PUSH, _SLIDE, _PICK_PLACE)
PRESETS: dict[str, RunCfg] = {
    cfg.preset: cfg
    for cfg in (*_SPARSE, *(_dense(cfg) for cfg in _SPARSE), *_PIXELS, *_GPU)
}
"""Every preset by name."""


def preset(name: str) -> RunCfg:
    """A preset by name; ``path/to/file.py:ClassName`` gets the defaults for a new task.

    Raises:
        UserError: for an unknown name.
    """
    if ":" in name:
        task = name.rpartition(":")[2].lower()
        return replace(_PUSH, preset=task, task=name, expect=ExpectCfg())
    if name not in PRESETS:
        raise unknown("preset", name, [*PRESETS, "path/to/file.py:ClassName"])
    return PRESETS[name]
