"""What puckrl uses of Minari."""

from collections.abc import Sequence
from typing import Any

import gymnasium
from minari.data_collector import EpisodeBuffer

class MinariDataset:
    def update_dataset_from_buffer(self, buffer: list[EpisodeBuffer]) -> None: ...

def create_dataset_from_buffers(
    dataset_id: str,
    buffer: Sequence[EpisodeBuffer],
    *,
    action_space: gymnasium.Space[Any] | None = None,
    observation_space: gymnasium.Space[Any] | None = None,
    algorithm_name: str | None = None,
    description: str | None = None,
    data_format: str | None = None,
    jpeg_encoding: bool = True,
) -> MinariDataset: ...

DataCollector: Any

def load_dataset(dataset_id: str) -> Any: ...
