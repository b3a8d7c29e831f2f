"""Measure two parts of a run on its own device: images and updates."""

from dataclasses import dataclass, field, replace
from functools import partial

from puckrl.bench.race import Contender, race
from puckrl.config.run_cfg import RunCfg, SimCfg
from puckrl.core.runtime import pick_device, torch_threads
from puckrl.report.tables import TableRow
from puckrl.runner.build import Parts, build
from puckrl.runner.warm_up import learn
from puckrl.runner.worlds import make_sim
from puckrl.sim.camera import Camera, CameraCfg
from puckrl.sim.viewpoints import default_name, viewpoint
from puckrl.tasks.catalog import make_task

_FRAMES = 2_000  # of each size and repeat


@dataclass(frozen=True)
class RenderBenchCfg:
    """Configure the benchmark of the camera."""

    task: str = "push"
    """Task to render."""
    sim: SimCfg = field(default_factory=SimCfg)
    """Backend and number of worlds."""
    device: str = "auto"
    """Device of the warp backend."""
    sizes: tuple[int, ...] = (32, 48, 64, 84)
    """Heights and widths of the images, pixels."""
    repeats: int = 5
    """How often the race is repeated."""


def bench_render(cfg: RenderBenchCfg) -> list[TableRow]:
    """Measure images per second by size; all worlds render at once, as in a run."""
    task = make_task(cfg.task)
    sim = make_sim(task, cfg.sim, pick_device(cfg.device))
    contenders: list[Contender] = []
    viewpoint_name = default_name(task.viewpoints)
    for size in cfg.sizes:
        view = CameraCfg(size, size, viewpoint(viewpoint_name, task.viewpoints))
        camera = Camera(sim, task.scene(), view)
        name = f"{size} x {size}, {sim.num_worlds} worlds"
        contenders.append(Contender(name, lambda: None, partial(_shoot, camera)))
    return race(contenders, cfg.repeats)


def _shoot(camera: Camera) -> int:
    """Render ``_FRAMES`` images or more and return their number."""
    times = -(-_FRAMES // camera.num_worlds)
    for _ in range(times - 1):
        camera.render()
    int(camera.render()[-1, -1, -1, -1])  # waits for the device
    return times * camera.num_worlds


def bench_update(cfg: RunCfg, *, least_updates: int, repeats: int) -> list[TableRow]:
    """Measure updates per second of a preset: uncompiled, and compiled as in a run.

    Both include sampling the batches. The replay holds random play.

    Args:
        cfg: the run.
        least_updates: minimum number of updates in a repeat.
        repeats: how often the race is repeated.
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
    """Return the parts of a run whose replay holds enough random play to learn from."""
    parts = build(cfg)
    with torch_threads(1):
        while parts.learner.warming_up:
            parts.collector.collect(parts.learner.behavior, parts.env.spaces.horizon)
    return parts
