"""A trained policy as a robot's own loop uses it: numpy or torch in, the same out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard, overload

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from puckrl.agents.policy import ActorPolicy
from puckrl.core.errors import UserError, first_line
from puckrl.core.pictures import Picture, read_picture, write_picture
from puckrl.core.spec import ImageSpec, InputSpec, PolicySpec

Value = Tensor | NDArray[Any]

_ALIASES = {"state": "observation"}  # Gymnasium's name


class Policy:
    """Acts in float32 with the averaged weights of a run, those that were judged.

    It needs torch, and neither MuJoCo nor the task. ``puckrl.load`` makes one.

    Args:
        spec: its contract.
        acting: the network.
    """

    def __init__(self, spec: PolicySpec, acting: ActorPolicy) -> None:
        self.spec = spec
        """Return names, shapes, units, frames and rate of what goes in and comes out."""
        self._acting = acting
        self._inputs = {one.name: one for one in spec.inputs}

    @property
    def device(self) -> torch.device:
        """Device that computes."""
        return self._acting.device

    @property
    def acting(self) -> ActorPolicy:
        """The network, for those who play many worlds or export it."""
        return self._acting

    @overload
    def act(
        self, obs: Mapping[str, Tensor], *, deterministic: bool = True
    ) -> Tensor: ...
    @overload
    def act(
        self, obs: Mapping[str, NDArray[Any]], *, deterministic: bool = True
    ) -> NDArray[np.float32]: ...
    def act(
        self, obs: Mapping[str, Value], *, deterministic: bool = True
    ) -> Tensor | NDArray[np.float32]:
        """Return the action for one observation, or for a batch of them.

        Args:
            obs: what ``spec.inputs`` lists, numpy arrays or torch tensors: of the listed
                shape each, or (B, ...) each. The whole ``state`` (or ``observation``, as
                Gymnasium names it) may stand for the sensors that are parts of it; other
                entries are ignored.
            deterministic: else the action is sampled, as in training but without random
                actions.

        A policy with memory (``spec.network.memory``) remembers each row of the batch from
        call to call: pass every control step once, and call ``reset`` between episodes.

        Returns:
            Float32 in [-1, 1] of shape (action_dim,) or (B, action_dim), a tensor on the
            device of ``obs`` if that holds tensors, else an array.

        Raises:
            UserError: for an entry that is missing, not finite, or of another shape.
        """
        given, single = self._batch(obs)
        action = self._acting.act(given, explore=not deterministic)
        action = action[0] if single else action
        kind = next(iter(obs.values()))
        if isinstance(kind, Tensor):
            return action.to(kind.device)
        return action.cpu().numpy()

    def reset(self, done: Value | None = None) -> None:
        """Begin an episode: forget what a policy with memory remembers.

        A policy that acts on the present observation alone has nothing to forget; its
        frame stack belongs to whoever makes its images.

        Args:
            done: rows of the batch whose episode is over, (B,) bool; None: all.
        """
        every = torch.ones(1, dtype=torch.bool)
        mask = every if done is None else torch.as_tensor(done).bool()
        self._acting.reset(mask.to(self.device))

    @property
    def memory(self) -> dict[str, Tensor]:
        """A copy of what the policy remembers now, by name; {} without memory.

        Assign one to go on from there.
        """
        return {name: x.clone() for name, x in self._acting.memory.tensors().items()}

    @memory.setter
    def memory(self, remembered: Mapping[str, Tensor]) -> None:
        self._acting.memory.restore(dict(remembered))

    def read_goal(self, path: str | Path) -> NDArray[np.uint8]:
        """Return the ``goal_image`` that a PNG file holds, (channels, height, width).

        Raises:
            UserError: if the policy takes no goal image; if the file is no image, or was
                taken by another camera or in another size.
        """
        return read_picture(Path(path), self._images()).image

    def write_goal(
        self, path: str | Path, goal_image: Value, goal: ArrayLike | None = None
    ) -> None:
        """Write a ``goal_image`` as PNG, with the cameras that took it.

        Args:
            path: of the file.
            goal_image: (channels, height, width) uint8.
            goal: the goal that it shows, for those who measure success; None: unknown.

        Raises:
            UserError: if the policy takes no goal image, or the file cannot be written.
        """
        of = self._images()
        image = self._checked(self._inputs["goal_image"], goal_image).cpu().numpy()
        known = None if goal is None else tuple(np.asarray(goal, dtype=float).tolist())
        write_picture(Path(path), Picture(image, known), of)

    def _images(self) -> ImageSpec:
        """Return the description of the images; refuse a policy without goal images."""
        if "goal_image" not in self._inputs or self.spec.images is None:
            raise UserError(
                f"this policy of {self.spec.task} takes no goal_image; its inputs: "
                f"{', '.join(self._inputs)}"
            )
        return self.spec.images

    def __repr__(self) -> str:
        """Return its task, inputs and outputs in one line."""
        inputs = ", ".join(f"{one.name} {one.shape}" for one in self.spec.inputs)
        return (
            f"<puckrl.Policy of {self.spec.task}: {inputs} -> "
            f"action ({len(self.spec.action.numbers)},), {self.spec.control.rate_hz:g} Hz>"
        )

    def _batch(self, obs: Mapping[str, Value]) -> tuple[dict[str, Tensor], bool]:
        """Return the network's inputs, (B, ...) each, and whether it is one observation."""
        if not _is_mapping(obs):
            raise UserError(
                f"an observation is a {type(obs).__name__}; wanted: a dict with "
                f"{', '.join(self._inputs)}"
            )
        found = {
            name: self._checked(one, value)
            for name, one in self._inputs.items()
            if (value := _entry(obs, name)) is not None
        }
        state = _entry(obs, "state")
        if state is not None and "state" not in self._inputs:
            found["state"] = self._checked(self._whole_state(), state)
        missing = [
            n for n in self._inputs if n not in found and not self._in_state(n, found)
        ]
        if missing:
            raise _lacks(missing, obs)
        ranks = {value.dim() - len(self._shape(n)) for n, value in found.items()}
        sizes = {len(value) for value in found.values()} if ranks == {1} else {1}
        if len(ranks) > 1 or len(sizes) > 1:
            shapes = ", ".join(f"{n} {tuple(v.shape)}" for n, v in found.items())
            raise UserError(
                f"these are neither one observation nor a batch of one size: {shapes}"
            )
        single = ranks == {0}
        if single:
            found = {name: value[None] for name, value in found.items()}
        return self._with_state(found), single

    def _whole_state(self) -> InputSpec:
        return InputSpec("state", (self.spec.network.state_dim,), "float32")

    def _shape(self, name: str) -> tuple[int, ...]:
        return self._inputs.get(name, self._whole_state()).shape

    def _in_state(self, name: str, found: Mapping[str, Tensor]) -> bool:
        """Return whether a sensor is a part of a state that was given."""
        return "state" in found and name in self.spec.sensors

    def _with_state(self, found: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return inputs with a state vector, of which the network reads its columns only."""
        if "state" in found:
            return found
        count = len(next(iter(found.values())))
        state = torch.zeros(count, self.spec.network.state_dim, device=self.device)
        for name, columns in self.spec.sensors.items():
            state[:, list(columns)] = found[name]
        return {**found, "state": state}

    def _checked(self, one: InputSpec, value: Tensor | ArrayLike) -> Tensor:
        """Return an entry on the policy's device; refuse what the network cannot use."""
        try:
            tensor = (
                torch.as_tensor(np.array(value)) if not _is_tensor(value) else value
            )
        except (TypeError, ValueError) as error:
            raise UserError(
                f"{one.name} holds no numbers: {first_line(error)}"
            ) from error
        rank = len(one.shape)
        if tuple(tensor.shape[-rank:]) != one.shape or tensor.dim() > rank + 1:
            raise UserError(
                f"{one.name} has shape {tuple(tensor.shape)}; wanted {one.shape}, or a "
                f"batch ({', '.join(['B', *map(str, one.shape)])})"
            )
        if one.dtype == "uint8":
            if tensor.dtype != torch.uint8:
                raise UserError(
                    f"{one.name} are {_dtype(tensor)}; wanted uint8, 0 to 255"
                )
            return tensor.to(self.device)
        if tensor.is_complex() or tensor.dtype == torch.bool:
            raise UserError(f"{one.name} is {_dtype(tensor)}; wanted {one.dtype}")
        tensor = tensor.to(self.device, torch.float32)
        if not bool(tensor.isfinite().all()):
            raise UserError(f"{one.name} holds NaN or infinity; wanted finite numbers")
        return tensor


def _lacks(missing: list[str], obs: Mapping[str, object]) -> UserError:
    """Return the error for entries that an observation lacks."""
    return UserError(
        f"the observation lacks {', '.join(missing)}; it holds: {', '.join(obs) or 'nothing'}"
    )


def _entry(obs: Mapping[str, Value], name: str) -> Value | None:
    """Return an entry by its name, or by Gymnasium's."""
    value = obs.get(name)
    return obs.get(_ALIASES.get(name, name)) if value is None else value


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_tensor(value: object) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor)


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
