"""The colors of the report's page in the light and in the dark scheme."""

from __future__ import annotations

import re

import pytest
from support.paths import ROOT

from tiny_audio_ssl.report.charts import COLORS

STYLE = (ROOT / "tiny_audio_ssl" / "report" / "page.css").read_text(encoding="utf-8")
LIGHT, DARK = re.findall(r":root \{(.*?)\n *\}", STYLE, re.DOTALL)
REST = STYLE.replace(LIGHT, "").replace(DARK, "")


def colors(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#\w+)", block))


def luminance(color: str) -> float:
    """Return the relative luminance of `#rgb` or `#rrggbb`, as WCAG 2 defines it."""
    digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    values = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_both_schemes_have_every_color_and_nothing_else_has_any():
    assert colors(LIGHT).keys() == colors(DARK).keys()
    assert re.findall(r"#[0-9a-f]{3,6}\b", REST) == []
    script = (ROOT / "tiny_audio_ssl" / "report" / "page.js").read_text(encoding="utf-8")
    symbols = [name for name in colors(LIGHT) if name.startswith("symbol-")]
    assert f"const COLORS = {len(symbols)};" in script
    assert {f"var(--{name})" for name in colors(LIGHT) if name.startswith("curve-")} == {*COLORS}


@pytest.mark.parametrize("block", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read(block):
    found = colors(block)
    for text in ("ink", "soft", "accent"):
        for background in ("paper", "faint"):
            assert contrast(found[text], found[background]) >= 4.5, (text, background)


def test_points_and_curves_stand_out_from_a_dark_page():
    found = colors(DARK)
    for name, color in found.items():
        if name.startswith(("symbol-", "curve-")):
            assert contrast(color, found["paper"]) >= 3, name
