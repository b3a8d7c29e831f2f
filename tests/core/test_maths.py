"""Formulas against hand tables and reference implementations."""

import numpy as np
import pytest
import torch
from gymnasium_robotics.utils import rotations
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.transform import Rotation

from puckrl.core.intervals import wilson_interval
from puckrl.core.maths import matrix_to_euler

# z is written with seven digits, scipy's has sixteen.
_Z_TOLERANCE = 1e-7


@pytest.mark.parametrize(
    ("wins", "trials", "low", "high"),
    [
        # (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n) with z² = 3.841459, by hand
        (0, 10, 0.0, 0.277533),
        (5, 10, 0.236593, 0.763407),
        (10, 10, 0.722467, 1.0),
        (190, 200, 0.910421, 0.972617),
    ],
)
def test_wilson_equals_a_table(wins: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(wins, trials) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize("trials", [1, 7, 200, 10_000])
def test_wilson_equals_scipy(trials: int) -> None:
    for wins in {0, 1, trials // 3, trials - 1, trials}:
        reference = stats.binomtest(wins, trials).proportion_ci(method="wilson")
        expected = (reference.low, reference.high)
        assert wilson_interval(wins, trials) == pytest.approx(
            expected, abs=_Z_TOLERANCE
        )


@pytest.mark.parametrize(("wins", "trials"), [(-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses_impossible_counts(wins: int, trials: int) -> None:
    with pytest.raises(ValueError, match="successes of"):
        wilson_interval(wins, trials)


def _random_matrices(seed: int) -> NDArray[np.float64]:
    quats = np.random.default_rng(seed).normal(size=(500, 4))
    return Rotation.from_quat(quats).as_matrix()


def test_euler_equals_the_reference() -> None:
    mats = _random_matrices(seed=0)
    ours = matrix_to_euler(torch.from_numpy(mats)).numpy()
    np.testing.assert_allclose(ours, rotations.mat2euler(mats), atol=1e-15)


def test_euler_angles_give_the_matrix_back() -> None:
    mats = _random_matrices(seed=1)
    angles = matrix_to_euler(torch.from_numpy(mats)).numpy()
    # the convention: rotate about x, then about the new y, then about the new z
    again = Rotation.from_euler("XYZ", angles).as_matrix()
    np.testing.assert_allclose(again, mats, atol=1e-12)


@pytest.mark.parametrize("pitch", [np.pi / 2, -np.pi / 2])
def test_euler_at_the_pole_equals_the_reference(pitch: float) -> None:
    angles = [[roll, pitch, yaw] for roll in (0.0, 0.4, -2.0) for yaw in (0.0, 1.1)]
    mats = Rotation.from_euler("XYZ", angles).as_matrix()
    # exactly singular, so that both take their branch for the pole
    mats[:, [1, 2], 2] = 0.0
    ours = matrix_to_euler(torch.from_numpy(mats)).numpy()
    np.testing.assert_allclose(ours, rotations.mat2euler(mats), atol=1e-15)
    assert (ours[:, 0] == 0).all()
    np.testing.assert_allclose(
        Rotation.from_euler("XYZ", ours).as_matrix(), mats, atol=1e-12
    )
