"""Recipes for environments that are not ours, on two CPU cores and on a GPU."""

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
from puckrl.core.foreign import id_of, is_batched, library_of
from puckrl.envs.foreign.settings import ForeignCfg, IsaacCfg
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


# Thousands of worlds: a large batch for each of few updates, since a control step of all of
# them costs as much as one of a few. Critics are histograms: the scale of rewards is unknown.
DENSE_GPU = RunCfg(
    preset="dense-gpu",
    reward="dense",
    foreign=ForeignCfg(action_bound=1.0, joint_limits=True),
    sim=SimCfg(num_worlds=2048),
    agent=SacCfg(
        gamma=0.99,
        tau=0.02,
        batch_size=8192,
        hidden=(512, 256, 128),
        critics=2,
        critic_bins=200,
        critic_lr=3e-4,
        actor_lr=3e-4,
        action_l2=0.0,
        average_share=0.05,
        alpha=0.001,
        tune_alpha=True,
        alpha_lr=3e-4,
        explore=ExploreCfg(random_share=0.0, explorer_share=0.0, corners=False),
        actor_sensors=("actor", "desired_goal"),
        critic_sensors=("critic", "desired_goal"),
    ),
    replay=ReplayCfg(capacity=2_000_000, her_ratio=0.0, n_step=3),
    loop=LoopCfg(
        update_ratio=0.004,
        collect_steps=16,
        warm_up_steps=32,
        normalize_episodes=1_000_000_000,
    ),
    eval=EvalCfg(every_env_steps=2_000_000, episodes=256, final_episodes=256),
    budget=BudgetCfg(env_steps=50_000_000),
    expect=ExpectCfg(),
)
"""Dense rewards of libraries that step thousands of worlds on a GPU."""


def foreign_preset(task: str) -> RunCfg:
    """Return the recipe for a foreign environment: hindsight, if it has goals.

    An environment of Gymnasium is made once, to see its observation. Libraries that step
    thousands of worlds have none, and get ``DENSE_GPU``.

    Raises:
        UserError: if it cannot be made.
    """
    if is_batched(task):
        isaac = IsaacCfg() if library_of(task) == "isaaclab" else None
        return replace(DENSE_GPU, preset=id_of(task).lower(), task=task, isaac=isaac)
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
