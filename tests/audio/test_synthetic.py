from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tiny_audio_ssl.audio import synthetic as sounds
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ, read
from tiny_audio_ssl.data.corpus import open_corpus, split


@pytest.mark.parametrize("label", sounds.SOUNDS)
def test_every_class_makes_usable_sounds(label: str) -> None:
    made = [sounds.make(label, seed) for seed in range(6)]
    for wave in made:
        assert wave.dtype == np.float32 and wave.ndim == 1
        assert 2 * SAMPLE_RATE_HZ <= len(wave) <= 4 * SAMPLE_RATE_HZ
        assert 0.05 <= np.abs(wave).max() <= 0.9 + 1e-6
    assert len({wave.tobytes() for wave in made}) == len(made), "each is another one"
    np.testing.assert_array_equal(sounds.make(label, 3), made[3])


def test_classes_differ_within_a_session() -> None:
    assert len({sounds.make(label, 0).tobytes() for label in sounds.SOUNDS}) == len(sounds.SOUNDS)


def coarse_features(wave: np.ndarray) -> np.ndarray:
    frames = np.lib.stride_tricks.sliding_window_view(wave, 512)[::256] * np.hanning(512)
    power = np.abs(np.fft.rfft(frames))[:, 1:] ** 2
    bands = np.add.reduceat(power, np.unique(np.geomspace(1, 255, 24).astype(int)) - 1, axis=1)
    log = np.log(bands + 1e-6)
    return np.concatenate([log.mean(0), log.std(0)])


def test_classes_are_neither_trivial_nor_impossible() -> None:
    labels, takes = np.meshgrid(list(sounds.SOUNDS), np.arange(12))
    labels, takes = labels.ravel(), takes.ravel()
    made = [sounds.make(str(label), int(take)) for label, take in zip(labels, takes, strict=True)]
    features = np.stack([coarse_features(wave) for wave in made])
    features = (features - features.mean(0)) / features.std(0)
    held_out = takes % 4 == 0
    distance = np.linalg.norm(features[held_out, None] - features[None, ~held_out], axis=2)
    guess = labels[~held_out][distance.argmin(axis=1)]
    accuracy = (guess == labels[held_out]).mean()
    assert 3 / len(sounds.SOUNDS) < accuracy < 0.95


def test_sounds_are_written_once_and_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = sounds.write(tmp_path / "built", per_class=2)
    corpus = open_corpus(manifest)
    assert len(corpus.clips) == 2 * len(sounds.SOUNDS) and not corpus.skipped
    assert set(corpus.column("label")) == set(sounds.SOUNDS)
    assert set(corpus.column("group")) == {"take-000", "take-001"}
    assert all(split(corpus.clips, 0.5, 0, "group"))
    assert len(read(corpus.clips[0].path)) >= 2 * SAMPLE_RATE_HZ
    monkeypatch.setattr(sounds, "make", lambda label, seed: pytest.fail("made again"))
    assert sounds.write(tmp_path / "built", per_class=2) == manifest


def test_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(label: str, seed: int) -> np.ndarray:
        raise KeyboardInterrupt

    monkeypatch.setattr(sounds, "make", stop)
    with pytest.raises(KeyboardInterrupt):
        sounds.write(tmp_path / "built", per_class=2)
    assert list(tmp_path.iterdir()) == []


def test_builtin_is_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_AUDIO_SSL_CACHE", str(tmp_path))
    corpus = open_corpus("builtin:1")
    assert len(corpus.clips) == len(sounds.SOUNDS)
    assert corpus.source == "builtin:1" and corpus.root == tmp_path / "builtin-v1-1"
