"""benchmarks/data.py: it finds what is there, and says where the rest comes from."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from support.paths import ROOT
from support.scripts import imported


@pytest.fixture
def script() -> Iterator[ModuleType]:
    """The module, imported as it is run: with benchmarks/ on the path."""
    with imported("data") as (script,):
        yield script


@pytest.fixture
def source(script, tmp_path: Path):
    """A source of two recordings, both there."""
    (tmp_path / "words").mkdir()
    rows = [("a.wav", "ours", "yes"), ("b.wav", "ours", "no"), ("c.wav", "theirs", "no")]
    for name, *_ in rows:
        soundfile.write(tmp_path / "words" / name, np.full(1600, 0.1), 16_000)
    with open(tmp_path / "words" / "meta.csv", "w", newline="") as file:
        csv.writer(file).writerows([("filename", "corpus", "word"), *rows])
    columns = ["filename", "corpus", "word"]
    return script.Source(
        "words/meta.csv", "words", 2, columns, "CC0", "https://example.org", ("corpus=ours",)
    )


def test_nothing_is_missing(source, tmp_path):
    assert source.missing(tmp_path) == ""


def test_missing_recordings_columns_and_manifests_are_named(source, tmp_path):
    (tmp_path / "words" / "b.wav").unlink()
    assert source.missing(tmp_path).startswith("1 of these recordings are in ")
    (tmp_path / "words" / "meta.csv").write_text("filename,corpus\na.wav,ours\n")
    assert source.missing(tmp_path).endswith("has no column word")
    (tmp_path / "words" / "meta.csv").unlink()
    assert source.missing(tmp_path).startswith("there is no ")


def test_empty_folder_is_explained(script, tmp_path, capsys):
    assert script.main(tmp_path) == 1
    shown = capsys.readouterr().out
    assert shown.count("missing") == len(script.sources()) == 6
    assert "from     https://github.com/karolpiczak/ESC-50 (CC BY-NC 3.0;" in shown


def test_real_folder_is_complete(script, real_audio, capsys):
    assert script.main(real_audio) == 0, capsys.readouterr().out


def test_sources_are_those_of_the_suite_and_of_the_page(script):
    tasks = tomllib.loads((ROOT / "benchmarks" / "suites" / "small.toml").read_text())["task"]
    page = (ROOT / "docs" / "benchmark-data.md").read_text(encoding="utf-8")
    sources = script.sources()
    assert {task["source"] for task in tasks} == {source.manifest for source in sources}
    assert [source.url for source in sources if source.url not in page] == []
    for task in tasks:
        needed = {task[key] for key in ("label", "fold", "group") if key in task}
        of_task = [source for source in sources if source.manifest == task["source"]]
        assert any(needed <= set(source.columns) for source in of_task), task["name"]
