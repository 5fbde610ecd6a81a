"""Sounds taught by three clips each are recognized on the page as often as on the desktop."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from support.browser import chromium
from support.scripts import imported

from tiny_audio_ssl.embedding.embedder import load
from tiny_audio_ssl.utils.files import read_rows

KINDS, EACH = 7, 6  # kinds of sound, recordings of each


@pytest.fixture(scope="module")
def sounds(real_audio: Path) -> list[tuple[Path, str, str]]:
    folder = real_audio / "esc50"
    rows = read_rows(folder / "meta.csv")
    kinds = [kind for kind, n in sorted(Counter(r["category"] for r in rows).items()) if n >= EACH]
    of_kind = {kind: [row for row in rows if row["category"] == kind] for kind in kinds[:KINDS]}
    chosen = [row for found in of_kind.values() for row in found[:EACH]]
    return [(folder / row["filename"], row["category"], row["src_file"]) for row in chosen]


def test_the_page_names_taught_sounds_as_often_as_the_desktop(exported, site, sounds):
    scripts = ("page_few_shot", "artifact_moments", "teaching", "few_shot")
    with imported(*scripts) as (page_few_shot, artifact_moments, teaching, few_shot):
        recordings = [teaching.Recording(*sound) for sound in sounds]
        with page_few_shot.served(site) as address, chromium() as page:
            hop_s = page_few_shot.start(page, address)
            found = page_few_shot.on_page(page, recordings, hop_s)
        file = exported / "encoder.stream.int8.onnx"
        desktop = artifact_moments.moments_of(file, recordings)
        how = load("tiny").comparison
        here, there = (
            few_shot.rates(teaching.answers(heard, how, 2.0, 4, 3, draws=20), how.limit)
            for heard in (found, desktop)
        )
    for name in ("correct", "wrong", "others_unknown"):  # int8 differs a little between processors
        assert here[name] == pytest.approx(there[name], abs=0.05), name
    assert here["correct"] > 0.5 and here["wrong"] < 0.15 and here["others_unknown"] > 0.6
