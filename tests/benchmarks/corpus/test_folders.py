"""Folders: with a table, with a corpus.toml, or under a license given on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiny_audio_ssl.errors import UserError


@pytest.fixture
def folder(tmp_path: Path, sound) -> Path:
    for name in ("birds/owl.wav", "songs/a.wav"):
        path = tmp_path / "pack" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(sound(1.0))
    return tmp_path / "pack"


@pytest.fixture
def files(corpus):
    def of(folder: Path, *terms: str):
        (source,) = corpus.folders.folder_sources([folder], corpus.folders.Terms(*terms))
        return [
            (found.original, found.kind, found.license.name, found.license.author)
            for found in source.files()
        ]

    return of


def test_table_of_files(folder, files):
    (folder / "meta.csv").write_text(
        "filename,license,author,kind\nsongs/a.wav,CC BY 3.0,Ann,music\nbirds/owl.wav,CC0,Bob,\n"
    )
    assert files(folder) == [
        ("songs/a.wav", "music", "CC-BY-3.0", "Ann"),
        ("birds/owl.wav", "sounds", "CC0", "Bob"),
    ]


def test_settings_of_a_folder(folder, files):
    (folder / "corpus.toml").write_text(
        'license = "MIT"\nauthor = "Ann"\nkind = "sounds"\nkinds = { "/songs/" = "music" }\n'
    )
    assert files(folder) == [
        ("birds/owl.wav", "sounds", "MIT", "Ann"),
        ("songs/a.wav", "music", "MIT", "Ann"),
    ]


def test_license_of_the_command_line(folder, files):
    assert files(folder, "CC0-1.0") == [
        ("birds/owl.wav", "sounds", "CC0-1.0", "pack"),
        ("songs/a.wav", "sounds", "CC0-1.0", "pack"),
    ]


def test_folder_without_a_license_is_explained(folder, files):
    with pytest.raises(UserError, match=r"no license is stated. Put a meta\.csv"):
        files(folder)
    with pytest.raises(UserError, match="nowhere: not a folder"):
        files(folder / "nowhere")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("meta.csv", "file,license\na.wav,MIT\n", "expected rows with the columns filename"),
        ("meta.csv", "filename,license,kind\na.wav,MIT,owl\n", "kind 'owl', expected one of"),
        ("corpus.toml", "license = MIT\n", "not TOML"),
        ("corpus.toml", 'licence = "MIT"\n', "licence; expected license, author, kind"),
        ("corpus.toml", 'license = "MIT"\nkind = "owl"\n', "kind 'owl', expected one of"),
    ],
)
def test_table_that_can_not_be_used_is_explained(folder, files, name, text, message):
    (folder / name).write_text(text)
    with pytest.raises(UserError, match=message):
        files(folder)
