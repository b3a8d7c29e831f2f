"""Check a configuration before anything runs: errors, warnings and notes in words.

Each rule is a lesson that cost somebody days. An error stops the run; a warning asks
for a second look. Rules read the configuration and the task's sizes, never a simulation.
"""

from collections.abc import Iterator

from puckrl.agents.settings import DistillCfg, sensors_of
from puckrl.config.conflicts_memory import may_need_memory, memory
from puckrl.config.conflicts_vision import (
    coarse_encoder,
    self_supervised,
    shift_augmentation,
    untrained_encoder,
)
from puckrl.config.notices import Notice, Rule
from puckrl.config.run_cfg import RunCfg
from puckrl.core.spaces import Spaces
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.stopping import budget_updates

_LOW_RATIO, _BATCH = 0.02, 512
_PIXEL_TAKEOFF = 10_000  # updates, where a preset has none of its own
# A control step of push with 512 worlds takes 16.9 ms, with one 8.3 (H100,
# results/sim_warp.csv); with fewer, a step costs almost the same and gives less.
_FEW_WORLDS = 512


def conflicts(cfg: RunCfg, spaces: Spaces) -> list[Notice]:
    """Return the notices of all rules, errors first."""
    found = [notice for rule in RULES for notice in rule(cfg, spaces)]
    return sorted(found, key=Notice.rank)


def unused_camera(cfg: RunCfg, spaces: Spaces) -> Iterator[Notice]:
    """Warn of images that are rendered but reach no network."""
    if cfg.pixels.viewpoints and "pixels" not in sensors_of(cfg.agent):
        yield Notice(
            "warning",
            "cameras render images, but no network gets them; add pixels to "
            "--agent.actor-sensors or drop --pixels.viewpoints",
        )


def goal_images(cfg: RunCfg, spaces: Spaces) -> Iterator[Notice]:
    """Check that pictures of goals are rendered for somebody, and say what they show."""
    shown, mix = "goal_image" in sensors_of(cfg.agent), cfg.replay.goal_images
    if cfg.pixels.goal_images and not shown:
        yield Notice(
            "warning",
            "pictures of goals are rendered, but no network gets them; add goal_image to "
            "--agent.actor-sensors, or use --pixels.no-goal-images",
        )
    if not shown:
        return
    if not cfg.pixels.goal_images:
        yield Notice(
            "error",
            "a network gets goal_image, but goals are not rendered; add "
            "--pixels.goal-images",
        )
    if mix.future + mix.other > 1.0:
        yield Notice(
            "error",
            f"--replay.goal-images.future {mix.future:g} and .other {mix.other:g} are more "
            "than all goals of a batch; lower one of them",
        )
    if cfg.agent.vision.augment != "none":
        yield Notice(
            "error",
            f"--agent.vision.augment {cfg.agent.vision.augment} changes pixels but not the "
            "pictures of goals that they are compared with; use none",
        )
    if {"goal_image", "desired_goal"} <= set(cfg.agent.actor_sensors):
        yield Notice(
            "warning",
            "beside the picture of its goal the actor gets desired_goal, which says all "
            "that the picture shows; leave one of them out",
        )


def missing_sensor(cfg: RunCfg, spaces: Spaces) -> Iterator[Notice]:
    """Warn of an actor that lacks a sensor, or a camera that adds nothing."""
    sensors = cfg.agent.actor_sensors
    if "pixels" in sensors and "proprio" in spaces.sensors:
        if not {"proprio", "state"} & set(sensors):
            yield Notice(
                "warning",
                "without proprio the actor must infer its own gripper from pixels; add "
                "proprio to --agent.actor-sensors unless that is what you study",
            )
        elif set(spaces.sensors) == {"proprio"}:
            yield Notice(
                "warning",
                "with proprio this task needs no camera, since nothing else moves; use its "
                "state preset, or drop proprio to study the camera",
            )
    if "object" in spaces.sensors and not {"pixels", "state", "object"} & set(sensors):
        yield Notice(
            "warning",
            "the actor gets neither state, object nor pixels: it knows at best where the "
            "object is, from the achieved goal, but not its orientation or velocity; add "
            "one of them to --agent.actor-sensors",
        )


def distillation(cfg: RunCfg, spaces: Spaces) -> Iterator[Notice]:
    """Check that the teacher knows more than the student, and the critics no pixels."""
    if not isinstance(cfg.agent, DistillCfg):
        return
    if "pixels" in cfg.agent.critic_sensors:
        yield Notice(
            "error",
            "the critics judge a privileged teacher, which acts on the state; take pixels "
            "out of --agent.critic-sensors",
        )
    if "state" in cfg.agent.actor_sensors:
        yield Notice(
            "warning",
            "the student gets the state, as its teacher does, so distillation gains "
            "nothing; use the preset without it",
        )


def privileged_information(cfg: RunCfg, spaces: Spaces) -> Iterator[Notice]:
    """Note which information the policy needs once it is trained."""
    actor, critic = set(cfg.agent.actor_sensors), set(cfg.agent.critic_sensors)
    if "pixels" not in actor:
        return
    if actor & {"achieved_goal", "object", "state"}:
        yield Notice(
            "note",
            "besides pixels the actor gets the object's position "
            f"({', '.join(sorted(actor & {'achieved_goal', 'object', 'state'}))}), "
            "which a robot with a camera does not have",
        )
    if "pixels" not in critic:
        distilled = isinstance(cfg.agent, DistillCfg)
        privileged = "teacher and critics" if distilled else "critics"
        yield Notice(
            "note",
            f"asymmetric actor-critic: the {privileged} use the state, in training only; "
            "the trained policy does not need it",
        )


def too_few_updates(cfg: RunCfg, spaces: Spaces) -> Iterator[Notice]:
    """Warn of a low update ratio, and of a budget that ends before the take-off."""
    samples = cfg.loop.update_ratio * cfg.agent.batch_size
    if cfg.loop.update_ratio < _LOW_RATIO and samples < _LOW_RATIO * _BATCH:
        yield Notice(
            "warning",
            f"{cfg.loop.update_ratio:g} updates per env step is very low; raise "
            "--loop.update-ratio, or plot curves over updates",
        )
    updates = cfg.budget.env_steps * cfg.loop.update_ratio
    from_pixels = "pixels" in cfg.agent.actor_sensors and "object" in spaces.sensors
    usual = cfg.expect.takeoff_updates or (_PIXEL_TAKEOFF if from_pixels else 0)
    wanted = budget_updates(RunFacts(usual_takeoff_updates=usual)) if usual else 0
    if 0 < updates < wanted:
        yield Notice(
            "warning",
            f"the budget ends after {updates:,.0f} updates, and such a run takes off after "
            f"about {usual:,.0f}; plan for at least {wanted:,.0f}: raise --budget.env-steps",
        )


def idle_gpu(cfg: RunCfg, spaces: Spaces) -> Iterator[Notice]:
    """Warn of too few worlds for a GPU."""
    on_gpu = cfg.sim.backend == "warp" or cfg.device.startswith("cuda")
    if on_gpu and cfg.sim.num_worlds < _FEW_WORLDS:
        yield Notice(
            "warning",
            f"{cfg.sim.num_worlds} worlds leave most of a GPU idle: with --sim.backend warp "
            f"a control step of {_FEW_WORLDS} worlds takes about twice as long as one of a "
            "single world (H100); raise --sim.num-worlds, or use --device cpu",
        )


def idle_overlap(cfg: RunCfg, spaces: Spaces) -> Iterator[Notice]:
    """Refuse overlap with a buffer of steps; warn of it where the CPU computes the physics."""
    if cfg.loop.overlap and cfg.stores_steps:
        yield Notice(
            "error",
            "--loop.overlap would sample steps while they are overwritten: without hindsight "
            "the buffer keeps steps, not episodes; use --loop.no-overlap",
        )
    elif cfg.loop.overlap and cfg.sim.backend == "cpu":
        yield Notice(
            "warning",
            "--loop.overlap gains nothing with --sim.backend cpu: updates still wait for "
            "the physics, and come one iteration later; use --loop.no-overlap",
        )


def warm_up(cfg: RunCfg, spaces: Spaces) -> Iterator[Notice]:
    """Refuse a budget that ends before the first update.

    A run collects in whole iterations, and the warm-up in whole episodes of all worlds.
    """
    worlds, horizon = cfg.sim.num_worlds, spaces.horizon
    per_iteration = worlds * (cfg.loop.collect_steps or horizon)
    by_steps = cfg.loop.warm_up_steps if cfg.stores_steps else 0
    episodes = -(-cfg.loop.warm_up_episodes // worlds)
    random_steps = worlds * (by_steps or episodes * horizon)
    collected = -(-cfg.budget.env_steps // per_iteration) * per_iteration
    # updates begin in the iteration that ends the warm-up; overlapped, in the next one
    if 0 < collected < random_steps + per_iteration * cfg.loop.overlap:
        yield Notice(
            "error",
            f"the warm-up of {random_steps:,} env steps uses up the budget of "
            f"{cfg.budget.env_steps:,}, so nothing would be learned; raise "
            "--budget.env-steps or lower --loop.warm-up-episodes",
        )


RULES: tuple[Rule, ...] = (
    unused_camera,
    untrained_encoder,
    self_supervised,
    goal_images,
    missing_sensor,
    distillation,
    privileged_information,
    shift_augmentation,
    coarse_encoder,
    too_few_updates,
    idle_gpu,
    idle_overlap,
    warm_up,
    memory,
    may_need_memory,
)
"""Every rule, in the order of the run."""
