"""The folder of a new run: nobody else's, and nothing in it that is not of a run."""

from __future__ import annotations

import pytest

from tiny_audio_ssl import UserError
from tiny_audio_ssl.data.cache import open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.training import runs
from tiny_audio_ssl.training.new_run import COLUMNS, WRITTEN, make_room
from tiny_audio_ssl.utils.claim import CLAIM, claimed


def pretrain(run, source="builtin:2", **changes):
    settings = {"task": "audio2vec-cbow", "encoder": EncoderConfig(width=0.25), "steps": 1}
    settings |= {"batch_size": 4, "accelerator": "cpu"}
    return runs.pretrain(source, run, progress=False, **{**settings, **changes})


@pytest.mark.parametrize("name", WRITTEN)
def test_files_of_others_are_refused(name, tmp_path):
    (tmp_path / name).write_text("path,label\nmine.wav,dog\n")
    with pytest.raises(UserError, match=rf"{name}: already exists|already holds a run"):
        pretrain(tmp_path)
    assert (tmp_path / name).read_text() == "path,label\nmine.wav,dog\n"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_list_that_is_the_source_is_not_replaced(tmp_path):
    (tmp_path / "recordings.csv").write_text(",".join(COLUMNS) + "\n")
    for source in (tmp_path, tmp_path / "recordings.csv"):
        with pytest.raises(UserError):
            make_room(tmp_path, [source], "")


def test_a_run_that_is_being_made_is_refused_before_anything_is_written(tmp_path):
    run = tmp_path / "run"
    with claimed(run):
        for start in (pretrain, lambda folder: runs.resume(folder, progress=False)):
            with pytest.raises(UserError, match="in use by process"):
                start(run)
        assert [path.name for path in run.iterdir()] == [CLAIM]


def test_notes_stay_and_a_failed_start_blocks_nothing(tmp_path, monkeypatch):
    run = tmp_path / "run"
    run.mkdir()
    (run / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="does not divide evenly"):
        pretrain(run, micro_batches=3)
    with monkeypatch.context() as patch:
        patch.setattr(runs.Trainer, "_train_step", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pretrain(run, seed=1)
    assert pretrain(run, keep_last=1).step == 1
    assert (run / "notes.txt").read_text() == "mine"
    with pytest.raises(UserError, match="already holds a run"):
        pretrain(run)
    assert not (run / CLAIM).exists()


def test_a_start_that_fails_leaves_no_folder(tmp_path):
    with pytest.raises(UserError):
        pretrain(tmp_path / "run", source=str(tmp_path / "nowhere"))
    assert not list(tmp_path.iterdir())


def test_notes_beside_a_checkpoint_survive_its_removal(tmp_path):
    pretrain(tmp_path / "run", steps=2, checkpoint_every=1, keep_last=1, held_out=0.0)
    first = tmp_path / "run" / "checkpoints" / "step-00000002"
    (first / "notes.txt").write_text("mine")
    loaded = checkpoint.load(tmp_path / "run")
    folder = checkpoint.RunFolder(tmp_path / "run", keep_last=1)
    folder.save(3, None, model=loaded.model, run=loaded.run, progress={"step": 3})
    assert [path.name for path in first.iterdir()] == ["notes.txt"]
    assert checkpoint.locate(tmp_path / "run").name == "step-00000003"


def test_recordings_that_are_open_give_the_same_run(tmp_path):
    pretrain(tmp_path / "alone")
    opened = open_cache(open_corpus("builtin:2"), progress=False)
    for name in ("first", "second"):
        pretrain(tmp_path / name, opened=opened)
    for file in ("recordings.csv", "skipped.csv", "last/model.safetensors", "last/config.json"):
        expected = (tmp_path / "alone" / file).read_bytes()
        for name in ("first", "second"):
            assert (tmp_path / name / file).read_bytes() == expected, file
