"""Evaluation of the deterministic policy over whole episodes."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from puckrl.core.intervals import Interval, wilson_interval
from puckrl.core.policy import Policy
from puckrl.envs.play import begin, play
from puckrl.envs.worlds import Worlds
from puckrl.monitor.encoder import competence_radius


@dataclass(frozen=True)
class Evaluation:
    """Results of a policy over deterministic episodes."""

    episodes: int
    """Episodes played."""
    success: float
    """Share of episodes that are at the goal at the last step."""
    interval: Interval
    """Wilson 95 % interval of ``success``."""
    mean_return: float
    """Undiscounted sum of rewards, mean over episodes."""
    time_to_success_s: float
    """Median time until the goal was first reached, over successful episodes; seconds."""
    action_change: float
    """Mean absolute change of an action component between consecutive steps, in [0, 2];
    NaN without any."""
    success_near: float
    """Success over the nearer half of the goals."""
    success_far: float
    """Success over the farther half of the goals."""
    competence_radius_m: float
    """Maximum distance up to which at least half of the goals are reached; meters."""
    metrics: dict[str, float] = field(default_factory=dict[str, float])
    """The task's own measurements at the end of an episode, means over episodes."""


@dataclass(frozen=True)
class Episodes:
    """How many episodes an evaluation plays."""

    most: int
    """It plays these, rounded up to a multiple of the number of worlds."""
    least: int = 0
    """After these it ends if the 95 % interval of its success lies below ``target``; 0: it
    plays all."""
    target: float = 0.0
    """Success rate that is asked for."""


@torch.no_grad()
def evaluate(worlds: Worlds, policy: Policy, episodes: int | Episodes) -> Evaluation:
    """Play whole episodes with the deterministic policy.

    The first episodes of *each* world count, as many of every world: the first to finish
    would be short ones. An episode that ends early keeps the outcome of its last step; one whose physics diverged is a failure. The
    task's ``distance`` at the reset decides whether a goal is near or far. Without
    ``spaces.knows_success``, everything that success decides is NaN.

    Args:
        worlds: worlds without automatic resets (``auto_reset=False``).
        policy: acts without exploration.
        episodes: their number, or when to end.
    """
    length = Episodes(episodes) if isinstance(episodes, int) else episodes
    parts: list[tuple[tuple[Tensor, ...], dict[str, Tensor]]] = []
    played = won = 0
    while played < length.most:
        parts.append(_play_episodes(worlds, policy))
        played += worlds.num_worlds
        won += int(parts[-1][0][0].sum())
        below = wilson_interval(won, played).high < length.target
        if below and 0 < length.least <= played:
            break
    plays, measured = zip(*parts, strict=True)
    wins, returns, first, change, changes, distance = (
        torch.cat(column) for column in zip(*plays, strict=True)
    )
    reached = first[wins]
    median_s = float(reached.quantile(0.5)) if len(reached) else float("nan")
    nearer = wins.double()[distance.argsort(stable=True)]
    half = len(nearer) // 2
    found = Evaluation(
        episodes=len(wins),
        success=float(wins.double().mean()),
        interval=wilson_interval(int(wins.sum()), len(wins)),
        mean_return=float(returns.mean()),
        time_to_success_s=median_s,
        action_change=float(change.sum() / changes.sum()),
        success_near=float(nearer[:half].mean()),
        success_far=float(nearer[half:].mean()),
        competence_radius_m=competence_radius(
            distance.double().cpu().numpy(), wins.double().cpu().numpy()
        ),
        metrics={
            name: float(torch.cat([part[name] for part in measured]).mean())
            for name in measured[0]
        },
    )
    return found if worlds.spaces.knows_success else _without_success(found)


def _without_success(found: Evaluation) -> Evaluation:
    """Return what is known of worlds that do not say whether the goal is reached."""
    nan = float("nan")
    return replace(
        found,
        success=nan,
        interval=Interval(nan, nan),
        success_near=nan,
        success_far=nan,
        competence_radius_m=nan,
    )


@torch.no_grad()
def outcomes(worlds: Worlds, policy: Policy, episodes: int) -> tuple[Tensor, Tensor]:
    """Play whole episodes; return success (n,) bool and return (n,) of each.

    They come in the same order for every policy: the first episode of every world, then
    the second. Arguments are those of ``evaluate``.
    """
    rounds = range(-(-episodes // worlds.num_worlds))
    plays = [_play_episodes(worlds, policy)[0] for _ in rounds]
    won, returns = (torch.cat([play[part] for play in plays]) for part in (0, 1))
    return won, returns


@torch.no_grad()
def final_goals(worlds: Worlds, policy: Policy, episodes: int) -> Tensor:
    """Play whole episodes; return the goals achieved at their ends, (n, goal_dim).

    Arguments are those of ``evaluate``.
    """
    ends: list[Tensor] = []
    for _ in range(-(-episodes // worlds.num_worlds)):
        obs = begin(worlds, policy)
        alive = torch.ones(worlds.num_worlds, dtype=torch.bool, device=worlds.device)
        end = obs["achieved_goal"]
        whole = play(worlds, policy, worlds.spaces.horizon, explore=False, obs=obs)
        for played in whole:
            now = played.step.final_obs["achieved_goal"]
            end = torch.where(alive[:, None], now, end)
            alive &= ~played.step.done
        ends.append(end)
    return torch.cat(ends)


def _play_episodes(
    worlds: Worlds, policy: Policy
) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """Play one episode in every world.

    Returns:
        Success, return, first time at the goal, sum of the action's changes, number of
        these changes, distance of the goal; and the task's measurements at the end of
        each episode by name; (num_worlds,) each.
    """
    obs = begin(worlds, policy)
    distance = worlds.distance(obs["achieved_goal"], obs["desired_goal"])
    alive = torch.ones(worlds.num_worlds, dtype=torch.bool, device=worlds.device)
    won, change = torch.zeros_like(alive), alive.double() * 0
    total, changes = change.clone(), change.clone()
    first = torch.full_like(change, torch.inf)
    measured: dict[str, Tensor] = {}
    previous: Tensor | None = None
    whole = play(worlds, policy, worlds.spaces.horizon, explore=False, obs=obs)
    for index, (action, step) in enumerate(whole):
        total += torch.where(alive, step.reward, 0.0)
        won = torch.where(alive, step.success & ~step.diverged, won)
        now_s = (index + 1) * worlds.control_dt_s
        first = torch.where(alive & step.success & first.isinf(), now_s, first)
        if previous is not None:
            changed = (action - previous).abs().mean(dim=1).double()
            change += torch.where(alive, changed, 0.0)
            changes += alive
        previous = action
        measured = {
            name: torch.where(alive, value, measured.get(name, value))
            for name, value in step.metrics.items()
        }
        alive &= ~step.done
        if not bool(alive.any()):
            break
    return (won, total, first, change, changes, distance), measured
