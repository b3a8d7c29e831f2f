"""Define the settings of domain randomization."""

from dataclasses import asdict, dataclass
from typing import Annotated

from puckrl.core.settings import SHARE, Bounds

_METERS = Bounds(0.0, 1.0, "0 to 1 m")
_DEGREES = Bounds(0.0, 90.0, "0 to 90 degrees")


@dataclass(frozen=True)
class RandomizeCfg:
    """Ranges of the domain randomization; at 0, the default, nothing changes."""

    colors: Annotated[float, SHARE] = 0.0
    """Maximum share of a random color in the color of every geom, 0 to 1."""
    brightness: Annotated[float, SHARE] = 0.0
    """Maximum relative change of the lights' strength, 0 to 1."""
    light_deg: Annotated[float, _DEGREES] = 0.0
    """Maximum rotation of lights about each axis, 0 to 90 degrees."""
    camera_m: Annotated[float, _METERS] = 0.0
    """Maximum shift of cameras along each axis, 0 to 1 m."""
    camera_deg: Annotated[float, _DEGREES] = 0.0
    """Maximum rotation of cameras about each axis, 0 to 90 degrees."""

    @property
    def on(self) -> bool:
        """Tell whether anything changes."""
        return any(value != 0 for value in asdict(self).values())
