"""Sounds in the page: the loudest part, as MP3, below a limit of size."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import soundfile

from tiny_audio_ssl.data.cache import open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.report.listening import Sounds, loudest, mp3


def test_loudest_part():
    wave = np.full(1000, 0.01, np.float32)
    wave[600:700] = 0.5
    assert (loudest(wave, 100) == 0.5).all()
    assert loudest(wave, 2000) is wave


@pytest.mark.parametrize("samples", [1, 200, 16_000, 33_333])
def test_mp3_is_what_went_in(samples):
    wave = 0.3 * np.sin(2 * np.pi * 440 / 16_000 * np.arange(samples))
    read, rate_hz = soundfile.read(BytesIO(mp3(wave.astype(np.float32))))
    assert rate_hz == 16_000 and samples <= len(read) <= samples + 4 * 1152
    if samples > 10_000:
        peak = np.fft.rfft(read).__abs__().argmax() * rate_hz / len(read)
        assert peak == pytest.approx(440, abs=2)


def test_sounds_stay_within_their_limit_and_are_kept_once():
    recordings = open_cache(open_corpus("builtin:2"), progress=False)
    sounds = Sounds.for_clips(len(recordings), seconds=2.0, limit_mb=0.03)
    assert sounds.seconds == 1.0  # rather fewer than shorter
    for turn in range(2):
        where = [sounds.add(f"hash {i}", recordings, i) for i in range(len(recordings))]
        assert len(sounds.encoded) + sounds.left_out == len(recordings), turn
    assert sounds.bytes <= 30_000 and sounds.left_out == where.count(None) > 0
    plenty = Sounds.for_clips(len(recordings), seconds=2.0, limit_mb=10)
    assert plenty.seconds == 2.0
