"""Models by their names, wherever a run is taken: those that are shipped, and one made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.federated_grid import ONE_ROUND, federate

import tiny_audio_ssl
from tiny_audio_ssl import cli
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.models import checkpoint, names
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import parameter_count

SHORT = {"steps": 2, "batch_size": 4, "accelerator": "cpu", "progress": False}


@pytest.fixture(params=[*names.shipped(), "sample"])
def model(request, sample, tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    return str(request.param)


def answered(capsys, *arguments: str) -> object:
    assert cli.run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_embeds_sounds(model, capsys):
    embedder = tiny_audio_ssl.load(model)
    assert embedder.embed(np.zeros(8_000)).shape == (embedder.dim,)
    found = tiny_audio_ssl.embed(model, "builtin:2")
    assert found.vectors.shape == (16, embedder.dim) and np.isfinite(found.vectors).all()
    assert answered(capsys, "embed", model, "builtin:1")["dim"] == embedder.dim


def test_facts_are_those_of_the_weights(model, capsys):
    loaded = checkpoint.load(model)
    facts = names.facts_of(model)
    assert facts == loaded.facts and facts["name"] == model
    assert facts["parameters"] == parameter_count(loaded.model.encoder)
    assert facts["embedding_dim"] == loaded.model.encoder.embedding_dim
    assert answered(capsys, "inspect", model)["facts"] == facts
    halves = load_file(loaded.folder / checkpoint.MODEL).values()
    assert all((t.dtype == torch.float16) == (t.squeeze().ndim > 1) for t in halves)


def test_is_exported_with_the_built_in_sounds(model):
    form = {"format": "onnx", "input": "mel", "precision": "fp32", "parity_clips": 8}
    result = tiny_audio_ssl.export(model, **form)
    assert result.folder == Path(model) / "export"
    content = manifest.read(result.folder)
    assert content["license"] == names.facts_of(model)["license"]
    assert content["compared_on"] and result.ok
    assert f"{model} comes without recordings" in result.notes[0]
    assert checkpoint.load(model).sha256 == content["checkpoint"]["model_sha256"]


def test_a_pre_training_begins_with_it(model):
    tiny_audio_ssl.pretrain("builtin:2", "begun", start=model, task="cola", **SHORT)
    begun, start = checkpoint.load("begun/checkpoints/step-00000000"), checkpoint.load(model)
    for name, tensor in start.model.state_dict().items():
        assert torch.equal(begun.model.state_dict()[name], tensor), name
    assert begun.run["start"] == {"name": model, "sha256": start.sha256}
    encoder = begun.model.encoder.config
    assert encoder.name == start.model.encoder.config.name and encoder.slice_frames
    trained = checkpoint.load("begun").model.encoder.state_dict()
    assert any(not torch.equal(trained[k], v) for k, v in start.model.encoder.state_dict().items())


def test_training_step_needs_heads(model):
    with pytest.raises(UserError, match=f"{model}: a model without a pretext task's heads"):
        cli.parse(["export-training", model]).run()


def test_is_probed_fine_tuned_and_reported(sample, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    task = ["--data", "builtin:4", "--group", "group", "--folds", "2"]
    first, *_ = answered(capsys, "probe", sample, *task, "--out", "scores.json")
    assert first["model"] == sample
    tuned = answered(capsys, "finetune", sample, *task, "--steps", "2", "--save", "tuned")
    assert tuned[0]["accuracy"] >= 0
    assert answered(capsys, "report", sample, "--results", "scores.json", *task)["results"] == 3
    assert sample in Path("report.html").read_text()


def test_is_timed_from_an_export_of_its_own(sample, tmp_path, monkeypatch):
    from tiny_audio_ssl.bench import named_models
    from tiny_audio_ssl.export.config import ExportConfig
    from tiny_audio_ssl.export.exporter import export

    monkeypatch.chdir(tmp_path)
    small = ExportConfig(format="onnx", input="mel", precision="fp32", parity=False)
    calls = []

    def quick(name: str, out: Path, **changes: object) -> object:
        calls.append(name)
        return export(name, out, small)

    monkeypatch.setattr(named_models, "export", quick)
    rows = tiny_audio_ssl.bench(sample, runs=2, rounds=1)
    assert {row.model for row in rows} == {sample} and not Path(sample).exists()
    export(sample, None, small)
    assert len(tiny_audio_ssl.bench([sample], runs=2, rounds=1)) == len(rows)
    assert calls == [sample]


def test_clients_start_from_it(sample, tmp_path):
    settings = {"encoder": "dense", "width": 0.25, "task": "temporal-gap", **ONE_ROUND}
    federate(tmp_path / "run", start=sample, norm="frozen", **settings)
    begun = checkpoint.load(tmp_path / "run" / "checkpoints" / "step-00000000").model
    start = checkpoint.load(sample).model
    assert all(torch.equal(begun.state_dict()[k], v) for k, v in start.state_dict().items())
    with pytest.raises(UserError, match=r"encoder\.width is 0\.25 there and 1\.0 here"):
        federate(tmp_path / "x", start=sample, **settings | {"width": 1.0})


def test_other_settings_than_those_of_the_start_are_refused(sample, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    begin = ["pretrain", "builtin:2", "--start", sample, "--out", "run", "--steps", "2"]
    assert cli.run([*begin, "--encoder.name", "mobile", "--frontend.bands", "32"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "encoder.name is dense there and mobile here" in said
    assert "frontend.bands is 64 there and 32 here" in said
    with pytest.raises(UserError, match=r"encoder\.width is 0\.25 there and 1\.0 here"):
        tiny_audio_ssl.pretrain(
            "builtin:2", "run", start=sample, encoder=EncoderConfig("dense"), **SHORT
        )
    assert cli.run(["pretrain", "builtin:2", "--start", "smal"]) == 2
    assert sample in capsys.readouterr().err


def test_run_that_began_with_a_model_resumes_to_the_same_bytes(sample, tmp_path, monkeypatch):
    from tiny_audio_ssl.training.trainer import Trainer, TrainingInterruptedError

    options = {**SHORT, "steps": 4, "checkpoint_every": 2, "task": "temporal-gap"}
    tiny_audio_ssl.pretrain("builtin:2", tmp_path / "straight", start=sample, **options)
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_any", lambda self, stop: self.step == 2)
        with pytest.raises(TrainingInterruptedError):
            tiny_audio_ssl.pretrain("builtin:2", tmp_path / "cut", start=sample, **options)
    tiny_audio_ssl.resume(tmp_path / "cut", progress=False)
    for file in (checkpoint.MODEL, checkpoint.TRAINING):
        straight, cut = (tmp_path / run / "last" / file for run in ("straight", "cut"))
        assert straight.read_bytes() == cut.read_bytes()
    assert checkpoint.load(tmp_path / "cut").run["start"]["name"] == sample
