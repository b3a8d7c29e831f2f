"""A run as a value of Python's: its rows, card, verdict, snapshots and policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from puckrl.core.errors import UserError

if TYPE_CHECKING:  # reading rows needs neither torch nor mujoco
    from puckrl.agents.trained import Policy
    from puckrl.config.run_cfg import RunCfg
    from puckrl.monitor.verdict import Verdict
    from puckrl.runner.run_folder import RunFolder
    from puckrl.training.callbacks import Callback


class Run:
    """Give access to a run's folder: a finished one, or one that trains elsewhere.

    Everything is read when it is asked for.

    Args:
        path: the folder, or its name under ``runs``.
        runs: folder of run folders; None: PUCK_RUNS, or runs.

    Raises:
        UserError: if there is no such run; lists those under ``runs``.
    """

    def __init__(self, path: str | Path, runs: str | Path | None = None) -> None:
        from puckrl.runner.run_folder import find
        from puckrl.runner.runs_dir import runs_dir

        self.path: Path = find(path, runs_dir(runs)).path
        """The run's folder."""

    def __repr__(self) -> str:
        """Return the folder and the status."""
        return f"<puckrl.Run {self.path}: {self.status}>"

    @property
    def config(self) -> "RunCfg":
        """Configuration of the run."""
        return self._folder.config()

    @property
    def manifest(self) -> dict[str, Any]:
        """Return what ``manifest.json`` holds, such as versions, device and result."""
        return self._folder.manifest()

    @property
    def status(self) -> str:
        """Return starting, running, finished, interrupted, or failed with the reason."""
        return self.manifest.get("status", "starting")

    @property
    def rows(self) -> list[dict[str, float]]:
        """Logged numbers, oldest first, by the names in docs/metrics.md."""
        from puckrl.report.rows import read_rows

        return read_rows(self._folder.metrics)

    @property
    def card(self) -> str:
        """The run's story on one page, in Markdown.

        Raises:
            UserError: if the run has not ended yet.
        """
        file = self.path / "card.md"
        if not file.is_file():
            raise UserError(
                f"{self.path} has no card yet ({self.status}): it ends a run"
            )
        return file.read_text()

    @property
    def verdict(self) -> "Verdict":
        """What the doctor says of the run as it is now."""
        from puckrl.config.facts import facts_of
        from puckrl.monitor.regime import diagnose
        from puckrl.monitor.table import from_rows

        return diagnose(from_rows(self.rows), facts_of(self.config))

    @property
    def snapshots(self) -> "list[SnapshotInfo]":
        """Snapshots that can be loaded, oldest first; the folder keeps the last two."""
        from puckrl.training.checkpoint import read_scalars, serials

        folder = self._folder.checkpoints
        found = {number: read_scalars(folder, number) for number in serials(folder)}
        return [
            SnapshotInfo(number, *_counters(scalars))
            for number, scalars in found.items()
            if scalars is not None
        ]

    def policy(self, snapshot: int | None = None, device: str = "cpu") -> "Policy":
        """Return the judged policy of a snapshot; see ``puckrl.load``."""
        from puckrl.runner.load import load_policy

        return load_policy(self.path, snapshot, device)

    def resume(
        self, cfg: "RunCfg | None" = None, *, callbacks: "Sequence[Callback]" = ()
    ) -> "Run":
        """Continue the run; return it.

        Args:
            cfg: ``run.config`` with other settings of budget, eval, save or the device:
                ``run.config.with_(**{"budget.env_steps": 500_000})``; None: as it is.
            callbacks: watch it.

        Raises:
            UserError: for other settings, or if the run cannot be continued.
        """
        from puckrl.runner import session

        session.resume(self._folder, self.config if cfg is None else cfg, callbacks)
        return self

    @property
    def _folder(self) -> "RunFolder":
        from puckrl.runner.run_folder import RunFolder

        return RunFolder(self.path)


@dataclass(frozen=True)
class SnapshotInfo:
    """Describe a snapshot."""

    number: int
    """Its number, for ``Run.policy`` and ``puckrl.load``."""
    env_steps: int
    """Control steps until then, summed over worlds."""
    updates: int
    """Gradient steps of the critic until then."""


def _counters(scalars: Mapping[str, Any]) -> tuple[int, int]:
    """Return env steps and updates of a snapshot."""
    clock = scalars["progress"]["clock"]
    return clock["env_steps"], clock["updates"]
