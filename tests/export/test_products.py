"""Products: what a task gives beside the embedding, as artifacts in both formats."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from support.exports import exported_once
from support.made_once import made_once
from support.runs import make_run
from torch import Tensor, nn

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.bench import eager
from tiny_audio_ssl.bench.discovery import find_subjects
from tiny_audio_ssl.export import manifest, reference, verify
from tiny_audio_ssl.export.android import install
from tiny_audio_ssl.export.artifact_model import open_model
from tiny_audio_ssl.export.config import ExportConfig
from tiny_audio_ssl.export.exporter import ExportResult, export
from tiny_audio_ssl.export.forms import Form
from tiny_audio_ssl.export.product_model import ProductModel, load_product
from tiny_audio_ssl.export.products import compare_outputs, forms_of, product_network
from tiny_audio_ssl.export.runtimes import open_outputs
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.pretext.configs.hubert import HubertConfig
from tiny_audio_ssl.pretext.product import Output, Product
from tiny_audio_ssl.pretext.tasks.hubert import Hubert
from tiny_audio_ssl.training.config import PretrainConfig

CONFIG = HubertConfig(size=16, clusters=(4, 6))


def make_unit_run(folder: Path) -> Path:
    """A run of `hubert` with random weights, and 16 recordings."""
    make_run(folder, EncoderConfig(width=0.25, slice_frames=8))
    loaded = checkpoint.load(folder)
    torch.manual_seed(0)
    task = Hubert(CONFIG, loaded.model.encoder, FrontendConfig())
    nn.init.normal_(task.units.weight)
    settings = PretrainConfig("hubert", CONFIG, loaded.model.encoder.config)
    heads = {f"pretext.{name}": value for name, value in task.state_dict().items()}
    checkpoint.save(folder / "last", loaded.model, asdict(settings), {"step": 0}, heads)
    return folder


@pytest.fixture(scope="session")
def unit_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "unit-run", make_unit_run)


@pytest.fixture(scope="session")
def unit_export(tmp_path_factory: pytest.TempPathFactory, unit_run: Path) -> ExportResult:
    def make(folder: Path) -> ExportResult:
        return export(unit_run, folder, product="units", parity_clips=4)

    return exported_once(tmp_path_factory, "unit-export", make)


def task_of(run: Path) -> tuple[Hubert, checkpoint.Checkpoint]:
    loaded = checkpoint.load(run)
    task = Hubert(CONFIG, loaded.model.encoder, FrontendConfig()).eval()
    state = checkpoint.within(checkpoint.load_training(loaded.folder), "pretext.")
    task.load_state_dict(state)
    return task, loaded


def units_by_hand(run: Path, waveform: Tensor) -> list[int]:
    """Each slice of 8 log-mel frames, 4 apart, on its own."""
    task, loaded = task_of(run)
    found = []
    with torch.no_grad():
        logmel = loaded.model.frontend(waveform[None])
        for start in range(0, logmel.shape[3] - 7, 4):
            features = loaded.model.encoder(logmel[..., start : start + 8])
            found.append(int(task.units(features).argmax()))
    return found


def test_artifacts_give_the_tasks_units(unit_run, unit_export):
    assert [artifact.path.name for artifact in unit_export.artifacts] == [
        "units.waveform.fp32.pte",
        "units.mel.fp32.pte",
        "units.waveform.fp32.onnx",
        "units.mel.fp32.onnx",
    ]
    assert unit_export.ok
    rng = torch.Generator().manual_seed(1)
    waveform = 0.1 * torch.randn(15_600, generator=rng)
    expected = units_by_hand(unit_run, waveform)
    assert len(expected) == 23 and len(set(expected)) > 1
    for artifact in unit_export.artifacts:
        if artifact.form.input == "waveform":
            (units,) = open_outputs(artifact.path)(waveform[None].numpy())
            assert units.dtype == np.int64 and units[0, :, 0].tolist() == expected


def test_onnx_takes_several_windows(unit_export):
    rng = torch.Generator().manual_seed(2)
    waves = (0.1 * torch.randn(3, 15_600, generator=rng)).numpy()
    run = open_outputs(unit_export.folder / "units.waveform.fp32.onnx")
    (together,) = run(waves)
    alone = np.concatenate([run(wave[None])[0] for wave in waves])
    assert together.shape == (3, 23, 1) and np.array_equal(together, alone)


def test_manifest_says_what_the_units_are(unit_export):
    content = manifest.read(unit_export.folder)
    for entry in content["artifacts"]:
        (output,) = entry["outputs"]
        assert (output["name"], output["dtype"]) == ("units", "int64")
        assert (
            output["shape"][1:] == [23, 1] and "1520 samples from sample 640 k" in output["meaning"]
        )
        assert entry["product"]["name"] == "units" and entry["product"]["task"] == "hubert"
        assert entry["scores_parity"]["units"]["top_label_agreement"] == 1.0
    assert "# Audio units by hubert" in (unit_export.folder / "MODEL_CARD.md").read_text()


def test_verify_finds_them_as_exported(unit_export, inline):
    assert verify.verify(unit_export.folder).ok
    name = "units.mel.fp32.onnx"
    expected = json.loads((unit_export.folder / "reference.json").read_text())["artifacts"][name]
    (entry,) = (a for a in manifest.read(unit_export.folder)["artifacts"] if a["file"] == name)
    found = reference.run_on_references(unit_export.folder / name, entry)
    assert not reference.differences(found, expected)
    found["units"][0] += 1  # of three clips
    (wrong,) = reference.differences(found, expected)
    assert "gives other units" in wrong and "33.3%" in wrong


def test_bench_finds_them_and_the_eager_model(unit_export):
    subjects = find_subjects([unit_export.folder])
    assert [subject.artifact for subject in subjects][:2] == ["eager waveform", "eager mel"]
    content = manifest.read(unit_export.folder)
    network = eager.build_network(content, content["artifacts"][0])
    with torch.no_grad():
        assert network(torch.zeros(1, 15_600)).shape == (1, 23, 1)


def test_they_are_no_embeddings(unit_export, tmp_path):
    with pytest.raises(UserError, match="takes waveforms and returns embeddings"):
        open_model(unit_export.folder / "units.waveform.fp32.onnx")
    (tmp_path / "app" / "src" / "main").mkdir(parents=True)
    with pytest.raises(UserError, match="no ONNX artifact"):
        install(unit_export.folder, tmp_path)


def test_command_line(unit_run, tmp_path, capsys):
    out = tmp_path / "out"
    given = ("--product", "units", "--format", "onnx", "--input", "mel", "--parity-clips", "2")
    assert cli.run(["export", str(unit_run), "--out", str(out), *given, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["artifacts"][0]["product"] == "units"
    assert printed["artifacts"][0]["scores"]["units"]["ok"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"product": "pitch"}, "trained by hubert, whose outputs are embedding and units"),
        ({"product": "units", "input": "stream"}, "--input stream"),
        ({"product": "units", "precision": "int8"}, "fp32 alone"),
        ({"product": "units", "target_snr_db": 20}, "fp32 alone"),
        ({"product": "units", "readout": ("last",)}, "--readout"),
        ({"product": "units", "max_batch": 4}, "--max-batch"),
    ],
)
def test_settings_that_exclude_each_other(unit_run, tmp_path, settings, message):
    with pytest.raises(UserError, match=message):
        export(unit_run, tmp_path / "out", **settings)


def test_models_without_a_task_have_none(small_run, tmp_path):
    with pytest.raises(UserError, match="a model without the heads of its task"):
        export("small", tmp_path / "out", product="units")
    with pytest.raises(UserError, match="a model without the heads of its task"):
        load_product("small")
    with pytest.raises(UserError):  # a checkpoint whose heads were deleted
        export(small_run, tmp_path / "out", product="units")


class Gain(nn.Module):
    """Samples -> samples and their level, as an enhancement would give."""

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        return 0.5 * waveform, waveform.abs().mean(dim=1, keepdim=True)


def gain() -> Product:
    outputs = (Output("enhanced", "[batch, sample]"), Output("level", "[batch, 1]"))
    return Product("enhanced", Gain(), "waveform", outputs, PretextConfig())


def test_a_product_of_samples_takes_samples_only():
    forms = [Form("onnx", "fp32", "waveform"), Form("onnx", "fp32", "mel")]
    (form,) = forms_of(gain(), forms)
    assert form.file == "enhanced.waveform.fp32.onnx"
    assert product_network(gain(), LogMel(), "waveform")(torch.ones(1, 4))[0].tolist() == [
        [0.5] * 4
    ]
    with pytest.raises(UserError, match="--input waveform"):
        forms_of(gain(), forms[1:])


def test_signals_are_compared_by_the_worst_of_them(rng):
    wanted = [torch.randn(8, 100, generator=rng), torch.randn(8, 1, generator=rng)]
    noisy = [wanted[0], wanted[1] + 0.1 * torch.randn(8, 1, generator=rng)]
    parity, ids = compare_outputs(gain(), noisy, wanted, "fp32")
    assert parity is not None and not parity.ok and 10 < parity.snr_db < 30 and not ids
    parity, _ = compare_outputs(gain(), wanted, wanted, "fp32")
    assert parity is not None and parity.ok


def test_config_knows_what_gives_the_embedding():
    assert ExportConfig().of_embedding and not ExportConfig(product="units").of_embedding


def test_run_export_and_artifact_give_the_same_from_python(unit_run, unit_export, rng):
    sound = (0.1 * torch.randn(15_600, generator=rng)).numpy()
    expected = units_by_hand(unit_run, torch.from_numpy(sound))
    pte = unit_export.folder / "units.waveform.fp32.pte"
    for path in (unit_run, unit_export.folder, pte):
        units = load_product(path)
        assert units.name == "units" and "sample 640 k" in units.outputs[0].meaning
        assert units(sound)["units"][:, 0].tolist() == expected
        batch = units(np.stack([sound, sound]))["units"]
        assert batch[1, :, 0].tolist() == expected
    assert load_product(unit_run)(sound[:100])["units"].shape == (1, 1)  # one slice, with zeros
    with pytest.raises(UserError, match="100 samples at 16 kHz; this artifact takes 15600"):
        load_product(pte)(sound[:100])


def test_sound_of_another_rate_is_resampled(unit_run):
    units = load_product(unit_run)
    assert units(np.zeros(44_100), sample_rate_hz=44_100)["units"].shape == (23, 1)


def test_products_of_two_sounds():
    """With rates of their own; each row of a batch is compared with that of the other batch."""
    outputs = (Output("distance", "[batch]"),)
    distance = ProductModel(
        "distance", outputs, lambda waves: [np.abs(waves[:, 0] - waves[:, 1]).mean(1)], sounds=2
    )
    quiet, loud = np.full((3, 8_000), 0.1), np.full((3, 16_000), 0.3)
    found = distance(quiet, loud, sample_rate_hz=(8_000, 16_000))["distance"]
    assert found.shape == (3,) and np.allclose(found, 0.2, atol=0.01)
    assert distance(quiet[0], quiet[1])["distance"] == 0
    with pytest.raises(UserError, match="takes 2 sounds; 1 were given"):
        distance(quiet)
    with pytest.raises(UserError, match=r"\[3, 8000\] and \[3, 16000\]: cut the longer one"):
        distance(quiet, loud)


def test_embeddings_are_no_product(small_run, small_export, unit_export):
    with pytest.raises(UserError, match="expected an export made with --product"):
        load_product(small_export.folder)
    with pytest.raises(UserError, match=r"expected units\.waveform\.fp32\.pte, "):
        load_product(unit_export.folder / "units.mel.fp32.onnx")
