"""List the runs of a study as jobs: an arm, a seed, a folder's name, a configuration."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from puckrl.config.run_cfg import RunCfg, config_hash
from puckrl.study.design import Study

State = Literal["queued", "running", "done", "failed", "diverged", "interrupted"]
"""Of a job. ``done`` and ``diverged`` runs have finished; the others have not."""
FINISHED: frozenset[State] = frozenset({"done", "diverged"})

_MOST_LETTERS = 80


@dataclass(frozen=True)
class Job:
    """One run of a study."""

    arm: str
    """Name of the arm."""
    seed: int
    """Seed of the run; equal seeds are pairs."""
    name: str
    """Of its run folder: arm, hash of the configuration, seed."""
    cfg: RunCfg
    """Its configuration, with its seed."""

    @property
    def key(self) -> tuple[str, int]:
        """Return arm and seed."""
        return self.arm, self.seed


def jobs_of(study: Study) -> tuple[Job, ...]:
    """Return the runs of a study in the order in which they start.

    All arms run a seed before the next seed begins, so a study that is stopped holds whole
    pairs. The first arm changes from seed to seed: what drifts with time, such as the
    clock of a warm processor, meets every arm alike. Arms of existing runs have no jobs.
    """
    arms = [arm for arm in study.every_arm if arm.cfg is not None]
    labels = _labels([arm.name for arm in arms])
    jobs: list[Job] = []
    for turn, seed in enumerate(study.seeds):
        first = turn % max(1, len(arms))
        for arm in (*arms[first:], *arms[:first]):
            assert arm.cfg is not None
            cfg = _as_it_runs(arm.cfg, seed)
            name = f"{labels[arm.name]}-{config_hash(cfg)}-s{seed}"
            jobs.append(Job(arm.name, seed, name, cfg))
    return tuple(jobs)


def with_threads(cfg: RunCfg, threads: int) -> RunCfg:
    """Return a configuration with this number of physics threads, unless it names one."""
    if cfg.sim.num_threads:
        return cfg
    return replace(cfg, sim=replace(cfg.sim, num_threads=threads))


def _as_it_runs(cfg: RunCfg, seed: int) -> RunCfg:
    """Return an arm's configuration with a seed, resumable and without a video."""
    return replace(cfg, seed=seed, save=replace(cfg.save, replay=True, video=False))


def _labels(names: Sequence[str]) -> Mapping[str, str]:
    """Return a file name for every arm, no two alike."""
    labels: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^\w.=+-]+", "-", name).strip("-.")[:_MOST_LETTERS] or "arm"
        label, number = plain, 2
        # Some file systems do not tell A from a
        while label.lower() in map(str.lower, labels.values()):
            label, number = f"{plain}-{number}", number + 1
        labels[name] = label
    return labels
