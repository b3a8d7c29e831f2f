"""Columns that grow row by row."""

import numpy as np

from puckrl.web.growing import Growing


def test_columns_have_every_row_and_nan_where_it_lacks_a_number() -> None:
    table = Growing()
    for i in range(1_000):
        table.add([{"env_steps": i, **({"b": 2.0 * i} if i % 3 == 0 else {})}])
    assert table.rows == 1_000
    assert table.column("env_steps").tolist() == list(range(1_000))
    b = table.column("b")
    assert [i for i in range(1_000) if not np.isnan(b[i])] == list(range(0, 1_000, 3))
    assert b[999] == 1_998
    assert np.isnan(table.column("never")).all()


def test_null_is_nan_and_counted_and_words_are_left_out() -> None:
    table = Growing()
    table.add([{"a": None, "w": "x", "l": [1], "t": True}, {"a": 10**400}, {"a": 1}])
    assert table.names == ["a", "t"]
    assert table.not_finite == {"a": 2}
    assert table.frame().not_finite == {"a": 2}


def test_old_names_become_present_ones() -> None:
    table = Growing()
    table.add([{"probe/guess_error_m": 0.5}])
    assert table.names == ["probe/goal_prediction_error_m"]
