"""benchmarks/weights/ship.py makes a model folder with the credits of its corpus and teachers."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from support.paths import ROOT
from support.runs import make_run
from support.scripts import imported

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.model_card import MODEL_CARD
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig

FOLDER = ROOT / "benchmarks" / "weights"
SCORES = "scores.csv"
COLUMNS = ("path", "kind", "source", "version", "author", "license", "tier", "seconds")
FILES = [
    ("a.flac", "speech", "voices", "1.2-3", "2005 Ann Lee <ann@example.org>", "MIT", "permissive"),
    ("b.flac", "sounds", "noises", "4", "Bo", "CC-BY-SA-3.0", "copyleft"),
    ("c.flac", "sounds", "noises", "4", "Cy\nDee", "CC0", "permissive"),
]


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Path:
    """A run, the manifest of its corpus, and scores of two embeddings."""
    place = tmp_path_factory.mktemp("ship")
    make_run(place / "run", EncoderConfig(width=0.25))
    tables = {
        "manifest.csv": [COLUMNS, *((*row, "1800") for row in FILES)],
        "scores.csv": [
            ("embedding", "task", "accuracy"),
            ("tiny", "words", "0.9"),
            ("tiny", "voices", "0.5"),
            ("tiny", "average", "0.7"),
            ("tiny, full", "words", "1.0"),
            ("tiny, full", "voices", "0.6"),
        ],
    }
    for name, rows in tables.items():
        with (place / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    return place


@pytest.fixture(scope="module")
def ship(given):
    """The script's main, imported as it is run, with the options that all calls share."""
    with imported("ship", folder=FOLDER) as (script,):

        def run(weights: Path, **options: object) -> None:
            shared = {"run": str(given / "run"), "name": "tiny", "corpus": given / "manifest.csv"}
            script.main(script.Ship(**{**shared, "weights": weights, **options}))

        yield run


def test_card_and_notice_credit_corpus_and_teachers(ship, given, tmp_path, capsys):
    probes = {"probes": given / "scores.csv", "embeddings": ("tiny", "tiny, full")}
    ship(tmp_path, teachers=("mn04_as",), command=("train.sh",), **probes)
    assert "dB of signal to noise" in capsys.readouterr().out
    folder = tmp_path / "tiny"
    facts = checkpoint.load(folder).facts
    assert facts is not None and facts["license"] == "apache-2.0"
    assert facts["corpus"]["hours_by_tier"] == {"copyleft": 0.5, "permissive": 1.0}
    assert facts["probe_means"] == {"tiny": 0.7, "tiny, full": 0.8}
    assert facts["teachers"] == ["EfficientAT mn04_as"] and facts["commands"] == ["train.sh"]
    card, notice = ((folder / name).read_text() for name in (MODEL_CARD, "NOTICE"))
    for said in (
        "3 files, 1.5 hours of free sound: 0.5 hours copyleft, 1.0 hours permissive",
        "| noises 4 | sounds | 2 | 1.00 | CC-BY-SA-3.0, CC0 | copyleft, permissive | 2 |",
        "| words | 0.900 | 1.000 |",
        "| **mean** | **0.700** | **0.800** |",
    ):
        assert said in card
    assert "voices 1.2-3\n  MIT: 2005 Ann Lee\n" in notice and "example.org" not in notice
    assert "CC0: Cy\\nDee" in notice
    assert "Copyright (c) Florian Schmid and others; license: MIT" in notice
    assert str(given) not in card + notice + (folder / checkpoint.CONFIG).read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"teachers": ("byol",)}, "not in teachers.toml, which has mn04_as"),
        ({"embeddings": ("tiny",)}, "--probes and --embeddings go together"),
        ({"probes": SCORES, "embeddings": ("big",)}, "no embedding big; it has tiny, tiny, full"),
        ({"corpus": SCORES}, "no column kind, source"),
        ({"corpus": "nowhere.csv"}, "nowhere.csv: not a manifest that can be read"),
    ],
)
def test_wrong_input_is_explained(ship, given, tmp_path, options, said):
    given_files = {
        name: given / value if name in ("probes", "corpus") else value
        for name, value in options.items()
    }
    with pytest.raises(UserError, match=said):
        ship(tmp_path, **given_files)
    assert not (tmp_path / "tiny").exists()
