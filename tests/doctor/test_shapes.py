"""Test that the page of curves says what the doctor says."""

import pytest
import shapes


def test_the_page_is_what_the_command_writes() -> None:
    assert shapes.PAGE.read_text() == shapes.page(), "python benchmarks/shapes.py"


@pytest.mark.parametrize("shape", shapes.shapes(), ids=lambda s: s.title)
def test_every_picture_is_there(shape: shapes.Shape) -> None:
    assert shape.picture.is_file()
    table, verdict = shapes.examined(shape)
    assert all(name in table for name in shape.lower), "a signal that is not drawn"
    assert verdict.label
