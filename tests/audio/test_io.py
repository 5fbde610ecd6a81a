from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.audio_files import FORMATS, noise, tone, write

from tiny_audio_ssl.audio.io import (
    SAMPLE_RATE_HZ,
    AudioError,
    duration_s,
    read,
    resample,
    stream,
    to_float,
    to_int16,
)
from tiny_audio_ssl.utils.quiet import as_program

CASES = [
    (kind, rate_hz, channels)
    for kind in FORMATS
    for rate_hz, channels in ((8000, 1), (22_050, 2), (44_100, 1), (48_000, 2), (48_000, 6))
    if not (kind == "opus" and rate_hz not in (8000, 48_000))
    and not (kind == "mp3" and channels > 2)
]


def pitch_of(wave: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return float(np.argmax(spectrum) * SAMPLE_RATE_HZ / len(wave))


@pytest.mark.parametrize(("kind", "rate_hz", "channels"), CASES)
def test_tone_keeps_its_pitch_level_and_length(
    tmp_path: Path, kind: str, rate_hz: int, channels: int
) -> None:
    wave = np.repeat(tone(1.0, rate_hz)[:, None], channels, axis=1)
    path = write(tmp_path / f"tone.{kind}", wave, rate_hz, kind)
    heard = read(path)
    assert heard.dtype == np.float32 and heard.ndim == 1
    assert len(heard) == SAMPLE_RATE_HZ
    assert duration_s(path) == pytest.approx(1.0, abs=1e-3)
    assert pitch_of(heard) == pytest.approx(440, abs=1.5)
    middle = heard[2000:-2000]
    # Vorbis and Opus take the sixth channel for a subwoofer and keep only its lowest tones.
    tolerance = 0.2 if kind in ("ogg", "opus") and channels == 6 else 0.05
    assert np.sqrt((middle**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=tolerance)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("samples", [1, 3, 50, 240])
def test_shortest_files_can_be_read(tmp_path: Path, kind: str, samples: int) -> None:
    path = write(tmp_path / f"short.{kind}", np.full(samples, 0.5), 48_000, kind)
    try:
        heard = read(path)
    except AudioError as error:  # a lossy codec may turn a few samples into nothing
        assert kind in ("mp3", "opus", "ogg") and error.reason == "silent"
    else:
        assert len(heard) == max(1, round(samples / 3))


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = noise(0.1, seed=1), noise(0.1, seed=2)
    path = write(tmp_path / "stereo.wav", np.stack([left, right], axis=1), kind="float.wav")
    np.testing.assert_allclose(read(path), (left + right) / 2, atol=1e-6)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("span", [(0, 1), (3, None), (2.3333, 3.9), (1.7, 99)])
def test_part_is_the_slice_of_the_whole(
    tmp_path: Path, kind: str, span: tuple[float, float | None]
) -> None:
    rate_hz = 48_000 if kind == "opus" else 44_100
    path = write(tmp_path / f"noise.{kind}", noise(4.2, rate_hz), rate_hz, kind)
    start_s, end_s = span
    end = None if end_s is None else round(end_s * SAMPLE_RATE_HZ)
    expected = read(path)[round(start_s * SAMPLE_RATE_HZ) : end]
    np.testing.assert_allclose(read(path, start_s, end_s), expected, atol=1e-6)


def test_blocks_are_small_and_their_size_does_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "noise.flac", noise(5, 44_100), 44_100)
    blocks = list(stream(path, block_s=0.3))
    assert max(map(len, blocks)) < 0.5 * SAMPLE_RATE_HZ
    np.testing.assert_allclose(np.concatenate(blocks), read(path), atol=1e-6)


def test_resample_agrees_with_reading(tmp_path: Path) -> None:
    wave = noise(1, 44_100).astype(np.float32)
    path = write(tmp_path / "noise.wav", wave, 44_100, "float.wav")
    np.testing.assert_allclose(resample(wave, 44_100), read(path), atol=1e-6)
    assert len(read(path, sample_rate_hz=44_100)) == len(wave)
    assert len(resample(wave[:0], 44_100)) == 0


def test_nothing_above_half_the_rate_folds_back() -> None:
    too_high = tone(1, 48_000, pitch_hz=12_000).astype(np.float32)
    assert np.abs(resample(too_high, 48_000)[1000:-1000]).max() < 1e-3


def test_pcm_round_trip() -> None:
    pcm = np.arange(-32768, 32768).astype(np.int16)
    np.testing.assert_array_equal(to_int16(to_float(pcm)), pcm)
    np.testing.assert_array_equal(to_int16(np.float32([1.2, -1.2])), [32767, -32768])


# --- what can't be used -----------------------------------------------------------------------


def reason(path: Path) -> str:
    with pytest.raises(AudioError) as caught:
        read(path)
    assert caught.value.path == path
    return caught.value.reason


def test_absent_and_unreadable(tmp_path: Path) -> None:
    assert reason(tmp_path / "none.wav") == "not found"
    assert reason(tmp_path) == "not a file"
    os.mkfifo(tmp_path / "pipe.wav")
    assert reason(tmp_path / "pipe.wav") == "not a file"
    for suffix in ("wav", "flac", "ogg", "opus", "mp3", "aiff", "caf"):
        path = tmp_path / f"text.{suffix}"
        path.write_bytes(b"this is not audio at all\n" * 200)
        assert reason(path) == "unreadable: not audio in a known format"
        path.write_bytes(b"")
        assert reason(path) == "empty"


def test_file_without_samples_is_refused(tmp_path: Path) -> None:
    assert "empty" in reason(write(tmp_path / "none.wav", np.zeros(0)))
    assert "empty" in reason(write(tmp_path / "none.flac", np.zeros(0)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_is_refused(tmp_path: Path, bad: float) -> None:
    wave = noise(1)
    wave[9000] = bad
    assert "NaN or infinite" in reason(write(tmp_path / "bad.wav", wave, kind="float.wav"))


def test_samples_on_another_scale_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "loud.wav", tone(1) * 32768, kind="float.wav")
    assert reason(path).startswith("samples reach 16384, expected -1..1")
    write(path, tone(1) * 3, kind="float.wav")
    assert np.abs(read(path)).max() == pytest.approx(1.5, abs=0.01)


def test_silence_is_refused_for_whole_files_only(tmp_path: Path) -> None:
    assert (
        reason(write(tmp_path / "silent.wav", np.full(16_000, 2e-5), kind="float.wav")) == "silent"
    )
    path = write(tmp_path / "half.wav", np.concatenate([np.zeros(32_000), tone(1)]))
    assert len(read(path)) == 48_000
    assert np.abs(read(path, 0, 1)).max() == 0


def test_start_beyond_the_end(tmp_path: Path) -> None:
    path = write(tmp_path / "tone.wav", tone(2))
    for start_s in (2.0, 2.5, 60):
        with pytest.raises(AudioError, match=r"beyond its end at 2\.000 s"):
            read(path, start_s)


def test_implausible_rate(tmp_path: Path) -> None:
    assert "1 Hz" in reason(write(tmp_path / "slow.wav", noise(1), 1))


@pytest.mark.parametrize("kind", FORMATS)
def test_truncation_is_detected_anywhere(tmp_path: Path, kind: str) -> None:
    whole = write(tmp_path / f"whole.{kind}", noise(3), kind=kind).read_bytes()
    path = tmp_path / f"cut.{kind}"
    rng = np.random.default_rng(0)
    # The last bytes of an MP3 may be padding that holds no audio.
    end = len(whole) - (40 if kind == "mp3" else 1)
    for length in [*rng.integers(12, end, 15), end]:
        path.write_bytes(whole[:length])
        assert any(word in reason(path) for word in ("cut short", "unreadable", "empty")), length


@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_file_never_crashes(tmp_path: Path, kind: str) -> None:
    whole = write(tmp_path / f"whole.{kind}", noise(0.5), kind=kind).read_bytes()
    path = tmp_path / f"damaged.{kind}"
    rng = np.random.default_rng(1)
    for _ in range(30):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), 20):
            data[at] = rng.integers(256)
        path.write_bytes(data)
        try:
            assert np.isfinite(read(path)).all()
        except AudioError as error:
            assert error.reason


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFDB])
def test_wav_from_a_pipe_is_whole(tmp_path: Path, size: int) -> None:
    path = write(tmp_path / "pipe.wav", tone(1))
    expected = read(path)
    data = bytearray(path.read_bytes())
    at = data.index(b"data")
    data[at + 4 : at + 8] = struct.pack("<I", size)
    data[4:8] = struct.pack("<I", min(size + 36, 0xFFFFFFFF) if size else 0)
    path.write_bytes(data)
    np.testing.assert_array_equal(read(path), expected)
    np.testing.assert_array_equal(read(path, 0.25, 0.5), expected[4000:8000])


def test_flac_from_a_pipe_has_no_length(tmp_path: Path) -> None:
    path = write(tmp_path / "pipe.flac", noise(3))
    expected = read(path)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # 36 bits of STREAMINFO: the number of samples, 0 for unknown
    data[22:26] = bytes(4)
    path.write_bytes(data)
    np.testing.assert_array_equal(read(path), expected)
    np.testing.assert_array_equal(read(path, 2.5), expected[40_000:])
    assert duration_s(path) == 3


def test_tags_are_ignored(tmp_path: Path) -> None:
    path = write(tmp_path / "tagged.mp3", noise(2))
    expected = read(path)
    tag = b"ID3\x03\x00\x00" + bytes((0, 0, 10, 0)) + b"\0" * 1280
    path.write_bytes(tag + path.read_bytes() + b"TAG" + b"\0" * 125)
    np.testing.assert_array_equal(read(path), expected)


def without_length(path: Path) -> Path:
    data = path.read_bytes()
    path.write_bytes(data.replace(b"Info", bytes(4)).replace(b"Xing", bytes(4)))
    return path


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_mp3_without_a_length_is_read_to_its_end(tmp_path: Path, mode: str) -> None:
    wave = noise(20)
    wave[:32_000] *= 0.001  # with a variable rate, it begins unlike the rest
    path = tmp_path / "plain.mp3"
    soundfile.write(path, wave, 16_000, bitrate_mode=mode, compression_level=0.5)
    assert len(read(path)) == len(wave)
    heard = read(without_length(path))
    assert len(heard) == pytest.approx(len(wave), abs=4 * 1152)
    np.testing.assert_allclose(read(path, 12.5), heard[200_000:], atol=1e-6)
    path.write_bytes(path.read_bytes()[:-100])
    assert reason(path) == "cut short: its last frame is not complete"


def test_c_libraries_stay_quiet(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "bad.mp3", tone(3))
    data = bytearray(path.read_bytes())
    data[1500:1900] = os.urandom(400)
    path.write_bytes(data)
    with as_program(), pytest.raises(AudioError):
        read(path)
    print("still there", file=sys.stderr)
    os.write(2, b"and this\n")
    assert capfd.readouterr().err == "still there\nand this\n"


def test_without_stderr(tmp_path: Path) -> None:
    path = write(tmp_path / "tone.mp3", tone(1))
    code = f"from tiny_audio_ssl.audio.io import read; print(len(read({str(path)!r})))"
    command = ["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, code]
    assert subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout == b"16000\n"


def test_file_name_that_is_not_unicode(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav"))
    soundfile.write(os.fsencode(path), tone(1), 16_000, format="WAV")
    assert len(read(path)) == 16_000


def test_audio_error_can_be_pickled() -> None:
    error = pickle.loads(pickle.dumps(AudioError("a.wav", "silent")))
    assert (error.path, error.reason, str(error)) == (Path("a.wav"), "silent", "a.wav: silent")
