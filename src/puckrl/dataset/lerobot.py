"""Write episodes in the format of LeRobot, version 3.0.

data/chunk-000/file-000.parquet           frames: numbers, and images as PNG
videos/KEY/chunk-000/file-000.mp4         images as video, if asked for
meta/episodes/chunk-000/file-000.parquet  where each episode is
meta/info.json, stats.json, tasks.parquet
puckrl.json                               units, sensors, who acted: see about.py

Each round of worlds is a file of its own. It is renamed into place when it is whole, and
``info.json`` comes last: what is there is a valid data set at any moment.

Source of the format: LeRobot's documentation of LeRobotDataset v3.0.
"""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from puckrl.dataset.about import ABOUT, About
from puckrl.dataset.episodes import VECTORS, Episode
from puckrl.dataset.images import deviation, png, write_video
from puckrl.dataset.settings import DatasetCfg
from puckrl.dataset.statistics import Running

_FILES_PER_CHUNK = 1000
_DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
_EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_INDICES = ("frame_index", "episode_index", "index", "task_index")


class LerobotWriter:
    """Writes rounds of episodes into an empty folder.

    Args:
        path: the folder.
        about: what the data set holds.
        cfg: its settings.
    """

    def __init__(self, path: Path, about: About, cfg: DatasetCfg) -> None:
        self._path, self._about, self._cfg = path, about, cfg
        self.episodes = 0
        """Episodes that the folder holds."""
        self.off = 0.0
        """Mean deviation of the first round's images, of 0 to 255; 0: they are exact."""
        self._frames = self._files = 0
        self._stats: dict[str, Running] = {}
        self._lengths: dict[str, int] = {}

    def write(self, episodes: Sequence[Episode]) -> None:
        """Add episodes as one file more.

        Raises:
            OSError: if the disk is full; what was there before is still valid.
        """
        if not episodes:
            return
        place = {
            "chunk_index": self._files // _FILES_PER_CHUNK,
            "file_index": self._files % _FILES_PER_CHUNK,
        }
        vectors = self._vectors(episodes)
        self._lengths = {name: rows.shape[1] for name, rows in vectors.items()}
        images = {
            f"observation.images.{name}": np.concatenate(
                [one.images[name][:-1] for one in episodes]
            )
            for name in self._cfg.cameras
        }
        ready = self._write_videos(images, place) if self._cfg.video else []
        columns = self._columns(episodes, vectors)
        if not self._cfg.video:
            columns += [_image_column(name, rows) for name, rows in images.items()]
        ready.append(self._parquet(pl.DataFrame(columns), _DATA.format(**place)))
        rows = self._rows(episodes, place)
        ready.append(self._parquet(pl.DataFrame(rows), _EPISODES.format(**place)))
        for name, value in {**vectors, **images}.items():
            self._stats.setdefault(name, Running()).add(value)
        for temporary, final in ready:
            temporary.replace(final)
        self.episodes += len(episodes)
        self._frames += sum(map(len, episodes))
        self._files += 1
        self._write_meta()

    def _vectors(self, episodes: Sequence[Episode]) -> dict[str, NDArray[Any]]:
        """Return every vector of all frames by its name in the data set, (n, size)."""
        joined = {
            name: np.concatenate([one.vectors[name][:-1] for one in episodes])
            for name in VECTORS
        }
        for name, columns in self._about.sensors.items():
            joined[name] = joined["state"][:, list(columns)]
        found = {f"observation.{name}": rows for name, rows in joined.items()}
        found["action"] = np.concatenate([one.action for one in episodes])
        return found

    def _columns(
        self, episodes: Sequence[Episode], vectors: dict[str, NDArray[Any]]
    ) -> list[pl.Series]:
        """Return the columns of the frames but for images."""
        steps = np.concatenate([np.arange(len(one)) for one in episodes])
        lengths = [len(one) for one in episodes]
        number = np.repeat(np.arange(len(episodes)) + self.episodes, lengths)
        done = np.concatenate([np.arange(len(one)) == len(one) - 1 for one in episodes])
        count = len(steps)
        rate = self._about.rate_hz
        return [
            *(
                pl.Series(name, rows, pl.Array(pl.Float32, rows.shape[1]))
                for name, rows in vectors.items()
            ),
            pl.Series("next.reward", np.concatenate([one.reward for one in episodes])),
            pl.Series("next.success", np.concatenate([e.success for e in episodes])),
            pl.Series("next.done", done),
            pl.Series("timestamp", (steps / rate).astype(np.float32)),
            pl.Series("frame_index", steps.astype(np.int64)),
            pl.Series("episode_index", number.astype(np.int64)),
            pl.Series("index", np.arange(count, dtype=np.int64) + self._frames),
            pl.Series("task_index", np.zeros(count, np.int64)),
        ]

    def _rows(
        self, episodes: Sequence[Episode], place: dict[str, int]
    ) -> list[dict[str, Any]]:
        """Return where each episode is, and how it began and ended."""
        rows: list[dict[str, Any]] = []
        first, begun_s = self._frames, 0.0
        for index, one in enumerate(episodes):
            length = len(one)
            ended_s = begun_s + length / self._about.rate_hz
            row: dict[str, Any] = {
                "episode_index": self.episodes + index,
                "tasks": [self._about.instruction],
                "length": length,
                "dataset_from_index": first,
                "dataset_to_index": first + length,
                **{f"data/{name}": value for name, value in place.items()},
                **{f"meta/episodes/{name}": value for name, value in place.items()},
                "puckrl/success": one.won,
                "puckrl/seed": one.seed,
                "puckrl/world": one.world,
                "puckrl/round": one.round,
            }
            for name in self._cfg.cameras if self._cfg.video else ():
                key = f"videos/observation.images.{name}"
                row |= {f"{key}/{part}": value for part, value in place.items()}
                row |= {
                    f"{key}/from_timestamp": begun_s,
                    f"{key}/to_timestamp": ended_s,
                }
            rows.append(row)
            first, begun_s = first + length, ended_s
        return rows

    def _write_videos(
        self, images: dict[str, NDArray[np.uint8]], place: dict[str, int]
    ) -> list[tuple[Path, Path]]:
        """Write a video of each camera; return temporary and final paths."""
        ready: list[tuple[Path, Path]] = []
        for name, rows in images.items():
            final = self._path / _VIDEO.format(video_key=name, **place)
            final.parent.mkdir(parents=True, exist_ok=True)
            temporary = final.with_name(f".{final.name}")
            write_video(temporary, rows, self._about.rate_hz)
            if not self._files:
                self.off = max(self.off, deviation(temporary, rows))
            ready.append((temporary, final))
        return ready

    def _parquet(self, frame: pl.DataFrame, name: str) -> tuple[Path, Path]:
        """Write a table under a temporary name; return it and the final one."""
        final = self._path / name
        final.parent.mkdir(parents=True, exist_ok=True)
        made = io.BytesIO()
        frame.write_parquet(made, compression="zstd")
        temporary = final.with_name(f".{final.name}.tmp")
        temporary.write_bytes(made.getbuffer())
        return temporary, final

    def _write_meta(self) -> None:
        """Replace what describes the whole."""
        meta = self._path / "meta"
        stats = {name: one.as_dict() for name, one in self._stats.items()}
        _replace(meta / "tasks.parquet", _tasks(self._about.instruction))
        _replace(meta / "stats.json", _json(stats))
        _replace(self._path / ABOUT, _json(self._about.as_dict()))
        _replace(meta / "info.json", _json(self._info()))

    def _info(self) -> dict[str, Any]:
        """Return ``info.json``."""
        rate = self._about.rate_hz
        return {
            "codebase_version": "v3.0",
            "robot_type": self._about.task,
            "total_episodes": self.episodes,
            "total_frames": self._frames,
            "total_tasks": 1,
            "chunks_size": _FILES_PER_CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": int(rate) if rate == int(rate) else rate,
            "splits": {"train": f"0:{self.episodes}"},
            "data_path": _DATA,
            "video_path": _VIDEO if self._cfg.video else None,
            "features": self._features(),
        }

    def _features(self) -> dict[str, Any]:
        """Return type, shape and names of each column."""
        named = {
            f"observation.{name}": [f"{one.name} [{one.unit}]" for one in columns]
            for name, columns in self._about.columns.items()
        }
        named["action"] = [one["name"] for one in self._about.action]
        found: dict[str, Any] = {
            name: _feature("float32", [size], named[name])
            for name, size in self._lengths.items()
        }
        side, kind = self._cfg.size, "video" if self._cfg.video else "image"
        for name in self._cfg.cameras:
            axes = ["height", "width", "channels"]
            found[f"observation.images.{name}"] = _feature(kind, [side, side, 3], axes)
        found["next.reward"] = _feature("float32", [1])
        found["next.success"] = found["next.done"] = _feature("bool", [1])
        found["timestamp"] = _feature("float32", [1])
        return found | {name: _feature("int64", [1]) for name in _INDICES}


def _feature(
    dtype: str, shape: list[int], names: list[str] | None = None
) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "names": names}


def _image_column(name: str, images: NDArray[np.uint8]) -> pl.Series:
    """Return images as PNG, in the structure that the library ``datasets`` reads."""
    rows = [{"bytes": made, "path": None} for made in png(images)]
    return pl.Series(name, rows, pl.Struct({"bytes": pl.Binary, "path": pl.String}))


def _tasks(instruction: str) -> bytes:
    """Return ``tasks.parquet``: a pandas table whose index is the instruction."""
    index = {"name": "task", "field_name": "task", "pandas_type": "unicode"}
    index |= {"numpy_type": "object", "metadata": None}
    column = {"name": "task_index", "field_name": "task_index", "pandas_type": "int64"}
    column |= {"numpy_type": "int64", "metadata": None}
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [column, index],
        "pandas_version": "2.0.0",
    }
    made = io.BytesIO()
    frame = pl.DataFrame({"task_index": [0], "task": [instruction]})
    frame.write_parquet(made, metadata={"pandas": json.dumps(pandas)})
    # pyarrow forgets other metadata where it finds Arrow's schema: under another name, as
    # long, it is not found
    return made.getvalue().replace(b"ARROW:schema", b"polars:types")


def _json(tree: Any) -> bytes:
    return (json.dumps(tree, indent=1) + "\n").encode()


def _replace(file: Path, content: bytes) -> None:
    """Replace a file at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.write_bytes(content)
    temporary.replace(file)
