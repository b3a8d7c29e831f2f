"""Check a configuration of networks with memory; rules of ``config/conflicts.py``."""

from collections.abc import Iterator

from puckrl.config.notices import Notice
from puckrl.config.run_cfg import RunCfg
from puckrl.core.spaces import Spaces

_WHOLE_EPISODE = 150  # control steps


def memory(cfg: RunCfg, spaces: Spaces) -> Iterator[Notice]:
    """Refuse what networks with memory cannot do; note what their sequences are."""
    agent, of, horizon = cfg.agent, cfg.agent.memory, spaces.horizon
    if of.history is None:
        return
    if spaces.pixels is not None:
        yield Notice(
            "error",
            f"--agent.memory.kind {of.kind} remembers vectors, and this run has cameras; "
            "use --agent.memory.kind none (--pixels.stack remembers images), or drop "
            "--pixels.viewpoints",
        )
    if not of.recurrent:
        return
    for name in ("batch_size", "student_batch"):
        size = getattr(agent, name, of.steps)
        if size % of.steps:
            flag = name.replace("_", "-")
            yield Notice(
                "error",
                f"--agent.{flag} {size} is no multiple of --agent.memory.steps "
                f"{of.steps}, the transitions of a sequence; use {flag} "
                f"{max(1, round(size / of.steps)) * of.steps}",
            )
    window = of.history.length(horizon)
    if of.burn_in >= window:
        yield Notice(
            "error",
            f"--agent.memory.burn-in {of.burn_in} leaves no transition in sequences of "
            f"{window} steps; lower it",
        )
    if window < horizon and not of.burn_in:
        yield Notice(
            "warning",
            f"sequences of {window} steps begin within episodes of {horizon}, with an empty "
            "memory; set --agent.memory.burn-in, or --agent.memory.window 0 for whole "
            "episodes",
        )
    if window > _WHOLE_EPISODE:
        yield Notice(
            "warning",
            f"sequences of {window} steps are slow to train on; set --agent.memory.window "
            "and --agent.memory.burn-in (100 and 30)",
        )


def may_need_memory(cfg: RunCfg, spaces: Spaces) -> Iterator[Notice]:
    """Note that critics see state that neither the actor nor its memory can know."""
    actor, critic = set(cfg.agent.actor_sensors), set(cfg.agent.critic_sensors)
    if cfg.agent.memory.kind != "none" or "pixels" in actor or "state" in actor:
        return
    hidden = sorted(set(spaces.sensors) - actor) if "state" in critic else []
    hidden = hidden or sorted((critic - actor) & set(spaces.sensors))
    if hidden:
        yield Notice(
            "note",
            f"the critics get {', '.join(hidden)}, which the actor does not: it may have to "
            "infer that from the past; compare with --agent.memory.kind gru",
        )
