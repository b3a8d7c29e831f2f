"""The notes on fields: what is found, under which name, and where it is passed on."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from puckrl.config.fields import Setting, changed, declared, flag, marked, settings
from puckrl.core.settings import (
    COUNT,
    NOT_HASHED,
    PER_PROCESS,
    SHARE,
    Bounds,
)


@dataclass(frozen=True)
class Base:
    kind: ClassVar[str]
    limit: ClassVar[int] = 3
    width: Annotated[int, COUNT, PER_PROCESS] = 4


@dataclass(frozen=True)
class Red(Base):
    kind: ClassVar[Literal["red"]] = "red"
    depth: Annotated[tuple[int, ...], COUNT] = (1, 2)


@dataclass(frozen=True)
class Blue(Base):
    kind: ClassVar[Literal["blue"]] = "blue"
    shade: Annotated[float | None, SHARE, NOT_HASHED] = None
    inside: tuple[Annotated[float, SHARE], ...] = ()


@dataclass(frozen=True)
class Tree:
    plain: str = "x"
    paint: Red | Blue = field(default_factory=Red)
    spare: Red | None = None
    files: Annotated[Base, NOT_HASHED] = field(default_factory=Red)


def test_every_setting_is_found_with_its_notes() -> None:
    none: frozenset[object] = frozenset()
    assert [tuple(each)[:4] for each in settings(Tree(paint=Blue(shade=0.5)))] == [
        ("plain", "x", None, none),
        ("paint.kind", "blue", None, none),
        ("paint.width", 4, COUNT, {PER_PROCESS}),
        ("paint.shade", 0.5, SHARE, {NOT_HASHED}),
        ("paint.inside", (), SHARE, none),
        ("spare", None, None, none),
        ("files.kind", "red", None, {NOT_HASHED}),
        ("files.width", 4, COUNT, {PER_PROCESS, NOT_HASHED}),
        ("files.depth", (1, 2), COUNT, {NOT_HASHED}),
    ]


def test_the_kind_comes_first_and_other_class_variables_are_no_settings() -> None:
    assert [each.name for each in declared(Red)] == ["kind", "width", "depth"]
    assert [each.fixed for each in declared(Red)] == [True, False, False]
    assert [each.name for each in declared(Base)] == ["width"]


def test_a_field_knows_the_sections_that_it_may_hold() -> None:
    by_name = {each.name: each for each in declared(Tree)}
    assert by_name["paint"].sections == (Red, Blue)
    assert by_name["spare"].sections == (Red,)
    assert by_name["plain"].sections == ()
    optional = {name for name, each in by_name.items() if each.optional}
    assert optional == {"spare"}


def test_marks_are_found_in_every_class_that_a_section_may_have() -> None:
    assert list(marked(Tree, NOT_HASHED)) == ["paint.shade", "files"]
    assert set(marked(Tree, PER_PROCESS)) >= {"paint.width", "spare.width"}


def test_a_change_reaches_every_setting_but_the_fixed_ones() -> None:
    def change(setting: Setting) -> object:
        assert setting.bounds is None or isinstance(setting.bounds, Bounds)
        return setting.value * 2 if PER_PROCESS in setting.marks else setting.value

    made = changed(Tree(paint=Blue(width=3), spare=Red(width=5)), change)
    assert made == Tree(paint=Blue(width=6), spare=Red(width=10), files=Red(width=8))


def test_a_flag_has_dashes() -> None:
    assert flag("agent.vision.max_grad_norm") == "--agent.vision.max-grad-norm"
