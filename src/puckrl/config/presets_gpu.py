"""Adapt the presets for two CPU cores to one data-center GPU."""

from dataclasses import replace

from puckrl.config.presets_cpu import (
    LESSON_RUNS,
    LESSONS,
    PICK_PLACE,
    PICK_PLACE_PIXELS,
    PUSH,
    PUSH_PIXELS,
    SLIDE,
    SYMMETRIC,
)
from puckrl.config.presets_image_goal import (
    PICK_PLACE_IMAGE_GOAL,
    PUSH_IMAGE_GOAL,
    REACH_IMAGE_GOAL,
)
from puckrl.config.presets_peg import PEG_INSERT
from puckrl.config.run_cfg import BudgetCfg, EvalCfg, ExpectCfg, LoopCfg, RunCfg, SimCfg


def _on_gpu(
    cfg: RunCfg,
    *,
    batch: int,
    expect: ExpectCfg,
    overlap: bool = True,
    until: float = 0.99,
) -> RunCfg:
    """Return the same run with physics, replay buffer and learning on one GPU.

    Steps are cheap there, and small products take as long as large ones, so there are
    more worlds, larger batches and networks, and fewer updates per step. Physics leaves
    out the robot's contacts with itself; evaluation has them. The shortest run does not
    overlap: it loses as much by the delay of one iteration as it gains.
    """
    agent = replace(cfg.agent, batch_size=batch, hidden=(256, 256, 256))
    return replace(
        cfg,
        preset=f"{cfg.preset}-gpu",
        device="cuda",
        sim=SimCfg(backend="warp", contacts="hand", num_worlds=1024),
        agent=agent,
        loop=LoopCfg(update_ratio=0.0625, collect_steps=10, overlap=overlap),
        replay=replace(cfg.replay, capacity=1_000_000),
        eval=EvalCfg(every_env_steps=60_000, episodes=512),
        budget=BudgetCfg(env_steps=1_500_000, until_success=until),
        expect=expect,
    )


def _larger(cfg: RunCfg) -> RunCfg:
    """Return the same run with four times the pixels and twice the channels."""
    vision = cfg.agent.vision
    vision = replace(vision, encoder=replace(vision.encoder, channels=32))
    pixels = replace(cfg.pixels, height=64, width=64)
    return replace(cfg, pixels=pixels, agent=replace(cfg.agent, vision=vision))


# A single hit decides the episode, so its value must be precise: wider networks, larger
# batches, less noise, and a discount that reaches from the hit to the end.
_SLIDE_GPU = _on_gpu(SLIDE, batch=2048, expect=ExpectCfg(takeoff_updates=15_000))
_SLIDE_GPU = replace(
    _SLIDE_GPU,
    sim=replace(_SLIDE_GPU.sim, num_worlds=2048),
    agent=replace(_SLIDE_GPU.agent, gamma=0.97, alpha=0.02, hidden=(512, 512, 512)),
    eval=replace(_SLIDE_GPU.eval, every_env_steps=500_000),
    budget=BudgetCfg(env_steps=10_000_000, until_success=0.9),
)
_STUDENT_GPU = replace(PUSH_PIXELS.agent, student_batch=256)
_PUSH_PIXELS_GPU = _on_gpu(
    _larger(replace(PUSH_PIXELS, agent=_STUDENT_GPU)),
    batch=1024,
    expect=ExpectCfg(success=0.99, train_s=60.0, takeoff_updates=5_000),
)
_PICK_PLACE_PIXELS_GPU = _on_gpu(
    _larger(replace(PICK_PLACE_PIXELS, agent=_STUDENT_GPU)),
    batch=1024,
    expect=ExpectCfg(success=0.95, train_s=300.0, takeoff_updates=9_000),
)

_SYMMETRIC_GPU = _on_gpu(
    _larger(SYMMETRIC),
    batch=512,
    until=0.95,
    expect=ExpectCfg(success=0.95, train_s=180.0, takeoff_updates=10_000),
)


def _lessons_on_gpu(cfg: RunCfg, expect: ExpectCfg) -> RunCfg:
    """Return a lessons' run for a GPU, with twice the env steps that it took.

    The batch size is that of Stable-Baselines3, which the lessons used. Updates take most
    of the time, so there are twice the fresh steps per update.
    """
    made = _on_gpu(cfg, batch=256, expect=expect)
    loop = replace(made.loop, update_ratio=0.03125)
    budget = BudgetCfg(env_steps=7_000_000, until_success=0.95)
    return replace(made, loop=loop, eval=EvalCfg(200_000, episodes=256), budget=budget)


def _image_goal_on_gpu(cfg: RunCfg, *, batch: int, until: float) -> RunCfg:
    """Return a run with pictures for goals, with more of them in a batch."""
    larger = _larger(replace(cfg, agent=replace(cfg.agent, student_batch=256)))
    return _on_gpu(larger, batch=batch, until=until, expect=ExpectCfg())


# Nothing but the peg and its hole touches: there are no contacts to leave out.
_PEG_INSERT_GPU = _on_gpu(PEG_INSERT, batch=1024, expect=ExpectCfg(), overlap=False)
_PEG_INSERT_GPU = replace(
    _PEG_INSERT_GPU, sim=replace(_PEG_INSERT_GPU.sim, contacts=PEG_INSERT.sim.contacts)
)

ONE_GPU = (
    _on_gpu(
        PUSH,
        batch=1024,
        expect=ExpectCfg(success=0.99, train_s=20.0, takeoff_updates=5_000),
        overlap=False,
    ),
    _on_gpu(
        PICK_PLACE,
        batch=1024,
        expect=ExpectCfg(success=0.99, train_s=60.0, takeoff_updates=9_000),
    ),
    _SLIDE_GPU,
    _PUSH_PIXELS_GPU,
    _PICK_PLACE_PIXELS_GPU,
    _SYMMETRIC_GPU,
    _lessons_on_gpu(
        LESSONS, ExpectCfg(success=0.95, train_s=240.0, takeoff_updates=20_000)
    ),
    _image_goal_on_gpu(REACH_IMAGE_GOAL, batch=512, until=0.99),
    _image_goal_on_gpu(PUSH_IMAGE_GOAL, batch=1024, until=0.98),
    _image_goal_on_gpu(PICK_PLACE_IMAGE_GOAL, batch=1024, until=0.95),
    _PEG_INSERT_GPU,
    *(_lessons_on_gpu(cfg, ExpectCfg()) for cfg in LESSON_RUNS[1:]),
)
"""All presets for one GPU."""
