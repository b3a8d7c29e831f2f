"""Studies that are small enough to run in a test."""

import sys
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from puckrl.agents.td3 import Td3Cfg
from puckrl.config.changes import with_changes
from puckrl.config.run_cfg import (
    BudgetCfg,
    EvalCfg,
    LoopCfg,
    RunCfg,
    SaveCfg,
    SimCfg,
)
from puckrl.replay.settings import ReplayCfg
from puckrl.statistics.measure import parse_measure
from puckrl.study.admission import Admission, Demand
from puckrl.study.design import Arm, Study
from puckrl.study.jobs import Job, State
from tests.study import stand_in

STAND_IN = (sys.executable, "-S", "-E", str(Path(stand_in.__file__)))
"""A program that works as a worker does, without torch."""

TINY = RunCfg(
    preset="tiny",
    task="reach",
    device="cpu",
    sim=SimCfg(num_worlds=2),
    agent=Td3Cfg(hidden=(16,), batch_size=8, precision="fp32"),
    replay=ReplayCfg(capacity=400),
    loop=LoopCfg(
        update_ratio=0.1, warm_up_episodes=2, normalize_episodes=6, compile=False
    ),
    eval=EvalCfg(every_env_steps=300, episodes=2, final_episodes=2),
    budget=BudgetCfg(env_steps=600),
    save=SaveCfg(every_s=1e-3, tensorboard=False),
)


def small_study(
    seeds: int = 2, measure: str = "final_success", cfg: RunCfg = TINY
) -> Study:
    """Return a study of two arms that differ in the discount."""
    changes = {"agent.gamma": 0.9}
    return Study(
        name="small",
        base=Arm("base", cfg=cfg),
        arms=(Arm("low, 0.9", changes, with_changes(cfg, changes)),),
        seeds=tuple(range(seeds)),
        measure=parse_measure(measure),
        stopping="fixed",
        budget={"env_steps": float(cfg.budget.env_steps)},
        couple=(),
        factors=(),
        text={"seeds": seeds, "measure": measure},
    )


def with_budget(study: Study, env_steps: int) -> Study:
    """Return a study with another budget."""

    def longer(arm: Arm) -> Arm:
        assert arm.cfg
        return replace(arm, cfg=replace(arm.cfg, budget=BudgetCfg(env_steps=env_steps)))

    return replace(
        study, base=longer(study.base), arms=tuple(longer(a) for a in study.arms)
    )


def two_at_a_time() -> Admission:
    """Return two slots with a thread each."""
    return Admission(2, 1, False, "cores", Demand(1.0, 0.0, 0.0))


@dataclass
class Told:
    """A display that remembers."""

    changes: list[tuple[str, int, State, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def changed(self, job: Job, state: State, detail: str) -> None:
        self.changes.append((job.arm, job.seed, state, detail))

    def refresh(self, running: Collection[str]) -> None:
        pass

    def say(self, line: str) -> None:
        self.lines.append(line)
