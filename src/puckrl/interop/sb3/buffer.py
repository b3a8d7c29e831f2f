"""Replay with hindsight for Stable-Baselines3, and store each image once.

    model = SAC(
        CriticEncoderPolicy,
        gymnasium.make("puck/FetchReachPixels-v4"),
        replay_buffer_class=FrameReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4, "goal_selection_strategy": "future"},
    )

SB3's own buffers store a stack of k frames and the next stack for every transition: 2 k
images of which one is new. Our `puckrl.replay.episodes` stores whole episodes and rebuilds
stacks and next observations when it samples a batch.
"""

from typing import Annotated, Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.buffers import BaseBuffer
from stable_baselines3.common.type_aliases import DictReplayBufferSamples
from stable_baselines3.common.utils import get_device
from stable_baselines3.common.vec_env import VecEnv, VecNormalize
from stable_baselines3.her.goal_selection_strategy import (
    KEY_TO_GOAL_STRATEGY,
    GoalSelectionStrategy,
)
from torch import Tensor

from puckrl.core.arguments import checked
from puckrl.core.errors import UserError, unknown
from puckrl.core.rng import generator
from puckrl.core.settings import COUNT, NON_NEGATIVE
from puckrl.core.types import BatchSpec, Obs, Step
from puckrl.interop.sb3.doctor import horizon_of
from puckrl.interop.sb3.packing import GOALS, Arrays, Packing, image_and_vectors
from puckrl.replay.episodes import EpisodeReplayBuffer
from puckrl.replay.settings import Place, ReplayCfg, relabel_probability


class FrameReplayBuffer(HerReplayBuffer):
    """Serve SB3's off-policy algorithms and goal environments as ``replay_buffer_class``.

    It differs from ``HerReplayBuffer``: each sampled goal is a hindsight goal with
    probability n / (n + 1), where SB3 fixes their number in a batch; it recomputes the
    rewards of all goals; vectors are float32; it drops an episode that a reset from
    outside cuts off; there is no ``copy_info_dict``.

    Args:
        buffer_size: number of transitions, ``horizon`` for every episode.
        observation_space: a Dict of vectors and at most one image, a stack of frames.
        action_space: action space of one environment.
        env: environments whose ``compute_reward`` gives the rewards; SB3 fills it in.
        device: device of the batches.
        n_envs: number of environments that record at the same time.
        optimize_memory_usage: an option of SB3's own buffers; must be off.
        handle_timeout_termination: an episode that a time limit cuts has not terminated.
        n_sampled_goal: hindsight goals per original goal.
        goal_selection_strategy: future, final, episode.
        stack: frames in the image; None: the environment's attribute ``stack``.
        horizon: steps of the longest episode; None: as the environment was registered.
        frames_on: where images are stored: device, cpu, disk.

    Raises:
        UserError: for an argument that is not legal, observations of another form, or if
            stack or horizon is unknown.
    """

    @checked
    def __init__(
        self,
        buffer_size: Annotated[int, COUNT],
        observation_space: spaces.Dict,
        action_space: spaces.Space,
        env: VecEnv,
        device: torch.device | str = "auto",
        n_envs: Annotated[int, COUNT] = 1,
        optimize_memory_usage: bool = False,
        handle_timeout_termination: bool = True,
        n_sampled_goal: Annotated[float, NON_NEGATIVE] = 4,
        goal_selection_strategy: GoalSelectionStrategy | str = "future",
        stack: Annotated[int, COUNT] | None = None,
        horizon: Annotated[int, COUNT] | None = None,
        frames_on: Place = "cpu",
    ) -> None:
        if optimize_memory_usage:
            raise UserError(
                "optimize_memory_usage is for SB3's own buffers; leave it off"
            )
        # Not the parents' constructors, which allocate
        BaseBuffer.__init__(
            self, buffer_size, observation_space, action_space, device, n_envs
        )
        self.env = env
        self.handle_timeout_termination = handle_timeout_termination
        image, _ = image_and_vectors(observation_space)
        if not image:
            stack = 1
        elif stack is None and env.has_attr("stack"):
            stack = env.get_attr("stack", 0)[0]
        steps = _known(horizon or horizon_of(env), "horizon")
        self._packing = Packing(
            observation_space, _known(stack, "stack"), self.action_dim, steps
        )
        if buffer_size < n_envs * steps:
            raise UserError(
                f"buffer_size={buffer_size}; legal: from {n_envs * steps} on, an episode "
                f"of {steps} steps of each of {n_envs} environments"
            )
        self._cfg = ReplayCfg(
            capacity=buffer_size,
            her_strategy=_strategy(goal_selection_strategy),
            her_ratio=relabel_probability(n_sampled_goal),
            frames_on=frames_on,
        )
        self.reset()

    def reset(self) -> None:
        """Drop everything."""
        self.episodes = EpisodeReplayBuffer(
            self._cfg,
            self._packing.spaces,
            self.n_envs,
            self._reward,
            _never,
            self.device,
            torch.device("cpu"),
        )
        # SB3 has just seeded torch's own generator with the model's seed
        seed = int(torch.randint(2**62, ()))
        self._rng = generator(seed, "replay", self.device)
        self._elapsed = np.zeros(self.n_envs, dtype=np.int64)
        self._last: Obs = {}

    def size(self) -> int:
        """Return the number of transitions that can be sampled."""
        return len(self.episodes)

    # -- recording ------------------------------------------------------------

    def add(
        self,
        obs: Arrays,
        next_obs: Arrays,
        action: NDArray[Any],
        reward: NDArray[Any],
        done: NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        """Record one step of every environment, (n_envs, ...).

        Raises:
            UserError: if the buffer could not rebuild the step from what it stores.
        """
        done = np.asarray(done, bool)
        timeout = [info.get("TimeLimit.truncated", False) for info in infos]
        ended = done & ~(np.array(timeout, bool) & self.handle_timeout_termination)
        now = self._packing.pack(obs, np.zeros_like(ended))
        then = self._packing.pack(next_obs, ended)
        fresh = self._elapsed == 0
        for name, before in self._last.items():
            fresh |= (now[name] != before).any(1).numpy()
        self._packing.check_stacks(obs, next_obs, fresh)
        self._check_goals(then, obs, reward)
        self._elapsed[fresh] = 0
        if self._elapsed.max() >= self.episodes.horizon:
            raise UserError(
                f"an episode is longer than {self.episodes.horizon} steps; set the maximum: "
                "replay_buffer_kwargs={'horizon': ...}"
            )
        if fresh.any():
            self.episodes.begin(now, torch.from_numpy(fresh.nonzero()[0]))
        taken = torch.from_numpy(action.reshape(self.n_envs, self.action_dim))
        over = torch.from_numpy(done)
        # The next call brings the first observation of the next episode
        self.episodes.add(taken, Step.recorded(then, over))
        self._elapsed = np.where(done, 0, self._elapsed + 1)
        self._last = {name: then[name].clone() for name in ("state", *GOALS)}

    def _check_goals(self, then: Obs, obs: Arrays, reward: NDArray[Any]) -> None:
        """Refuse goals that change within an episode or do not decide the reward.

        Raises:
            UserError: for either.
        """
        asked, achieved = then["desired_goal"], then["achieved_goal"]
        # VecNormalize returns the last observation of an episode with rounding errors
        if not np.allclose(asked.numpy(), obs["desired_goal"], atol=1e-5):
            raise UserError(
                "desired_goal changed within an episode; hindsight needs one goal an "
                "episode: use SB3's ReplayBuffer"
            )
        computed = self._reward(achieved, asked).numpy()
        if not np.allclose(computed, reward, atol=1e-5):
            raise UserError(
                f"the environment gave the reward {reward}, its compute_reward says "
                f"{computed}; wrappers must not change the reward"
            )

    def _reward(self, achieved: Tensor, desired: Tensor) -> Tensor:
        """Return the rewards of the first environment's ``compute_reward``, (B,) float32."""
        assert self.env is not None, "set_env() first"
        goals = (goal.cpu().numpy() for goal in (achieved, desired))
        [reward] = self.env.env_method(
            "compute_reward", *goals, [{}] * len(achieved), indices=[0]
        )
        return torch.as_tensor(reward, dtype=torch.float32, device=achieved.device)

    # -- sampling -------------------------------------------------------------

    def sample(
        self, batch_size: int, env: VecNormalize | None = None
    ) -> DictReplayBufferSamples:
        """Sample transitions with relabelled goals, on ``device``.

        Raises:
            UserError: before the first episode is complete.
        """
        if not len(self.episodes):
            raise UserError(
                "no episode is complete yet; raise learning_starts above "
                f"{self.episodes.horizon * self.n_envs}"
            )
        batch = self.episodes.sample(BatchSpec(batch_size), self._rng)
        obs, _ = self._packing.unpack(batch.obs)
        next_obs, ended = self._packing.unpack(batch.next_obs)
        reward = batch.reward[:, None]
        if env is not None:
            normal = env.normalize_reward(reward.cpu().numpy())
            reward = torch.as_tensor(normal, dtype=torch.float32)
        return DictReplayBufferSamples(
            observations=self._shown(obs, env),
            actions=batch.action.to(self.device),
            next_observations=self._shown(next_obs, env),
            dones=ended.to(self.device),
            rewards=reward.to(self.device),
        )

    def _shown(self, obs: Obs, env: VecNormalize | None) -> Obs:
        """Return an observation in the form of the policy's input."""
        if env is not None:
            arrays = {name: value.cpu().numpy() for name, value in obs.items()}
            normal = env.normalize_obs(arrays)
            assert isinstance(normal, dict)
            obs = {name: torch.as_tensor(value) for name, value in normal.items()}
        return {name: value.to(self.device) for name, value in obs.items()}

    # -- saving ---------------------------------------------------------------

    def truncate_last_trajectory(self) -> None:
        """Drop unfinished episodes; SB3 calls it after loading."""
        self._elapsed[:] = 0

    def __getstate__(self) -> dict[str, Any]:
        """Save all episodes, complete or not, instead of buffer and environment."""
        episodes, state = self.episodes, self.__dict__.copy()
        for name in ("env", "episodes", "_rng"):
            del state[name]
        rows = episodes.export(episodes.oldest, episodes.added)
        stored = {name: value.cpu() for name, value in rows.items()}
        return {
            **state,
            "stored": (stored, episodes.oldest, episodes.snapshot(), episodes.added),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a buffer; it lacks its environment."""
        elapsed, last = state["_elapsed"], state["_last"]
        rows, oldest, under_way, added = state.pop("stored")
        vars(self).update(state)
        self.env, self.device = None, get_device(self.device)
        self.reset()
        self.episodes.load(oldest, rows)
        self.episodes.restore(under_way, added)
        self._elapsed, self._last = elapsed, last


def _known(value: int | None, name: str) -> int:
    """Return the value.

    Raises:
        UserError: if it is None.
    """
    if value is None:
        raise UserError(
            f"the environment has no {name}; set it: "
            f"replay_buffer_kwargs={{'{name}': ...}}"
        )
    return value


def _strategy(chosen: GoalSelectionStrategy | str) -> Any:
    """Return our name of SB3's strategy: the same in lower case."""
    name = chosen if isinstance(chosen, str) else chosen.name
    if name.lower() not in KEY_TO_GOAL_STRATEGY:
        raise unknown("goal_selection_strategy", name, KEY_TO_GOAL_STRATEGY)
    return name.lower()


def _never(achieved: Tensor, desired: Tensor) -> Tensor:
    """Return False everywhere: the state's last column says where SB3's episodes end."""
    return torch.zeros(len(achieved), dtype=torch.bool, device=achieved.device)
