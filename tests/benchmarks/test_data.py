"""benchmarks/data.py: it lays out downloads, and says what is missing and how to get it."""

from __future__ import annotations

import csv
import io
import shutil
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import soundfile
from support.paths import ROOT
from support.scripts import imported

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.files import read_rows, write_rows

ROWS = [
    {"filename": "in_tar/see_you/a-1.flac", "corpus": "ours", "word": "see_you"},
    {"filename": "in_tar/no/b.flac", "corpus": "ours", "word": "no"},
    {"filename": "in_zip/c.flac", "corpus": "theirs", "word": "no"},
]


@pytest.fixture
def scripts() -> Iterator[tuple[ModuleType, ...]]:
    """data, recordings and notes, imported as they are run: with benchmarks/ on the path."""
    with imported("data", "recordings", "notes") as modules:
        yield modules


@pytest.fixture
def recordings(scripts) -> ModuleType:
    return scripts[1]


@pytest.fixture
def sources(recordings, tmp_path: Path, monkeypatch):
    """Two sources that share a listing and a manifest, in place of those of data.toml."""
    write_rows(tmp_path / "listing.csv", ROWS)

    def source(corpus: str, original: str, seconds: float):
        return recordings.Source(
            name=f"words of {corpus}",
            manifest="words/meta.csv",
            listing=str(tmp_path / "listing.csv"),
            license="CC0",
            url="https://example.org",
            get=("curl -o {downloads}/words.zip https://example.org",),
            where=(f"corpus={corpus}",),
            original=original,
            seconds=seconds,
        )

    return [source("ours", "{word}/{stem}", 0), source("theirs", "{stem}", 0.25)]


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """A clone with a hidden folder, a .tar.gz and a .zip, in formats and rates of their own."""
    folder = tmp_path / "downloads"
    for place in ("clone/audio/see you/a-1.wav", "clone/.git/no/b.wav"):
        (folder / place).parent.mkdir(parents=True)
    soundfile.write(folder / "clone/audio/see you/a-1.wav", tone(0.5, 32_000), 32_000)
    (folder / "clone/.git/no/b.wav").write_bytes(b"not sound")
    with tarfile.open(folder / "words.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("./no/b.wav")
        content = as_wav(tone(0.5))
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    with zipfile.ZipFile(folder / "emotions.zip", "w") as archive:
        archive.writestr("wav/c.wav", as_wav(tone(0.1)))
        archive.writestr("wav/unlisted.wav", as_wav(tone(0.1)))
    return folder


def tone(seconds: float, rate_hz: int = 16_000) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate_hz)) / rate_hz)


def as_wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="WAV")
    return file.getvalue()


def laid_out(recordings: ModuleType, sources, data: Path, downloads: Path) -> int:
    count = recordings.lay_out(sources, data, downloads)
    recordings.add_to_manifests(sources, data)
    return count


def test_downloads_are_laid_out(recordings, sources, downloads, tmp_path):
    data = tmp_path / "data"
    assert laid_out(recordings, sources, data, downloads) == 3
    assert [source.missing(data) for source in sources] == ["", ""]
    assert read_rows(data / "words" / "meta.csv") == ROWS
    seconds = [soundfile.info(data / "words" / row["filename"]).duration for row in ROWS]
    assert seconds == [0.5, 0.5, 0.25]  # the last is extended with silence
    words, rate_hz = soundfile.read(data / "words" / "in_tar" / "no" / "b.flac")
    assert rate_hz == 16_000
    np.testing.assert_allclose(words, tone(0.5), atol=1e-4)


def test_a_manifest_keeps_its_rows(recordings, sources, downloads, tmp_path):
    (tmp_path / "data" / "words").mkdir(parents=True)
    mine = {"filename": "mine.flac", "corpus": "ours", "word": "hello"}
    write_rows(tmp_path / "data" / "words" / "meta.csv", [mine, ROWS[1]])
    laid_out(recordings, sources, tmp_path / "data", downloads)
    kept = read_rows(tmp_path / "data" / "words" / "meta.csv")
    assert kept == [mine, ROWS[1], ROWS[0], ROWS[2]]


def test_missing_recordings_columns_and_manifests_are_named(
    recordings, sources, downloads, tmp_path
):
    laid_out(recordings, sources, tmp_path, downloads)
    manifest = tmp_path / "words" / "meta.csv"
    (tmp_path / "words" / "in_tar" / "no" / "b.flac").unlink()
    assert sources[0].missing(tmp_path) == f"{manifest} has 1 of 2 recordings"
    with manifest.open("w", newline="") as file:
        csv.writer(file).writerows([("filename", "corpus"), ("in_zip/c.flac", "theirs")])
    assert sources[1].missing(tmp_path) == f"{manifest} has no column word"
    manifest.unlink()
    assert sources[0].missing(tmp_path) == f"{manifest} not found"


def test_damaged_downloads_are_named(recordings, sources, downloads, tmp_path):
    whole = (downloads / "words.tar.gz").read_bytes()
    (downloads / "words.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"words\.tar\.gz.*download it again"):
        recordings.lay_out(sources, tmp_path / "data", downloads)
    (downloads / "words.tar.gz").unlink()
    (downloads / "clone/audio/see you/a-1.wav").write_bytes(b"RIFF")
    with pytest.raises(UserError, match=r"see you/a-1\.wav: .*download it again"):
        recordings.lay_out(sources, tmp_path / "data", downloads)


def test_the_command_says_what_to_type(scripts, sources, tmp_path, downloads, monkeypatch, capsys):
    script, *_ = scripts
    monkeypatch.setattr(script, "sources", lambda: sources)
    data = tmp_path / "data"
    assert script.main(data) == 1
    shown = capsys.readouterr().out
    assert f"because  {data}/words/meta.csv not found" in shown
    assert f"get it   curl -o {data}/downloads/words.zip https://example.org" in shown
    assert shown.endswith(f"type: python benchmarks/data.py {data}\n")
    shutil.move(downloads, tmp_path / "elsewhere")
    assert script.main(data, tmp_path / "elsewhere") == 0
    assert capsys.readouterr().out.endswith(f"All labeled recordings are in {data}.\n")


class Synth:
    """In place of TinySoundFont's: while a key is down, the level is its velocity."""

    def __init__(self, samplerate: int, gain: float) -> None:
        self.level, self.said = 0.0, [(samplerate, gain)]

    def sfload(self, path: str) -> int:
        return 7

    def program_select(self, *which: int) -> None:
        self.said.append(which)

    def noteon(self, channel: int, pitch: int, velocity: int) -> None:
        self.level = velocity / 127

    def noteoff(self, channel: int, pitch: int) -> None:
        self.level = 0.0

    def generate(self, samples: int) -> memoryview:
        return memoryview(np.full((samples, 2), self.level, np.float32).tobytes())


def test_notes_are_rendered_one_after_the_other(scripts, tmp_path, monkeypatch):
    *_, notes = scripts
    (tmp_path / "font.sf2").touch()
    monkeypatch.setenv("SOUND_FONT", str(tmp_path / "font.sf2"))
    monkeypatch.setitem(sys.modules, "tinysoundfont", SimpleNamespace(Synth=Synth))
    rows = [
        {"instrument": "piano", "midi_pitch": "60", "velocity": "127"},
        {"instrument": "pan_flute", "midi_pitch": "72", "velocity": "64"},
    ]
    for row, note in zip(rows, notes.render(rows), strict=True):
        assert len(note) == 24_000
        assert note[0] == note[17_599] == pytest.approx(int(row["velocity"]) / 127)
        assert not note[17_600:].any()  # released after 1.1 s
    monkeypatch.setitem(sys.modules, "tinysoundfont", None)
    with pytest.raises(UserError, match="tinysoundfont can't be imported"):
        notes.render(rows)
    monkeypatch.setenv("SOUND_FONT", str(tmp_path / "absent.sf2"))
    with pytest.raises(UserError, match=r"absent\.sf2 not found"):
        notes.render(rows)


def test_listings_are_what_was_measured(recordings, real_audio):
    for source in recordings.sources():
        assert source.missing(real_audio) == ""
        rows = source.rows()
        keys = list(rows[0])
        measured = [
            {key: row[key] for key in keys}
            for row in read_rows(real_audio / source.manifest)
            if source.has(row)
        ]
        assert all(row in measured for row in rows)


def test_unlabeled_sound_is_optional(scripts, sources, tmp_path, downloads, monkeypatch, capsys):
    script, *_ = scripts
    monkeypatch.setattr(script, "sources", lambda: sources)
    assert script.main(tmp_path / "data", downloads) == 0
    shown = capsys.readouterr().out
    assert "optional  free_speech: words of 24 speakers, and sentences" in shown
    assert f"because  {tmp_path}/data/free_sounds/meta.csv not found" in shown
    assert "source   https://github.com/zhongyuchen/DSPSpeech-20" in shown


def test_sources_are_those_of_the_suite_and_of_the_page(recordings, scripts):
    tasks = tomllib.loads((ROOT / "benchmarks" / "suites" / "small.toml").read_text())["task"]
    page = (ROOT / "docs" / "benchmark-data.md").read_text(encoding="utf-8")
    sources = recordings.sources()
    assert {task["source"] for task in tasks} == {source.manifest for source in sources}
    assert [source.url for source in sources if source.url not in page] == []
    urls = [url for corpus in recordings.corpora() for url in corpus.urls]
    assert [url for url in urls if url not in page] == []
    assert {len(source.rows()) for source in sources} == {720, 990, 600, 100, 535, 471}
    notes = scripts[2]
    assert {row["instrument"] for row in sources[-1].rows()} == set(notes.PROGRAMS)
    for source in sources[:-1]:
        originals = [source.original_of(row) for row in source.rows()]
        assert len(set(originals)) == len(originals)
    for task in tasks:
        needed = {task[key] for key in ("label", "fold", "group") if key in task}
        of_task = [source for source in sources if source.manifest == task["source"]]
        assert any(needed <= set(source.rows()[0]) for source in of_task), task["name"]
