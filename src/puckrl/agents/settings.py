"""Settings that every learning rule has, and names for what networks may see."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from puckrl.agents.explore import ExploreCfg
from puckrl.agents.vision import VisionCfg
from puckrl.core.settings import (
    COUNT,
    FRACTION,
    NON_NEGATIVE,
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
"""What a network may see, by name. ``pixels`` is honest: a robot with a camera has it;
``pixels-goal-both`` tells the object's position besides."""


@dataclass(frozen=True)
class AgentCfg:
    """Settings that every learning rule has."""

    kind: ClassVar[str]
    """Name of the learning rule; every subclass sets its own, as a ``Literal``."""
    # at 1 the sum of rewards has no bound
    gamma: Annotated[float, Bounds(0.0, 1.0 - 1e-9, "from 0 to below 1")] = 0.95
    """Discount per control step."""
    tau: Annotated[float, FRACTION] = 0.05
    """Share of the online networks that each round moves into the targets."""
    batch_size: Annotated[int, COUNT, PER_PROCESS] = 512
    """Transitions per critic update."""
    hidden: Annotated[tuple[int, ...], COUNT] = (256, 256, 256)
    """Widths of the hidden layers of actor and critics."""
    critics: Annotated[int, COUNT] = 1
    """Number of critics; targets take the least of them."""
    critic_lr: Annotated[float, POSITIVE] = 1e-3
    """Adam's step size for the critics."""
    actor_lr: Annotated[float, POSITIVE] = 1e-3
    """Adam's step size for the actor."""
    max_grad_norm: Annotated[float, NON_NEGATIVE] = 0.0
    """Gradients of the actor are clipped to this norm; 0: never."""
    actor_delay: Annotated[int, COUNT] = 2
    """Critic updates per actor update."""
    action_l2: Annotated[float, NON_NEGATIVE] = 0.03
    """Weight of the mean squared action in the actor's loss."""
    average_share: Annotated[float, SHARE] = 0.1
    """Of the updates so far, the last share whose mean weights are judged and kept, in
    [0, 1]; 0: the newest weights."""
    explore: ExploreCfg = field(default_factory=ExploreCfg)
    """Randomness while collecting."""
    actor_sensors: tuple[str, ...] = FULL_STATE
    """What the actor sees: state or names of the task's sensors, pixels, achieved_goal,
    desired_goal; usual lists and sizes: puck list --sensors."""
    critic_sensors: tuple[str, ...] = FULL_STATE
    """What the critics see."""
    vision: VisionCfg = field(default_factory=VisionCfg)
    """How pixels are seen, where somebody sees them."""
    precision: Precision = "bf16"
    """Of the hidden layers' products; parameters, sums and losses are float32."""
