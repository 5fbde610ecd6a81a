from __future__ import annotations

import json
import shutil
from dataclasses import asdict

import pytest
import torch

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.checkpoint import CheckpointError, RunFolder
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.utils.files import atomic_file, atomic_folder


@pytest.fixture
def model(encoder_name):
    torch.manual_seed(0)
    model = checkpoint.build_model(FrontendConfig(), EncoderConfig(encoder_name, width=0.5))
    model.frontend.fit([0.1 * torch.randn(4, 16_000)])
    return model.eval()


@pytest.fixture
def saved(model, tmp_path):
    run = RunFolder(tmp_path / "run", keep_last=2)
    for step in (10, 20, 30, 40):
        run.save(
            step,
            10,
            model=model,
            run={"task": "temporal-gap"},
            progress={"step": step},
            training={"head": torch.arange(3.0)},
        )
    return tmp_path / "run"


def test_round_trip(model, saved, rng):
    found = checkpoint.load(saved)
    waveform = 0.1 * torch.randn(2, 16_000, generator=rng)
    assert torch.equal(found.model(waveform), model(waveform))
    assert asdict(found.model.encoder.config) == asdict(model.encoder.config)
    assert found.run == {"task": "temporal-gap"} and found.progress == {"step": 40}
    assert checkpoint.load_training(found.folder)["head"].tolist() == [0, 1, 2]


def test_newest_and_the_best_are_kept(saved):
    kept = sorted(folder.name for folder in (saved / "checkpoints").iterdir())
    assert kept == ["step-00000010", "step-00000030", "step-00000040"]
    assert checkpoint.load(saved / "best").progress["step"] == 10
    assert checkpoint.load(saved / "checkpoints" / "step-00000030").progress["step"] == 30


def test_copy_without_links_still_loads(saved):
    (saved / "last").unlink()
    assert checkpoint.load(saved).progress["step"] == 40


def test_nothing_is_pickled(saved):
    for file in (saved / "last").resolve().iterdir():
        assert file.suffix in (".json", ".safetensors")


def test_training_state_is_not_needed_to_embed(saved):
    (saved / "last" / checkpoint.TRAINING).unlink()
    assert checkpoint.load(saved).model
    with pytest.raises(CheckpointError, match="incomplete"):
        checkpoint.load_training(checkpoint.locate(saved))


def truncate(file):
    file.write_bytes(file.read_bytes()[:-100])


def flip_a_bit(file):
    content = bytearray(file.read_bytes())
    content[-50] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [truncate, flip_a_bit])
def test_damaged_weights_are_refused(saved, damage):
    damage(saved / "last" / checkpoint.MODEL)
    with pytest.raises(CheckpointError, match="truncated or altered"):
        checkpoint.load(saved)


def test_damaged_config_is_refused(saved):
    truncate(saved / "last" / checkpoint.CONFIG)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        checkpoint.load(saved)


def edited(saved, change) -> None:
    file = saved / "last" / checkpoint.CONFIG
    config = json.loads(file.read_text())
    change(config)
    file.write_text(json.dumps(config))


def test_unknown_format_is_refused(saved):
    edited(saved, lambda config: config.update(format=99))
    with pytest.raises(CheckpointError, match=r"format 99, .* which reads formats 1 and 2"):
        checkpoint.load(saved)


def test_settings_of_another_version_are_refused(saved):
    edited(saved, lambda config: config["encoder"].update(attention_heads=4))
    with pytest.raises(CheckpointError, match="written by"):
        checkpoint.load(saved)


def test_weights_that_do_not_fit_are_refused(saved):
    edited(saved, lambda config: config["encoder"].update(width=1.0))
    with pytest.raises(CheckpointError, match="does not fit"):
        checkpoint.load(saved)


def test_missing_checkpoint_is_explained(tmp_path):
    with pytest.raises(CheckpointError, match="pretrain FOLDER --out RUN"):
        checkpoint.load(tmp_path / "nowhere")


def test_failed_write_leaves_the_old_checkpoint(tmp_path):
    target = tmp_path / "folder"
    with atomic_folder(target) as work:
        (work / "a").write_text("old")
    with pytest.raises(RuntimeError), atomic_folder(target) as work:
        (work / "a").write_text("new")
        raise RuntimeError
    file = tmp_path / "file.txt"
    with pytest.raises(RuntimeError), atomic_file(file) as work:
        raise RuntimeError
    assert (target / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_full_disk_is_explained(tmp_path):
    full = open("/dev/full", "w")  # noqa: SIM115 - closing it fails, which is the point
    with pytest.raises(UserError, match="no space left"), atomic_folder(tmp_path / "x"):
        full.write("x")
        full.close()
    assert not list(tmp_path.iterdir())


def test_file_in_place_of_a_folder_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UserError, match="cannot be written"),
        atomic_folder(tmp_path / "file" / "x"),
    ):
        pass


def test_resaving_a_step_replaces_it(model, saved):
    shutil.copytree(saved / "checkpoints" / "step-00000040", saved / "copy")
    RunFolder(saved).save(40, None, model=model, run={}, progress={"step": 40, "again": True})
    assert checkpoint.load(saved).progress["again"]
    assert not list((saved / "checkpoints").glob(".*"))
