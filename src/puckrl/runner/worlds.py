"""Environments from names and numbers: physics, cameras, worlds to train and to judge in.

Cameras and GPU physics are imported only if needed, because importing mujoco_warp takes
seconds.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from copy import copy
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, Literal

import torch

from puckrl.config.bounds import check_bounds
from puckrl.config.run_cfg import PixelsCfg, RunCfg, SimCfg
from puckrl.config.tree import build
from puckrl.core import team
from puckrl.core.arguments import check, checked
from puckrl.core.errors import UserError, out_of_memory
from puckrl.core.foreign import library_of
from puckrl.core.runtime import pick_device
from puckrl.core.settings import COUNT, NON_NEGATIVE, SEED
from puckrl.core.timeline import span
from puckrl.core.types import PixelSpace
from puckrl.envs.cameras import Cameras, NoCameras
from puckrl.envs.foreign.worlds import ForeignWorlds
from puckrl.envs.goal_env import GoalEnv
from puckrl.envs.goal_images import RenderedGoals
from puckrl.runner.foreign_worlds import make_foreign, make_training_worlds
from puckrl.sim.backend import Sim
from puckrl.sim.cpu import CpuSim
from puckrl.sim.scene import compiled
from puckrl.sim.viewpoints import Viewpoint, viewpoint
from puckrl.tasks.catalog import make_task
from puckrl.tasks.guard import columns_missing
from puckrl.tasks.params import TaskParams
from puckrl.tasks.task import RewardKind, Task

log = logging.getLogger(__name__)

EVAL_WORLDS = 64
_CPU = torch.device("cpu")
NO_PIXELS = PixelsCfg()
_NOTABLE_S = 1.0
EVAL_SEED_OFFSET = 1_000_003  # evaluation never replays a training reset


@checked
def make_worlds(
    task: str,
    num_worlds: Annotated[int, COUNT] = 1,
    *,
    reward: RewardKind = "sparse",
    seed: Annotated[int, SEED] = 0,
    num_threads: Annotated[int, NON_NEGATIVE] = 0,
    pixels: PixelsCfg | str | Sequence[str] | None = None,
    device: str = "cpu",
    backend: Literal["cpu", "warp"] = "cpu",
    params: TaskParams | Mapping[str, Any] | None = None,
) -> GoalEnv:
    """Make a batched goal environment; see ``puckrl.make``."""
    sim = SimCfg(num_worlds=num_worlds, num_threads=num_threads, backend=backend)
    if not isinstance(pixels, PixelsCfg):
        names = (pixels,) if isinstance(pixels, str) else tuple(pixels or ())
        pixels = PixelsCfg(viewpoints=names)
    try:
        return make_env(
            task,
            sim,
            reward=reward,
            params=task_params(task, params) if isinstance(params, Mapping) else params,
            seed=seed,
            pixels=pixels,
            device=pick_device(device),
        )
    except Exception as error:
        if reason := out_of_memory(error):
            raise UserError(
                f"num_worlds={num_worlds}: {reason}; use fewer worlds"
            ) from error
        raise


def task_params(task: str, changes: Mapping[str, Any]) -> TaskParams:
    """Return a task's own settings with some of them changed.

    Args:
        task: its name.
        changes: values by name, dotted within a section: ``{"vary.depth": 0.1}``.

    Raises:
        UserError: for a task without settings, an unknown name, or a value of another type.
    """
    kind = make_task(task).params_type
    if kind is None:
        raise UserError(f"task {task} has no settings of its own; leave params out")
    tree: dict[str, Any] = {}
    for name, value in changes.items():
        check("a name in params", name, str)
        *sections, last = name.split(".")
        inner = tree
        for section in sections:
            inner = inner.setdefault(section, {})
            if not isinstance(inner, dict):
                raise UserError(f"params.{name} lies in {section!r}, which has a value")
        inner[last] = value
    return build(kind, tree, "params.")


@checked
def make_env(
    task: str | Task,
    sim: SimCfg,
    *,
    reward: RewardKind = "sparse",
    params: TaskParams | None = None,
    seed: int = 0,
    auto_reset: bool = True,
    pixels: PixelsCfg = NO_PIXELS,
    device: torch.device = _CPU,
    first_world: int = 0,
) -> GoalEnv:
    """A goal environment from names and numbers, or from a task that is not bound yet.

    Cameras render on ``device``, and ``warp`` simulates there; MuJoCo stays on the CPU.

    Raises:
        UserError: for an unknown name, or a number out of range.
    """
    made = task if isinstance(task, Task) else make_task(task, reward, params)
    if missing := columns_missing(made.spaces):
        raise UserError(f"{type(made).__name__}.{missing}")
    # copied before it is bound: pictures of goals have a simulation of their own
    apart = copy(made)
    worlds = make_sim(made, sim, device)
    cameras = make_cameras(made, worlds, pixels, device)
    return GoalEnv(
        made,
        worlds,
        seed,
        auto_reset=auto_reset,
        cameras=cameras,
        goal_images=_make_goal_images(apart, sim, pixels, device),
        first_world=first_world,
    )


def _make_goal_images(
    task: Task, sim: SimCfg, cfg: PixelsCfg, device: torch.device
) -> RenderedGoals | None:
    """Make what renders goals; None if the configuration asks for none.

    Raises:
        UserError: without a camera, or with one that a body carries.
    """
    if not cfg.goal_images:
        return None
    if not cfg.viewpoints:
        raise UserError(
            "goals cannot be images without a camera; add one: --pixels.viewpoints side"
        )
    for name in cfg.viewpoints:
        view = viewpoint(name, task.viewpoints)
        if isinstance(view, Viewpoint) and view.body:
            raise UserError(
                f"viewpoint {name} moves with {view.body}, so it cannot show a goal; use "
                "cameras that stand still, or --pixels.no-goal-images"
            )
    worlds = make_sim(task, replace(sim, backend="cpu"), device)
    cameras = make_cameras(task, worlds, replace(cfg, stack=1), device)
    assert isinstance(cameras, Cameras)
    return RenderedGoals(task, worlds, cameras)


def rehearse(cfg: RunCfg) -> None:
    """Play a control step of a user's task in two worlds, before a run folder is made.

    Raises:
        UserError: for whatever goes wrong in the task.
    """
    small = replace(cfg.sim, backend="cpu", num_worlds=2, num_threads=1)
    made = make_env(
        cfg.task, small, reward=cfg.reward, params=cfg.params, seed=cfg.seed
    )
    with closing(made) as env:
        env.reset()
        env.step(torch.zeros(env.num_worlds, env.spaces.action_dim))


def make_cameras(
    task: Task, sim: Sim, cfg: PixelsCfg, device: torch.device = _CPU
) -> Cameras | NoCameras:
    """Make cameras that render the worlds of ``sim`` on ``device``.

    Raises:
        UserError: for an unknown viewpoint, or a number out of range.
    """
    check_bounds(cfg, "pixels.")
    views = [viewpoint(name, task.viewpoints) for name in cfg.viewpoints]
    if not views:
        return NoCameras()
    from puckrl.sim.camera import Camera, CameraCfg

    with ExitStack() as made:
        cameras = [
            made.enter_context(closing(Camera(sim, task.scene(), camera, device)))
            for camera in (
                CameraCfg(
                    width=cfg.width,
                    height=cfg.height,
                    viewpoint=view,
                    varied=cfg.randomize.on,
                )
                for view in views
            )
        ]
        made.pop_all()  # no later camera failed: none is closed
    return Cameras(cameras, cfg.stack, cfg.randomize)


def goal_space(cfg: PixelsCfg) -> PixelSpace | None:
    """Return the size of a goal image without making a camera; None without any."""
    of = pixel_space(cfg)
    return replace(of, stack=1) if of is not None and cfg.goal_images else None


def pixel_space(cfg: PixelsCfg) -> PixelSpace | None:
    """Return the size of the images without making a camera; None without viewpoints."""
    if not cfg.viewpoints:
        return None
    return PixelSpace(cfg.height, cfg.width, 3 * len(cfg.viewpoints), cfg.stack)


def make_sim(task: Task, cfg: SimCfg, device: torch.device) -> Sim:
    """Make the simulation of a task."""
    if cfg.backend == "cpu":
        model = compiled(task.scene(), type(task).__name__)
        return CpuSim(model, cfg.num_worlds, cfg.num_threads, task.varied)
    assert cfg.backend == "warp", cfg.backend
    with span("imports"):
        from puckrl.sim.warp import WarpSim

    if device.type == "cpu":
        log.warning("mujoco_warp without a GPU is for tests; use --sim.backend cpu")
    else:
        _announce_kernels()
    model = compiled(task.limited_scene(cfg.contacts), type(task).__name__)
    sim = WarpSim(model, cfg.num_worlds, device, varied=task.varied)
    if sim.compile_s > _NOTABLE_S:
        log.info("physics kernels are ready after %.1f s", sim.compile_s)
    return sim


@cache
def _announce_kernels() -> None:
    """Log once why the first start on a machine takes minutes."""
    log.info("physics kernels: compiling, or loading from ~/.cache/warp; minutes once")


RunWorlds = GoalEnv | ForeignWorlds
"""Worlds that a run may train and be judged in."""


def make_training_env(cfg: RunCfg, device: torch.device) -> RunWorlds:
    """Make the environment that a run collects in, with automatic resets.

    Rewards and ends of a foreign environment are verified, if hindsight recomputes them.
    """
    if library_of(cfg.task):
        return make_training_worlds(cfg, cfg.seed + team.rank())
    return make_env(
        cfg.task,
        cfg.sim,
        reward=cfg.reward,
        params=cfg.params,
        seed=cfg.seed,
        pixels=cfg.pixels,
        device=device,
        first_world=team.rank() * cfg.sim.num_worlds,
    )


def make_eval_env(
    cfg: RunCfg,
    worlds: int,
    seed: int,
    device: torch.device = _CPU,
    *,
    draws: bool = False,
) -> RunWorlds:
    """Make an environment to evaluate and film in, with CPU physics.

    Its cameras render on ``device``. ``draws``: a foreign environment draws its own images.

    Raises:
        UserError: if ``worlds`` is below 1.
    """
    if worlds < 1:
        raise UserError(f"{worlds} worlds or episodes are too few; use at least one")
    if library_of(cfg.task):
        return make_foreign(cfg, worlds, seed, auto_reset=False, draws=draws)
    sim = replace(cfg.sim, backend="cpu", num_worlds=worlds)
    return make_env(
        cfg.task,
        sim,
        reward=cfg.reward,
        params=cfg.params and cfg.params.judged(),
        seed=seed,
        auto_reset=False,
        pixels=cfg.pixels,
        device=device,
    )
