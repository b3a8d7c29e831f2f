"""Give Stable-Baselines3's algorithms many worlds that step together.

    envs = vec_env("puck/FetchPush-v4", num_envs=1024)
    model = SAC("MultiInputPolicy", envs, replay_buffer_class=HerReplayBuffer)

SB3's own vectors step one environment after the other, or one in each process.
"""

from collections.abc import Iterable
from copy import copy
from typing import Annotated, Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecMonitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from puckrl.core.arguments import checked
from puckrl.core.errors import UserError, unknown
from puckrl.core.settings import COUNT
from puckrl.interop.gym import PuckVectorEnv

Indices = int | Iterable[int] | None


@checked
def vec_env(
    env: str | PuckVectorEnv,
    num_envs: Annotated[int, COUNT] | None = None,
    **options: Any,
) -> VecMonitor:
    """Make many worlds for SB3's algorithms; a ``VecMonitor`` counts their episodes.

    Args:
        env: an id, such as ``puck/FetchPush-v4``; the name of a task, or
            ``path/to/file.py:ClassName``; or worlds that are made already.
        num_envs: number of worlds; None: 1, or those of ``env``.
        options: options of ``PuckVectorEnv`` or, for an id with images, of
            ``PixelVectorEnv``.

    Raises:
        UserError: for an id that is not ours, or an argument that is not legal.
    """
    if not isinstance(env, str):
        if num_envs not in (None, env.num_envs) or options:
            raise UserError(
                "these worlds are made already; pass an id to choose options"
            )
        return VecMonitor(PuckVecEnv(env))
    if not env.startswith("puck/"):
        return VecMonitor(PuckVecEnv(PuckVectorEnv(num_envs or 1, env, **options)))
    known = [id_ for id_ in gymnasium.registry if id_.startswith("puck/")]
    if env not in known:
        raise unknown("id", env, known)
    made = gymnasium.make_vec(
        env, num_envs or 1, vectorization_mode="vector_entry_point", **options
    ).unwrapped
    assert isinstance(made, PuckVectorEnv)
    return VecMonitor(PuckVecEnv(made))


class PuckVecEnv(VecEnv):
    """Show many worlds as a ``VecEnv``.

    Worlds whose episode ends are reset within the same step, as SB3 wants it. The seed of
    the first world decides all of them.

    Args:
        worlds: reset in the same step: ``AutoresetMode.SAME_STEP``.

    Raises:
        UserError: for worlds with another mode.
    """

    def __init__(self, worlds: PuckVectorEnv) -> None:
        if worlds.autoreset_mode is not AutoresetMode.SAME_STEP:
            raise UserError(
                f"autoreset_mode is {worlds.autoreset_mode.value}; SB3 wants SameStep"
            )
        self.worlds = worlds
        """The worlds."""
        single = worlds.single_observation_space, worlds.single_action_space
        super().__init__(worlds.num_envs, *single)
        self.metadata = worlds.metadata
        self._actions: NDArray[Any]

    def reset(self) -> VecEnvObs:
        """Begin an episode in every world, with the seed and the options set before.

        Raises:
            UserError: for options other than a goal, or goals for some worlds only.
        """
        options: dict[str, Any] = {}
        for name in {name for given in self._options for name in given}:
            if not all(name in given for given in self._options):
                raise UserError(
                    f"options: some worlds have no {name!r}; set it for all"
                )
            options[name] = np.stack([given[name] for given in self._options])
        obs, _ = self.worlds.reset(seed=self._seeds[0], options=options)
        self._reset_seeds()
        self._reset_options()
        return obs

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions, (num_envs, action_dim), for ``step_wait``."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step; infos have ``is_success``, and at an episode's end what SB3 wants."""
        obs, reward, terminated, truncated, info = self.worlds.step(self._actions)
        done = terminated | truncated
        success = info["is_success"]
        if done.any():
            success = np.where(done, info["final_info"]["is_success"], success)
        infos: list[dict[str, Any]] = [
            {"is_success": reached, "TimeLimit.truncated": False}
            for reached in success.tolist()
        ]
        for world in np.flatnonzero(done):
            infos[world]["terminal_observation"] = info["final_obs"][world]
            infos[world]["TimeLimit.truncated"] = bool(~terminated[world])
        return obs, reward.astype(np.float32), done, infos

    def close(self) -> None:
        """Stop the threads of the cameras; safe to call twice."""
        self.worlds.close()

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """Return an attribute, which all worlds share; each has its own ``goal``.

        Raises:
            AttributeError: for an unknown attribute.
        """
        chosen = self._get_indices(indices)
        if attr_name == "goal":
            return [self.worlds.goal[world] for world in chosen]
        if attr_name == "spec":
            return [self._spec() for _ in chosen]
        return [getattr(self.worlds, attr_name) for _ in chosen]

    def _spec(self) -> EnvSpec:
        """Return a specification that states the steps of an episode, for callbacks."""
        spec = copy(self.worlds.spec) or EnvSpec("puck/worlds")
        spec.max_episode_steps = self.worlds.max_episode_steps
        return spec

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        """Set the goal of some worlds; everything else is decided when they are made.

        Raises:
            AttributeError: for another attribute.
        """
        if attr_name != "goal":
            raise AttributeError(f"{attr_name!r} cannot be set; legal: goal")
        goals = self.worlds.goal.copy()
        goals[list(self._get_indices(indices))] = value
        self.worlds.goal = goals

    def env_method(
        self,
        method_name: str,
        *method_args: Any,
        indices: Indices = None,
        **method_kwargs: Any,
    ) -> list[Any]:
        """Call ``compute_reward``, which is the same in all worlds.

        Raises:
            AttributeError: for another method; they act on all worlds at once.
        """
        if method_name != "compute_reward":
            raise AttributeError(
                f"{method_name!r} cannot be called in some worlds; legal: compute_reward"
            )
        reward = self.worlds.compute_reward(*method_args, **method_kwargs)
        return [reward for _ in self._get_indices(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper], indices: Indices = None
    ) -> list[bool]:
        """Return False for each: no world has a wrapper of its own."""
        return [False for _ in self._get_indices(indices)]
