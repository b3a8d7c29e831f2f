"""Settings of a data set."""

from dataclasses import dataclass
from typing import Annotated, Literal

from puckrl.core.settings import COUNT, NON_NEGATIVE, SEED, Bounds
from puckrl.sim.settings import RandomizeCfg

Format = Literal["lerobot", "minari"]
FORMATS: tuple[Format, ...] = ("lerobot", "minari")
PLAIN = RandomizeCfg()
"""Every episode looks the same."""
VARIED = RandomizeCfg(0.5, 0.4, 20.0, 0.03, 3.0)
"""``--randomize``: colors, brightness, lights, places and directions of cameras."""
_SIDE = Bounds(16, 1024, "16 to 1,024 pixels")


@dataclass(frozen=True)
class DatasetCfg:
    """What a data set holds."""

    episodes: Annotated[int, COUNT] = 1000
    """Episodes."""
    format: Format = "lerobot"
    """Library that loads it."""
    cameras: tuple[str, ...] = ()
    """Viewpoints of the task; (): no images."""
    size: Annotated[int, _SIDE] = 96
    """Rows and columns of an image."""
    video: bool = False
    """Store images as video, which loses some detail, in place of PNG."""
    noise: Annotated[float, NON_NEGATIVE] = 0.0
    """Standard deviation of noise added to every action, in shares of its limits."""
    randomize: RandomizeCfg = PLAIN
    """How colors, lights and cameras differ between episodes."""
    failures: bool = False
    """Keep episodes without success too."""
    worlds: Annotated[int, COUNT] = 64
    """Worlds that step together."""
    seed: Annotated[int, SEED] = 20_000
    """Seed of the episodes."""
