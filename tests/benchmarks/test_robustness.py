"""benchmarks/robustness.py: the changes are what their names say, and the probes see them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
from support.scripts import imported

from tiny_audio_ssl import UserError

RATE = 16_000
SCRIPTS = ("robustness", "sound_changes", "named_models")


@pytest.fixture(scope="module")
def scripts() -> Iterator[dict[str, ModuleType]]:
    """The modules, imported as they are run: with benchmarks/ on the path."""
    with imported(*SCRIPTS) as found:
        yield dict(zip(SCRIPTS, found, strict=True))


@pytest.fixture(scope="module")
def changes(scripts) -> ModuleType:
    return scripts["sound_changes"]


@pytest.fixture
def wave() -> np.ndarray:
    """Half a second of tones at 150, 1,000 and 5,000 Hz."""
    seconds = np.arange(RATE // 2) / RATE
    tones = [np.sin(2 * np.pi * hertz * seconds) for hertz in (150, 1_000, 5_000)]
    return (0.1 * sum(tones)).astype(np.float32)


def power(wave: np.ndarray, hertz: int) -> float:
    """Power of a tone, from the middle of the sound."""
    seconds = np.arange(len(wave)) / RATE
    product = wave * np.exp(-2j * np.pi * hertz * seconds)
    return float(np.abs(product[1_000:-1_000].mean()) ** 2)


def test_every_change_keeps_the_length_and_repeats(changes, wave):
    for name, change in changes.CHANGES.items():
        first, again = (change(wave, np.random.default_rng(1)) for _ in range(2))
        assert first.dtype == np.float32 and first.shape == wave.shape, name
        np.testing.assert_array_equal(first, again, err_msg=name)
        assert np.abs(first).max() <= 1, name
        assert (name == "clean") == np.array_equal(first, wave), name
        assert len(change(wave[:321], np.random.default_rng(1))) == 321, name
        assert np.isfinite(change(np.zeros(500, np.float32), np.random.default_rng(1))).all(), name


@pytest.mark.parametrize("snr_db", [20, 10, 0])
def test_noise_is_as_strong_as_asked(changes, wave, snr_db):
    noisy = changes.CHANGES[f"noise, {snr_db} dB SNR"](wave, np.random.default_rng(0))
    ratio = changes.rms(wave) / changes.rms(noisy - wave)
    assert 20 * np.log10(ratio) == pytest.approx(snr_db, abs=0.1)


def test_levels(changes, wave):
    quiet = changes.CHANGES["level -30 dB"](wave, np.random.default_rng(0))
    assert 20 * np.log10(changes.rms(quiet) / changes.rms(wave)) == pytest.approx(-30, abs=0.1)
    assert np.array_equal(np.round(quiet * 32768), quiet * 32768)  # 16 bits
    loud = changes.CHANGES["level +10 dB"](9 * wave, np.random.default_rng(0))
    assert np.abs(loud).max() == 1


def test_bands(changes, wave):
    for name, kept, lost in (("telephone", [1_000], [150, 5_000]), ("8 kHz", [150], [5_000])):
        heard = changes.CHANGES[name](wave, np.random.default_rng(0))
        for hertz in kept:
            assert power(heard, hertz) == pytest.approx(power(wave, hertz), rel=0.3), name
        for hertz in lost:
            assert power(heard, hertz) < 0.3 * power(wave, hertz), name


def test_reverberation_lasts_and_keeps_the_level(changes):
    click = np.zeros(RATE, np.float32)
    click[1_000] = 0.5
    heard = changes.CHANGES["reverberation"](click, np.random.default_rng(0))
    assert not heard[:990].round(5).any() and heard[4_000:6_000].any()
    assert changes.rms(heard) == pytest.approx(changes.rms(click), rel=0.01)


def test_opus_is_close_and_not_equal(changes, wave):
    heard = changes.CHANGES["Opus, 16 kbit/s"](wave, np.random.default_rng(0))
    assert 0.8 < np.corrcoef(heard, wave)[0, 1] < 0.9999


def test_table_of_a_small_suite(scripts, tmp_path):
    suite = tmp_path / "suite.toml"
    suite.write_text(
        '[[task]]\nname = "made-up"\nsource = "builtin:4"\nlabel = "label"\ngroup = "group"\n'
        "folds = 3\n"
    )
    robustness = scripts["robustness"]
    models = ("mel=logmel:all", "log-mel=logmel")
    wanted = robustness.Robustness(
        tmp_path, models, out=tmp_path / "out", csv=tmp_path / "t.csv", suite=suite
    )
    robustness.main(wanted)
    first = (tmp_path / "t.csv").read_bytes()
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()}
    robustness.main(wanted)  # from the kept embeddings
    assert (tmp_path / "t.csv").read_bytes() == first
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()} == kept
    rows = list(csv.DictReader(first.decode().splitlines()))
    assert len(rows) == 2 * 2 * len(scripts["sound_changes"].CHANGES)
    means = {r["change"]: float(r["accuracy"]) for r in rows if r["task"] == "average"}
    assert means["clean"] >= means["noise, 0 dB SNR"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("logmel",), "'logmel': expected NAME=MODEL"),
        (("a=logmel", "a=logmel:all"), "'a' names two models"),
    ],
)
def test_models_without_a_name_of_their_own(scripts, words, message):
    with pytest.raises(UserError, match=message):
        scripts["named_models"].open_named(words)
