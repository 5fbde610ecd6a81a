"""Sound files: formats, duplicates, near-silence, and padding."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
import soundfile

from tiny_audio_ssl.audio.constants import WINDOW_SAMPLES
from tiny_audio_ssl.errors import UserError


def tone(seconds: float, level: float = 0.5) -> np.ndarray:
    times = np.arange(round(16_000 * seconds)) / 16_000
    return (level * np.sin(2 * np.pi * 440 * times)).astype(np.float32)


@pytest.mark.parametrize(("codec", "suffix"), [("g722", "g722"), ("wavpack", "wv")])
def test_formats_that_libsndfile_does_not_read(corpus, tmp_path, codec, suffix):
    path = tmp_path / f"a.{suffix}"
    with av.open(str(path), "w", format=suffix) as container:
        stream = container.add_stream(codec, rate=16_000, layout="mono")
        pcm = (tone(1.0) * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = 16_000
        resampler = av.AudioResampler(stream.format, "mono", 16_000, frame_size=stream.frame_size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    read = corpus.sounds.read(path)
    assert read.dtype == np.float32 and abs(len(read) - 16_000) < 100
    spectrum = np.abs(np.fft.rfft(read[:16_000]))
    assert abs(int(spectrum.argmax()) - 440) <= 1


def test_gsm(corpus, tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (50, 33), np.uint8)
    frames[:, 0] = 0xD0 | frames[:, 0] & 0x0F
    (tmp_path / "a.gsm").write_bytes(frames.tobytes())
    assert abs(len(corpus.sounds.read(tmp_path / "a.gsm")) - 16_000) < 100  # from 8 kHz


@pytest.mark.parametrize("name", ["a.g722", "a.wv", "a.wav", "a.ogg"])
def test_a_file_that_is_no_sound_is_explained(corpus, tmp_path, name):
    (tmp_path / name).write_bytes(b"" if name == "a.g722" else b"not a sound")
    with pytest.raises(UserError, match=name):
        waveform = corpus.sounds.read(tmp_path / name)
        raise UserError(name if corpus.sounds.reason_to_leave_out(waveform) else "read")


@pytest.mark.parametrize(("format", "subtype"), [("FLAC", "PCM_16"), ("WAV", "FLOAT")])
def test_one_recording_has_one_content_in_lossless_formats(corpus, format, subtype):
    content = corpus.sounds.content_of
    waveform = tone(0.5)
    file = io.BytesIO()
    silence = np.zeros(100, np.float32)
    samples = np.concatenate([silence, waveform, silence, silence])
    soundfile.write(file, samples, 16_000, subtype, format=format)
    file.seek(0)
    assert content(soundfile.read(file, dtype="float32")[0]) == content(waveform)
    assert content(tone(0.51)) != content(waveform)


def test_reasons_to_leave_a_sound_out(corpus):
    reason = corpus.sounds.reason_to_leave_out
    assert reason(tone(0.05)) == "shorter than 0.1 s"
    assert reason(tone(1.0, level=5e-4)) == "nearly silent"
    assert reason(np.full(16_000, np.nan, np.float32)) == "holds NaN or infinity"
    assert reason(tone(0.2)) is None


@pytest.mark.parametrize("seconds", [0.1, 0.5, 0.974])
def test_short_sound_lies_in_a_window_of_silence(corpus, seconds):
    sound = tone(seconds)
    padded = [corpus.sounds.padded(sound, seed) for seed in range(20)]
    places, exact = set(), 0
    for waveform in padded:
        assert len(waveform) == WINDOW_SAMPLES and waveform.dtype == np.float32
        place = int(np.correlate(waveform, sound, "valid").argmax())
        places.add(place)
        around = np.delete(waveform, np.s_[place : place + len(sound)])
        assert np.abs(around).max(initial=0) < 0.005
        exact += not around.any()
        np.testing.assert_allclose(waveform[place : place + len(sound)], sound, atol=0.005)
    assert len(places) > 5
    assert 0 < exact < 20  # some silence is digital, some is not


def test_padding_depends_on_the_seed_alone(corpus):
    first, again, other = (corpus.sounds.padded(tone(0.3), seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_longer_sound_is_not_padded(corpus):
    sound = tone(1.0)
    assert corpus.sounds.padded(sound, 0) is sound


def test_sound_beyond_full_scale_is_lowered(corpus, tmp_path):
    corpus.sounds.write(tmp_path / "new" / "a.flac", tone(0.2, level=2.0))
    read, rate_hz = soundfile.read(tmp_path / "new" / "a.flac")
    assert rate_hz == 16_000 and 0.99 < np.abs(read).max() <= 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.flac"]
