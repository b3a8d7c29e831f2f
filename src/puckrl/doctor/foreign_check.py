"""Checks of an environment that is not ours, for ``puck check gym:ID`` and others.

An environment can run, and what it hands out be wrong: final observations that are those
of the next episode, tensors that later steps overwrite, time limits that pass for ends.
Nothing crashes, losses fall, and no policy learns. Each row is one promise of ``Worlds``
that must hold before training, measured while random actions play.

    finite        no NaN, no infinity
    bounds        observations within their space, rewards within theirs
    owned         no later step changes a tensor
    continuous    what is acted on is what the last step led to
    final         an episode's last observation is not the next one's first
    ends          not all time limits pass for true ends; no episode outlasts the horizon
    goals         they stay where they are in an episode; rewards and ends follow from them
"""

from collections.abc import Callable, Iterator
from contextlib import closing

import torch
from torch import Tensor

from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.core.types import Obs, Step
from puckrl.doctor.task_rows import ANY, Measurement
from puckrl.envs.foreign.gymnasium import GymWorlds
from puckrl.envs.foreign.settings import ForeignCfg
from puckrl.envs.worlds import GoalWorlds
from puckrl.runner.foreign_worlds import make_foreign

_WORLDS, _EPISODES, _MOST_STEPS = 8, 3, 3000
_SAME_SHARE = 0.5


def foreign_rows(cfg: RunCfg, seed: int = 0) -> Iterator[Measurement]:
    """Measure a foreign environment.

    Args:
        cfg: a run in it.
        seed: seed of episodes and random actions.

    Raises:
        UserError: if it cannot be made, or raises while it plays.
    """
    with closing(make_foreign(cfg, _WORLDS, seed)) as worlds:
        worlds.refuses_nan = False  # they are a row of the table
        if not isinstance(worlds, GymWorlds):
            yield from protocol_rows(worlds, seed)
            return
        yield from protocol_rows(worlds, seed, worlds.outside)
        if worlds.rules is not None:
            yield from hindsight_rows(worlds, cfg.foreign or ForeignCfg())


def hindsight_rows(worlds: GymWorlds, cfg: ForeignCfg) -> Iterator[Measurement]:
    """Measure whether rewards and ends follow from goals, as hindsight needs."""
    try:
        worlds.verify_goals(cfg)
        refused = ""
    except UserError as error:
        refused = str(error)
    title = "goals: rewards or ends that do not follow from them"
    yield Measurement(
        f"{title}: {refused}" if refused else title, bool(refused), "", 0, 0
    )


def protocol_rows(
    worlds: GoalWorlds, seed: int = 0, outside: Callable[[Obs], int] = lambda obs: 0
) -> Iterator[Measurement]:
    """Measure the promises of ``Worlds`` while random actions play.

    Args:
        worlds: with automatic resets.
        seed: seed of the actions.
        outside: how many numbers of observations their space rules out.
    """
    horizon = worlds.spaces.horizon
    steps = min(_EPISODES * horizon + 2, _MOST_STEPS)
    rng = torch.Generator().manual_seed(seed)
    shape = (worlds.num_worlds, worlds.spaces.action_dim)
    first = worlds.reset()
    played: list[Step] = []
    handed = [*first.values()]
    copies = [value.clone() for value in handed]
    for _ in range(steps):
        worlds.step_async(2 * torch.rand(shape, generator=rng) - 1)
        step = worlds.step_wait()
        tensors = [*step.obs.values(), *step.final_obs.values()]
        tensors += [step.reward, step.terminated, step.truncated]
        handed += tensors
        played.append(_copied(step))
        copies += [value.clone() for value in tensors]
    same = [
        torch.equal(a.nan_to_num(), b.nan_to_num())
        for a, b in zip(handed, copies, strict=True)
    ]
    yield _count("finite: numbers that are not", _not_finite(played))
    beyond = sum(outside(step.final_obs) for step in played)
    beyond += _beyond(worlds.reward_bounds, played)
    yield _count("bounds: numbers outside of what their space says", beyond)
    yield _count("owned: tensors that a later step changed", same.count(False))
    yield from _observation_rows(played)
    yield from _end_rows(played, horizon)
    if worlds.spaces.goal_dim:
        yield _count("goals: steps that moved one", _moved_goals(first, played))


def _count(name: str, value: float) -> Measurement:
    """Return a row that must be 0."""
    return Measurement(name, float(value), "", 0, 0)


def _copied(step: Step) -> Step:
    """Return a step that nobody can overwrite."""
    return step._replace(
        obs={name: value.clone() for name, value in step.obs.items()},
        final_obs={name: value.clone() for name, value in step.final_obs.items()},
        reward=step.reward.clone(),
        terminated=step.terminated.clone(),
        truncated=step.truncated.clone(),
    )


def _not_finite(played: list[Step]) -> int:
    values = [value for s in played for value in (*s.final_obs.values(), s.reward)]
    return sum(int((~value.isfinite()).sum()) for value in values)


def _beyond(bounds: tuple[float, float] | None, played: list[Step]) -> int:
    """Return the rewards outside of what the environment says of them."""
    if bounds is None:
        return 0
    low, high = bounds
    return sum(int(((s.reward < low) | (s.reward > high)).sum()) for s in played)


def _observation_rows(played: list[Step]) -> Iterator[Measurement]:
    """Measure what is acted on against what steps led to."""
    broken = ended = same = 0
    finals: dict[int, Tensor] = {}  # of worlds that begin with the next step
    for step in played:
        final, obs = step.final_obs["state"], step.obs["state"]
        going = ~step.done if step.valid is None else ~step.done & step.valid
        differs = ((final != obs) & ~(final.isnan() & obs.isnan())).any(dim=1)
        broken += int((differs & going).sum())
        if step.valid is not None:
            for world in (~step.valid).nonzero()[:, 0].tolist():
                ended += 1
                same += torch.equal(finals.get(world, obs[world] + 1), obs[world])
        for world in step.done.nonzero()[:, 0].tolist():
            finals[world] = final[world]
            if step.valid is None and not _idles(played):
                ended += 1
                same += torch.equal(final[world], obs[world])
    yield _count("continuous: steps whose observation is not acted on", broken)
    share = same / ended if ended else 0.0
    title = "final: share of last observations that are the next episode's first"
    yield Measurement(title, share, "", 0, _SAME_SHARE)


def _idles(played: list[Step]) -> bool:
    """Return whether worlds begin their episodes with a step of their own."""
    return any(step.valid is not None for step in played)


def _end_rows(played: list[Step], horizon: int) -> Iterator[Measurement]:
    """Measure when episodes end, and how."""
    elapsed = torch.zeros(len(played[0].reward), dtype=torch.int64)
    longest, full, full_ends, both, together, ends = 0, 0, 0, 0, 0, 0
    early = False
    for step in played:
        elapsed += 1 if step.valid is None else step.valid.long()
        longest = max(longest, int(elapsed.max()))
        both += int((step.terminated & step.truncated).sum())
        at_limit = step.done & (elapsed >= horizon)
        full += int(at_limit.sum())
        full_ends += int((at_limit & step.terminated).sum())
        early |= bool((step.done & ~at_limit).any())
        ends += bool(step.done.any())
        together += bool(step.done.all())
        elapsed[step.done] = 0
    yield _count("ends: steps that both ended and cut an episode", both)
    share = full_ends / full if full else 0.0
    title = "ends: share of time limits that pass for true ends"
    yield Measurement(title, share, "", 0, _SAME_SHARE)
    yield Measurement("ends: longest episode", longest, "steps", 1, horizon)
    if early:
        title = "ends: share of them at which all worlds end together"
        yield Measurement(title, together / max(ends, 1), "", -ANY, ANY)


def _moved_goals(first: Obs, played: list[Step]) -> int:
    """Return the steps at which a goal was not that of the episode's beginning."""
    goal, moved = first["desired_goal"].clone(), 0
    for step in played:
        acts = torch.ones_like(step.done) if step.valid is None else step.valid
        moved += int(((step.final_obs["desired_goal"] != goal).any(dim=1) & acts).sum())
        begun = step.forgotten
        goal[begun] = step.obs["desired_goal"][begun]
    return moved
