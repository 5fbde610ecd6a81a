"""Windows of a corpus: their lengths, how many of each kind and source, and that draws repeat."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tiny_audio_ssl.audio.constants import WINDOW_SAMPLES
from tiny_audio_ssl.data.cache import open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.errors import UserError

COLUMNS = ["path", "start_s", "end_s", "kind", "source", "tier", "license"]


def candidate(corpus, kind: str, source: str, windows: int, tier: str = "permissive"):
    """A file of that many windows which do not overlap, without reading one."""
    row = {"path": f"{source}/a.flac", "kind": kind, "source": source, "tier": tier}
    starts = [corpus.windows._starts(windows * WINDOW_SAMPLES, WINDOW_SAMPLES // n) for n in (1, 2)]
    return corpus.windows.Candidate(row | {"license": "CC0"}, *starts)


@pytest.fixture
def candidates(corpus):
    return [
        candidate(corpus, "speech", "small", 100),
        candidate(corpus, "speech", "large", 400),
        candidate(corpus, "words", "w", 500),
        candidate(corpus, "sounds", "s", 500),
        candidate(corpus, "music", "m", 500),
        candidate(corpus, "notes", "n", 10),
    ]


def test_shares_by_kind_and_by_the_root_of_a_source(corpus, candidates):
    drawn = corpus.windows.draw_windows(candidates, corpus.windows.Draw(windows=180))
    kinds = Counter(row["kind"] for row in drawn)
    assert kinds == {"speech": 36, "words": 27, "sounds": 63, "music": 36, "notes": 18}
    sources = Counter(row["source"] for row in drawn if row["kind"] == "speech")
    assert sources == {"large": 24, "small": 12}  # 2 to 1: roots of 400 and 100
    assert len({(row["path"], row["start_s"]) for row in drawn}) == len(drawn)
    assert [list(row) for row in drawn] == [COLUMNS] * len(drawn)


def test_what_a_small_kind_can_not_fill_goes_to_the_others(corpus, candidates):
    draw = corpus.windows.Draw(windows=1000)
    kinds = Counter(row["kind"] for row in corpus.windows.draw_windows(candidates, draw))
    assert kinds["notes"] == 19 and kinds.total() == 1000  # ten, and nine between them
    repeated = corpus.windows.draw_windows(candidates, replace(draw, repeats=3))
    kinds = Counter(row["kind"] for row in repeated)
    assert kinds["notes"] == 57 and kinds.total() == 1000
    notes = Counter(row["start_s"] for row in repeated if row["kind"] == "notes")
    assert len(notes) == 19 and set(notes.values()) == {3}


def test_all_there_are_when_more_are_asked_for(corpus, candidates):
    drawn = corpus.windows.draw_windows(candidates, corpus.windows.Draw(windows=10**6))
    assert len(drawn) == sum(len(one.halves) for one in candidates)


def test_same_seed_same_windows(corpus, candidates):
    draw = corpus.windows.Draw(windows=300)
    first, again, shuffled, other = (
        corpus.windows.draw_windows(given, settings)
        for given, settings in [
            (candidates, draw),
            (candidates, draw),
            (candidates[::-1], draw),
            (candidates, replace(draw, seed=1)),
        ]
    )
    assert first == again == shuffled and first != other


def test_kind_that_has_no_share_is_not_drawn(corpus, candidates):
    shares = corpus.windows.Shares(speech=1, words=0, sounds=0, music=0, notes=0)
    drawn = corpus.windows.draw_windows(candidates, corpus.windows.Draw(windows=50, shares=shares))
    assert {row["kind"] for row in drawn} == {"speech"} and len(drawn) == 50


def test_unknown_kind_is_explained(corpus):
    with pytest.raises(UserError, match="kind 'birds', expected one of speech, words, sounds"):
        corpus.windows.draw_windows([candidate(corpus, "birds", "b", 3)], corpus.windows.Draw())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A corpus of two files, one with a silent second in the middle."""
    generator = np.random.default_rng(0)
    loud = (0.1 * generator.standard_normal(5 * WINDOW_SAMPLES + 100)).astype(np.float32)
    gap = loud.copy()
    gap[2 * WINDOW_SAMPLES : 4 * WINDOW_SAMPLES] *= 1e-3
    rows = []
    for name, samples, tier in [("a", loud, "permissive"), ("b", gap, "copyleft")]:
        soundfile.write(tmp_path / f"{name}.flac", samples, 16_000)
        terms = {"tier": tier, "license": "CC0"}
        rows.append({"path": f"{name}.flac", "kind": "sounds", "source": name, **terms})
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path


def test_windows_can_be_trained_on(corpus, folder, tmp_path):
    corpus.windows.write_windows(folder, corpus.windows.Draw())
    recordings = open_cache(open_corpus(folder / "windows.csv"), tmp_path / "cache", workers=1)
    assert not recordings.skipped
    assert recordings.samples.tolist() == [WINDOW_SAMPLES] * len(recordings)
    begins = {name: [] for name in ("a.flac", "b.flac")}
    for clip, (begin, _) in zip(recordings.clips, recordings.spans.tolist(), strict=True):
        begins[clip.name].append(begin)
        assert clip.columns["source"] == clip.path.stem
    assert len(begins["a.flac"]) == 9 and max(begins["a.flac"]) == 4 * WINDOW_SAMPLES + 100
    within = [b for b in begins["b.flac"] if 2 * WINDOW_SAMPLES < b < 3 * WINDOW_SAMPLES]
    assert begins["b.flac"] and not within  # nearly silent


def test_tier_of_windows(corpus, folder):
    corpus.windows.write_windows(folder, corpus.windows.Draw(tier="permissive"))
    with (folder / "windows.csv").open(newline="") as file:
        assert {row["tier"] for row in csv.DictReader(file)} == {"permissive"}


def test_corpus_without_usable_windows_is_explained(corpus, folder):
    shares = corpus.windows.Shares(sounds=0)
    with pytest.raises(UserError, match="no windows to draw"):
        corpus.windows.write_windows(folder, corpus.windows.Draw(shares=shares))
    with pytest.raises(UserError, match="not found; assemble the corpus first"):
        corpus.windows.write_windows(folder / "nowhere", corpus.windows.Draw())
