"""Define the settings of every learning rule, and named lists of sensors."""

from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Literal, TypeVar

from puckrl.agents.explore import ExploreCfg
from puckrl.agents.vision import VisionCfg
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

Precision = Literal["fp32", "bf16"]

FULL_STATE = ("state", "achieved_goal", "desired_goal")
MODES: dict[str, tuple[str, ...]] = {
    "full-state": FULL_STATE,
    "proprio-only": ("proprio", "achieved_goal", "desired_goal"),
    "pixels": ("pixels", "proprio", "desired_goal"),
    "pixels-goal-both": ("pixels", "proprio", "achieved_goal", "desired_goal"),
    "pixels-no-proprio": ("pixels", "desired_goal"),
}
"""Sensors of a network, by name. A robot with a camera has all of ``pixels``;
``pixels-goal-both`` adds the object's position, which it does not have."""


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
    """Inputs of the actor: state, or names of the task's sensors; pixels, achieved_goal,
    desired_goal. Or the name of a usual list, a mode: puck list --sensors."""
    critic_sensors: Annotated[tuple[str, ...], NOT_EMPTY] = FULL_STATE
    """Inputs of the critics."""
    vision: VisionCfg = field(default_factory=VisionCfg)
    """Pixel encoder, for networks that get pixels."""
    precision: Precision = "bf16"
    """Number format of products in hidden layers while learning and collecting; weights,
    sums and losses are float32. The judged policy acts in float32."""
    rule: Annotated[str, HASHED_IF_CHANGED] = ""
    """Learning rule of your own with these settings, path/to/file.py:ClassName, a subclass
    of puckrl.agents.actor_critic.ActorCritic; empty: that of the preset."""


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
