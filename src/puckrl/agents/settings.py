"""Define the settings of every learning rule, and named lists of sensors."""

from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Literal, TypeVar

from puckrl.core.settings import (
    COUNT,
    FRACTION,
    HASHED_IF_CHANGED,
    NON_NEGATIVE,
    NOT_EMPTY,
    PER_PROCESS,
    POSITIVE,
    SHARE,
    Bounds,
)
from puckrl.nets.layers import EncoderCfg
from puckrl.nets.memory import MemoryCfg

EncoderGradient = Literal[
    "critic", "actor", "both", "goal-prediction", "self-supervised", "none"
]
AugmentKind = Literal["none", "shift", "color", "shift+color"]
Precision = Literal["fp32", "bf16"]

FULL_STATE = ("state", "achieved_goal", "desired_goal")
MODES: dict[str, tuple[str, ...]] = {
    "full-state": FULL_STATE,
    "proprio-only": ("proprio", "achieved_goal", "desired_goal"),
    "pixels": ("pixels", "proprio", "desired_goal"),
    "pixels-goal-both": ("pixels", "proprio", "achieved_goal", "desired_goal"),
    "pixels-no-proprio": ("pixels", "desired_goal"),
    "image-goal": ("pixels", "goal_image", "proprio"),
    "image-goal-no-proprio": ("pixels", "goal_image"),
}
"""Sensors of a network, by name. A robot with a camera has all of ``pixels``;
``pixels-goal-both`` adds the object's position, which it does not have."""
SHIFT_PX = 4
"""Maximum random shift, in pixels."""


@dataclass(frozen=True)
class ExploreCfg:
    """Exploration while collecting; evaluation has none."""

    random_share: Annotated[float, SHARE] = 0.1
    """Share of random actions in worlds that follow the policy."""
    explorer_share: Annotated[float, SHARE] = 0.125
    """Share of worlds in which all actions are random."""
    corners: bool = True
    """Draw random actions from the corners of the box [-1, 1]^n, not uniformly from it:
    they go further, and so move the achieved goal in more episodes."""
    sigma: Annotated[float, NON_NEGATIVE] = 0.2
    """Standard deviation of the Gaussian noise on the policy's actions (TD3 only)."""


@dataclass(frozen=True)
class VisionCfg:
    """How the networks that get pixels see them."""

    encoder: EncoderCfg = field(default_factory=EncoderCfg)
    """Pixels to features."""
    encoder_gradient: EncoderGradient = "actor"
    """Whose loss trains the encoder: critic, actor, both; goal-prediction: the auxiliary
    loss alone; self-supervised: that and the self-supervised objectives; none: frozen, as
    it was initialized or loaded."""
    shared: bool = True
    """One encoder where actor and critics both see pixels; else one each."""
    lr: Annotated[float, POSITIVE] = 3e-4
    """Learning rate of the encoder (Adam)."""
    max_grad_norm: Annotated[float, NON_NEGATIVE] = 1.0
    """Gradient clipping norm of the encoder; 0: no clipping."""
    aux_weight: Annotated[float, NON_NEGATIVE] = 1.0
    """Weight of the auxiliary loss, that of ``objective``; 0: no auxiliary loss."""
    objective: Annotated[str, HASHED_IF_CHANGED] = "goal-prediction"
    """What the auxiliary loss trains: goal-prediction, which predicts the achieved goal
    from the features, or an objective of your own, path/to/file.py:ClassName."""
    self_supervised: Annotated[tuple[str, ...], HASHED_IF_CHANGED] = ()
    """Objectives that train the encoder besides, on frames alone: time-contrastive,
    inverse-dynamics, masked-patches, vae, infonce, or path/to/file.py:ClassName; each with
    its weight, inverse-dynamics=0.5, or 1."""
    condition_on_prediction: bool = False
    """Also feed the predicted goal, and its offset to the desired goal, to the networks
    that get the features. Where goals are images, the desired goal is predicted too."""
    augment: AugmentKind = "none"
    """Random augmentation, drawn for observations and next observations apart: none; shift,
    by up to 4 pixels (DrQ); color, gains and brightness; shift+color."""


@dataclass(frozen=True)
class AgentCfg:
    """Settings that every learning rule has."""

    kind: ClassVar[str]
    """Name of the learning rule; every subclass sets its own, as a ``Literal``."""
    # at 1 the sum of rewards has no bound
    gamma: Annotated[float, Bounds(0.0, 1.0 - 1e-9, "from 0 to below 1")] = 0.95
    """Discount per control step."""
    tau: Annotated[float, FRACTION] = 0.05
    """Polyak averaging: share of the online weights that a round moves into the target
    networks."""
    batch_size: Annotated[int, COUNT, PER_PROCESS] = 512
    """Transitions per critic update."""
    hidden: Annotated[tuple[int, ...], COUNT, NOT_EMPTY] = (256, 256, 256)
    """Widths of the hidden layers of actor and critics."""
    critics: Annotated[int, COUNT] = 1
    """Number of critics; TD targets take their minimum."""
    critic_bins: Annotated[int, Bounds(0, 10_001, "0 to 10,001"), HASHED_IF_CHANGED] = 0
    """Bins of the histogram that a critic's value is, for rewards of unknown scale; 0: a
    value is a number."""
    critic_lr: Annotated[float, POSITIVE] = 1e-3
    """Learning rate of the critics (Adam)."""
    actor_lr: Annotated[float, POSITIVE] = 1e-3
    """Learning rate of the actor (Adam)."""
    max_grad_norm: Annotated[float, NON_NEGATIVE] = 0.0
    """Maximum norm of the actor's gradient; 0: no clipping."""
    actor_delay: Annotated[int, COUNT] = 2
    """Critic updates per actor update."""
    action_l2: Annotated[float, NON_NEGATIVE] = 0.03
    """Weight of the mean squared action in the actor's loss."""
    average_share: Annotated[float, SHARE] = 0.1
    """Evaluate and save the mean weights over the last updates, this share of all so far;
    0: the newest weights."""
    explore: ExploreCfg = field(default_factory=ExploreCfg)
    """Exploration while collecting."""
    actor_sensors: Annotated[tuple[str, ...], NOT_EMPTY] = FULL_STATE
    """Inputs of the actor: state, or names of the task's sensors; pixels, goal_image,
    achieved_goal, desired_goal. Or the name of a usual list, a mode: puck list --sensors."""
    critic_sensors: Annotated[tuple[str, ...], NOT_EMPTY] = FULL_STATE
    """Inputs of the critics."""
    vision: VisionCfg = field(default_factory=VisionCfg)
    """Pixel encoder, for networks that get pixels."""
    memory: Annotated[MemoryCfg, HASHED_IF_CHANGED] = field(default_factory=MemoryCfg)
    """What the networks remember of an episode: docs/memory.md."""
    precision: Precision = "bf16"
    """Number format of products in hidden layers while learning and collecting; weights,
    sums and losses are float32. The judged policy acts in float32."""
    rule: Annotated[str, HASHED_IF_CHANGED] = ""
    """Learning rule of your own with these settings, path/to/file.py:ClassName, a subclass
    of puckrl.agents.actor_critic.ActorCritic; empty: that of the preset."""


@dataclass(frozen=True)
class Td3Cfg(AgentCfg):
    """Settings of TD3."""

    kind: ClassVar[Literal["td3"]] = "td3"
    target_noise: Annotated[float, NON_NEGATIVE] = 0.0
    """Standard deviation of the noise on target actions."""
    target_noise_clip: Annotated[float, NON_NEGATIVE] = 0.5
    """Maximum of the noise on target actions."""


@dataclass(frozen=True)
class SacSettings(AgentCfg):
    """Settings of SAC's losses, with or without a distilled policy."""

    alpha: Annotated[float, POSITIVE] = 0.02
    """Entropy temperature; its initial value if it is tuned."""
    tune_alpha: bool = False
    """Tune the temperature towards the target entropy."""
    alpha_lr: Annotated[float, POSITIVE] = 3e-4
    """Learning rate of the temperature (Adam)."""
    target_entropy: Annotated[float | None, Bounds(-1e6, 1e6, "a number")] = None
    """Entropy that tuning aims at; None: minus the number of action components."""


@dataclass(frozen=True)
class SacCfg(SacSettings):
    """Settings of SAC."""

    kind: ClassVar[Literal["sac"]] = "sac"


@dataclass(frozen=True)
class DistillCfg(SacSettings):
    """Settings of SAC with a student that is distilled from its policy."""

    kind: ClassVar[Literal["distill"]] = "distill"
    average_share: Annotated[float, SHARE] = 0.02
    """Evaluate and save the student's mean weights over the last updates, this share of
    all so far; 0: the newest weights."""
    teacher_lr: Annotated[float, POSITIVE] = 1e-3
    """Learning rate of the teacher (Adam); --agent.actor-lr is the student's."""
    teacher_share: Annotated[float, SHARE] = 0.5
    """Share of worlds in which the teacher acts while collecting."""
    student_batch: Annotated[int, COUNT, PER_PROCESS] = 256
    """Transitions per round on which the student imitates the teacher."""
    student_tau: Annotated[float, FRACTION] = 0.005
    """Polyak averaging: share of the student's weights that a round moves into the
    average that acts."""


def sensors_of(agent: AgentCfg) -> set[str]:
    """Return the sensors that any network gets."""
    return {*agent.actor_sensors, *agent.critic_sensors}


_Agent = TypeVar("_Agent", bound=AgentCfg)


def with_modes(agent: _Agent) -> _Agent:
    """Return settings with the name of a mode, standing alone, replaced by its sensors."""

    def sensors(named: tuple[str, ...]) -> tuple[str, ...]:
        return MODES.get(named[0], named) if len(named) == 1 else named

    return replace(
        agent,
        actor_sensors=sensors(agent.actor_sensors),
        critic_sensors=sensors(agent.critic_sensors),
    )
