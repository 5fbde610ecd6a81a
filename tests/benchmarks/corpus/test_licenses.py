"""Licenses: their tiers, and which of a package's paragraphs holds for a file."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

FORMAT = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        *((name, "permissive") for name in ("CC0-1.0", "CC0", "Expat", "BSD-3-clause", "Zlib")),
        *((name, "permissive") for name in ("CC-BY-3.0", "CC BY 4.0", "public-domain", "MIT")),
        *((name, "copyleft") for name in ("GPL-2+", "LGPL-2.1", "CC-BY-SA-3.0", "GFDL-1.3")),
        *((name, None) for name in ("CC-BY-NC-3.0", "CC-BY-ND-4.0", "CC-BY-NC-SA-3.0")),
        *((name, None) for name in ("unknown", "", "Sampling-Plus", "Proprietary")),
        ("GPL-3 or CC-BY-3.0", "permissive"),
        ("GPL-2+ and MIT", "copyleft"),
        ("CC-BY-NC-3.0 or GPL-2", "copyleft"),
        ("MIT and CC-BY-NC-3.0", None),
    ],
)
def test_tier(corpus, name, tier):
    assert corpus.licenses.tier_of(name) == tier


def test_the_last_paragraph_that_matches_holds(corpus, tmp_path):
    licenses = _read(
        corpus,
        tmp_path,
        "Files: *\nCopyright: 2001 Ann\nLicense: GPL-2+\n",
        "Files: data/sounds/*\nCopyright: 2002\n Bob, and\n others\nLicense: CC-BY-3.0\n",
        "Files: data/sounds/c?t.ogg data/x.ogg\nCopyright: Cid\nLicense: CC0-1.0\n",
    )

    def of(path: str) -> object:
        return licenses.of(PurePosixPath("usr/share/games/g") / path)

    assert of("readme.ogg").name == "GPL-2+"
    assert of("sounds/dog.ogg").name == "CC-BY-3.0"
    assert of("sounds/dog.ogg").author == "2002 Bob, and others"
    assert of("sounds/cat.ogg") == corpus.licenses.License("CC0-1.0", "Cid")
    assert of("sounds/far/away/dog.ogg").name == "CC-BY-3.0"


def test_a_file_without_paragraph_has_no_license(corpus, tmp_path):
    paragraph = "Files: src/*\nCopyright: A\nLicense: MIT\n"
    licenses = _read(corpus, tmp_path, paragraph)
    assert licenses.of(PurePosixPath("usr/share/g/dog.ogg")) is None


@pytest.mark.parametrize("text", ["This package was debianized by Ann.\n", ""])
def test_prose_is_not_machine_readable(corpus, tmp_path, text):
    path = tmp_path / "copyright"
    path.write_text(text)
    with pytest.raises(ValueError, match="not machine-readable"):
        corpus.licenses.PackageLicenses(path)


def test_copyright_file_that_is_not_there(corpus, tmp_path):
    with pytest.raises(ValueError, match="not machine-readable"):
        corpus.licenses.PackageLicenses(tmp_path / "copyright")


def _read(corpus, folder: Path, *paragraphs: str):
    path = folder / "copyright"
    path.write_text("\n".join([FORMAT, *paragraphs]))
    return corpus.licenses.PackageLicenses(path)
