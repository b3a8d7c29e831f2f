"""Offer the tasks as Gymnasium environments, one world or many.

    import gymnasium
    import puckrl.interop.gym

    gymnasium.register_envs(puckrl.interop.gym)  # says why the import is there
    env = gymnasium.make("puck/FetchPush-v4")
    envs = gymnasium.make_vec(
        "puck/FetchPush-v4", num_envs=64, vectorization_mode="vector_entry_point"
    )

Importing this module registers ``puck/Fetch{Reach,Push,Slide,PickAndPlace}[Dense]-v4``.
They replace gymnasium-robotics' environments number for number: the same spaces,
observations, rewards and ``info["is_success"]``. ``puck/FetchPushPixels[Dense]-v4`` and
its siblings show images in place of the object: `gym_pixels`.

Gymnasium's ``TimeLimit`` wrapper limits the episodes of one world, so that
``gymnasium.make(..., max_episode_steps=100)`` works; a vector environment counts its own
steps.
"""

from copy import deepcopy
from itertools import product
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec, WrapperSpec
from numpy.typing import ArrayLike

from puckrl.interop.arrays import Action
from puckrl.interop.gym_many import PuckVectorEnv
from puckrl.interop.gym_one import PuckEnv
from puckrl.interop.view import Observation
from puckrl.tasks.catalog import make_task

__all__ = ["IDS", "GoalInterface", "PuckEnv", "PuckVectorEnv"]

IDS = {
    "Reach": "reach",
    "Push": "push",
    "Slide": "slide",
    "PickAndPlace": "pick-place",
}
"""Our names of the Fetch tasks, by gymnasium-robotics' names."""


class GoalInterface(gymnasium.Wrapper[Observation, Action, Observation, Action]):
    """Show ``compute_reward`` and ``goal`` where ``gymnasium.make`` has wrapped the env.

    Gymnasium's wrappers hide them, and Stable-Baselines3's checker looks for them there.
    """

    @property
    def goal(self) -> Any:
        """Desired goal, see ``PuckEnv.goal``."""
        return self.env.get_wrapper_attr("goal")

    @goal.setter
    def goal(self, goal: ArrayLike) -> None:
        self.env.set_wrapper_attr("goal", goal)

    def compute_reward(
        self, achieved_goal: ArrayLike, desired_goal: ArrayLike, info: object
    ) -> Any:
        """Return rewards of goals (..., goal_dim) as (...) float64; ``info`` is unused."""
        unwrapped: Any = self.unwrapped
        return unwrapped.compute_reward(achieved_goal, desired_goal, info)

    @property
    def spec(self) -> EnvSpec | None:
        """Specification from which ``make`` and ``make_vec`` make this environment."""
        inner = deepcopy(self.env.spec)
        if inner is not None:
            inner.additional_wrappers = ONE_WORLD
        return inner


class _MakeOnly(tuple[WrapperSpec, ...]):
    """Wrappers for ``make`` alone: ``make_vec`` refuses a copy of the spec with any."""

    def __deepcopy__(self, memo: object) -> tuple[WrapperSpec, ...]:
        return ()


ONE_WORLD = _MakeOnly((GoalInterface.wrapper_spec(),))
"""Wrappers of an environment of one world, outside of Gymnasium's own."""


def _register() -> None:
    """Register the ids with Gymnasium; importing this module does it."""
    rewards = (("", "sparse"), ("Dense", "dense"))
    classes = (
        ("", f"{__name__}:PuckEnv", f"{__name__}:PuckVectorEnv"),
        ("Pixels", f"{__name__}_pixels:PixelEnv", f"{__name__}_pixels:PixelVectorEnv"),
    )
    for (name, task), (modality, one, many), (suffix, reward) in product(
        IDS.items(), classes, rewards
    ):
        gymnasium.register(
            id=f"puck/Fetch{name}{modality}{suffix}-v4",
            entry_point=one,
            vector_entry_point=many,
            max_episode_steps=make_task(task).spaces.horizon,
            kwargs={"task": task, "reward": reward},
            additional_wrappers=ONE_WORLD,
        )


_register()
