"""The recordings of a run: copies, too many that can't be used, and changes before a resume."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.audio_files import noise, write

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.training import runs
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig
from tiny_audio_ssl.training.run_recordings import CONTENT, RECORDINGS

SMALL = EncoderConfig(width=0.25)


def settings(**changes: object) -> PretrainConfig:
    options = {"steps": 1, "batch_size": 4, "accelerator": "cpu", **changes}
    return PretrainConfig("audio2vec-cbow", encoder=SMALL, training=TrainingConfig(**options))


def pretrain(source: Path, run: Path, **changes: object) -> None:
    runs.pretrain(source, run, settings(**changes), progress=False)


def listed(run: Path) -> list[dict[str, str]]:
    with (run / RECORDINGS).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight recordings of one length."""
    for seed in range(8):
        write(tmp_path / "recordings" / f"{seed}.wav", noise(2.0, seed=seed))
    return tmp_path / "recordings"


def test_copies_are_trained_on_or_held_out_together(folder, tmp_path, caplog):
    for path in list(folder.iterdir()):
        shutil.copy(path, folder / f"{path.stem} (1).wav")
        pcm, rate_hz = soundfile.read(path, dtype="int16")
        write(folder / "more" / f"x{path.stem}.flac", pcm, rate_hz)
    write(folder / "0.flac", noise(2.0, seed=99))  # named like a copy, and none
    pretrain(folder, tmp_path / "run", held_out=0.4)
    sides: dict[str, set[str]] = {}
    for row in listed(tmp_path / "run"):
        sides.setdefault(row[CONTENT], set()).add(row["split"])
    assert all(len(found) == 1 for found in sides.values())
    assert {side for found in sides.values() for side in found} == {"train", "held_out"}
    assert len(sides) == 9
    assert "16 of 25 recordings are copies of others" in caplog.text


def test_seeds_of_the_training_may_hold_out_the_same_recordings(folder, tmp_path):
    def held_out(name: str, **seeds: int) -> set[str]:
        pretrain(folder, tmp_path / name, held_out=0.4, **seeds)
        return {row["path"] for row in listed(tmp_path / name) if row["split"] == "held_out"}

    first = held_out("first", seed=1)
    assert held_out("same", seed=2, held_out_seed=1) == first
    assert held_out("other", seed=2) != first


def test_nothing_is_said_where_there_are_no_copies(folder, tmp_path, caplog):
    pretrain(folder, tmp_path / "run")
    assert "copies" not in caplog.text


@pytest.mark.parametrize("usable", [1, 2])
def test_corpus_of_which_nearly_nothing_can_be_used_is_refused(usable, tmp_path, capsys):
    """The others are silent, too short, or no sound."""
    for index in range(usable):
        write(tmp_path / "a" / f"good{index}.wav", noise(2.0, seed=index))
    for index in range(19 if usable == 1 else 17):
        wave = np.zeros(32_000) if index % 3 else noise(0.05, seed=index)
        write(tmp_path / "a" / f"bad{index}.wav", wave)
    (tmp_path / "a" / "bad0.wav").write_text("no sound")
    run = tmp_path / "run"
    arguments = ["pretrain", str(tmp_path / "a"), "--out", str(run), "--steps", "1"]
    code = cli.run([*arguments, "--batch-size", "4", "--encoder.width", "0.25"])
    if usable == 1:
        assert code == 2 and not run.exists()
        assert "only 1 of 20 recordings can be used" in capsys.readouterr().err
    else:
        assert code == 0


def test_missing_group_column_is_said_before_anything_is_decoded(folder, tmp_path):
    cache = tmp_path / "cache"
    with pytest.raises(UserError, match="no column 'speaker'"):
        runs.pretrain(folder, tmp_path / "run", settings(), group_column="speaker", cache_dir=cache)
    assert not cache.exists()


class TestResume:
    @pytest.fixture
    def stopped(self, folder: Path, tmp_path: Path) -> Path:
        """A run whose recordings are about to change."""
        pretrain(folder, tmp_path / "run")
        return tmp_path / "run"

    def test_other_sound_of_the_same_length_is_refused(self, stopped, folder):
        write(folder / "3.wav", noise(2.0, seed=33))
        with pytest.raises(UserError, match=r"(?s)1 recordings .*3\.wav: has another sound"):
            runs.resume(stopped, progress=False)

    def test_recordings_that_changed_places_are_refused(self, stopped, folder):
        (folder / "1.wav").rename(folder / "x")
        (folder / "2.wav").rename(folder / "1.wav")
        (folder / "x").rename(folder / "2.wav")
        with pytest.raises(UserError, match="2 recordings"):
            runs.resume(stopped, progress=False)

    def test_same_sound_in_another_file_is_accepted(self, stopped, folder):
        pcm, rate_hz = soundfile.read(folder / "3.wav", dtype="int16")
        write(folder / "3.wav", pcm, rate_hz, kind="s24.wav")
        assert runs.resume(stopped, progress=False).step == 1

    def test_old_run_without_hashes_is_compared_by_length(self, stopped, folder, caplog):
        rows = listed(stopped)
        with (stopped / RECORDINGS).open("w", newline="") as file:
            names = [name for name in rows[0] if name != CONTENT]
            writer = csv.DictWriter(file, names, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        write(folder / "3.wav", noise(2.0, seed=33))
        assert runs.resume(stopped, progress=False).step == 1
        assert "compared by length alone" in caplog.text
        write(folder / "3.wav", noise(1.9, seed=33))
        with pytest.raises(UserError, match="another length"):
            runs.resume(stopped, progress=False)
