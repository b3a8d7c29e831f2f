"""Physics on C threads against a plain loop over MjData."""

from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch

from puckrl.sim.cpu import CpuSim
from puckrl.tasks.catalog import make_task

WORLDS, STEPS, SUBSTEPS = 5, 12, 20
DERIVED = ["xpos", "site_xpos", "site_xmat", "cdof", "subtree_com"]


def _model() -> mujoco.MjModel:
    return make_task("push").scene().compile()


def _targets() -> np.ndarray:
    """Where the mocap body goes: the hand falls onto the table and drags over it."""
    return np.random.default_rng(0).uniform(
        [1.2, 0.6, 0.4], [1.5, 0.9, 0.5], (STEPS, WORLDS, 3)
    )


def _run(num_threads: int) -> dict[str, np.ndarray]:
    sim = CpuSim(_model(), WORLDS, num_threads)
    fields = {name: sim.field(name) for name in ["qpos", "qvel", *DERIVED]}
    mocap = sim.field("mocap_pos")
    sim.forward()
    history: dict[str, list[np.ndarray]] = {name: [] for name in fields}
    for target in _targets():
        mocap[:, 0] = torch.from_numpy(target)
        assert not sim.step(SUBSTEPS).any()
        for name, value in fields.items():
            history[name].append(value.numpy().copy())
    return {name: np.stack(rows) for name, rows in history.items()}


def _loop() -> dict[str, np.ndarray]:
    """The same with one MjData after the other."""
    model = _model()
    names = ["qpos", "qvel", *DERIVED]
    worlds: list[dict[str, list[np.ndarray]]] = []
    for world in range(WORLDS):
        data, rows = mujoco.MjData(model), {name: [] for name in names}
        mujoco.mj_forward(model, data)
        for target in _targets()[:, world]:
            data.mocap_pos[0] = target
            mujoco.mj_step(model, data, nstep=SUBSTEPS)
            for name in names:
                rows[name].append(getattr(data, name).copy())
        worlds.append(rows)
    return {name: np.stack([w[name] for w in worlds], axis=1) for name in names}


def test_equals_a_loop_over_mjdata_bit_for_bit() -> None:
    batch, loop = _run(num_threads=2), _loop()
    for name, rows in loop.items():
        np.testing.assert_array_equal(batch[name].reshape(rows.shape), rows, name)
    assert np.ptp(loop["qpos"][-1], axis=0).max() > 0.01, "all worlds did the same"


def test_the_number_of_threads_does_not_matter() -> None:
    one, three = _run(num_threads=1), _run(num_threads=3)
    for name, rows in one.items():
        np.testing.assert_array_equal(rows, three[name], name)


def test_fields_are_views_not_copies() -> None:
    sim = CpuSim(_model(), 2)
    sim.field("qpos")[1, 0] = 0.25
    assert sim.field("qpos")[1, 0] == 0.25
    xpos = sim.field("xpos")
    assert xpos.data_ptr() == sim.field("xpos").data_ptr()
    sim.forward()
    assert xpos.abs().sum() > 0


def test_reset_touches_only_its_worlds() -> None:
    sim = CpuSim(_model(), 3)
    qpos, start = sim.field("qpos"), sim.field("qpos").clone()
    qpos += 0.125
    moved = qpos.clone()
    sim.reset(torch.tensor([0, 2]))
    assert torch.equal(qpos[[0, 2]], start[[0, 2]])
    assert torch.equal(qpos[1], moved[1])


# A cart on a rail; a control of 1 gives it 1e12 m/s², which MuJoCo calls divergence.
CART = """
<mujoco>
  <worldbody><body><joint name="rail" type="slide" axis="1 0 0"/><geom size="0.1" mass="1"/></body></worldbody>
  <actuator><motor joint="rail" gear="1e12"/></actuator>
</mujoco>
"""


def test_failed_worlds_keep_their_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # MuJoCo writes its warnings into a log file
    sim = CpuSim(mujoco.MjModel.from_xml_string(CART), 3)
    names = ("qpos", "qvel", "time", "ctrl")
    sim.field("qvel")[:, 0] = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    assert not sim.step(10).any()
    sim.field("ctrl")[1] = 1.0
    before = {name: sim.field(name).clone() for name in names}
    assert sim.step(10).tolist() == [False, True, False]
    for name in names:
        assert torch.equal(sim.field(name)[1], before[name][1]), name
    dt_s = 10 * sim.model.opt.timestep
    moved = sim.field("qpos")[:, 0] - before["qpos"][:, 0]
    assert moved.tolist() == pytest.approx([dt_s * 1.0, 0.0, dt_s * 3.0])
    assert sim.field("time").tolist() == pytest.approx([2 * dt_s, dt_s, 2 * dt_s])


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValueError, match="qposs"):
        CpuSim(_model(), 1).field("qposs")
