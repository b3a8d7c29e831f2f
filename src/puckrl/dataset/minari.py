"""Write episodes as a Minari data set; needs the extra ``[minari]``.

    MINARI_DATASETS_PATH=DIR python -c "import minari; minari.load_dataset('puck/push-v0')"

Images are stored as they are: Minari's default, JPEG, is lossy. Each round of worlds is
appended; what was written before is still there if one cannot be.
"""

import json
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium
import minari
import numpy as np
from gymnasium.spaces import Box
from minari.data_collector import EpisodeBuffer

from puckrl.core.errors import UserError
from puckrl.dataset.about import ABOUT, About
from puckrl.dataset.episodes import Episode
from puckrl.dataset.settings import DatasetCfg

_VARIABLE = "MINARI_DATASETS_PATH"


class MinariWriter:
    """Writes rounds of episodes into an empty folder.

    Args:
        path: the folder.
        about: what the data set holds.
        cfg: its settings.

    Raises:
        UserError: for video, which Minari has not.
    """

    off = 0.0
    """Images are exact."""

    def __init__(self, path: Path, about: About, cfg: DatasetCfg) -> None:
        if cfg.video:
            raise UserError("Minari stores no video; leave --video out")
        self._path, self._about, self._cfg = path, about, cfg
        self.episodes = 0
        """Episodes that the folder holds."""
        name = re.sub(r"[^\w-]", "-", about.task)
        self.name = f"puck/{name}-v0"
        """Name by which Minari loads it."""
        self._dataset: minari.MinariDataset | None = None

    def write(self, episodes: Sequence[Episode]) -> None:
        """Append episodes.

        Raises:
            OSError: if the disk is full.
        """
        if not episodes:
            return
        buffers = [
            self._buffer(one, self.episodes + i) for i, one in enumerate(episodes)
        ]
        if self._dataset is None:
            self._path.mkdir(parents=True, exist_ok=True)
            with _datasets_in(self._path), warnings.catch_warnings():
                # an author and an environment are asked for; puckrl.json says who acted
                warnings.simplefilter("ignore", UserWarning)
                self._dataset = self._create(buffers, episodes[0])
            (self._path / ABOUT).write_text(json.dumps(self._about.as_dict(), indent=1))
        else:
            self._dataset.update_dataset_from_buffer(buffers)
        self.episodes += len(episodes)

    def _create(
        self, buffers: list[EpisodeBuffer], first: Episode
    ) -> "minari.MinariDataset":
        """Return a data set that holds the first round."""
        spaces: dict[str, gymnasium.Space[Any]] = {
            name: Box(-np.inf, np.inf, rows.shape[1:], np.float32)
            for name, rows in self._observations(first).items()
            if rows.dtype == np.float32
        }
        spaces |= {
            name: Box(0, 255, rows.shape[1:], np.uint8)
            for name, rows in first.images.items()
        }
        about = self._about
        expert = about.expert.get("run") or about.expert["kind"]
        return minari.create_dataset_from_buffers(
            self.name,
            buffers,
            observation_space=gymnasium.spaces.Dict(spaces),
            action_space=Box(-1.0, 1.0, first.action.shape[1:], np.float32),
            algorithm_name=f"puckrl: {expert}",
            description=f"{about.instruction}; {about.rate_hz:g} Hz; units: {ABOUT}",
            data_format="hdf5",
            jpeg_encoding=False,
        )

    def _observations(self, one: Episode) -> dict[str, Any]:
        """Return vectors, named sensors and images of an episode, (T + 1, ...) each."""
        state = one.vectors["state"]
        sensors = {
            name: state[:, list(columns)]
            for name, columns in self._about.sensors.items()
        }
        return {**one.vectors, **sensors, **one.images}

    def _buffer(self, one: Episode, number: int) -> EpisodeBuffer:
        """Return an episode as Minari takes it; infos have T + 1 rows, as observations."""
        ends = np.arange(len(one)) == len(one) - 1
        return EpisodeBuffer(
            id=number,
            seed=one.seed,
            observations=self._observations(one),
            actions=one.action,
            rewards=one.reward,
            terminations=ends & one.terminated,
            truncations=ends & (not one.terminated),
            infos={
                "success": np.concatenate([[False], one.success]),
                "world": np.full(len(one) + 1, one.world),
                "round": np.full(len(one) + 1, one.round),
            },
        )


@contextmanager
def _datasets_in(path: Path) -> Iterator[None]:
    """Let Minari write below a folder, for a while."""
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = str(path.resolve())
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
