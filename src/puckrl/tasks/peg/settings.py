"""Settings of peg insertion, with units and legal ranges.

Neither mujoco nor torch is imported here: configurations hold these values.

Sources of the numbers: Narang et al. (2022), "Factory: fast contact for robotic assembly"
(Isaac Lab's ``Factory-PegInsert``), and Noseworthy et al. (2024), "FORGE:
force-guided exploration for robust contact-rich manipulation under uncertainty".
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Literal

from puckrl.core.settings import FRACTION, SHARE, Bounds

_SHARE = Bounds(0.0, 0.5, "from 0 to 0.5")


@dataclass(frozen=True)
class PegVaryCfg:
    """Ranges of the physics, drawn for each world and episode; at 0 nothing varies.

    0.2 draws a value uniformly between 0.8 and 1.2 times its setting.
    """

    clearance: Annotated[float, _SHARE] = 0.0
    """Maximum relative change of the clearance."""
    depth: Annotated[float, _SHARE] = 0.0
    """Maximum relative change of the hole's depth, and so of the goal."""
    friction: Annotated[float, _SHARE] = 0.0
    """Maximum relative change of the peg's friction."""
    stiffness: Annotated[float, _SHARE] = 0.0
    """Maximum relative change of the hand's stiffness; it stays critically damped."""

    @property
    def on(self) -> bool:
        """Tell whether anything varies."""
        return any(value != 0 for value in asdict(self).values())


@dataclass(frozen=True)
class PegInsertCfg:
    """Peg, hole, hand, noise and success of ``peg-insert``."""

    shape: Literal["square", "round"] = "square"
    """Cross section of the peg."""
    walls: Annotated[int, Bounds(6, 32, "a whole number from 6 to 32")] = 12
    """Walls of the hole of a round peg; a square hole has four."""
    peg_width_m: Annotated[float, Bounds(0.004, 0.02, "0.004 to 0.02 m")] = 0.008
    """Side of the square peg, or diameter of the round one."""
    clearance_m: Annotated[float, Bounds(1e-4, 0.005, "0.0001 to 0.005 m")] = 0.001
    """Width of the hole minus width of the peg: on both sides together."""
    depth_m: Annotated[float, Bounds(0.005, 0.03, "0.005 to 0.03 m")] = 0.025
    """Depth of the hole."""
    tolerance_m: Annotated[float, Bounds(2e-4, 0.005, "0.0002 to 0.005 m")] = 0.001
    """Distance of the tip from the middle of the hole's floor below which it succeeds."""
    friction: Annotated[float, Bounds(0.0, 2.0, "0 to 2")] = 0.75
    """Coefficient of sliding friction."""
    stiffness_n_per_m: Annotated[float, Bounds(20.0, 200.0, "20 to 200 N/m")] = 100.0
    """Stiffness of the hand. A full action moves its target by 20 mm, so it pushes with
    this times 0.02 m: 2 N."""
    action_ema: Annotated[float, FRACTION] = 0.5
    """Weight of the newest action in the exponential moving average that is executed."""
    horizon: Annotated[int, Bounds(20, 1000, "a whole number from 20 to 1000")] = 150
    """Control steps of an episode, 15 a second."""
    force_limit_n: Annotated[float, Bounds(0.0, 1000.0, "0 to 1000 N")] = 0.0
    """Contact force beyond which the hand stops and the episode fails; 0: no limit."""
    socket_range_m: Annotated[float, Bounds(0.0, 0.1, "0 to 0.1 m")] = 0.05
    """Half side of the square in which the socket stands."""
    socket_noise_m: Annotated[float, Bounds(0.0, 0.01, "0 to 0.01 m")] = 0.0
    """Standard deviation of the socket's estimated position along each axis, constant
    within an episode."""
    easy_share: Annotated[float, SHARE] = 0.0
    """Share of the training episodes in which the estimate's error is scaled by a random
    number from 0 to 1: a curriculum. Evaluations have none."""
    position_noise_m: Annotated[float, Bounds(0.0, 0.01, "0 to 0.01 m")] = 0.0
    """Standard deviation of the tip's measured position, fresh in every step."""
    tilt_noise_rad: Annotated[float, Bounds(0.0, 0.1, "0 to 0.1 rad")] = 0.0
    """Standard deviation of the peg's measured tilt, fresh in every step."""
    force_noise_n: Annotated[float, Bounds(0.0, 10.0, "0 to 10 N")] = 0.0
    """Standard deviation of the measured force, fresh in every step, before smoothing."""
    torque_noise_nm: Annotated[float, Bounds(0.0, 1.0, "0 to 1 Nm")] = 0.0
    """Standard deviation of the measured torque, likewise."""
    force_ema: Annotated[float, FRACTION] = 0.25
    """Weight of the newest force and torque in the moving average that is observed."""
    vary: PegVaryCfg = field(default_factory=PegVaryCfg)
    """Physics that differs from episode to episode."""

    def judged(self) -> "PegInsertCfg":
        """Return the settings of evaluations: without the curriculum of training."""
        return replace(self, easy_share=0.0)
