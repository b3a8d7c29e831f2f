"""Named runs, each with its budget and the bounds it is held to."""

from dataclasses import replace

from puckrl.agents.explore import ExploreCfg
from puckrl.agents.sac import SacCfg
from puckrl.agents.td3 import Td3Cfg
from puckrl.core.errors import unknown
from puckrl.lab.config import BudgetCfg, EvalCfg, ExpectCfg, LoopCfg, RunCfg, SimCfg
from puckrl.replay.episodes import ReplayCfg
from puckrl.replay.sampling import SamplingCfg

_PUSH = RunCfg(
    preset="push",
    task="push",
    agent=SacCfg(alpha=0.05, batch_size=512, hidden=(256, 256)),
    replay=ReplayCfg(sampling=SamplingCfg(moving_share=0.6)),
    loop=LoopCfg(update_ratio=0.25),
    budget=BudgetCfg(env_steps=160_000, until_success=0.99),
    expect=ExpectCfg(success=0.95, train_s=120.0, takeoff_updates=4_500),
)

_REACH = RunCfg(
    preset="reach",
    task="reach",
    sim=SimCfg(num_worlds=16),
    # A goal is ten steps away, so a short discount tells good actions from bad ones
    # sooner; without a price on effort one seed in three saturates and waits.
    # Every action moves the gripper: there is nothing for explorers to find.
    agent=Td3Cfg(
        gamma=0.8,
        tau=0.1,
        hidden=(64, 64),
        batch_size=256,
        critic_lr=2e-3,
        actor_lr=2e-3,
        actor_delay=1,
        action_l2=0.2,
        explore=ExploreCfg(random_share=0.2, explorer_share=0.0, corners=False),
    ),
    # So few updates are over before a compiler is.
    loop=LoopCfg(
        update_ratio=0.25, warm_up_episodes=16, normalise_episodes=320, compile=False
    ),
    eval=EvalCfg(every_env_steps=800),
    budget=BudgetCfg(env_steps=5_000, until_success=0.99),
    expect=ExpectCfg(success=0.98, train_s=4.0, takeoff_updates=200),
)

_PICK_PLACE = replace(
    _PUSH,
    preset="pick-place",
    task="pick-place",
    budget=BudgetCfg(env_steps=2_000_000, wall_s=1200.0, until_success=0.99),
    eval=EvalCfg(every_env_steps=50_000),
    expect=ExpectCfg(),
)

_SLIDE = replace(_PICK_PLACE, preset="slide", task="slide")


def _dense(cfg: RunCfg) -> RunCfg:
    """The same run on the dense reward."""
    return replace(
        cfg, preset=f"{cfg.preset}-dense", reward="dense", expect=ExpectCfg()
    )


_SPARSE = (_REACH, _PUSH, _SLIDE, _PICK_PLACE)
PRESETS: dict[str, RunCfg] = {
    cfg.preset: cfg for cfg in (*_SPARSE, *(_dense(cfg) for cfg in _SPARSE))
}
"""Every preset by name."""


def preset(name: str) -> RunCfg:
    """A preset by name; ``path/to/file.py:ClassName`` gets the defaults for a new task.

    Raises:
        UserError: for an unknown name.
    """
    if ":" in name:
        task = name.rpartition(":")[2].lower()
        return replace(_PUSH, preset=task, task=name, expect=ExpectCfg())
    if name not in PRESETS:
        raise unknown("preset", name, [*PRESETS, "path/to/file.py:ClassName"])
    return PRESETS[name]
