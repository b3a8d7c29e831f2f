"""The page's colors: contrast as WCAG computes it, and hues that differ for all eyes."""

import itertools
import re
from importlib import resources

import numpy as np
import pytest
from numpy.typing import NDArray

Color = NDArray[np.float64]
CSS = (resources.files("puckrl.web") / "page/page.css").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(:root[^{]*)\{([^}]*)\}", CSS)
LIGHT, DARK, AUTO = (
    dict(re.findall(r"--([\w-]+): (#\w{6});", block)) for _, block in BLOCKS
)
THEMES = {"light": LIGHT, "dark": DARK}

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
SIGHTS = {
    "usual": np.eye(3),
    "protan": np.array(
        [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
    ),
    "deutan": np.array(
        [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
    ),
}


def linear(text: str) -> Color:
    """Linear RGB of #rrggbb."""
    values = np.array([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(
        values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4
    )


def contrast(a: str, b: str) -> float:
    high, low = sorted(
        (float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b)), reverse=True
    )
    return (high + 0.05) / (low + 0.05)


def lab(rgb: Color) -> Color:
    """CIE L*a*b* of linear RGB, D65."""
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    x, y, z = np.cbrt(to_xyz @ np.clip(rgb, 1e-4, 1) / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_the_formula_of_contrast() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_dark_is_the_same_by_choice_and_by_the_system() -> None:
    assert DARK == AUTO
    assert LIGHT.keys() == DARK.keys()


@pytest.mark.parametrize("theme", THEMES)
def test_text_can_be_read(theme: str) -> None:
    known = THEMES[theme]
    for ground in ("bg", "card", "hover"):
        assert contrast(known["ink"], known[ground]) >= 7
        assert contrast(known["muted"], known[ground]) >= 4.5
    for name in ("green", "yellow", "red", "grey"):
        assert contrast(known[name], known[f"{name}-bg"]) >= 4.5
        assert contrast(known[name], known["card"]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_curves_stand_out(theme: str) -> None:
    known = THEMES[theme]
    for i in range(8):
        assert contrast(known[f"hue-{i}"], known["card"]) >= 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("sight", SIGHTS)
def test_the_first_hues_differ_for_all_eyes(theme: str, sight: str) -> None:
    hues = [lab(SIGHTS[sight] @ linear(THEMES[theme][f"hue-{i}"])) for i in range(5)]
    for a, b in itertools.combinations(hues, 2):
        assert np.linalg.norm(a - b) > 15
