"""A model folder: float16 weights, settings without private paths, a card of facts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.runs import make_run

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.model_card import MODEL_CARD
from tiny_audio_ssl.export.model_folder import MIN_SNR_DB, write_model_folder
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("model-folder") / "run", EncoderConfig(width=0.25))


def test_weights_are_halved_and_load_as_float32(run, tmp_path):
    snr_db = write_model_folder(run, tmp_path / "model", "model", "apache-2.0")
    stored = load_file(tmp_path / "model" / checkpoint.MODEL)
    halved = {name for name, tensor in stored.items() if tensor.dtype == torch.float16}
    assert halved == {k for k in stored if k.endswith("weight") and stored[k].ndim == 4}
    assert (tmp_path / "model" / checkpoint.MODEL).stat().st_size < 0.75 * (
        run / "last" / checkpoint.MODEL
    ).stat().st_size
    loaded = checkpoint.load(tmp_path / "model")
    assert all(p.dtype == torch.float32 for p in loaded.model.parameters())
    assert snr_db >= MIN_SNR_DB and loaded.facts["name"] == "model"
    with pytest.raises(checkpoint.CheckpointError, match="incomplete"):
        checkpoint.load_training(loaded.folder)


def test_weights_beyond_float16_are_refused(run, tmp_path):
    loaded = checkpoint.load(run)
    with torch.no_grad():
        next(loaded.model.encoder.parameters()).mul_(1e7)
    checkpoint.save(tmp_path / "wide", loaded.model, {}, {})
    with pytest.raises(UserError, match="out of float16's range"):
        write_model_folder(tmp_path / "wide", tmp_path / "model", "model", "apache-2.0")
    assert not (tmp_path / "model").exists()


def test_no_path_of_this_machine_is_in_it(sample_folder):
    config = json.loads((sample_folder / "sample" / checkpoint.CONFIG).read_text())
    assert config["run"]["corpus"]["source"] == "corpus"
    assert config["run"]["pretext"]["weights"] == "teacher.pt"
    for file in (sample_folder / "sample").glob("*[!s]"):
        assert str(Path(__file__).anchor + "tmp") not in file.read_text()


def test_card_holds_the_facts(sample_folder):
    folder = sample_folder / "sample"
    loaded = checkpoint.load(folder)
    text = (folder / MODEL_CARD).read_text()
    assert text.startswith('---\nlicense: "apache-2.0"\n')
    for said in (
        "# sample: audio embeddings by distillation, encoder dense",
        f"| parameters | {loaded.facts['parameters']:,} |",
        f"-> [{loaded.model.encoder.embedding_dim}]",
        "| recordings | 16 |",
        "| steps | 30 |",
        "## Limits",
    ):
        assert said in text


def test_same_run_gives_the_same_bytes_and_replaces_an_earlier_folder(run, tmp_path):
    more = {"files": {"NOTICE": "credits\n"}, "sections": ["## Data\n\nMade up."]}
    for _ in range(2):
        write_model_folder(run, tmp_path / "model", "model", "apache-2.0", **more)
    write_model_folder(run, tmp_path / "again" / "model", "model", "apache-2.0", **more)
    files = sorted(file.name for file in (tmp_path / "model").iterdir())
    assert files == sorted([checkpoint.CONFIG, checkpoint.MODEL, MODEL_CARD, "NOTICE"])
    for name in files:
        again = tmp_path / "again" / "model" / name
        assert (tmp_path / "model" / name).read_bytes() == again.read_bytes()
    assert "## Data\n\nMade up." in (tmp_path / "model" / MODEL_CARD).read_text()


def test_folder_of_something_else_is_not_replaced(run, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="not a checkpoint"):
        write_model_folder(run, tmp_path, "model", "apache-2.0")


def test_newer_version_is_named(sample_folder, tmp_path):
    config = json.loads((sample_folder / "sample" / checkpoint.CONFIG).read_text())
    config |= {"format": 99, "versions": {"tiny-audio-ssl": "9.9.9"}}
    (tmp_path / checkpoint.CONFIG).write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"by tiny-audio-ssl 9\.9\.9.*Install tiny-audio-ssl==9"):
        checkpoint.load(tmp_path)
