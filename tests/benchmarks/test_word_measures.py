"""The rows of words among the by-products: tones in place of words, told apart by any spectrum."""

from __future__ import annotations

import numpy as np
import pytest
from support.audio_files import write
from support.scripts import imported

from tiny_audio_ssl.evaluation.speech.items import Item, write_items


@pytest.fixture(scope="module")
def scripts():
    with imported("word_measures", "byproduct_settings") as found:
        yield found


def test_words_that_differ_are_told_apart_across_speakers(scripts, tmp_path, monkeypatch):
    measures, settings = scripts
    monkeypatch.setattr(measures, "MODELS", ())
    (tmp_path / "keywords").mkdir()
    (tmp_path / "keywords" / "meta.csv").write_text("path,word,speaker\n")
    seconds, items = np.arange(4800) / 16_000, []
    for speaker in ("first", "second"):
        for word, hz in (("low", 400.0), ("high", 2400.0)):
            tone = 0.3 * np.sin(2 * np.pi * hz * seconds)
            write(tmp_path / "keywords" / f"{speaker}-{word}.wav", tone)
            items.append(Item(f"{speaker}-{word}", 0.05, 0.25, word, "SIL", "SIL", speaker))
    (tmp_path / "out").mkdir()
    write_items(tmp_path / "out" / "keywords-known-speakers.item", items)
    rows = list(measures.of_words(settings.ByProducts(tmp_path, out=tmp_path / "out")))
    assert [row["system"] for row in rows] == ["log-mel", "MFCC"]
    for row in rows:
        assert row["same_different_precision"] == 1 and row["pairs"] == 6
        assert row["chance"] == pytest.approx(1 / 3, abs=1e-4)
