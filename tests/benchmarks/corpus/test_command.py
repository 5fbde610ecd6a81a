"""The command: what it downloads and writes, and what it survives. Packages are made here."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest
import soundfile

from tiny_audio_ssl.audio.constants import WINDOW_SAMPLES
from tiny_audio_ssl.errors import UserError

FREE = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2001 Ann
License: GPL-2+

Files: sounds/cc0/*
Copyright: Bob
License: CC0-1.0

Files: sounds/nc/*
Copyright: Cid
License: CC-BY-NC-3.0
"""
LIST = """
[farm-data]
kind = "sounds"
kinds = { "/music/" = "music" }
[prose-sounds]
kind = "words"
license = "CC-BY-3.0"
author = "Eve"
"""


@pytest.fixture
def farm(archive, sound):
    """Packages of sounds under several licenses, some of which are of no use."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as file:
        file.writestr("sounds/cc0/inside.wav", sound(1.0, seed=4))
    archive.add(
        "farm-data",
        {
            "farm/sounds/cow.wav": sound(2.5, seed=1),
            "farm/sounds/cc0/click.wav": sound(0.3, seed=2),
            "farm/sounds/nc/dog.wav": sound(1.0, seed=3),
            "farm/sounds/copy.wav": sound(2.5, seed=1),
            "farm/sounds/faint.wav": sound(1.0, seed=5, level=1e-5),
            "farm/sounds/broken.ogg": b"no sound",
            "farm/music/song.wav": sound(3.0, seed=6),
            "farm/more.pk3": zipped.getvalue(),
            "farm/torn.zip": zipped.getvalue()[:50],
        },
        FREE,
    )
    archive.add("prose-sounds", {"words/one.wav": sound(1.0, seed=7)}, "Written in prose.\n")
    return archive


@pytest.fixture
def assemble(corpus, packages_toml, tmp_path):
    """Run the command on the packages above, into `out`, and return the rows of its manifest."""

    def run(out: str | Path = tmp_path / "out", text: str = LIST, **options):
        main = packages_toml(text)
        draw = options.pop("draw", corpus.windows.Draw(windows=20))
        main.main(main.Corpus(Path(out), draw=draw, **({"yes": True} | options)))
        return read(Path(out) / "manifest.csv")

    return run


def read(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def test_manifest_credits_every_file(farm, assemble, tmp_path, capsys):
    rows = assemble()
    printed = capsys.readouterr().out
    assert printed.startswith("2 packages to assemble, 2 to download: 0 MB into")
    assert "farm-data 1.0-1, 0." in printed and "farm-data: 4 files" in printed
    found = [tuple(row[key] for key in ("kind", "author", "license", "tier")) for row in rows]
    assert found == [
        ("sounds", "Bob", "CC0-1.0", "permissive"),
        ("music", "2001 Ann", "GPL-2+", "copyleft"),
        ("sounds", "Bob", "CC0-1.0", "permissive"),
        ("sounds", "2001 Ann", "GPL-2+", "copyleft"),
        ("words", "Eve", "CC-BY-3.0", "permissive"),
    ]
    names = [Path(row["original"]).name for row in rows]
    assert names == ["inside.wav", "song.wav", "click.wav", "copy.wav", "one.wav"]
    assert {row["version"] for row in rows} == {"1.0-1"}
    click = soundfile.info(tmp_path / "out" / rows[2]["path"])
    assert (click.frames, click.samplerate) == (WINDOW_SAMPLES, 16_000)
    assert [row["padded_s"] for row in rows] == ["0.0", "0.0", "0.675", "0.0", "0.0"]
    windows = read(tmp_path / "out" / "windows.csv")
    assert {row["path"] for row in windows} == {row["path"] for row in rows}
    summary = read(tmp_path / "out" / "summary.csv")
    assert [(row["kind"], row["tier"], row["files"]) for row in summary] == [
        ("words", "permissive", "1"),
        ("sounds", "copyleft", "1"),
        ("sounds", "permissive", "2"),
        ("music", "copyleft", "1"),
    ]


def test_what_is_left_out_has_a_reason(farm, assemble, tmp_path):
    assemble()
    skipped = read(tmp_path / "out" / "skipped" / "farm-data.csv")
    reasons = {Path(row["original"]).name: row["reason"] for row in skipped}
    assert reasons.keys() == {"cow.wav", "faint.wav", "broken.ogg", "dog.wav", "torn.zip"}
    assert reasons["cow.wav"] == "the same sound is there already"
    assert "silent" in reasons["faint.wav"]
    assert reasons["dog.wav"] == "license CC-BY-NC-3.0"
    assert reasons["torn.zip"].startswith("not a readable archive")


def test_package_whose_license_is_not_known_is_left_out(farm, assemble, tmp_path):
    rows = assemble(text=LIST.replace('license = "CC-BY-3.0"', ""))
    assert {row["source"] for row in rows} == {"farm-data"}
    (skipped,) = read(tmp_path / "out" / "skipped" / "prose-sounds.csv")
    assert skipped["reason"] == "license unknown: no machine-readable copyright file"


def test_permissive_tier_does_not_download_copyleft_packages(corpus, farm, assemble):
    draw = corpus.windows.Draw(tier="permissive", windows=5)
    rows = assemble(text=LIST.replace("CC-BY-3.0", "GPL-2+"), draw=draw)
    assert {row["tier"] for row in rows} == {"permissive"} and len(rows) == 2
    assert farm.downloads == ["farm-data"]


@pytest.mark.parametrize("written", [0, 2, 4])
def test_run_that_was_killed_goes_on_where_it_was(
    corpus, farm, assemble, tmp_path, monkeypatch, written
):
    whole = assemble(tmp_path / "whole")
    write, calls = corpus.sounds.write, []

    def killed(target: Path, *waveform) -> None:
        calls.append(target)
        if len(calls) > written:
            raise KeyboardInterrupt
        write(target, *waveform)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(corpus.sounds, "write", killed)
        assemble()
    complete = [path.name for path in (tmp_path / "out").glob("lists/*")]
    assert complete == (["farm-data.csv"] if written == 4 else [])
    (tmp_path / "out" / "packages" / "unpacked-killed").mkdir()
    assert assemble() == whole
    again = farm.downloads[2:]  # those of `out`: each once
    assert sorted(again) == ["farm-data", "prose-sounds"]
    assert not list((tmp_path / "out").glob("packages/unpacked-*"))


def test_complete_corpus_needs_neither_packages_nor_network(farm, assemble, tmp_path):
    rows = assemble()
    shutil.rmtree(tmp_path / "out" / "packages")
    farm.remove("farm-data")
    downloads = farm.downloads
    assert assemble(yes=False) == rows and farm.downloads == downloads


def test_package_that_is_gone(farm, assemble, capsys):
    farm.remove("farm-data")
    with pytest.raises(UserError, match="left out: farm-data; run the same command again"):
        assemble()
    assert "farm-data: not in this system's package index; left out" in capsys.readouterr().out


def test_no_package_in_the_index(farm, assemble):
    for name in ("farm-data", "prose-sounds"):
        farm.remove(name)
    with pytest.raises(UserError, match="none of 2 packages is in the index; run: apt-get update"):
        assemble()


def test_without_network_the_rest_goes_on(farm, assemble, tmp_path, capsys):
    (farm.folder / "farm-data.deb").unlink()
    with pytest.raises(UserError, match="left out: farm-data; run the same command again"):
        assemble()
    assert "Temporary failure resolving" in capsys.readouterr().out
    assert [row["source"] for row in read(tmp_path / "out" / "manifest.csv")] == ["prose-sounds"]


def test_download_that_is_not_what_the_index_says(farm, assemble, sound, tmp_path, capsys):
    farm.add("farm-data", {"farm/cow.wav": sound(1.0)}, FREE, sha256="0" * 64)
    with pytest.raises(UserError, match="left out: farm-data"):
        assemble()
    assert "the download is not what the index says" in capsys.readouterr().out
    assert not list((tmp_path / "out" / "packages").glob("farm-data*"))


def test_version_that_was_assembled_is_kept(farm, assemble, sound, capsys):
    rows = assemble()
    farm.add("farm-data", {"farm/cow.wav": sound(1.0)}, FREE, version="2.0-1")
    farm.add("new-data", {"new/cow.wav": sound(1.0, seed=9)}, FREE)
    more = assemble(text=LIST + '[new-data]\nkind = "sounds"\n')
    assert [row for row in more if row["source"] != "new-data"] == rows and len(more) == 6
    assert "farm-data: 1.0-1 was assembled and is kept; the index has 2.0-1" in (
        capsys.readouterr().out
    )


def test_verify_writes_files_anew_that_have_changed(farm, assemble, tmp_path, capsys):
    rows = assemble()
    changed, gone = (tmp_path / "out" / row["path"] for row in rows[:2])
    changed.write_bytes(b"?")
    gone.unlink()
    assert assemble(verify=True) == rows
    assert "farm-data: 2 files are gone or have changed" in capsys.readouterr().out
    assert changed.stat().st_size > 100 and gone.is_file()


def test_nothing_is_downloaded_without_an_answer(farm, assemble, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(UserError, match="nothing was downloaded; answer y, or give --yes"):
        assemble(yes=False)
    assert farm.downloads == []
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert assemble(yes=False)


def test_disk_without_space(corpus, farm, assemble, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(corpus.main.shutil, "disk_usage", lambda _: usage(10))
    with pytest.raises(UserError, match=r"0 MB free, and .* are needed to download and unpack"):
        assemble()
    assert farm.downloads == []


def test_disk_that_fills(corpus, farm, assemble, tmp_path, monkeypatch):
    def full(*given, **named) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(UserError, match="no space left"):
        patch.setattr(corpus.sounds.soundfile, "write", full)
        assemble()
    assert len(assemble()) == 5


def test_unknown_package_is_explained(farm, assemble):
    with pytest.raises(UserError, match=r"cat-data: not in packages\.toml; add them"):
        assemble(packages=("cat-data",))


def test_list_of_packages_is_sound(corpus):
    known = corpus.main.tomllib.loads(corpus.main.LIST.read_text())
    for name, about in known.items():
        kinds = {about["kind"], *about.get("kinds", {}).values()}
        assert kinds <= set(corpus.windows.KINDS), name
        assert "license" not in about or corpus.licenses.tier_of(about["license"]), name
    assert not {"wesnoth-1.16-music", "singularity-music", "hydrogen-drumkits"} & set(known)
