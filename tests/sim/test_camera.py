import copy
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import mujoco
import numpy as np
import pytest
import torch
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.core.rng import Draws
from puckrl.envs.goal_env import GoalEnv
from puckrl.sim.backend import Sim
from puckrl.sim.camera import Camera, CameraCfg
from puckrl.sim.cpu import CpuSim
from puckrl.sim.viewpoints import FREE, Viewpoint, default_name, viewpoint
from puckrl.sim.warp import WarpSim
from puckrl.tasks.fetch.push import FetchPush
from puckrl.tasks.fetch.viewpoints import VIEWPOINTS
from tests.sim import golden

WORLDS, SIZE = 3, 64
SIDE = VIEWPOINTS["side"]
CFG = CameraCfg(width=SIZE, height=SIZE, viewpoint=SIDE, depth=True, num_threads=2)


class Stage:
    """A pushing scene at its start, and a camera on it."""

    def __init__(self) -> None:
        self.task = FetchPush()
        self.sim = CpuSim(self.task.scene().compile(), WORLDS, num_threads=1)
        self.task.bind(self.sim)
        worlds = torch.arange(WORLDS)
        self.task.reset(worlds, Draws(0, worlds, torch.zeros_like(worlds)))
        self.camera = Camera(self.sim, self.task.scene(), CFG)
        address = self.sim.model.joint("object0:joint").qposadr[0]
        self.object_qpos = self.sim.field("qpos")[:, address : address + 3]

    def put_objects(self, *xy: tuple[float, float]) -> None:
        """Place each world's cube on the table."""
        for world, (x, y) in enumerate(xy):
            self.object_qpos[world] = torch.tensor([x, y, 0.425])
        self.sim.forward()


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


def pixel_of(point: Tensor, view: Viewpoint) -> tuple[int, int]:
    """Row and column whose ray passes nearest to a world point."""
    rays = torch.from_numpy(view.rays(SIZE, SIZE))
    towards = point - torch.tensor(view.pos_m, dtype=torch.float64)
    cosine = torch.nn.functional.cosine_similarity(rays, towards, dim=-1)
    row, column = divmod(int(cosine.argmax()), SIZE)
    return row, column


def test_the_object_is_dark_where_it_is_and_the_table_light_where_it_was(
    stage: Stage,
) -> None:
    here, there = (1.25, 0.60), (1.45, 0.95)
    stage.put_objects(here, here, there)
    first, _, last = stage.camera.render().clone().float().mean(dim=-1)
    pixels = [
        pixel_of(torch.tensor([*xy, 0.425], dtype=torch.float64), SIDE)
        for xy in (here, there)
    ]
    assert first[pixels[0]] < 100 < 180 < last[pixels[0]]
    assert last[pixels[1]] < 100 < 180 < first[pixels[1]]


def test_channels_are_red_green_blue(stage: Stage) -> None:
    # The arm is the only colored thing in view, and poor in red: 0.09, 0.51, 0.77.
    red, _, blue = stage.camera.render()[0].reshape(-1, 3).int().unbind(-1)
    assert (blue - red).max() > 80
    assert (red - blue).max() < 10


def test_depth_along_the_rays_finds_the_table_top(stage: Stage) -> None:
    stage.put_objects(*[(1.25, 0.60)] * WORLDS)
    stage.camera.render()
    view = SIDE
    spot = torch.tensor([1.45, 0.95, 0.4], dtype=torch.float64)
    row, column = pixel_of(spot, view)
    ray = torch.from_numpy(view.rays(SIZE, SIZE))[row, column]
    point = torch.tensor(view.pos_m) + stage.camera.depth_m[0, row, column] * ray
    assert point[2] == pytest.approx(0.4, abs=1e-4)  # float32 over 1.3 m
    torch.testing.assert_close(point, spot, atol=0.02, rtol=0.0)  # one pixel: 14 mm


def test_subsets_and_threads_draw_the_same_images(stage: Stage) -> None:
    stage.put_objects((1.2, 0.6), (1.3, 0.8), (1.45, 0.95))
    every = stage.camera.render().clone()
    assert (every[0] != every[1]).any()
    picked = stage.camera.render(torch.tensor([2, 0])).clone()
    assert torch.equal(picked, every[[2, 0]])
    alone = Camera(stage.sim, stage.task.scene(), replace(CFG, num_threads=1))
    for world in range(WORLDS):
        assert torch.equal(alone.render(torch.tensor([world]))[0], every[world])


def test_no_worlds_give_no_images(stage: Stage) -> None:
    images = stage.camera.render(torch.empty(0, dtype=torch.int64))
    assert images.shape == (0, SIZE, SIZE, 3)


def test_images_live_in_one_buffer(stage: Stage) -> None:
    assert stage.camera.render().data_ptr() == stage.camera.render().data_ptr()


def test_hidden_groups_are_not_drawn(stage: Stage) -> None:
    # The mocap body's helper boxes are green and in group 5; nothing else is green.
    stage.sim.field("mocap_pos")[:, 0] = torch.tensor([1.34, 0.75, 0.6])
    stage.sim.forward()
    cfg = replace(CFG, geom_groups=(0, 1, 2, 5))
    everything = Camera(stage.sim, stage.task.scene(), cfg).render()
    for images, green_seen in ((everything, True), (stage.camera.render(), False)):
        red, green, blue = images.int().unbind(-1)
        assert bool((green > torch.maximum(red, blue) + 30).any()) is green_seen


def test_adding_a_camera_leaves_the_simulation_as_it_was() -> None:
    model = FetchPush().scene().compile()
    sims = [CpuSim(model, 2, num_threads=1) for _ in range(2)]
    for sim in sims:
        sim.field("xpos")
        sim.step(7)
    before = sims[0].snapshot()
    Camera(sims[0], FetchPush().scene(), CFG)
    for name, value in before.items():
        assert torch.equal(sims[0].snapshot()[name], value), name
    for sim in sims:
        sim.step(7)
    assert torch.equal(sims[0].field("qpos"), sims[1].field("qpos"))


def test_a_scene_with_other_geoms_is_refused(stage: Stage) -> None:
    scene = stage.task.scene()
    scene.worldbody.add_geom(size=[0.1, 0.0, 0.0])
    with pytest.raises(UserError, match="25 geoms, the simulation 24"):
        Camera(stage.sim, scene, CFG)


def test_nothing_visible_is_refused(stage: Stage) -> None:
    with pytest.raises(UserError, match=r"no geom in groups 3; .* 0, 5"):
        Camera(stage.sim, stage.task.scene(), replace(CFG, geom_groups=(3,)))


def test_viewpoints_by_name() -> None:
    assert viewpoint("front", VIEWPOINTS) is VIEWPOINTS["front"]
    with pytest.raises(
        UserError,
        match="legal: corner, film, free, front, front-tall, reference, side, side-tall, wrist",
    ):
        viewpoint("below", VIEWPOINTS)


def test_the_free_viewpoint_is_always_legal_and_a_task_may_have_its_own() -> None:
    assert viewpoint("free", {}) is viewpoint("free", VIEWPOINTS) is FREE
    assert viewpoint("free", {"free": SIDE}) is SIDE
    assert (default_name(VIEWPOINTS), default_name({})) == ("side", "free")


def assert_shows_what_mujoco_shows(
    view: Viewpoint, model: mujoco.MjModel, camera: mujoco.MjvCamera
) -> None:
    """Compare a viewpoint with a camera of MuJoCo's visualizer."""
    scene = mujoco.MjvScene(model, 100)
    option, data = mujoco.MjvOption(), mujoco.MjData(model)
    mujoco.mjv_updateScene(
        model, data, option, None, camera, mujoco.mjtCatBit.mjCAT_ALL, scene
    )
    eyes = scene.camera  # two, for stereo; their mean is the camera
    position = (eyes[0].pos + eyes[1].pos) / 2
    np.testing.assert_allclose(view.pos_m, position, atol=1e-6)  # MuJoCo: float32
    np.testing.assert_allclose(-view.rotation()[:, 2], eyes[0].forward, atol=1e-6)
    np.testing.assert_allclose(view.rotation()[:, 1], eyes[0].up, atol=1e-6)
    assert view.fovy_deg == model.vis.global_.fovy


def test_the_reference_view_is_gymnasium_roboticss_camera() -> None:
    camera = mujoco.MjvCamera()
    camera.distance, camera.azimuth, camera.elevation = 2.5, 132.0, -14.0
    camera.lookat[:] = [1.3, 0.75, 0.55]
    model = FetchPush().scene().compile()
    assert_shows_what_mujoco_shows(VIEWPOINTS["reference"], model, camera)


@pytest.mark.parametrize(
    "visual", ["", '<visual><global azimuth="30" elevation="-20" fovy="60"/></visual>']
)
def test_the_free_viewpoint_is_where_mujocos_viewer_starts(visual: str) -> None:
    model = mujoco.MjModel.from_xml_string(
        f"<mujoco>{visual}<worldbody>"
        '<geom size="0.1" pos="1 2 3"/><geom size="0.2" pos="-1 0 1"/>'
        "</worldbody></mujoco>"
    )
    camera = mujoco.MjvCamera()
    mujoco.mjv_defaultFreeCamera(model, camera)
    assert_shows_what_mujoco_shows(FREE.resolve(model), model, camera)


def test_the_free_viewpoint_is_upright_even_straight_above_the_scene() -> None:
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><visual><global orthographic="true" elevation="-90" fovy="2"/></visual>'
        '<worldbody><geom size="0.1" pos="1 2 3"/></worldbody></mujoco>'
    )
    view = FREE.resolve(model)
    np.testing.assert_allclose(view.rotation()[:, 2], [0, 0, 1], atol=0.01)
    np.testing.assert_allclose(
        view.rotation().T @ view.rotation(), np.eye(3), atol=1e-9
    )
    assert view.fovy_deg == 45.0  # an orthographic fovy is a length


def test_a_closed_camera_has_no_threads_and_renders_nothing(stage: Stage) -> None:
    def threads() -> int:
        return sum(t.name.startswith("ThreadPool") for t in threading.enumerate())

    before = threads()
    camera = Camera(stage.sim, stage.task.scene(), CFG)
    camera.render()
    assert threads() > before
    camera.close()
    camera.close()
    assert threads() == before
    single = replace(CFG, num_threads=1)
    with closing(Camera(stage.sim, stage.task.scene(), single)) as alone:
        alone.render()
    for closed in (camera, alone):
        with pytest.raises(RuntimeError, match="closed"):
            closed.render()


def in_mujoco(view: Viewpoint) -> mujoco.MjModel:
    """The scene with MuJoCo's own camera ``check`` at a viewpoint."""
    spec, quat = FetchPush().scene(), np.zeros(4)
    mujoco.mju_mat2Quat(quat, view.rotation().reshape(9))
    carrier = spec.body(view.body) if view.body else spec.worldbody
    carrier.add_camera(name="check", pos=view.pos_m, quat=quat, fovy=view.fovy_deg)
    return spec.compile()


@pytest.fixture(scope="module")
def opengl() -> None:
    """Asked once: without OpenGL a second attempt aborts the process."""
    try:
        mujoco.Renderer(FetchPush().scene().compile(), SIZE, SIZE).close()
    except (RuntimeError, AttributeError, ImportError, mujoco.FatalError) as error:
        pytest.skip(f"no OpenGL here: {error}")


@pytest.mark.usefixtures("opengl")
@pytest.mark.parametrize("name", VIEWPOINTS)
def test_structure_is_that_of_mujocos_own_renderer(stage: Stage, name: str) -> None:
    model = in_mujoco(VIEWPOINTS[name])
    renderer = mujoco.Renderer(model, SIZE, SIZE)
    stage.put_objects(*[(1.25, 0.60)] * WORLDS)
    data = mujoco.MjData(model)
    data.qpos[:] = stage.sim.field("qpos")[0].numpy()
    mujoco.mj_forward(model, data)
    renderer.update_scene(data, "check")
    theirs = renderer.render().astype(float).mean(axis=-1)
    renderer.close()
    cfg = replace(CFG, viewpoint=VIEWPOINTS[name])
    camera = Camera(stage.sim, stage.task.scene(), cfg)
    ours = camera.render()[0].float().mean(dim=-1).numpy()
    solid = camera.depth_m[0].numpy() > 0  # only theirs has a sky
    # Theirs is antialiased, so edges differ; measured 0.97.
    assert np.corrcoef(theirs[solid], ours[solid])[0, 1] > 0.95


@pytest.mark.parametrize("name", VIEWPOINTS)
def test_every_viewpoint_shows_what_it_showed(name: str) -> None:
    # Another CPU or a GPU rounds rays elsewhere, so that single pixels of an edge
    # change sides, by up to 255 levels: 8 of 1024 pixels make 2.
    with np.load(golden.PATH) as images:
        expected = images[name].astype(int)
    apart = np.abs(golden.image(name).astype(int) - expected)
    assert apart.mean() < 2.0
    assert expected.std() > 20.0


def _cpu(model: mujoco.MjModel) -> Sim:
    return CpuSim(model, 2, num_threads=1)


def _warp(model: mujoco.MjModel) -> Sim:
    return WarpSim(model, 2, torch.device("cpu"))


@pytest.mark.parametrize(
    "make_sim", [_cpu, pytest.param(_warp, marks=pytest.mark.slow)]
)
def test_the_wrist_camera_is_where_mujoco_puts_it_and_moves_with_the_gripper(
    make_sim: Callable[[mujoco.MjModel], Sim],
) -> None:
    view = VIEWPOINTS["wrist"]
    task = FetchPush()
    env = GoalEnv(task, make_sim(task.scene().compile()), auto_reset=False)
    camera = Camera(env.sim, task.scene(), replace(CFG, viewpoint=view))
    env.reset()
    before = camera.render().clone()
    for _ in range(4):  # world 1 rises
        env.step(torch.tensor([[0.0] * 4, [0.0, 0.0, 1.0, 0.0]]))
    after = camera.render().clone()
    poses = camera._inputs(slice(None))
    model = in_mujoco(view)
    for world, qpos in enumerate(env.sim.field("qpos").numpy()):
        data = mujoco.MjData(model)
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        mujoco.mj_camlight(model, data)
        theirs = data.camera("check")
        # float32, of WarpSim's kinematics too
        np.testing.assert_allclose(poses["cam_xpos"][world], theirs.xpos, atol=1e-5)
        np.testing.assert_allclose(poses["cam_xmat"][world], theirs.xmat, atol=1e-5)
    rise = poses["cam_xpos"][1] - poses["cam_xpos"][0]
    assert rise[2] > 0.05
    moved = (before.int() - after.int()).abs().float().mean(dim=(1, 2, 3))
    assert moved[1] > 5.0 > 1.0 > moved[0]


def test_a_camera_on_a_body_that_is_not_there_is_refused(stage: Stage) -> None:
    view = replace(VIEWPOINTS["wrist"], body="hand")
    with pytest.raises(UserError, match=r"body 'hand', .* robot0:gripper_link"):
        Camera(stage.sim, stage.task.scene(), replace(CFG, viewpoint=view))


def test_a_configuration_is_a_value() -> None:
    assert copy.copy(CFG) == CFG
    assert hash(CFG) == hash(replace(CFG))


@pytest.mark.parametrize(
    "slip",
    [
        {"width": 0},
        {"height": 2.5},
        {"geom_groups": (7,)},
        {"samples_per_axis": 0},
        {"background": (0.0, 0.0)},
        {"num_threads": -1},
    ],
)
def test_a_camera_refuses_what_means_nothing(
    stage: Stage, slip: dict[str, Any]
) -> None:
    [name] = slip
    with pytest.raises(UserError, match=f"^CameraCfg.{name}=.*; legal: "):
        Camera(stage.sim, stage.task.scene(), replace(CFG, **slip))


def test_a_viewpoint_must_have_an_upright() -> None:
    for pos_m in ((0.0, 0.0, 1.0), (0.0, 0.0, 0.0)):
        with pytest.raises(UserError, match="straight up or down"):
            Viewpoint(pos_m, (0.0, 0.0, 0.0), 45.0)
    with pytest.raises(UserError, match="fovy_deg=180"):
        Viewpoint((1.0, 0.0, 1.0), (0.0, 0.0, 0.0), 180.0)
    with pytest.raises(UserError, match=r"pos_m=.*nan"):
        Viewpoint((np.nan, 0.0, 1.0), (0.0, 0.0, 0.0), 45.0)
