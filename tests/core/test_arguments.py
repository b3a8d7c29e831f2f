"""Arguments of public functions: what a hint allows, and what is said of the rest."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest

from puckrl.core.arguments import allows, check, checked
from puckrl.core.errors import UserError
from puckrl.core.settings import COUNT, NON_NEGATIVE, SHARE

Kind = Literal["sparse", "dense"]


@dataclass(frozen=True)
class Part:
    share: Annotated[float | None, SHARE] = None
    sides: Annotated[tuple[int, ...], COUNT] = (1,)
    kind: ClassVar[str] = "part"


LEGAL: list[tuple[Any, Any]] = [
    (Annotated[int, COUNT], 1),
    (Annotated[int, COUNT], np.int64(3)),
    (Annotated[int | None, COUNT], None),
    (Annotated[float, SHARE], 1),
    (Annotated[float | None, SHARE], np.float32(0.5)),
    (bool, np.True_),
    (Kind, "dense"),
    (str | Sequence[str] | None, ["a", "b"]),
    (tuple[float, float], (1, 2.5)),
    (Part, Part()),
    (Any, object()),
]
WRONG: list[tuple[Any, Any, str]] = [
    (Annotated[int, COUNT], 0, "x=0; legal: a whole number from 1 on"),
    (Annotated[int, COUNT], True, "x=True; legal: a whole number from 1 on"),
    (Annotated[int, COUNT], 2.0, "x=2.0; legal: a whole number from 1 on"),
    (Annotated[int, NON_NEGATIVE], -2, "x=-2; legal: a whole number, 0 or more"),
    (Annotated[float, SHARE], math.nan, "x=nan; legal: from 0 to 1"),
    (Annotated[float | None, SHARE], 2, "x=2; legal: from 0 to 1, None"),
    (float, math.inf, "x=inf; legal: a number"),
    (int | None, "3", "x='3'; legal: a whole number, None"),
    (bool, 1, "x=1; legal: True or False"),
    (Kind, "Dense", "x='Dense'; legal: sparse, dense"),
    (Kind, None, "x=None; legal: sparse, dense"),
    (Literal[1, 2], True, "x=True; legal: 1, 2"),
    (Sequence[str], "ab", "x='ab'; legal: a sequence of text"),
    (tuple[float, float], (1.0,), "x=(1.0,); legal: a tuple of 2: a number"),
    (Part, {"share": 1}, "x={'share': 1}; legal: Part"),
    (Part | None, Part(share=2.0), "x.share=2.0; legal: from 0 to 1, None"),
    (Part, Part(sides=(1, 0)), "x.sides=(1, 0); legal: a tuple of a whole number from"),
]


@pytest.mark.parametrize(("hint", "value"), LEGAL)
def test_what_is_legal_passes(hint: Any, value: Any) -> None:
    assert allows(hint, value)
    check("x", value, hint)


@pytest.mark.parametrize(("hint", "value", "said"), WRONG)
def test_what_is_not_is_named_with_what_is(hint: Any, value: Any, said: str) -> None:
    with pytest.raises(UserError) as raised:
        check("x", value, hint)
    assert str(raised.value).startswith(said)


@checked
def _double(count: Annotated[int, COUNT], *rest: int, scale: float = 2.0) -> float:
    return count * scale


def test_a_checked_function_is_the_function() -> None:
    assert (_double(3), _double(count=3, scale=1)) == (6.0, 3)
    assert _double.__name__ == "_double"
    with pytest.raises(UserError, match="count=0"):
        _double(0)
    with pytest.raises(UserError, match="scale='2'"):
        _double(1, scale="2")  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="count"):
        _double()  # pyright: ignore[reportCallIssue]
