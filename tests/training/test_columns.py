"""Labels and words reach a task in training, micro-batches, validation and a resumed run."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.audio_files import noise, write

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext.parts.spoken_words import to_frames
from tiny_audio_ssl.pretext.tasks.clar import Clar
from tiny_audio_ssl.pretext.tasks.speech2vec import Speech2VecSkipGram
from tiny_audio_ssl.training import runs
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig

CLASSES = ("high", "low")
SETTINGS = PretrainConfig(
    "clar",
    Clar.Config(classes=CLASSES, augmentations=("fade", "time-shift"), slice_ms=335.0, hidden=16),
    EncoderConfig(width=0.25, norm="group"),
    training=TrainingConfig(
        steps=4,
        batch_size=8,
        micro_batches=2,
        warmup_steps=1,
        validate_every=2,
        checkpoint_every=2,
        log_every=1,
        held_out=0.25,
        accelerator="cpu",
    ),
)


def write_manifest(folder: Path, labels: list[str], column: str = "label") -> Path:
    lines = [f"path,{column}"]
    for index, label in enumerate(labels):
        write(folder / f"{index}.wav", noise(0.5, seed=index))
        lines.append(f"{index}.wav,{label}")
    path = folder / "list.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def heard(monkeypatch) -> list[tuple[bytes, int]]:
    """Every clip that `draw` is given, with its label."""
    found = []
    draw = Clar.draw

    def noted(self, clips, rng, label=None):
        found.extend((clip.numpy().tobytes(), int(y)) for clip, y in zip(clips, label, strict=True))
        return draw(self, clips, rng, label=label)

    monkeypatch.setattr(Clar, "draw", noted)
    return found


def pretrain(source: Path, run: Path, settings: PretrainConfig = SETTINGS) -> None:
    runs.pretrain(source, run, settings, progress=False)


def test_labels_stay_beside_their_clips(tmp_path, heard):
    """Each recording is of one level, which its label says: high, low, none, or not in the list."""
    levels = {"high": 0.8, "low": 0.2, "": 0.4, "loud": 0.6}
    expected = {0.8: 0, 0.2: 1, 0.4: -1, 0.6: -1}
    lines = ["path,label"]
    for index, label in enumerate(list(levels) * 6):
        wave = levels[label] * noise(0.5, seed=index) / abs(noise(0.5, seed=index)).max()
        wave[::50] = levels[label]
        write(tmp_path / f"{index}.wav", wave)
        lines.append(f"{index}.wav,{label}")
    (tmp_path / "list.csv").write_text("\n".join(lines) + "\n")
    pretrain(tmp_path / "list.csv", tmp_path / "run")
    assert len(heard) >= 4 * 8 + 2 * 6  # steps, and validation twice
    for clip, label in heard:
        peak = torch.frombuffer(bytearray(clip), dtype=torch.float32).abs().max().item()
        assert expected[round(peak, 1)] == label
    assert {label for _, label in heard} == {0, 1, -1}


def test_resumed_run_has_the_same_labels(tmp_path):
    source = write_manifest(tmp_path, ["high", "low", "", "high"] * 5)
    pretrain(source, tmp_path / "straight")
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    shutil.copytree(straight, stopped, symlinks=True)
    for name in ("last", "best"):
        (stopped / name).unlink(missing_ok=True)
    shutil.rmtree(stopped / "checkpoints" / "step-00000004")
    runs.resume(stopped, progress=False)
    with (stopped / "recordings.csv").open(newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["high", "low", "", "high"] * 5
    for file in (checkpoint.MODEL, checkpoint.TRAINING):
        assert (straight / "last" / file).read_bytes() == (stopped / "last" / file).read_bytes()


def test_missing_column_is_named_and_what_to_do_is_said(tmp_path):
    source = write_manifest(tmp_path, ["high", "low"], column="word")
    with pytest.raises(UserError) as error:
        pretrain(source, tmp_path / "run")
    said = str(error.value)
    assert "no column 'label'; the columns are: word" in said
    assert "clar needs it for --pretext.classes" in said and "empty cells" in said
    assert not (tmp_path / "run" / "last").exists()


def test_classes_that_no_recording_has_are_refused(tmp_path, caplog):
    source = write_manifest(tmp_path, ["haut", "bas", "", "haut"] * 5)
    with pytest.raises(
        UserError, match=r"no recording has one of the classes high, low .*bas, haut"
    ):
        pretrain(source, tmp_path / "run")


def test_classes_that_are_not_listed_are_told(tmp_path, caplog):
    source = write_manifest(tmp_path, ["high", "low", "loud", ""] * 5)
    pretrain(source, tmp_path / "run")
    (said,) = [text for text in caplog.messages if "loud" in text]
    assert "5 of 20 recordings" in said and "used without" in said


def test_words_stay_in_their_places(tmp_path, monkeypatch):
    """Words are noise in silence: the frames that are said to be words are louder than others."""
    lines = ["path,words"]
    for index in range(16):
        wave, words = np.zeros(24_000, np.float32), []
        for place in range(index % 6):
            start = 4000 * place + 61 * index
            wave[start : start + 1600] = noise(0.1, seed=place)
            words.append(f"{start / 16_000}-{(start + 1600) / 16_000}")
        write(tmp_path / f"{index}.wav", wave)
        lines.append(f"{index}.wav,{' '.join(words)}")
    (tmp_path / "list.csv").write_text("\n".join(lines) + "\n")
    heard, draw = [], Speech2VecSkipGram.draw

    def noted(self, clips, rng, words=None):
        heard.append((clips, to_frames(words, self.frontend, clips.shape[3])))
        return draw(self, clips, rng, words)

    monkeypatch.setattr(Speech2VecSkipGram, "draw", noted)
    task = Speech2VecSkipGram.Config(clip_ms=975.0, slice_ms=175.0, context=1, hidden=8)
    pretrain(
        tmp_path / "list.csv",
        tmp_path / "run",
        replace(SETTINGS, task="speech2vec-skipgram", pretext=task),
    )
    found = 0
    for clips, words in heard:
        for clip, own in zip(clips, words, strict=True):
            level = clip.mean(dim=(0, 1))
            for start, end in own[own[:, 0] >= 0].tolist():
                found += 1
                assert 9 <= end - start <= 11 and level[start:end].min() > level.mean()
    assert found > 20


def test_words_that_are_not_listed_are_asked_for(tmp_path):
    source = write_manifest(tmp_path, ["bed", "cat"])
    settings = replace(SETTINGS, task="speech2vec-cbow", pretext=Speech2VecSkipGram.Config())
    with pytest.raises(UserError, match=r"no column 'words'.*needs it for --pretext\.aligned"):
        pretrain(source, tmp_path / "run", settings)
