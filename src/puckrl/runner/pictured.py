"""Evaluate a policy on a picture of a goal that somebody gives: ``--goal-image``."""

from dataclasses import dataclass
from pathlib import Path

import torch

from puckrl.agents.actor_critic import ActorCritic
from puckrl.agents.pixel_features import PixelFeatures
from puckrl.core.errors import UserError
from puckrl.core.pictures import Picture, read_picture, write_picture
from puckrl.core.spec import ImageSpec
from puckrl.envs.goal_env import GoalEnv
from puckrl.envs.goal_images import GivenGoal
from puckrl.envs.play import policy_obs
from puckrl.runner.contract_file import read_contract
from puckrl.runner.run_folder import RunFolder
from puckrl.training.judge import Evaluation, evaluate, final_goals


@dataclass(frozen=True)
class Pictured:
    """Results of a policy on one picture."""

    goal: tuple[float, ...] | None
    """The goal that the picture shows, where its file says so."""
    read_goal: tuple[float, ...] | None
    """Where the policy's encoder takes the goal to be; None: it predicts no goals."""
    end: tuple[float, ...]
    """Where episodes end: medians of the achieved goal."""
    spread_m: float
    """Distance from there within which nine of ten episodes end."""
    evaluation: Evaluation | None
    """Success and more; None: the goal is unknown, so no success can be measured."""


def show_picture(folder: RunFolder, env: GoalEnv, path: Path) -> Picture:
    """Make every episode of some worlds have a picture for its goal; return it.

    Raises:
        UserError: if the policy takes no pictures, or could not have taken this one.
    """
    picture = read_picture(path, images_of(folder))
    goal = picture.goal
    if goal is not None and len(goal) != env.spaces.goal_dim:
        raise UserError(
            f"{path} shows a goal of {len(goal)} numbers; the task has "
            f"{env.spaces.goal_dim}"
        )
    env.goal_images.close()
    env.goal_images = GivenGoal(
        torch.from_numpy(picture.image),
        env.spaces.goal_image,
        env.num_worlds,
        None if goal is None else torch.tensor(goal, dtype=torch.float64),
    )
    return picture


def images_of(folder: RunFolder) -> ImageSpec:
    """Return the description of the images of a run that takes pictures of goals.

    Raises:
        UserError: if its policy takes none.
    """
    spec = read_contract(folder.path)
    names = [] if spec is None else [one.name for one in spec.inputs]
    if spec is None or spec.images is None or "goal_image" not in names:
        raise UserError(
            f"the policy of {folder.path} takes no pictures of goals; it gets "
            f"{', '.join(names) or 'none'}. Presets that do: reach-image-goal, "
            "push-image-goal, pick-place-image-goal"
        )
    return spec.images


def judge_picture(
    folder: RunFolder, agent: ActorCritic, env: GoalEnv, path: Path, episodes: int
) -> Pictured:
    """Play episodes of other starts towards the goal of a picture."""
    picture = show_picture(folder, env, path)
    evaluation = None
    if picture.goal is not None:
        evaluation = evaluate(env, agent.averaged, episodes)
    ends = final_goals(env, agent.averaged, episodes)
    middle = ends.median(dim=0).values
    away = env.distance(ends, middle.expand_as(ends))
    return Pictured(
        goal=picture.goal,
        read_goal=_read(agent, env),
        end=tuple(middle.tolist()),
        spread_m=float(away.double().quantile(0.9)),
        evaluation=evaluation,
    )


@torch.no_grad()
def _read(agent: ActorCritic, env: GoalEnv) -> tuple[float, ...] | None:
    """Return where the encoder takes the goal of the picture to be."""
    acting, features = agent.averaged, agent.averaged.features
    if not isinstance(features, PixelFeatures) or not features.conditioned:
        return None
    obs = policy_obs(env.observe(), acting.device)
    prediction = acting.encode(obs)[f"{features.name}.goal_prediction"][:1]
    return tuple(features.vision.objective.goal(prediction)[0].tolist())


def save_pictures(folder: RunFolder, env: GoalEnv, where: Path) -> list[Path]:
    """Write the pictures of the present goals of some worlds: goal-0.png, ..."""
    of, obs = images_of(folder), env.observe()
    paths = [where / f"goal-{world}.png" for world in range(env.num_worlds)]
    for path, image, goal in zip(
        paths, obs["goal_image"], obs["desired_goal"].tolist(), strict=True
    ):
        write_picture(path, Picture(image.cpu().numpy(), tuple(goal)), of)
    return paths
