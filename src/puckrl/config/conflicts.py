"""What is wrong with a configuration before anything runs: errors and warnings in words.

Each rule is a lesson that cost somebody days. An error stops the run; a warning needs
no flag. Rules read the configuration and the task's sizes, never a simulation.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from puckrl.agents.augment import SHIFT_PX
from puckrl.agents.distill import DistillCfg
from puckrl.agents.settings import AgentCfg
from puckrl.config.run_cfg import RunCfg
from puckrl.core.types import Spaces
from puckrl.monitor.facts import RunFacts
from puckrl.monitor.stopping import budget_updates
from puckrl.nets.encoders import layer_table

Level = Literal["error", "warning", "note"]

_LOW_RATIO = 0.02
_PIXEL_TAKEOFF = 10_000  # updates, where a preset has none of its own
_FEW_WORLDS = 512  # up to here one H200 is bound by launches: a step takes as long


@dataclass(frozen=True)
class Finding:
    """One thing that the user should know."""

    level: Level
    """error: the run would be wasted; warning: look again; note: what it means."""
    text: str
    """What is so, and what to do."""

    def rank(self) -> int:
        """0 for the gravest level."""
        return get_args(Level).index(self.level)


Rule = Callable[[RunCfg, Spaces], Iterator[Finding]]


def conflicts(cfg: RunCfg, spaces: Spaces) -> list[Finding]:
    """Everything that the rules find, errors first."""
    found = [finding for rule in RULES for finding in rule(cfg, spaces)]
    return sorted(found, key=Finding.rank)


def _seen(agent: AgentCfg) -> set[str]:
    """Sensors that any network gets."""
    return {*agent.actor_sensors, *agent.critic_sensors}


def camera_without_eyes(cfg: RunCfg, spaces: Spaces) -> Iterator[Finding]:
    """Pictures are rendered that nobody looks at."""
    if cfg.pixels.viewpoints and "pixels" not in _seen(cfg.agent):
        yield Finding(
            "warning",
            "pictures are taken but no network sees them; add pixels to "
            "--agent.actor-sensors or drop --pixels.viewpoints",
        )


def untrained_encoder(cfg: RunCfg, spaces: Spaces) -> Iterator[Finding]:
    """No gradient reaches an encoder."""
    sees = [
        name
        for name, sensors in (
            ("actor", cfg.agent.actor_sensors),
            ("critic", cfg.agent.critic_sensors),
        )
        if "pixels" in sensors
    ]
    sight = cfg.agent.vision
    routed, guesses = sight.encoder_gradient, sight.aux_weight > 0
    by_guess = routed == "goal-prediction" and guesses
    taught = [name for name in sees if by_guess or routed in (name, "both")]
    if sees and not taught:
        yield Finding(
            "error" if routed != "none" else "warning",
            f"the encoder learns from nobody: its gradient is routed to {routed!r}, and "
            f"pixels are seen by the {' and the '.join(sees)}; "
            f"use --agent.vision.encoder-gradient {sees[0]}",
        )
    if taught and sight.condition_on_prediction and not guesses:
        yield Finding(
            "error",
            "the networks are told a guess that nobody teaches; set "
            "--agent.vision.aux-weight 1 or drop --agent.vision.condition-on-prediction",
        )
    if taught == ["actor"] and len(sees) == 2 and sight.shared:
        yield Finding(
            "warning",
            "the encoder that the critics look through learns from the actor alone, whose "
            "loss says least about the scene; use --agent.vision.encoder-gradient critic",
        )


def left_out_proprio(cfg: RunCfg, spaces: Spaces) -> Iterator[Finding]:
    """What the robot measures itself must be inferred from pictures."""
    seen = cfg.agent.actor_sensors
    if "pixels" in seen and "proprio" in spaces.sensors:
        if not {"proprio", "state"} & set(seen):
            yield Finding(
                "warning",
                "the actor must infer its own gripper from pixels: proprio is left out; "
                "add it to --agent.actor-sensors unless that is what you study",
            )
        elif set(spaces.sensors) == {"proprio"}:
            yield Finding(
                "warning",
                "with proprio this task needs no camera: nothing else moves; use its "
                "state preset, or drop proprio to study the camera",
            )
    if "object" in spaces.sensors and not {"pixels", "state", "object"} & set(seen):
        yield Finding(
            "warning",
            "the actor sees neither state, object nor pixels: it knows where the object "
            "is from the achieved goal at best, not how it lies or moves",
        )


def distracted_teacher(cfg: RunCfg, spaces: Spaces) -> Iterator[Finding]:
    """A teacher is for a policy that sees less than it, and spares critics the pixels."""
    if not isinstance(cfg.agent, DistillCfg):
        return
    if "pixels" in cfg.agent.critic_sensors:
        yield Finding(
            "error",
            "the critics judge a teacher that sees the state, so pixels are not theirs to "
            "see; take pixels out of --agent.critic-sensors",
        )
    if "state" in cfg.agent.actor_sensors:
        yield Finding(
            "warning",
            "the policy sees the state, as its teacher does: distilling gains nothing; use "
            "the preset without it",
        )


def honesty(cfg: RunCfg, spaces: Spaces) -> Iterator[Finding]:
    """Which information the policy needs when it is used."""
    actor, critic = set(cfg.agent.actor_sensors), set(cfg.agent.critic_sensors)
    if "pixels" not in actor:
        return
    if actor & {"achieved_goal", "object", "state"}:
        yield Finding(
            "note",
            "besides pixels the actor is told the object's position "
            f"({', '.join(sorted(actor & {'achieved_goal', 'object', 'state'}))}): "
            "a robot with a camera does not have it",
        )
    if "pixels" not in critic:
        distilled = isinstance(cfg.agent, DistillCfg)
        privileged = "teacher and critics know" if distilled else "the critics know"
        yield Finding(
            "note",
            f"honest and asymmetric: {privileged} the state during training and are "
            "thrown away; the policy needs the camera only",
        )


def shifted_coordinates(cfg: RunCfg, spaces: Spaces) -> Iterator[Finding]:
    """DrQ's random shift moves exactly what spatial softmax reports."""
    sight = cfg.agent.vision
    if spaces.pixels is None or "shift" not in sight.augment:
        return
    if sight.encoder.head == "spatial-softmax":
        noise = 2.0 * SHIFT_PX / spaces.pixels.width
        yield Finding(
            "warning",
            f"random shifts of {SHIFT_PX} pixels move every spatial-softmax coordinate by "
            f"up to {noise:.2f} of its range [-1, 1], differently before and after the "
            "step: noise as large as the motion; use --agent.vision.augment none or "
            "--agent.vision.encoder.head flatten-norm",
        )


def coarse_encoder(cfg: RunCfg, spaces: Spaces) -> Iterator[Finding]:
    """Cells further apart than a small object is wide."""
    if spaces.pixels is None or "pixels" not in _seen(cfg.agent):
        return
    size = spaces.pixels
    row = layer_table(cfg.agent.vision.encoder, size.height, size.width)[-1]
    if row.jump_px >= 8:
        yield Finding(
            "warning",
            f"the {cfg.agent.vision.encoder.kind} encoder keeps one cell in {row.jump_px} "
            "pixels: a small object falls between them; use "
            "--agent.vision.encoder.kind padded",
        )


def rhythm(cfg: RunCfg, spaces: Spaces) -> Iterator[Finding]:
    """Too few updates."""
    if cfg.loop.update_ratio < _LOW_RATIO:
        yield Finding(
            "warning",
            f"{cfg.loop.update_ratio:g} updates per env step is very low: read curves "
            "against updates, or raise --loop.update-ratio",
        )
    updates = cfg.budget.env_steps * cfg.loop.update_ratio
    pictures = "pixels" in cfg.agent.actor_sensors and "object" in spaces.sensors
    usual = cfg.expect.takeoff_updates or (_PIXEL_TAKEOFF if pictures else 0)
    wanted = budget_updates(RunFacts(usual_takeoff_updates=usual)) if usual else 0
    if 0 < updates < wanted:
        yield Finding(
            "warning",
            f"the budget ends after {updates:,.0f} updates; such a run takes off after "
            f"about {usual:,.0f}: plan for {wanted:,.0f} or more, raise --budget.env-steps",
        )


def idle_gpu(cfg: RunCfg, spaces: Spaces) -> Iterator[Finding]:
    """Too few worlds for a GPU."""
    on_gpu = cfg.sim.backend == "warp" or cfg.device.startswith("cuda")
    if on_gpu and cfg.sim.num_worlds < _FEW_WORLDS:
        yield Finding(
            "warning",
            f"{cfg.sim.num_worlds} worlds waste a GPU: with --sim.backend warp a step of "
            f"{_FEW_WORLDS} takes about as long; raise --sim.num-worlds, or use --device cpu",
        )


def idle_overlap(cfg: RunCfg, spaces: Spaces) -> Iterator[Finding]:
    """Nothing goes on beside physics that the CPU computes."""
    if cfg.loop.overlap and cfg.sim.backend == "cpu":
        yield Finding(
            "warning",
            "--loop.overlap gains nothing where the CPU computes the physics: updates wait "
            "for it all the same, and come a turn later; leave it out",
        )


def random_start(cfg: RunCfg, spaces: Spaces) -> Iterator[Finding]:
    """The run would end before its first update: whole turns, every world an episode."""
    worlds, horizon, turn = cfg.sim.num_worlds, spaces.horizon, cfg.loop.collect_steps
    per_turn = worlds * (turn or horizon)
    warm_up = -(-cfg.loop.warm_up_episodes // worlds) * worlds * horizon
    played = -(-cfg.budget.env_steps // per_turn) * per_turn
    # the turn that ends the warm-up earns updates; overlapped, the next one makes them
    if 0 < played < warm_up + per_turn * cfg.loop.overlap:
        yield Finding(
            "error",
            f"the budget of {cfg.budget.env_steps:,} env steps is spent in the warm-up of "
            f"{warm_up:,}: nothing would be learned; raise --budget.env-steps or lower "
            "--loop.warm-up-episodes",
        )


RULES: tuple[Rule, ...] = (
    camera_without_eyes,
    untrained_encoder,
    left_out_proprio,
    distracted_teacher,
    honesty,
    shifted_coordinates,
    coarse_encoder,
    rhythm,
    idle_gpu,
    idle_overlap,
    random_start,
)
"""Every rule, in the order of the run."""
