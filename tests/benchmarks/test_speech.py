"""benchmarks/speech.py and its tools: synthetic speech, its alignment, the table of a small run."""

from __future__ import annotations

import csv
import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import soundfile
from support.runs import make_run
from support.scripts import imported

from tiny_audio_ssl import UserError
from tiny_audio_ssl.evaluation.speech.items import read_items
from tiny_audio_ssl.models.encoder_config import EncoderConfig

RATE = 16_000
SCRIPTS = ("speech", "speech_measures", "made_speech", "alignments")
PACKAGES = ("pocketsphinx", "espeakng_loader")
SUITE = """
[[task]]
name = "{}"
source = "builtin:2"
label = "label"
folds = 2
"""


@pytest.fixture(scope="module")
def scripts() -> Iterator[dict[str, ModuleType]]:
    """The modules, imported as they are run: with benchmarks/ on the path."""
    with imported(*SCRIPTS) as found:
        yield dict(zip(SCRIPTS, found, strict=True))


@pytest.fixture(scope="module")
def laboratory():
    """The packages that make and align speech."""
    if missing := [name for name in PACKAGES if importlib.util.find_spec(name) is None]:
        pytest.skip(f"pip install 'tiny-audio-ssl[speech-lab]': no {' and no '.join(missing)}")


@pytest.fixture(scope="module")
def synthesizer(scripts, laboratory):
    return scripts["made_speech"].Synthesizer()


@pytest.fixture(scope="module")
def voice(scripts):
    return scripts["made_speech"].Voice("m1", 50, 150)


@pytest.fixture(scope="module")
def data(scripts, synthesizer, tmp_path_factory):
    """A folder as the benchmark expects it: three words by four voices, and one cut short."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "keywords").mkdir()
    rows = []
    for variant in ("m1", "f1", "m3", "f2"):
        for word in ("bed", "cat", "happy"):
            spoken = synthesizer.speak([word], scripts["made_speech"].Voice(variant, 50, 150))
            rows.append({"filename": f"{word}-{variant}.flac", "word": word, "speaker": variant})
            soundfile.write(folder / "keywords" / rows[-1]["filename"], spoken.wave, RATE)
    rows.append({"filename": "short.flac", "word": "happy", "speaker": ""})
    soundfile.write(folder / "keywords" / "short.flac", spoken.wave[: RATE // 20], RATE)
    with (folder / "keywords" / "meta.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_a_synthesizer_repeats_what_another_has_said(scripts, laboratory, voice):
    one, other = (scripts["made_speech"].Synthesizer() for _ in range(2))
    for words in (["see", "moon"], ["bed"]):
        first, again = one.speak(words, voice), other.speak(words, voice)
        np.testing.assert_array_equal(first.wave, again.wave)
        assert first.phones == again.phones
        assert [name for name, _, _ in first.words] == words
    higher = other.speak(["bed"], replace(voice, pitch=80)).wave
    count = min(len(higher), len(first.wave))
    assert not np.array_equal(higher[:count], first.wave[:count])


def test_phones_are_where_they_are_heard(synthesizer, voice):
    """A hiss has its power above 3 kHz, and the vowel after it below."""
    spoken = synthesizer.speak(["see"], voice)
    assert [name for name, _, _ in spoken.phones][:2] == ["s", "i:"]
    high = []
    for _, onset, offset in spoken.phones[:2]:
        part = spoken.wave[int(onset * RATE) : int(offset * RATE)]
        power = np.abs(np.fft.rfft(part)) ** 2
        high.append(power[np.fft.rfftfreq(len(part), 1 / RATE) > 3000].sum() / power.sum())
    assert high[0] > 0.5 > high[1]
    assert np.abs(spoken.wave).max() <= 1
    assert len(spoken.wave) == pytest.approx(spoken.phones[-1][2] * RATE, abs=2)


def test_no_such_voice(synthesizer, voice):
    with pytest.raises(UserError, match=r"voice en-us\+m99: eSpeak NG has none of that name"):
        synthesizer.speak(["see"], replace(voice, variant="m99"))


def test_made_speech_is_written(scripts, laboratory, tmp_path):
    module = scripts["made_speech"]
    wanted = module.MadeSpeech(tmp_path / "made", voices=2, sentences=2, words=3, seed=4)
    module.main(wanted)
    items = read_items(wanted.out / "phones.item")
    assert len({item.speaker for item in items}) == 2 and len({item.file for item in items}) == 4
    for item in items:
        samples = soundfile.info(wanted.out / f"{item.file}.flac").frames
        assert item.offset_s <= samples / RATE + 1e-3
        assert item.phone != "SIL" and "_" not in item.phone
    assert len((wanted.out / "words.csv").read_text().splitlines()) == 1 + 2 * 2 * 3
    again = replace(wanted, out=tmp_path / "again")
    module.main(again)
    assert read_items(again.out / "phones.item") == items
    with pytest.raises(UserError, match="voices is 13; expected 1 to 12"):
        next(module.script(replace(wanted, voices=13)))


def test_words_are_aligned_and_failures_listed(scripts, data, tmp_path):
    out = tmp_path / "words.item"
    scripts["alignments"].main(
        scripts["alignments"].Alignments(data / "keywords" / "meta.csv", out)
    )
    items = read_items(out)
    spoken = {file: [i.phone for i in items if i.file == file] for file in ("cat-m1", "happy-f1")}
    assert spoken == {"cat-m1": ["K", "AE", "T"], "happy-f1": ["HH", "AE", "P", "IY"]}
    assert {item.speaker for item in items} == {"m1", "f1", "m3", "f2"}
    first = next(item for item in items if item.file == "cat-m1")
    assert (first.before, first.after) == ("SIL", "AE")
    with (tmp_path / "words.failed.csv").open(newline="") as file:
        (failed,) = csv.DictReader(file)
    assert (failed["file"], failed["word"]) == ("short", "happy") and failed["reason"]


def test_a_word_that_its_dictionary_lacks(scripts, laboratory, synthesizer, voice):
    aligner = scripts["alignments"].Aligner()
    spoken = synthesizer.speak(["snow", "boy"], voice)
    phones = [name for name, _, _ in aligner.phones(spoken.wave, "snowboy") if name != "SIL"]
    assert phones == ["S", "N", "OW", "B", "OY"]


def test_equal_error_rate_by_hand(scripts):
    rate = scripts["speech_measures"].equal_error_rate
    assert rate(np.array([0.9, 0.8]), np.array([0.1, 0.2])) == 0
    assert rate(np.array([0.1, 0.2]), np.array([0.9, 0.8])) == 1
    assert rate(np.array([0.9, 0.4]), np.array([0.6, 0.1])) == 0.5
    rng = np.random.default_rng(0)
    one, other = rng.normal(1, 1, 4000), rng.normal(-1, 1, 4000)
    assert rate(one, other) == pytest.approx(0.1587, abs=0.01)  # one deviation from the middle


def test_speakers_that_are_apart(scripts):
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(6), 5)
    x = 3 * rng.standard_normal((6, 20))[speakers] + 0.1 * rng.standard_normal((30, 20))
    assert scripts["speech_measures"].speaker_eer(x, speakers) < 0.02
    assert scripts["speech_measures"].speaker_eer(x, rng.permutation(speakers)) > 0.3


def test_table_of_a_small_run(scripts, data, tmp_path, monkeypatch):
    names = ("LibriSpeech speaker", "EmoDB speaker", "EmoDB emotion")
    (tmp_path / "suite.toml").write_text("".join(map(SUITE.format, names)))
    monkeypatch.setenv("TINY_AUDIO_SSL_CACHE", str(tmp_path / "cache"))
    module, made = scripts["speech"], scripts["made_speech"]
    made.main(made.MadeSpeech(tmp_path / "out" / "made", voices=3, sentences=2, words=4))
    run = make_run(tmp_path / "run", EncoderConfig(width=0.25, slice_frames=8), recordings=4)
    wanted = module.Speech(
        data,
        (f"first={run}",),
        out=tmp_path / "out",
        csv=tmp_path / "t.csv",
        suite=tmp_path / "suite.toml",
        hop_ms=20.0,
        units=8,
    )
    module.main(wanted)
    first = wanted.csv.read_bytes()
    rows = list(csv.DictReader(first.decode().splitlines()))
    assert [row["model"] for row in rows] == ["MFCC", "log-mel", "random weights", "first"]
    assert [row["encoder"] for row in rows] == ["", "", "mobile x 0.25", "mobile x 0.25"]
    assert [row["seed"] for row in rows] == ["", "", "0", "0"]
    for row in rows:
        for name in ("abx_keywords_across", "abx_made_within", "pnmi_keywords", "pnmi_made"):
            assert 0 < float(row[name]) < 0.5, name
        assert 0 <= float(row["abx_made_across"]) <= 1  # of very few phones in one context
        assert 0 <= float(row["eer_emodb"]) <= 1 and 0 <= float(row["emotion_emodb"]) <= 1
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "out" / "scores").iterdir()}
    module.main(wanted)
    assert wanted.csv.read_bytes() == first
    assert {
        file: file.stat().st_mtime_ns for file in (tmp_path / "out" / "scores").iterdir()
    } == kept
    with pytest.raises(UserError, match=r"first: two runs with encoder mobile x 0.25 and seed 0"):
        list(module.subjects(replace(wanted, models=(f"first={run}", f"first={run}"))))
    with pytest.raises(UserError, match="'first': expected NAME=RUN"):
        list(module.subjects(replace(wanted, models=("first",))))
