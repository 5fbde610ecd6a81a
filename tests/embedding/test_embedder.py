from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.data.cache import open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.embedding import embedder as embedding
from tiny_audio_ssl.embedding.embedder import Embedder, Span, embed_all, embed_spans, spans
from tiny_audio_ssl.embedding.recordings import embed, write
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig

RATE = 16_000


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    torch.manual_seed(0)
    return Embedder(checkpoint.build_model(FrontendConfig(), EncoderConfig(width=0.5)))


@pytest.fixture
def noise():
    return (0.1 * np.random.default_rng(0).standard_normal((3, RATE))).astype(np.float32)


@pytest.fixture
def recordings(tmp_path):
    rng = np.random.default_rng(1)
    rows = []
    for name, seconds in (("a", 2.5), ("b", 0.01), ("c", 1.0), ("d", 1.0)):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, 0.1 * rng.standard_normal(round(seconds * RATE)), RATE)
        rows.append([path.name, name.upper()])
    (tmp_path / "broken.wav").write_bytes(b"RIFF, but no more")
    with (tmp_path / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label"], *rows, ["broken.wav", "X"]])
    return open_cache(open_corpus(tmp_path / "list.csv"), progress=False)


def test_embeds_one_waveform_or_a_batch(embedder, noise):
    together = embedder.embed(noise)
    assert together.shape == (3, embedder.dim) and together.dtype == np.float32
    alone = np.stack([embedder.embed(row) for row in noise])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


def test_repeatable(embedder, noise):
    assert np.array_equal(embedder.embed(noise), embedder.embed(noise))


@pytest.mark.parametrize("samples", [1, 80, 399, 400, 401, 5_000])
def test_any_length(embedder, noise, samples):
    found = embedder.embed(noise[0, :samples])
    assert found.shape == (embedder.dim,) and np.isfinite(found).all()


def test_other_sample_rates_are_resampled(embedder):
    def tone(rate):
        return (0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate)).astype(np.float32)

    here, there = embedder.embed(tone(RATE)), embedder.embed(tone(44_100), sample_rate_hz=44_100)
    assert np.abs(here - there).max() < 0.05 * np.abs(here).max()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.zeros(100, np.int16), "divide int16"),
        (np.array([0.0, np.nan]), "NaN"),
        (np.zeros((2, 2, 100)), "shape"),
        (np.zeros(0), "shape"),
    ],
)
def test_wrong_waveforms_are_refused(embedder, wrong, said):
    with pytest.raises(UserError, match=said):
        embedder.embed(wrong)


def test_windows_cover_everything(recordings):
    found = spans(recordings, window_s=1.0, hop_s=0.5)
    assert [s for s in found if s.clip == 0] == [
        Span(0, start, RATE) for start in (0, 8_000, 16_000, 24_000)
    ]
    assert [s for s in found if s.clip == 1] == [Span(1, 0, 160)]
    uneven = spans(recordings, window_s=0.7)
    last = [s for s in uneven if s.clip == 0][-1]
    assert last.start + last.samples == recordings.samples[0]


def test_span_is_the_embedding_of_its_samples(embedder, recordings):
    wanted = spans(recordings, window_s=0.5)
    rows = np.concatenate(list(embed_spans(embedder, recordings, wanted)))
    for row, span in zip(rows, wanted, strict=True):
        wave = recordings.read(span.clip, span.start, span.samples)
        np.testing.assert_allclose(row, embedder.embed(wave), rtol=1e-4, atol=1e-5)


def test_very_long_recording_is_the_mean_of_its_parts(embedder, recordings, monkeypatch):
    monkeypatch.setattr("tiny_audio_ssl.embedding.long.LONGEST_PASS_S", 1.25)
    wave = recordings.read(0)
    halves = embedder.embed(wave.reshape(2, -1)).mean(axis=0)
    np.testing.assert_allclose(embed_all(embedder, recordings)[0], halves, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("window_s", "times"), [(None, 4), (1.25, 2)])
def test_what_was_read_is_released(window_s, times, embedder, recordings, monkeypatch):
    monkeypatch.setattr("tiny_audio_ssl.embedding.long.LONGEST_PASS_S", 1.3)
    monkeypatch.setattr("tiny_audio_ssl.embedding.embedder.SAMPLES_HELD", 2 * RATE)
    released: list[int] = []
    release = recordings.release
    monkeypatch.setattr(recordings, "release", lambda: (released.append(1), release()))
    found = embed_all(embedder, recordings, window_s)
    assert len(released) == times
    expected = embedder.embed(recordings.read(2))  # reading maps it again
    np.testing.assert_allclose(found[2], expected, rtol=1e-4, atol=1e-5)


def test_recording_is_the_mean_of_its_windows(embedder, recordings):
    found = embed_all(embedder, recordings, window_s=1.0)
    wave = recordings.read(0)
    windows = np.stack([wave[start : start + RATE] for start in (0, 16_000, 24_000)])
    expected = embedder.embed(windows).mean(axis=0)
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-5)
    whole = embedder.embed(recordings.read(2))
    np.testing.assert_allclose(found[2], whole, rtol=1e-4, atol=1e-5)
    assert found.shape == (4, embedder.dim) and found.dtype == np.float32


def test_identity_is_of_settings_and_weights():
    def made(seed: int, **settings: float) -> str:
        torch.manual_seed(seed)
        encoder = EncoderConfig(width=0.25, **settings)
        return Embedder(checkpoint.build_model(FrontendConfig(), encoder)).identity

    assert made(0) == made(0)
    assert len({made(0), made(1), made(0, slice_frames=20)}) == 3


def test_parquet(embedder, recordings, tmp_path):
    target = tmp_path / "x.parquet"
    write(target, embedder, recordings, spans(recordings))
    table = pq.read_table(target)
    assert table.column_names == ["path", "start_s", "end_s", "label", "embedding"]
    assert table["label"].to_pylist() == ["A", "B", "C", "D"]
    assert table["end_s"].to_pylist() == [2.5, 0.01, 1.0, 1.0]
    stored = np.array(table["embedding"].to_pylist(), np.float32)
    np.testing.assert_allclose(stored, embed_all(embedder, recordings), rtol=1e-5, atol=1e-6)


def test_npy(embedder, recordings, tmp_path):
    target = tmp_path / "x.npy"
    write(target, embedder, recordings, spans(recordings, 0.5))
    rows = list(csv.DictReader((tmp_path / "x.csv").open()))
    assert np.load(target).shape == (len(rows), embedder.dim)
    assert float(rows[1]["start_s"]) == 0.5 and rows[-1]["label"] == "D"


def test_unknown_suffix_is_refused(embedder, recordings, tmp_path):
    with pytest.raises(UserError, match=r"\.parquet or \.npy"):
        write(tmp_path / "x.txt", embedder, recordings, [])


def test_embed_gives_vectors_and_rows(recordings, tmp_path):
    torch.manual_seed(0)
    model = checkpoint.build_model(FrontendConfig(), EncoderConfig(width=0.25))
    checkpoint.save(tmp_path / "run", model, run={}, progress={})
    sources = [clip.path for clip in recordings.clips]
    found = embed(tmp_path / "run", *sources, window_s=0.5)
    wanted = spans(recordings, 0.5)
    assert len(found.vectors) == len(found.rows) == len(wanted) and found.skipped == []
    loaded = embedding.load(tmp_path / "run")
    first = loaded.embed(recordings.read(0, 0, wanted[0].samples))
    np.testing.assert_allclose(found.vectors[0], first, rtol=1e-4, atol=1e-5)
    assert found.rows[1] == {"path": str(sources[0]), "start_s": 0.5, "end_s": 1.0}


NAMES = ["path", "start_s", "end_s", "embedding", "manifest_embedding", "split", "gain_s", "[red]"]


def test_columns_called_like_ours_keep_their_text(embedder, tmp_path):
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(RATE), RATE)
    given = {name: f"=text of {name}" for name in NAMES}
    corpus = open_corpus(tmp_path / "a.wav")
    clips = tuple(replace(clip, columns=given) for clip in corpus.clips)
    recordings = open_cache(replace(corpus, clips=clips), progress=False)
    for target in (tmp_path / "x.parquet", tmp_path / "x.npy"):
        write(target, embedder, recordings, spans(recordings))
    row = pq.read_table(tmp_path / "x.parquet").to_pylist()[0]
    assert len(row["embedding"]) == embedder.dim and row["path"] == str(tmp_path / "a.wav")
    assert (row["start_s"], row["end_s"]) == (0.0, 1.0)
    assert row["manifest_manifest_embedding"] == given["embedding"]
    assert row["manifest_embedding"] == given["manifest_embedding"]
    assert row["manifest_path"] == given["path"] and row["gain_s"] == given["gain_s"]
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        line = next(csv.DictReader(file))
    assert set(given.values()) <= set(line.values()) and line["path"] == str(tmp_path / "a.wav")
