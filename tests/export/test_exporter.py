"""Real exports: the artifacts agree with the model, are small and whole, and errors teach."""

from __future__ import annotations

import contextlib
import json
import resource
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from support.exports import exported_once
from support.runs import WINDOW, chord, make_run
from torch import nn

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.bodies import convolution_count
from tiny_audio_ssl.models.encoder_config import ENCODER_NAMES, EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder, parameter_count

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.export import artifact_builder, manifest
from tiny_audio_ssl.export.exporter import ExportResult, export
from tiny_audio_ssl.export.forms import Form
from tiny_audio_ssl.export.lowering import folded
from tiny_audio_ssl.export.runtimes import open_artifact


@pytest.fixture(scope="session", params=ENCODER_NAMES)
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ExportResult:
    """An encoder of full width in int8, with the front-end inside."""

    def make(folder: Path) -> ExportResult:
        run = make_run(folder, EncoderConfig(name=request.param))
        return export(
            run, precision="int8", input="waveform", calibration_clips=16, parity_clips=24,
            min_snr_db=10.0,  # of random weights
        )  # fmt: skip

    return exported_once(tmp_path_factory, f"waveform-export-{request.param}", make)


def quick(run: Path, out: Path, **changes: object) -> ExportResult:
    """Export the form that is the fastest to make."""
    fast = {"format": "executorch", "precision": "fp32", "input": "mel", "parity_clips": 4}
    return export(run, out, **(fast | changes))


def test_every_form_agrees_with_the_model(exported, small_export):
    for result, windows in ((exported, 24), (small_export, 8)):
        assert result.ok, [(a.path.name, a.parity) for a in result.artifacts]
        for artifact in result.artifacts:
            assert artifact.parity.windows == windows
            assert artifact.path.is_file() and artifact.path.name == artifact.form.file
    assert len(small_export.artifacts) == 4


def test_all_is_one_delegate(exported, small_export):
    for result in (exported, small_export):
        name = manifest.read(result.folder)["encoder"]["name"]
        convolutions = convolution_count(Encoder(EncoderConfig(name), 64))
        for artifact in result.artifacts:
            if artifact.form.format == "executorch":
                assert artifact.operators.delegates == 1
                assert artifact.operators.portable == {}
                assert artifact.operators.delegated["convolution"] == convolutions


def test_sizes(exported, small_export):
    for result in (exported, small_export):
        sizes = {a.form: a.bytes for a in result.artifacts}
        learned = manifest.read(result.folder)["encoder"]["name"] == "sinc-mobile"
        most = 260_000 if learned else 200_000  # its filters have weights for all bins
        for form, size in sizes.items():
            exact = Form(form.format, "fp32", form.input)
            assert form.precision == "fp32" or size < sizes.get(exact, size + 1)
            assert form.precision != "int8" or size < most


def test_repeated_weights_are_stored_once(tmp_path):
    run = make_run(tmp_path / "run", EncoderConfig("shared"))
    both = ("executorch", "onnx")
    result = quick(run, tmp_path / "out", format=both, parity=False)
    weights = 4 * parameter_count(checkpoint.load(run).model.encoder)
    for artifact in result.artifacts:  # three copies more would be 235,000 bytes
        assert abs(artifact.bytes - weights) < 60_000


def test_the_front_end_adds_little(small_run, small_export, tmp_path):
    result = quick(small_run, tmp_path / "out", input="waveform", format="onnx", parity=False)
    from_mel = next(a.bytes for a in small_export.artifacts if a.form.file.endswith("fp32.onnx"))
    assert 0 < result.artifacts[0].bytes - from_mel < 60_000


def test_onnx_batch_equals_singles(exported):
    waves = np.stack([chord(100 + i, 1.0)[:WINDOW] for i in range(4)]).astype(np.float32)
    for path in exported.folder.glob("encoder.waveform.*.onnx"):
        run = open_artifact(path)
        singles = np.concatenate([run(wave[None]) for wave in waves])
        apart = np.sort(np.abs(run(waves) - singles).max(axis=1))
        if manifest.read(exported.folder)["encoder"]["name"] == "sinc-mobile":
            # Sums of another order round an int8 value the other way in one of the four windows.
            assert apart[-1] < 0.2
            apart = apart[:-1]
        assert apart[-1] < 1e-4


def test_calibration_and_comparison_share_nothing(exported):
    content = manifest.read(exported.folder)
    calibration, compared = content["calibration"], content["compared_on"]
    assert (len(calibration), len(compared)) == (16, 24)
    assert not {w["path"] for w in calibration} & {w["path"] for w in compared}


def test_perturbed_weights_fail_the_comparison(small_run, tmp_path, monkeypatch):
    def disturbed(network: nn.Module, *rest: object) -> object:
        broken = folded(network)
        with torch.no_grad():
            for parameter in broken.parameters():
                parameter.mul_(1.05)
        return to_executorch(broken, *rest)

    to_executorch = artifact_builder.to_executorch
    monkeypatch.setattr(artifact_builder, "to_executorch", disturbed)
    result = quick(small_run, tmp_path / "out")
    assert not result.ok
    assert result.artifacts[0].path.is_file()
    assert manifest.read(result.folder)["artifacts"][0]["parity"]["ok"] is False


def test_only_an_export_is_replaced(small_run, export_copy, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.txt").write_text("four years of work")
    with pytest.raises(UserError, match="--out"):
        quick(small_run, tmp_path / "thesis")
    assert (tmp_path / "thesis" / "thesis.txt").is_file()
    (export_copy / "encoder.mel.fp32.pte").write_bytes(b"")
    quick(small_run, export_copy)
    assert [a["file"] for a in manifest.read(export_copy)["artifacts"]] == ["encoder.mel.fp32.pte"]


def test_too_few_windows_are_told(small_run, tmp_path):
    result = quick(small_run, tmp_path / "out", window_ms=2900.0, parity_clips=100_000)
    assert "of 100000 windows" in result.notes[0]
    for window_ms in (60_000.0, 10.0):
        with pytest.raises(UserError, match="--window-ms"):
            quick(small_run, tmp_path / "long", window_ms=window_ms)
    assert not (tmp_path / "long").exists()


def test_no_recordings_needed_without_comparison(small_run, tmp_path):
    bare = checkpoint.locate(small_run)
    with pytest.raises(UserError, match="--calibration"):
        quick(bare, tmp_path / "out")
    assert quick(bare, tmp_path / "out", parity=False).artifacts[0].parity is None


def test_a_limit_for_int8_needs_int8(small_run, tmp_path):
    with pytest.raises(UserError, match="--min-snr-db 20 is for int8"):
        quick(small_run, tmp_path / "out", min_snr_db=20.0)


def test_missing_extra_names_it(small_run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "executorch.runtime", None)
    with pytest.raises(UserError, match=r"tiny-audio-ssl\[executorch\]"):
        quick(small_run, tmp_path / "out")


@contextlib.contextmanager
def small_disk() -> Iterator[None]:
    """No file may grow beyond 20 kB: a writer sees what a full disk gives it. Nothing else may be
    written meanwhile, not even a test report."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("format", ["executorch", "onnx"])
def test_a_full_disk_leaves_what_was_there(small_run, tmp_path, format):
    target = tmp_path / "export"
    target.mkdir()
    earlier = json.dumps({"format_version": 3, "artifacts": [], manifest.SEAL: ""})
    (target / manifest.MANIFEST).write_text(earlier)
    with pytest.raises(UserError, match="no space left"), small_disk():
        quick(small_run, target, format=format, parity=False)
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
    assert (target / manifest.MANIFEST).read_text() == earlier


def test_a_checkpoint_of_another_version(small_run, tmp_path):
    copy = Path(shutil.copytree(checkpoint.locate(small_run), tmp_path / "checkpoint"))
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "format": 7}))
    with pytest.raises(UserError, match="format 7, written by"):
        quick(copy, tmp_path / "out", parity=False)
    encoder = {**config["encoder"], "dilation": 2}
    (copy / "config.json").write_text(json.dumps({**config, "encoder": encoder}))
    with pytest.raises(UserError, match="other settings or shapes"):
        quick(copy, tmp_path / "out", parity=False)
