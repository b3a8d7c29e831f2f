import itertools

import mujoco
import numpy as np
import pytest
import torch
from torch import Tensor

from puckrl.core.rng import Draws
from puckrl.sim.camera import Camera, CameraCfg
from puckrl.sim.cpu import CpuSim
from puckrl.sim.film import Film, _sphere, film_scene
from puckrl.sim.viewpoints import Viewpoint
from puckrl.tasks.fetch.pick_place import FetchPickAndPlace
from puckrl.tasks.fetch.push import FetchPush
from puckrl.tasks.fetch.viewpoints import VIEWPOINTS
from puckrl.tasks.task import Task

SIZE = (96, 72)
ON_TABLE = torch.tensor([[1.40, 0.80, 0.425]] * 2)
NOWHERE = torch.tensor([[1.40, 0.80, -5.0]] * 2)


@pytest.fixture(scope="module")
def sim() -> CpuSim:
    task, worlds = FetchPush(), torch.arange(2)
    sim = CpuSim(task.scene().compile(), 2, num_threads=1)
    task.bind(sim)
    task.reset(worlds, Draws(0, worlds, torch.zeros_like(worlds)))
    return sim


@pytest.fixture(scope="module")
def film(sim: CpuSim) -> Film:
    return Film(sim, FetchPush().scene(), VIEWPOINTS["film"], SIZE, 0.03)


def greenness(image: Tensor) -> Tensor:
    """How much green exceeds red and blue, (..., H, W)."""
    red, green, blue = image.int().unbind(-1)
    return green - torch.maximum(red, blue)


def test_the_marker_is_green_and_only_where_it_is(film: Film) -> None:
    bare, marked = film.render(NOWHERE), film.render(ON_TABLE)
    assert marked.shape == (2, SIZE[1], SIZE[0], 3)
    assert marked.dtype == torch.uint8
    changed = (bare != marked).any(dim=-1)
    assert 10 < int(changed[0].sum()) < 400  # a sphere of 6 pixels and its pool
    assert greenness(marked)[changed].max() > 60
    assert greenness(bare).max() < 15


def test_each_world_has_its_own_marker(film: Film) -> None:
    both = film.render(torch.stack([ON_TABLE[0], NOWHERE[0]]))
    assert torch.equal(both[0], film.render(ON_TABLE)[0])
    assert torch.equal(both[1], film.render(NOWHERE)[1])


def test_a_marker_inside_the_table_is_hidden(film: Film) -> None:
    inside = torch.tensor([[1.40, 0.80, 0.30]] * 2)
    assert torch.equal(film.render(inside), film.render(NOWHERE))


def test_a_marker_behind_the_camera_is_left_out(film: Film) -> None:
    behind = torch.tensor([[3.5, -1.8, 1.6]] * 2)
    assert torch.equal(film.render(behind), film.render(NOWHERE))


def test_sensors_never_see_the_marker(sim: CpuSim, film: Film) -> None:
    sensor = Camera(sim, FetchPush().scene(), CameraCfg(viewpoint=VIEWPOINTS["film"]))
    before = sensor.render().clone()
    film.render(ON_TABLE)
    assert torch.equal(sensor.render(), before)
    assert greenness(before).max() < 15


def test_the_studio_changes_the_appearance_and_nothing_else() -> None:
    plain = FetchPush().scene().compile()
    studio = film_scene(FetchPush().scene()).compile()
    for name in ("geom_bodyid", "geom_type", "body_mass", "jnt_qposadr", "mesh_pos"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(studio, name))
    assert bool(studio.light_castshadow.any())


@pytest.mark.parametrize(
    ("task", "low", "high"),
    [
        (FetchPush, (1.21, 0.60, 0.42), (1.51, 0.90, 0.42)),
        (FetchPickAndPlace, (1.19, 0.60, 0.42), (1.49, 0.90, 0.42 + 0.45)),
    ],
)
def test_films_show_every_goal(
    task: type[Task], low: tuple[float, ...], high: tuple[float, ...]
) -> None:
    view = task.film_view
    assert isinstance(view, Viewpoint)
    corners = np.array(list(itertools.product(*zip(low, high, strict=True))))
    right, up, back = ((corners - view.pos_m) @ view.rotation()).T
    half = np.tan(np.radians(view.fovy_deg) / 2)
    # with the width of a gripper to spare; images are 4 : 3
    assert (np.abs(up) + 0.08 < -back * half).all()
    assert (np.abs(right) + 0.08 < -back * half * 4 / 3).all()


def test_sphere_agrees_with_mujocos_ray(rng: torch.Generator) -> None:
    radius, origin = 0.3, torch.tensor([0.2, -1.0, 0.4], dtype=torch.float64)
    rays = torch.randn(1, 200, 3, generator=rng, dtype=torch.float64) * 0.4
    rays[..., 1] += 1.0
    near, hit = _sphere(origin, rays, radius)
    expected = np.array(
        [
            mujoco.mju_rayGeom(
                np.zeros(3),
                np.eye(3).ravel(),
                np.full(3, radius),
                origin.numpy(),
                ray.numpy(),
                mujoco.mjtGeom.mjGEOM_SPHERE,
                None,
            )
            for ray in rays[0]
        ]
    )
    assert 20 < int(hit.sum()) < 180
    np.testing.assert_array_equal(hit[0].numpy(), expected >= 0)
    np.testing.assert_allclose(near[hit], expected[expected >= 0], atol=1e-12)
