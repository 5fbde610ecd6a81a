"""Broken and odd files: each is read, or refused with a reason, and nothing is lost in silence."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.audio_files import FORMATS, noise, write
from support.odd_files import kinds, odd_files, outcome, whole

from tiny_audio_ssl.audio.io import AudioError, duration_s, read, stream
from tiny_audio_ssl.utils.quiet import as_program

# Without a length in the header: the end of any frame is the end. libsndfile writes XI without one.
WITHOUT_LENGTH = {"PAF", "PVF", "IRCAM", "XI"}
# Joined, these are refused.
ONE_PART = WITHOUT_LENGTH | {"HTK", "CAF", "MPC2K"}


def test_odd_files_are_read_or_refused_in_words(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    began, outcomes = time.monotonic(), set()
    for file in odd_files(600, seed=11):
        path = tmp_path / f"odd.{file.suffix}"
        path.write_bytes(file.data)
        with as_program():
            outcomes.add(outcome(path).partition(":")[0])
        if time.monotonic() - began > 20:  # a busy machine
            break
    assert {"read", "cut short", "unreadable"} <= outcomes
    written = capfd.readouterr()
    assert written.out == written.err == ""


@pytest.mark.parametrize("kind", kinds(), ids="-".join)
def test_joined_cut_and_padded_files(tmp_path: Path, kind: tuple[str, str]) -> None:
    first, second = whole(*kind, seconds=0.5, seed=1), whole(*kind, seconds=0.75, seed=2)
    path = tmp_path / f"a.{kind[0].lower()}"
    path.write_bytes(first)
    alone = [read(path)]
    path.write_bytes(second)
    alone.append(read(path))
    path.write_bytes(first + second)
    try:
        joined = read(path)
    except AudioError as error:
        assert kind[0] in ONE_PART and error.reason
    else:
        assert abs(len(joined) - len(alone[0]) - len(alone[1])) <= 2
        assert abs(duration_s(path) - len(joined) / 16_000) < 1e-3
        np.testing.assert_allclose(joined[: len(alone[0]) - 300], alone[0][:-300], atol=1e-6)
    path.write_bytes(first[: len(first) // 2])
    assert kind[0] in WITHOUT_LENGTH or outcome(path) != "read"
    path.write_bytes(first + bytes(5000))
    if kind[0] not in WITHOUT_LENGTH | {"HTK", "MPC2K"}:
        assert len(read(path)) == len(alone[0])  # the last block of GSM is decoded at random
        np.testing.assert_array_equal(read(path)[:6000], alone[0][:6000])


@pytest.mark.parametrize("kind", [k for k in kinds() if k[0] in WITHOUT_LENGTH], ids="-".join)
def test_cut_within_a_frame_is_noticed_without_a_length(
    tmp_path: Path, kind: tuple[str, str]
) -> None:
    path = tmp_path / f"a.{kind[0].lower()}"
    data = whole(*kind)
    if kind[0] == "XI":  # as trackers write it
        data = data[:298] + struct.pack("<I", len(data) - 338) + data[302:]
        path.write_bytes(data)
        assert len(read(path)) == 6400
    path.write_bytes(data[:-1])
    one_byte = kind in {("PAF", "PCM_S8"), ("PVF", "PCM_S8"), ("IRCAM", "ULAW"), ("IRCAM", "ALAW")}
    assert one_byte or outcome(path).startswith("cut short")


@pytest.mark.parametrize("samples", [1, 2, 3, 7, 3201])
@pytest.mark.parametrize("kind", [k for k in kinds() if k[0] in ("MAT4", "MAT5")], ids="-".join)
def test_matlab_files_of_any_length(tmp_path: Path, kind: tuple[str, str], samples: int) -> None:
    path = tmp_path / "a.mat"
    rng = np.random.default_rng(0)
    for channels in (1, 3):
        wave = rng.uniform(0.1, 0.3, (samples, channels))
        wave[::2] *= -1
        for order in ("LITTLE", "BIG"):
            soundfile.write(path, wave, 16_000, kind[1], order, kind[0])
            assert len(read(path, 0, 1)) == samples
            data = path.read_bytes()
            path.write_bytes(data[:-8] if len(data) > 300 else data[:-1])
            if samples > 100:
                assert outcome(path).startswith("cut short")
            path.write_bytes(data + data)
            assert len(read(path, 0, 1)) == 2 * samples


@pytest.mark.parametrize("kind", kinds(), ids="-".join)
def test_part_of_any_format_is_the_slice_of_the_whole(
    tmp_path: Path, kind: tuple[str, str]
) -> None:
    path = tmp_path / f"a.{kind[0].lower()}"
    path.write_bytes(whole(*kind, seconds=3.2))
    expected = read(path)[40_000:48_000]
    heard = read(path, 2.5, 3.0)
    exact = kind[1] not in ("VORBIS", "OPUS", "MPEG_LAYER_III", "IMA_ADPCM", "DPCM_8", "DPCM_16")
    np.testing.assert_allclose(heard, expected, atol=1e-5 if exact else 0.02)


@pytest.mark.parametrize("kind", ["ogg", "opus"])
def test_ogg_without_the_mark_of_its_end_is_whole(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / f"a.{kind}", noise(3), kind=kind)
    expected = read(path)
    data = bytearray(path.read_bytes())
    last = data.rindex(b"OggS")
    data[last + 5] &= ~4
    data[last + 22 : last + 26] = bytes(4)
    data[last + 22 : last + 26] = struct.pack("<I", ogg_crc(data[last:]))
    path.write_bytes(data)
    assert len(read(path)) == pytest.approx(len(expected), abs=1024)
    path.write_bytes(data[:last])  # nothing tells this from a whole file
    assert 16_000 < len(read(path)) < len(expected)
    for cut in (last + 10, last + 30, len(data) - 1):
        path.write_bytes(data[:cut])
        assert outcome(path) == "cut short: its last page is not complete"


def ogg_crc(page: bytes) -> int:
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc


def patched(
    data: bytes, name: bytes, size: int, form: str = "<I", riff: int | None = None
) -> bytes:
    text = bytearray(data)
    at = text.index(name) + len(name)
    text[at : at + struct.calcsize(form)] = struct.pack(form, size)
    if riff is not None:
        text[4:8] = struct.pack(form, riff)
    return bytes(text)


def test_wav_whose_header_is_stale(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise(1))
    data, expected = path.read_bytes(), read(path)
    size = len(data)
    for declared, riff in (
        (8000, None),
        (8000, 0),
        (8000, 0xFFFFFFFF),
        (size, size),
        (size - 8, 0),
    ):
        path.write_bytes(patched(data, b"data", declared, riff=riff))
        np.testing.assert_array_equal(read(path), expected)
    path.write_bytes(patched(data, b"data", 8000, riff=8036))
    assert "24,000 bytes follow the part that its header describes" in outcome(path)
    path.write_bytes(patched(data, b"data", 64_000, riff=64_036))
    assert outcome(path).startswith("cut short")


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_other_formats_from_a_pipe_are_whole(tmp_path: Path, size: int) -> None:
    path = write(tmp_path / "a.aiff", noise(1))
    expected = read(path)
    path.write_bytes(patched(path.read_bytes(), b"SSND", size, ">I"))
    np.testing.assert_array_equal(read(path), expected)
    path.write_bytes(patched(whole("CAF", "PCM_16"), b"data", size and 2**64 - 1, ">Q"))
    assert len(read(path)) == 6400
    path.write_bytes(patched(whole("AU", "PCM_16"), b".snd\0\0\0\x18", size and 2**32 - 1, ">I"))
    assert len(read(path)) == 6400
    rf64 = whole("RF64", "PCM_16")
    at = rf64.index(b"ds64") + 8
    path.write_bytes(rf64[:at] + bytes(24) + rf64[at + 24 :])
    assert len(read(path)) == 6400


def test_wav_with_chunks_behind_its_samples(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise(1)[:15_999])
    data, expected = path.read_bytes(), read(path)
    tag = b"LIST" + struct.pack("<I", 4000) + b"INFO" + b"x" * 3996
    for behind in (tag, tag[:3000], b"\0" * 5000, b"TAG" + bytes(125), b"abcd\2\0\0\0xy" + tag):
        path.write_bytes(data + behind)
        np.testing.assert_array_equal(read(path), expected)
    path.write_bytes(data + b"data" + struct.pack("<I", 4000) + bytes(4000))
    assert outcome(path) == "damaged: its samples are in several chunks"


def test_flac_whose_header_gives_too_few_samples(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", noise(3))
    data, expected = bytearray(path.read_bytes()), read(path)
    for count in (1, 20_000, 47_999):
        data[22:26] = struct.pack(">I", count)
        path.write_bytes(data)
        np.testing.assert_array_equal(read(path), expected)
    data[22:26] = struct.pack(">I", 60_000)
    path.write_bytes(data)
    assert outcome(path).startswith("damaged or cut short")


def test_mp3_behind_a_header_that_is_too_small(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp3", noise(2))
    data = path.read_bytes()
    lacking = data.replace(b"Info", bytes(4)).replace(b"Xing", bytes(4))
    for parts, seconds in (((data, data), 4), ((data, lacking), 4), ((lacking, data, lacking), 6)):
        path.write_bytes(b"".join(parts))
        assert len(read(path)) == pytest.approx(seconds * 16_000, abs=4000)


def test_parts_of_different_rates_are_refused(tmp_path: Path) -> None:
    first, second = (write(tmp_path / f"{hz}.wav", noise(1, hz), hz) for hz in (8000, 16_000))
    path = tmp_path / "a.wav"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    assert "joined from parts with 8000 and 16000 Hz" in outcome(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_format_is_told_by_content(tmp_path: Path, kind: str) -> None:
    data = write(tmp_path / f"a.{kind}", noise(1), kind=kind).read_bytes()
    for name in ("a.wav", "a.mp3", "a.m4a", "a.raw", "a", "a.txt"):
        path = tmp_path / name
        path.write_bytes(data)
        assert len(read(path)) == 16_000


def test_any_exception_of_the_decoder_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.wav", noise(3))
    for error in (RuntimeError("odd\nthing"), ValueError(), OSError(5, "Input/output error")):
        for method in ("read", "seek", "__init__"):
            with monkeypatch.context() as patch:
                patch.setattr(f"soundfile.SoundFile.{method}", raising(error))
                with pytest.raises(AudioError) as caught:
                    list(stream(path, 2.5))
            assert caught.value.reason and "\n" not in caught.value.reason


def raising(error: Exception) -> object:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail
