"""The library @tiny-audio-ssl/encoder against Python's numbers, in Node."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from support.paths import ROOT

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.bench import statistics
from tiny_audio_ssl.embedding import taught_sounds
from tiny_audio_ssl.embedding.comparison import Comparison
from tiny_audio_ssl.embedding.taught_sounds import TaughtSounds, example, present
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.runtimes import open_artifact, open_outputs
from tiny_audio_ssl.export.streaming.stream_runtime import Stream
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig

SOURCES = ROOT / "export" / "web" / "encoder" / "src"
LOW_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 30_000)
HIGH_RATES_HZ = (32_000, 44_100, 48_000, 64_000, 88_200, 96_000, 192_000)
PIECES = (1000, 37, 1, 4096)  # samples handed over at a time


def white(seconds: float, rate_hz: int) -> np.ndarray:
    """Noise at full scale: the hardest sound for a resampler."""
    return np.random.default_rng(0).uniform(-1, 1, round(seconds * rate_hz)).astype(np.float32)


def sweep(seconds: float) -> np.ndarray:
    """A rising tone in some noise: without any, the logarithms of silence are compared."""
    time_s = np.arange(round(16_000 * seconds)) / 16_000
    tone = 0.4 * np.sin(2 * np.pi * (200 + 900 * time_s) * time_s)
    return (tone + 0.01 * white(seconds, 16_000)).astype(np.float32)


def chirp(seconds: float, rate_hz: int) -> np.ndarray:
    """A tone that rises from silence to the highest frequency of its rate."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return (0.5 * np.sin(np.pi * rate_hz / seconds * time_s**2 / 2)).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [*LOW_RATES_HZ, *HIGH_RATES_HZ])
def test_sound_is_resampled_as_on_the_desktop(ask, real_audio, rate_hz):
    speech = audio.read(next((real_audio / "speakers" / "emodb").glob("*.flac")), 0.5, 0.7, rate_hz)
    sounds = [white(0.2, rate_hz), chirp(0.2, rate_hz), speech]
    given = [sound.tolist() for sound in sounds]
    answers = ask("resample", sounds=given, fromHz=rate_hz, pieces=PIECES)
    for sound, found in zip(sounds, answers, strict=True):
        expected = audio.resample(sound, rate_hz)
        assert len(found) == len(expected)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_sound_of_the_right_rate_is_left_alone(ask):
    sound = sweep(0.1).tolist()
    assert ask("resample", sounds=[sound], fromHz=16_000, pieces=PIECES) == [sound]
    assert "expected a whole number" in ask("resample", sounds=[[0.0]], fromHz=12, pieces=[1])


def test_log_mel_is_that_of_the_front_end(ask):
    sound, settings = sweep(0.5), FrontendConfig()
    expected = LogMel(settings)(torch.from_numpy(sound)[None])[0, 0].T
    given = {"windowMs": 25, "hopMs": 10, "bands": 64, "minHz": 60, "maxHz": 7800}
    found = ask("logmel", pcm=sound.tolist(), settings=given)
    assert np.shape(found) == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-3)


def snr_db(found: np.ndarray, exact: np.ndarray) -> float:
    return float(10 * np.log10(np.square(exact).sum() / np.square(found - exact).sum()))


@pytest.mark.parametrize("kind", ["stream", "waveform"])
def test_embeddings_are_those_of_the_desktop(ask, exported, kind):
    sound = sweep(2.5)
    found = {
        precision: ask(
            "embed",
            folder=str(exported),
            file=f"encoder.{kind}.{precision}.onnx",
            pcm=sound.tolist(),
            pieces=PIECES,
        )
        for precision in ("fp32", "int8")
    }
    content = manifest.trusted(exported)
    for precision, answers in found.items():
        path = exported / f"encoder.{kind}.{precision}.onnx"
        ends = [one["endSample"] for one in answers]
        if kind == "stream":
            streamed = list(Stream.open(path).push(sound))
            assert ends == [one.end_sample for one in streamed]
            assert [one["startSample"] for one in answers] == [s.start_sample for s in streamed]
            desktop = np.array([one.embedding for one in streamed])
        else:
            size = content["window_samples"]
            assert ends == list(range(size, len(sound) + 1, size // 4))
            windows = np.stack([sound[end - size : end] for end in ends])
            desktop = open_artifact(path, threads=1)(windows)
        vectors = np.array([one["vector"] for one in answers])
        assert {one["learned"] for one in answers} == {content["encoder"]["learned_dim"]}
        if precision == "fp32":
            np.testing.assert_allclose(vectors, desktop, atol=1e-4)
            exact = desktop
        else:
            assert abs(snr_db(vectors, exact) - snr_db(desktop, exact)) < 0.5


def test_scores_of_heads_are_those_of_the_desktop(ask, scoring):
    sound = sweep(1.5)
    file = "encoder.waveform.fp32.onnx"
    found = ask("embed", folder=str(scoring), file=file, pcm=sound.tolist(), pieces=PIECES)
    assert len(found) == 3
    for one in found:
        window = sound[one["startSample"] : one["endSample"]]
        vectors, scores = open_outputs(scoring / file)(window[None])
        np.testing.assert_allclose(one["vector"], vectors[0], atol=1e-4)
        np.testing.assert_allclose(one["scores"]["scores.words"], scores[0], atol=1e-4)


def test_the_manifest_decides_what_to_listen_with(ask, exported):
    text = (exported / manifest.MANIFEST).read_text()
    assert ask("manifest", text=text)["file"] == "encoder.stream.int8.onnx"
    untrained = text.replace('"as_trained": true', '"as_trained": false')
    assert untrained != text
    assert ask("manifest", text=untrained)["file"] == "encoder.waveform.int8.onnx"
    assert "not a manifest" in ask("manifest", text="{")
    newer = json.dumps(json.loads(text) | {"format_version": 99})
    assert "format version 99, expected 2 or 3" in ask("manifest", text=newer)
    mel = json.dumps(json.loads(text) | {"artifacts": []})
    assert "no ONNX artifact that takes a stream or a waveform" in ask("manifest", text=mel)
    assert "not complete" in ask("manifest", text=json.dumps({"format_version": 3}))


def test_heads_are_read_with_their_labels(ask, exported):
    content = json.loads((exported / manifest.MANIFEST).read_text())
    head = {"name": "words", "output": "scores.words", "labels": ["yes", "no"]}
    for entry in content["artifacts"]:
        entry["outputs"].append({"name": "scores.words", "shape": [1, 2], "dtype": "float32"})
    text = json.dumps(content | {"heads": [head, {**head, "output": "scores.others"}]})
    found = ask("manifest", text=text)
    assert found["heads"] == [{"name": "scores.words", "labels": ["yes", "no"]}]


def test_sounds_are_taught_and_found_as_in_python(ask):
    rng = np.random.default_rng(0)
    centers = {"bell": rng.normal(size=16), "dog": rng.normal(size=16)}
    examples = [(name, at + 0.4 * rng.normal(size=16)) for name, at in centers.items()
                for _ in range(3)]  # fmt: skip
    asked = [at + 0.6 * rng.normal(size=16) for at in centers.values() for _ in range(6)]
    asked += list(rng.normal(size=(6, 16)))
    levels = rng.uniform(0.01, 1, len(asked))
    found = ask(
        "teach",
        examples=[(name, vector.tolist()) for name, vector in examples],
        asked=np.array(asked).tolist(),
        levels=levels.tolist(),
        threshold=0.3,
    )
    sounds = TaughtSounds(limit=0.3)
    for name, vector in examples:
        sounds = sounds.taught(name, vector)
    expected = [sounds.nearest(vector) for vector in asked]
    assert {one.known for one in expected} == {True, False}
    for match, other in zip(found["matches"], expected, strict=True):
        assert (match["name"], match["known"]) == (other.name, other.known)
        assert match["distance"] == pytest.approx(other.distance, abs=1e-5)
    np.testing.assert_allclose(found["example"], example(np.array(asked), levels), atol=1e-5)
    np.testing.assert_allclose(found["present"], present(np.array(asked), levels, 3), atol=1e-5)
    assert found["again"]
    content = json.loads(found["json"])
    assert (content["format"], content["artifact_sha256"], content["threshold"]) == (2, "x", 0.3)
    kept = [vector for vectors in sounds.examples.values() for vector in vectors]
    stored = [vector for vectors in content["sounds"].values() for vector in vectors]
    np.testing.assert_allclose(stored, kept, atol=1e-6)


def test_files_of_taught_sounds_that_are_refused(ask):
    good = {"format": 2, "artifact_sha256": "x", "threshold": 0.15, "sounds": {"a": [[1.0, 0.0]]}}

    def read(text: str, sha256: str = "x", size: int = 2) -> Any:
        return ask("readSounds", text=text, sha256=sha256, size=size)

    assert read(json.dumps(good))["counts"] == [["a", 1]]
    assert read(json.dumps(good | {"sounds": {"a": []}}))["counts"] == []
    assert "another encoder" in read(json.dumps(good), sha256="y")
    for wrong in (
        "",
        "[]",
        json.dumps(good | {"format": 1}),
        json.dumps(good | {"threshold": "0.15"}),
        json.dumps(good | {"sounds": {"a": [[1.0, 0.0]], "b": [[1.0]]}}),
        json.dumps(good | {"sounds": {"a": [["x", 0.0]]}}),
        json.dumps(good | {"sounds": {"a": [[None, 0.0]]}}),
        json.dumps(good | {"sounds": {"a": [[1.0, 0.0, 0.0]]}}),
        json.dumps(good | {"sounds": {" ": [[1.0, 0.0]]}}),
        json.dumps(good | {"sounds": 3}),
    ):
        assert "not a file of taught sounds" in read(wrong), wrong


def test_the_library_has_the_constants_of_python():
    code = "".join(file.read_text() for file in SOURCES.glob("*.ts"))
    plain = Comparison()
    for written, value in {
        "static readonly LIMIT =": plain.limit,
        "readonly mostOfSecond: number =": plain.most_of_second,
        "static readonly SECONDS =": taught_sounds.PRESENT_S,
        "static readonly LOUD =": taught_sounds.LOUD,
    }.items():
        found = re.findall(rf"{written} ([\d.]+)[;)]", code)
        assert [float(number) for number in found] == [value], written


def test_a_median_and_its_interval(ask):
    rounds = np.random.default_rng(0).gamma(3, size=(10, 20))
    rounds[-1] *= 1.5
    found, expected = ask("statistics", rounds=rounds.tolist()), statistics.median(rounds)
    ends = np.median(rounds[-1]) / np.median(rounds[0])  # the last tenth and the first
    assert found["slowdown"] == pytest.approx(ends)
    assert found["value"] == pytest.approx(expected.value)
    assert found["p90"] == pytest.approx(np.percentile(rounds, 90))
    assert found["low"] == pytest.approx(expected.low, rel=0.05)
    assert found["high"] == pytest.approx(expected.high, rel=0.05)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_wav_files_are_read_as_they_are(ask, tmp_path, subtype):
    path = tmp_path / "sound.wav"
    soundfile.write(path, np.stack([sweep(0.05), -0.5 * sweep(0.05)], 1), 44_100, subtype=subtype)
    found = ask("wav", path=str(path))
    samples, rate_hz = soundfile.read(path)
    assert found["rate"] == rate_hz
    np.testing.assert_allclose(found["pcm"], samples.mean(axis=1), atol=1e-6)
    path.write_bytes(path.read_bytes()[:40])
    assert re.match("WavError: (empty|damaged)", ask("wav", path=str(path)))
    path.write_bytes(b"not a sound")
    assert "not a WAV file" in ask("wav", path=str(path))
