"""Tasks that compare clips are never given too few, and no `best` is chosen by too few."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.audio_files import noise, write

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext.configs.combined import CombinedConfig
from tiny_audio_ssl.training import clip_counts, runs
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig

SMALL = EncoderConfig(width=0.25)
COMPARING = ("cola", "triplet", "byol-a", "combined")


def settings(task: str, **changes: object) -> PretrainConfig:
    options = {"steps": 2, "batch_size": 4, "validate_every": 1, "accelerator": "cpu", **changes}
    pretext = CombinedConfig({"temporal-gap": 1.0, "cola": 0.5}) if task == "combined" else None
    return PretrainConfig(task, pretext, SMALL, training=TrainingConfig(**options))


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven recordings, of which a fraction of 0.05 holds out one."""
    folder = tmp_path_factory.mktemp("recordings")
    for seed in range(7):
        write(folder / f"{seed}.wav", noise(1.6, seed=seed))
    return folder


def validations(run: Path) -> list[float]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line["validation/loss"] for line in lines if "validation/loss" in line]


@pytest.mark.parametrize("task", COMPARING)
@pytest.mark.parametrize("changes", [{"batch_size": 1}, {"batch_size": 4, "micro_batches": 4}])
def test_micro_batches_of_one_clip_are_refused(task, changes, recordings, tmp_path):
    with pytest.raises(UserError, match=rf"{task} compares clips .*leaves 1. Choose --batch-size"):
        runs.pretrain(recordings, tmp_path / "run", settings(task, **changes), progress=False)
    assert not (tmp_path / "run").exists()  # nothing was decoded or written


@pytest.mark.parametrize("task", ["temporal-gap", "audio2vec-cbow", "autoencoder"])
def test_other_tasks_learn_from_one_clip_at_a_time(task):
    assert clip_counts.micro_batches(settings(task, batch_size=4, micro_batches=4)) == 4


@pytest.mark.parametrize("task", COMPARING)
def test_one_held_out_recording_gives_no_loss_and_no_best(task, recordings, tmp_path, caplog):
    run = tmp_path / "run"
    result = runs.pretrain(recordings, run, settings(task), progress=False)
    assert result.validation_loss is None and result.best_step is None
    assert not validations(run) and not (run / "best").exists()
    assert f"1 of 1 held-out recordings are left out of the validation loss: {task}" in caplog.text
    assert "too few to choose the best checkpoint" in caplog.text


def test_last_held_out_recording_alone_is_left_out(recordings, tmp_path, caplog):
    """Three are held out and validated two at a time."""
    run = tmp_path / "run"
    options = settings("cola", held_out=0.45, batch_size=2, seed=_seed_that_holds_out_three())
    result = runs.pretrain(recordings, run, options, progress=False)
    assert "1 of 3 held-out recordings are left out" in caplog.text
    assert len(set(validations(run))) == 2 and result.best_step is None


def _seed_that_holds_out_three() -> int:
    from tiny_audio_ssl.data.corpus import Clip, split

    clips = [Clip(Path(f"{i}.wav"), name=f"{i}.wav") for i in range(7)]
    return next(seed for seed in range(100) if len(split(clips, 0.45, seed)[1]) == 3)


def test_one_held_out_recording_chooses_no_best_for_any_task(recordings, tmp_path, caplog):
    result = runs.pretrain(recordings, tmp_path / "run", settings("temporal-gap"), progress=False)
    assert result.validation_loss is not None and result.best_step is None
    assert checkpoint.load(tmp_path / "run").progress["best"] == {"step": None, "loss": None}
    assert "hold out 3 or more" in caplog.text


def test_training_on_one_recording_is_said(tmp_path, caplog):
    for seed in range(2):
        write(tmp_path / "two" / f"{seed}.wav", noise(1.6, seed=seed))
    runs.pretrain(tmp_path / "two", tmp_path / "run", settings("cola", steps=1), progress=False)
    assert "cola compares clips of different recordings" in caplog.text
