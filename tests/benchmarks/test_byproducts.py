"""benchmarks/byproducts.py: its table, its mixtures, and enhancement measured in small."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from support.runs import chord
from support.scripts import imported

from tiny_audio_ssl import UserError
from tiny_audio_ssl.utils.files import read_rows

SCRIPTS = ("byproducts", "byproduct_settings", "enhancement_measures")
PACKAGES = ("pesq", "pystoi")


@pytest.fixture(scope="module")
def scripts() -> Iterator[SimpleNamespace]:
    """The modules, imported as they are run: with benchmarks/ on the path."""
    with imported(*SCRIPTS) as found:
        yield SimpleNamespace(**dict(zip(SCRIPTS, found, strict=True)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few made-up recordings, laid out as the real ones."""
    folder = tmp_path_factory.mktemp("data")
    tables = {
        "free_speech": ["filename"],
        "free_sounds": ["filename", "author", "title"],
        "speakers": ["filename", "speaker", "corpus"],
    }
    for place, columns in tables.items():
        (folder / place).mkdir()
        with (folder / place / "meta.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            for index in range(12):
                name = f"{index}.wav"
                seconds = 1.5 if place == "speakers" else 1.2
                soundfile.write(folder / place / name, chord(index, seconds), 16_000)
                rest = {"author": f"a{index}", "title": "", "speaker": f"s{index % 2}"}
                rest["corpus"] = "librispeech_test_other"
                writer.writerow([name, *(rest[column] for column in columns[1:])])
    return folder


def settings(scripts: SimpleNamespace, data: Path, folder: Path, **changes):
    given = {"out": folder / "runs", "csv": folder / "byproducts.csv", "steps": 1, **changes}
    return scripts.byproduct_settings.ByProducts(data, **given)


def test_groups_that_are_left_out_keep_their_rows(scripts, data, tmp_path, monkeypatch):
    groups = {
        "first": lambda wanted: [{"system": "a", "cents": 1}],
        "second": lambda wanted: [{"system": "b", "error": 2}],
    }
    monkeypatch.setattr(scripts.byproducts, "GROUPS", groups)
    scripts.byproducts.main(settings(scripts, data, tmp_path))
    groups["second"] = lambda wanted: [{"system": "c", "error": wanted.steps}]
    wanted = settings(scripts, data, tmp_path, groups=("second",), steps=5)
    scripts.byproducts.main(wanted)
    rows = read_rows(wanted.csv)
    assert [(row["group"], row["system"]) for row in rows] == [("first", "a"), ("second", "c")]
    assert rows[0]["cents"] == "1" and rows[1]["error"] == "5" and rows[1]["device"]
    with pytest.raises(UserError, match="expected one of first, second"):
        scripts.byproducts.main(settings(scripts, data, tmp_path, groups=("third",)))


def test_nothing_of_a_held_out_author_is_trained_on(scripts, data, tmp_path):
    measures = scripts.enhancement_measures
    rows = measures.table(data / "free_sounds")
    kept_out = {row["filename"] for row in rows if measures.is_held_out(row)}
    assert 0 < len(kept_out) < 12
    listed = read_rows(measures.manifest(settings(scripts, data, tmp_path)))
    noise = {Path(row["path"]).name for row in listed if row["kind"] == "noise"}
    assert noise == {row["filename"] for row in rows} - kept_out
    assert sum(row["kind"] == "speech" for row in listed) == 12


def test_mixtures_have_their_levels_in_turn(scripts, rng):
    clips, noise = torch.randn(4, 800, generator=rng), torch.randn(3, 900, generator=rng)
    made = scripts.enhancement_measures.mixed(clips, noise, (0.0, 10.0), 0)
    assert torch.allclose(made.parts.sum(dim=1), made.mixture, atol=1e-5)
    powers = made.parts.square().mean(dim=2)
    levels = 10 * torch.log10(powers[:, 0] / powers[:, 1])
    assert torch.allclose(levels, torch.tensor([0.0, 10.0, 0.0, 10.0]), atol=1e-3)


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in PACKAGES),
    reason="pip install 'tiny-audio-ssl[byproducts]'",
)
def test_enhancement_is_measured_beside_mixture_and_ideal_mask(scripts, data, tmp_path):
    wanted = settings(scripts, data, tmp_path)
    rows = list(scripts.enhancement_measures.of_other_speakers(wanted))
    assert [row["system"] for row in rows] == ["mixture", "speech-enhancement", "ideal mask"]
    assert rows[0]["improvement_db"] == 0 and rows[2]["improvement_db"] > 1
    assert all(np.isfinite([row["pesq"], row["stoi"], row["si_sdr_db"]]).all() for row in rows)
    assert rows[2]["si_sdr_db"] > rows[0]["si_sdr_db"]
