"""Define presets whose goals are pictures, for two CPU cores; none is promised yet.

The policy gets a camera's pixels and a picture of the goal. Privileged in training: teacher
and critics use the state and the goal as a vector, and the encoder learns to predict
positions. The trained policy needs neither.
"""

from dataclasses import replace

from puckrl.agents.settings import MODES
from puckrl.config.presets_cpu import PICK_PLACE_PIXELS, PUSH_PIXELS, REACH_PIXELS
from puckrl.config.run_cfg import BudgetCfg, ExpectCfg, RunCfg


def by_image(cfg: RunCfg, sensors: tuple[str, ...]) -> RunCfg:
    """Return a run from pixels with pictures for goals.

    The policy gets the positions that its encoder predicts of both pictures: without them
    a prototype stayed at the floor.
    """
    vision = replace(cfg.agent.vision, condition_on_prediction=True)
    return replace(
        cfg,
        preset=cfg.preset.replace("pixels", "image-goal"),
        pixels=replace(cfg.pixels, goal_images=True),
        agent=replace(cfg.agent, actor_sensors=sensors, vision=vision),
    )


PUSH_IMAGE_GOAL = replace(
    by_image(PUSH_PIXELS, MODES["image-goal"]),
    budget=BudgetCfg(env_steps=500_000, until_success=0.97),
    expect=ExpectCfg(takeoff_updates=6_000),
)

REACH_IMAGE_GOAL = replace(
    by_image(REACH_PIXELS, MODES["image-goal-no-proprio"]),
    expect=ExpectCfg(takeoff_updates=1_000),
)

# Goals hang up to half a meter above the table: both cameras must show them, and two are
# needed to tell high from far away.
PICK_PLACE_IMAGE_GOAL = replace(
    by_image(PICK_PLACE_PIXELS, MODES["image-goal"]),
    pixels=replace(
        PICK_PLACE_PIXELS.pixels,
        viewpoints=("side-tall", "front-tall"),
        height=48,
        width=48,
        goal_images=True,
    ),
    expect=ExpectCfg(takeoff_updates=5_000),
)

IMAGE_GOALS = (REACH_IMAGE_GOAL, PUSH_IMAGE_GOAL, PICK_PLACE_IMAGE_GOAL)
"""All presets with pictures for goals, for two CPU cores."""
