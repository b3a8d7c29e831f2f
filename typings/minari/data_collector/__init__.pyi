"""What puckrl uses of Minari's buffers."""

from dataclasses import dataclass
from typing import Any

@dataclass(frozen=True)
class EpisodeBuffer:
    id: int | None = None
    seed: int | None = None
    options: dict[str, Any] | None = None
    observations: Any = None
    actions: Any = None
    rewards: Any = ()
    terminations: Any = ()
    truncations: Any = ()
    infos: dict[str, Any] | None = None
