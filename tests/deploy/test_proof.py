"""The comparison itself: NaN is a difference, and limits are the measure."""

import numpy as np
import pytest

from puckrl.core.errors import UserError
from puckrl.deploy.proof import _largest, _refuse_difference


def test_nan_is_the_largest_difference() -> None:
    assert np.isnan(_largest(np.array([0.0, np.nan])))
    assert _largest(np.array([0.0, 2.0])) == 2.0
    with pytest.raises(UserError, match="off by nan of their limits over 5 steps"):
        _refuse_difference(float("nan"), 5, "steps")


def test_the_tolerance_itself_is_allowed() -> None:
    _refuse_difference(1e-5, 5, "steps")
    with pytest.raises(UserError, match=r"more than 1e-05; nothing was written"):
        _refuse_difference(1.1e-5, 5, "steps")
