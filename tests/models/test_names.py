"""Names of models stand in for folders, and a run in the working directory is never passed over."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

import tiny_audio_ssl
from tiny_audio_ssl.models import checkpoint, names
from tiny_audio_ssl.models.checkpoint import CheckpointError


@pytest.fixture
def here(sample, tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_name_is_found_wherever_one_is(sample, sample_folder, here):
    assert sample in names.shipped() and names.is_name(sample)
    assert names.folder_of(sample) == sample_folder / sample
    assert checkpoint.locate(sample) == (sample_folder / sample).resolve()
    assert tiny_audio_ssl.load(sample).name == sample


@pytest.mark.parametrize("path", ["./sample", Path("sample"), "sample/"])
def test_path_is_always_a_folder(path, sample, sample_folder, here):
    assert not names.is_name(path)
    with pytest.raises(CheckpointError, match="no checkpoint there"):
        checkpoint.load(path)
    shutil.copytree(sample_folder / sample, here / "sample")
    assert checkpoint.load(path).folder == here / "sample"


def test_run_of_that_name_in_the_working_directory_wins_and_that_is_said(
    sample, sample_folder, here, caplog
):
    shutil.copytree(sample_folder / sample, here / "sample" / "last")
    with caplog.at_level(logging.WARNING):
        assert checkpoint.load(sample).folder == here / "sample" / "last"
    assert "sample: the run in the working directory is used" in caplog.text


def test_run_that_broke_before_its_first_checkpoint_is_not_passed_over(sample, here):
    (here / "sample").mkdir()
    (here / "sample" / "recordings.csv").write_text("path\n")
    with pytest.raises(CheckpointError, match="sample: no checkpoint there"):
        checkpoint.load(sample)


def test_other_folder_of_that_name_is_no_matter(sample, sample_folder, here, caplog):
    (here / "sample" / "export").mkdir(parents=True)
    assert checkpoint.load(sample).folder == (sample_folder / sample).resolve()
    assert not caplog.text


def test_unknown_name_is_answered_with_those_that_there_are(sample, here):
    with pytest.raises(CheckpointError) as raised:
        checkpoint.load("smal")
    assert "smal: no checkpoint there" in str(raised.value)
    listed = str(raised.value).rpartition(": ")[2].split(", ")
    assert listed == list(names.shipped()) and sample in listed


def test_smallest_model_comes_first(sample):
    sizes = [(names.folder_of(name) / checkpoint.MODEL).stat().st_size for name in names.shipped()]
    assert sizes == sorted(sizes)
