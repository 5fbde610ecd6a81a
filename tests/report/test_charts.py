"""Learning curves as SVG."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from tiny_audio_ssl.report.charts import COLORS, draw

LOSS = [(1, 0.61), (500, 0.55), (1500, 0.52)]
CURVES = [("train", COLORS[0], LOSS), ("validation", COLORS[1], [(1000, 0.6), (1500, 0.58)])]


def test_a_chart_has_each_curve_in_its_color_and_round_ticks():
    svg = draw(CURVES, "loss of a <task> by step")
    element = ElementTree.fromstring(re.sub("xlink:href", "href", svg))
    assert element.get("aria-label") == "loss of a <task> by step"
    assert svg.count(f"stroke: {COLORS[0]}") == 1 and f"stroke: {COLORS[1]}" in svg
    assert svg.count("<use") == 2  # a dot for each validation
    texts = [text.text for text in element.iter("text")]
    assert texts == ["0", "500", "1,000", "1,500", *("0.52", "0.54", "0.56", "0.58", "0.6", "0.62")]


def test_a_chart_takes_its_ink_from_the_page_and_names_no_other_place():
    svg = draw(CURVES, "loss")
    assert "currentColor" in svg and "var(--line)" in svg
    assert "http" not in svg and "font-family" not in svg and "<style" not in svg
    assert draw(CURVES, "loss") == svg


def test_a_curve_of_one_point_or_one_value():
    for points in ([(10, 0.5)], [(10, 0.5), (20, 0.5)]):
        assert "<svg" in draw([("train", COLORS[0], points)], "loss")
