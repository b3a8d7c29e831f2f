"""How fast the parts of a run are on its own device: pictures, and updates."""

import math
from dataclasses import dataclass, field, replace
from functools import partial

from puckrl.bench.race import Contender, race
from puckrl.config.run_cfg import RunCfg, SimCfg
from puckrl.core.runtime import pick_device, torch_threads
from puckrl.report.tables import TableRow
from puckrl.runner.build import Parts, build, make_sim
from puckrl.sim.camera import Camera, CameraCfg
from puckrl.sim.viewpoints import viewpoint
from puckrl.tasks.catalog import make_task

_FRAMES = 2_000  # of each size and repeat


@dataclass(frozen=True)
class RenderBenchCfg:
    """What to measure of the camera."""

    task: str = "push"
    """A task."""
    sim: SimCfg = field(default_factory=SimCfg)
    """Backend and number of worlds."""
    device: str = "auto"
    """Of the warp backend."""
    sizes: tuple[int, ...] = (32, 48, 64, 84)
    """Sides of the pictures, pixels."""
    repeats: int = 5
    """PendingUpdates."""


def bench_render(cfg: RenderBenchCfg) -> list[TableRow]:
    """Pictures per second by size, all worlds at a time, as a run takes them."""
    task = make_task(cfg.task)
    sim = make_sim(task, cfg.sim, pick_device(cfg.device))
    contenders: list[Contender] = []
    for size in cfg.sizes:
        view = CameraCfg(size, size, viewpoint("side"))
        camera = Camera(sim, task.scene(), view)
        name = f"{size} x {size}, {sim.num_worlds} worlds"
        contenders.append(Contender(name, lambda: None, partial(_shoot, camera)))
    return race(contenders, cfg.repeats)


def _shoot(camera: Camera) -> int:
    """Render again and again; how many pictures."""
    times = -(-_FRAMES // camera.num_worlds)
    for _ in range(times - 1):
        camera.render()
    int(camera.render()[-1, -1, -1, -1])  # waits for the device
    return times * camera.num_worlds


def bench_update(cfg: RunCfg, *, least_updates: int, repeats: int) -> list[TableRow]:
    """Updates per second of a preset: as written, and as a run does them.

    Both include looking up the batches. The replay holds random play.

    Args:
        cfg: the run.
        least_updates: of each repeat.
        repeats: rounds.
    """
    ways = {
        "as written": replace(cfg, loop=replace(cfg.loop, compile=False)),
        "compiled": replace(cfg, loop=replace(cfg.loop, compile=True)),
    }
    contenders = [
        Contender(
            f"{cfg.preset}, {name}",
            lambda: None,
            partial(learn, warmed_up(way), least_updates),
        )
        for name, way in ways.items()
    ]
    return race(contenders, repeats)


def warmed_up(cfg: RunCfg) -> Parts:
    """A run whose replay holds random play enough to learn from."""
    parts = build(cfg)
    with torch_threads(1):
        while parts.learner.warming_up:
            parts.collector.collect(parts.learner.policy, parts.env.spaces.horizon)
    return parts


def learn(parts: Parts, least_updates: int) -> int:
    """At least so many updates from the replay; how many."""
    learner = parts.learner
    learner.earn(math.ceil(least_updates / learner.ratio.ratio))
    rounds = learner.rounds()
    rounds.go_on(rounds.left)
    rounds.means()  # waits for them on CUDA
    return rounds.updates
