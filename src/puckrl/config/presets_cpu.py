"""Define presets for two CPU cores, each with its budget and its promise."""

from dataclasses import replace

from puckrl.agents.settings import (
    MODES,
    DistillCfg,
    ExploreCfg,
    SacCfg,
    Td3Cfg,
    VisionCfg,
)
from puckrl.config.run_cfg import (
    BudgetCfg,
    EvalCfg,
    ExpectCfg,
    LoopCfg,
    PixelsCfg,
    RunCfg,
    SimCfg,
)
from puckrl.nets.layers import EncoderCfg
from puckrl.replay.settings import ReplayCfg, SamplingCfg, relabel_probability

PUSH = RunCfg(
    preset="push",
    task="push",
    # Twin critics and slow target networks raise success from 0.97 to 0.99.
    agent=SacCfg(alpha=0.05, tau=0.02, batch_size=512, hidden=(256, 256), critics=2),
    replay=ReplayCfg(sampling=SamplingCfg(moving_share=0.6)),
    loop=LoopCfg(update_ratio=0.125),
    budget=BudgetCfg(env_steps=320_000, until_success=0.99),
    expect=ExpectCfg(success=0.95, train_s=120.0, takeoff_updates=7_000),
)

REACH = RunCfg(
    preset="reach",
    task="reach",
    sim=SimCfg(num_worlds=16),
    # A goal is ten steps away, so a short discount separates good actions from bad ones
    # sooner; without a cost of actions the actor saturates for a while in one seed of three.
    # Every action moves the gripper, so worlds of random actions have nothing to find.
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
    # These updates take less time than compiling them.
    loop=LoopCfg(
        update_ratio=0.25, warm_up_episodes=16, normalize_episodes=320, compile=False
    ),
    eval=EvalCfg(every_env_steps=800),
    budget=BudgetCfg(env_steps=5_000, until_success=0.99),
    expect=ExpectCfg(success=0.98, train_s=4.0, takeoff_updates=200),
)

# Twice the fresh steps per update and a third layer: with Push's settings success was
# 0.6 after nine minutes, only with goals on the table.
PICK_PLACE = replace(
    PUSH,
    preset="pick-place",
    task="pick-place",
    agent=replace(PUSH.agent, hidden=(256, 256, 256)),
    loop=LoopCfg(update_ratio=0.0625),
    budget=BudgetCfg(env_steps=2_000_000, train_s=1200.0, until_success=0.99),
    eval=EvalCfg(every_env_steps=50_000),
    expect=ExpectCfg(success=0.95, train_s=900.0, takeoff_updates=5_000),
)

SLIDE = replace(
    PICK_PLACE,
    preset="slide",
    task="slide",
    expect=ExpectCfg(takeoff_updates=17_000),
)


# The policy gets a camera, proprioception and the goal. Privileged in training: the
# critics, the auxiliary loss and the teacher that the student imitates use the state.
PUSH_PIXELS = replace(
    PUSH,
    preset="push-pixels",
    pixels=PixelsCfg(viewpoints=("side",), height=32, width=32, stack=3),
    agent=DistillCfg(
        alpha=0.05,
        tau=0.02,
        batch_size=512,
        hidden=(256, 256),
        critics=2,
        max_grad_norm=1.0,
        # 256 needs a tenth fewer updates, but each of them takes a third longer.
        student_batch=128,
        actor_sensors=MODES["pixels"],
        vision=VisionCfg(encoder=EncoderCfg(channels=16), lr=1e-3),
    ),
    replay=ReplayCfg(capacity=400_000, sampling=SamplingCfg(moving_share=0.6)),
    eval=EvalCfg(every_env_steps=20_000),
    budget=BudgetCfg(env_steps=400_000, until_success=0.98),
    expect=ExpectCfg(success=0.95, train_s=720.0, takeoff_updates=7_000),
)

PICK_PLACE_PIXELS = replace(
    PUSH_PIXELS,
    preset="pick-place-pixels",
    task="pick-place",
    agent=replace(PUSH_PIXELS.agent, hidden=PICK_PLACE.agent.hidden),
    loop=PICK_PLACE.loop,
    budget=BudgetCfg(env_steps=2_000_000, until_success=0.98),
    # Measured with one seed beside other jobs: 1232 s.
    expect=ExpectCfg(success=0.95, train_s=1500.0, takeoff_updates=5_000),
)

# No teacher: the critics' loss reaches the policy as in plain SAC.
_ASYMMETRIC = replace(
    PUSH_PIXELS,
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
        vision=VisionCfg(encoder=EncoderCfg(channels=16)),
    ),
    expect=ExpectCfg(success=0.95, train_s=1000.0, takeoff_updates=10_000),
)

# Without proprioception, since with it Reach needs no camera. One view does not show how
# far away the gripper is: with a single one success stays between 0.90 and 0.97.
REACH_PIXELS = replace(
    REACH,
    preset="reach-pixels",
    pixels=replace(PUSH_PIXELS.pixels, viewpoints=("side", "front")),
    agent=DistillCfg(
        gamma=0.8,
        action_l2=0.2,
        batch_size=256,
        hidden=(256, 256),
        max_grad_norm=1.0,
        explore=REACH.agent.explore,
        student_batch=128,
        actor_sensors=MODES["pixels-no-proprio"],
        vision=PUSH_PIXELS.agent.vision,
    ),
    loop=replace(REACH.loop, compile=True),
    replay=ReplayCfg(capacity=100_000),
    budget=BudgetCfg(env_steps=100_000, until_success=0.99),
    eval=EvalCfg(every_env_steps=4_000),
    expect=ExpectCfg(success=0.95, train_s=300.0, takeoff_updates=1_000),
)

# Critics and actor get the same images, so these must locate the object precisely: two
# viewpoints, and an encoder that learns nothing but the goal prediction.
SYMMETRIC = replace(
    _ASYMMETRIC,
    preset="push-pixels-symmetric",
    pixels=REACH_PIXELS.pixels,
    agent=replace(
        _ASYMMETRIC.agent,
        critic_sensors=MODES["pixels"],
        vision=VisionCfg(
            encoder=EncoderCfg(kind="drqv2", channels=16, head="flatten-norm"),
            encoder_gradient="goal-prediction",
            lr=1e-3,
            condition_on_prediction=True,
        ),
    ),
    expect=ExpectCfg(),
)

# The setting of the lessons: the achieved goal contains the object's position, the encoder
# learns from the critics alone, k = 8 hindsight goals, no auxiliary loss.
LESSONS = replace(
    SYMMETRIC,
    preset="push-pixels-lessons",
    pixels=PixelsCfg(viewpoints=("reference",), height=84, width=84, stack=4),
    agent=replace(
        SYMMETRIC.agent,
        actor_sensors=MODES["pixels-goal-both"],
        critic_sensors=MODES["pixels-goal-both"],
        vision=VisionCfg(
            encoder=EncoderCfg(kind="manipulation"),
            encoder_gradient="critic",
            aux_weight=0.0,
        ),
    ),
    replay=ReplayCfg(capacity=400_000, her_ratio=relabel_probability(8)),
)


def _control(name: str, vision: VisionCfg, sensors: tuple[str, ...] = ()) -> RunCfg:
    """Return the lessons' run with one thing changed."""
    given = sensors or MODES["pixels-goal-both"]
    agent = replace(
        LESSONS.agent, vision=vision, actor_sensors=given, critic_sensors=given
    )
    return replace(LESSONS, preset=f"{LESSONS.preset}-{name}", agent=agent)


_VISION = LESSONS.agent.vision
LESSON_RUNS = (
    LESSONS,
    _control("nature", replace(_VISION, encoder=EncoderCfg(kind="nature"))),
    _control("actor-encoder", replace(_VISION, encoder_gradient="actor")),
    _control("drq", replace(_VISION, augment="shift")),
    _control("no-proprio", _VISION, ("pixels", "achieved_goal", "desired_goal")),
)


def _dense(cfg: RunCfg) -> RunCfg:
    """Return the same run with the dense reward."""
    return replace(
        cfg, preset=f"{cfg.preset}-dense", reward="dense", expect=ExpectCfg()
    )


_SPARSE = (REACH, PUSH, SLIDE, PICK_PLACE)
TWO_CORES = (
    *_SPARSE,
    *(_dense(cfg) for cfg in _SPARSE),
    REACH_PIXELS,
    PUSH_PIXELS,
    PICK_PLACE_PIXELS,
    _ASYMMETRIC,
    SYMMETRIC,
    *LESSON_RUNS,
)
"""All presets for two CPU cores."""
