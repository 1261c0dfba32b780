"""The colours of both themes are readable: 4.5 to 1 for text, 3 to 1 for lines of plots and edges of controls."""

from __future__ import annotations

import json
from itertools import product

import pytest

from aienv_gui.core.storage import resource

_TEXT = ("text", "muted", "accent", "accent_strong", "good", "warn", "bad")
_GROUNDS = ("window", "surface", "raised")


def _colours(theme: str) -> dict[str, str]:
    colours: dict[str, str] = json.loads(resource(f"themes/{theme}.json").read_text(encoding="utf-8"))
    return colours


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG 2 counts it: 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_counts_as_the_standard_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_readable_on_every_ground(theme: str) -> None:
    colours = _colours(theme)
    low = {
        (role, ground): round(contrast(colours[role], colours[ground]), 2)
        for role, ground in product(_TEXT, _GROUNDS)
        if contrast(colours[role], colours[ground]) < 4.5
    }
    assert low == {}
    assert contrast(colours["on_accent"], colours["accent"]) >= 4.5
    assert contrast(colours["on_accent"], colours["accent_strong"]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_curves_and_edges_stand_out(theme: str) -> None:
    colours = _colours(theme)
    lines = [role for role in colours if role.startswith("series_")] + ["control"]
    assert {role: contrast(colours[role], colours["surface"]) for role in lines if
            contrast(colours[role], colours["surface"]) < 3.0} == {}  # fmt: skip


def test_both_themes_name_the_same_roles() -> None:
    assert _colours("light").keys() == _colours("dark").keys()
