"""Make a Gymnasium environment from its id, with errors in one line."""

import importlib
import os
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec

from puckrl.core.errors import UserError, said

_PACKAGES = {
    "Panda": ("panda_gym", "pip install 'puckrl[panda]'"),
    "Fetch": ("gymnasium_robotics", "pip install gymnasium-robotics"),
    "Hand": ("gymnasium_robotics", "pip install gymnasium-robotics"),
    "PointMaze": ("gymnasium_robotics", "pip install gymnasium-robotics"),
    "AntMaze": ("gymnasium_robotics", "pip install gymnasium-robotics"),
    "Adroit": ("gymnasium_robotics", "pip install gymnasium-robotics"),
    "puck/": ("puckrl.interop.gym", "pip install puckrl"),
}
"""Packages that register ids which begin so, and how to get them."""


def find_spec(name: str) -> EnvSpec:
    """Return what Gymnasium knows of an id; import the package that registers it.

    Args:
        name: ``ID``, or ``PACKAGE:ID`` if the package is not known here.

    Raises:
        UserError: for an unknown id, or a package that is missing.
    """
    package, _, short = name.rpartition(":")
    how = "install it"
    if not package:
        known = (p for prefix, p in _PACKAGES.items() if short.startswith(prefix))
        package, how = next(known, ("", ""))
    if package:
        _import(package, how, name)
    try:
        return gymnasium.spec(short)
    except gymnasium.error.Error as error:
        raise UserError(
            f"gym:{name}: {said(error)}; if a package registers it, name it too: "
            "gym:PACKAGE:ID"
        ) from None


def _import(package: str, how: str, name: str) -> None:
    """Import a package that registers environments, without its greeting."""
    try:
        with silent():
            module = importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package.partition(".")[0]:
            raise
        raise UserError(f"gym:{name} needs the package {package}: {how}") from None
    except Exception as error:
        raise UserError(
            f"gym:{name}: import {package} failed: {said(error)}"
        ) from error
    gymnasium.register_envs(module)


@contextmanager
def silent() -> Generator[None]:
    """Send what a library writes inside to nowhere, from C too; errors are raised anyway."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [(fd, os.dup(fd)) for fd in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for fd, _ in kept:
            os.dup2(nowhere, fd)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for fd, copy in kept:
            os.dup2(copy, fd)
            os.close(copy)
        os.close(nowhere)


@contextmanager
def told(name: str, method: str) -> Generator[None]:
    """Turn whatever an environment raises inside into one line that names the method.

    Raises:
        UserError: in place of any other error, and of ``exit()``.
    """
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {said(error)}"
        raise UserError(f"gym:{name}: {method}() raised {what}") from error


def make_one(name: str, **kwargs: Any) -> gymnasium.Env[Any, Any]:
    """Make one world, with the time limit of its specification.

    Args:
        name: see ``find_spec``.
        kwargs: the environment's arguments; ``max_episode_steps`` replaces its time limit.

    Raises:
        UserError: for whatever goes wrong.
    """
    spec = find_spec(name)
    try:
        with silent(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = gymnasium.make(spec, disable_env_checker=True, **kwargs)
    except (Exception, SystemExit) as error:
        raise UserError(f"gym:{name} cannot be made: {said(error)}") from error
    for part in ("observation_space", "action_space"):
        if not isinstance(getattr(made.unwrapped, part, None), gymnasium.Space):
            raise UserError(f"gym:{name} has no {part}, a gymnasium.Space")
    return made
