"""Recipes for environments that are not ours, on two CPU cores."""

from dataclasses import replace

from puckrl.agents.settings import ExploreCfg, SacCfg
from puckrl.config.presets_cpu import PUSH
from puckrl.config.run_cfg import (
    BudgetCfg,
    EvalCfg,
    ExpectCfg,
    LoopCfg,
    RunCfg,
    SimCfg,
)
from puckrl.core.foreign import id_of
from puckrl.envs.foreign.settings import ForeignCfg
from puckrl.replay.settings import ReplayCfg

GOALS = replace(
    PUSH,
    foreign=ForeignCfg(),
    # Physics in Python is slow: more is learned from each step.
    sim=SimCfg(num_worlds=16),
    loop=LoopCfg(
        update_ratio=0.5, warm_up_episodes=64, normalize_episodes=800, collect_steps=25
    ),
    budget=BudgetCfg(env_steps=300_000, until_success=0.99),
    expect=ExpectCfg(),
)
"""Sparse rewards with hindsight."""

# n-step returns, twin critics and a tuned temperature; normalizers never freeze, because
# what a better policy sees is new.
DENSE = RunCfg(
    preset="dense",
    reward="dense",
    foreign=ForeignCfg(),
    sim=SimCfg(num_worlds=16),
    agent=SacCfg(
        gamma=0.99,
        tau=0.01,
        batch_size=256,
        hidden=(256, 256),
        critics=2,
        critic_lr=1e-3,
        actor_lr=1e-3,
        action_l2=0.0,
        alpha=0.2,
        tune_alpha=True,
        alpha_lr=1e-3,
        explore=ExploreCfg(random_share=0.0, explorer_share=0.0, corners=False),
    ),
    replay=ReplayCfg(her_ratio=0.0, n_step=3),
    loop=LoopCfg(
        update_ratio=0.5,
        collect_steps=32,
        warm_up_episodes=16,
        normalize_episodes=1_000_000_000,
    ),
    eval=EvalCfg(every_env_steps=10_000, episodes=16, final_episodes=64),
    budget=BudgetCfg(env_steps=300_000),
    expect=ExpectCfg(),
)
"""Dense rewards, without goals or with goals that stay as they are."""


def foreign_preset(task: str) -> RunCfg:
    """Return the recipe for a foreign environment: hindsight, if it has goals.

    The environment is made once, to see its observation.

    Raises:
        UserError: if it cannot be made.
    """
    from puckrl.envs.foreign.layout import GOALS as GOAL_KEYS
    from puckrl.envs.foreign.make import make_one

    name = id_of(task)
    env = make_one(name)
    spaces = getattr(env.observation_space, "spaces", {})
    goals = isinstance(spaces, dict) and set(spaces) >= set(GOAL_KEYS)
    relabels = goals and callable(getattr(env.unwrapped, "compute_reward", None))
    env.close()
    short = name.rpartition(":")[2].lower().replace("/", "-")
    return replace(GOALS if relabels else DENSE, preset=short, task=task)
