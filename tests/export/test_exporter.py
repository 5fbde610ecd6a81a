"""Real exports: the artifacts agree with the model, are small and whole, and errors teach."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support.runs import WINDOW, chord, make_run
from torch import nn

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import EncoderConfig
from tiny_audio_ssl.models.frontend import FrontendConfig

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.export import ExportResult, export_run, manifest
from tiny_audio_ssl.export.forms import Form, choose
from tiny_audio_ssl.export.lowering import folded, program
from tiny_audio_ssl.export.parity import compare
from tiny_audio_ssl.export.runtimes import open_artifact

# Exporting takes seconds a form; what fp32 could get wrong does not depend on the encoder.
PRECISIONS = {"mobile": ("fp32", "int8"), "separable": ("int8",)}


@pytest.fixture(scope="module", params=sorted(PRECISIONS))
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[checkpoint.Checkpoint, ExportResult]:
    run = make_run(tmp_path_factory.mktemp("run"), EncoderConfig(name=request.param))
    precisions = PRECISIONS[request.param]
    result = export_run(run, precisions=precisions, calibration_clips=16, parity_clips=24)
    return checkpoint.load(run), result


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("small"), EncoderConfig(width=0.25))


@pytest.fixture
def small_export(small_folder: Path, tmp_path: Path) -> Path:
    """A copy of an export, to be damaged."""
    return Path(shutil.copytree(small_folder, tmp_path / "export"))


@pytest.fixture(scope="module")
def small_folder(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return quick(small_run, out=tmp_path_factory.mktemp("exported") / "export").folder


def quick(run: Path, **options: object) -> ExportResult:
    """The form that exports fastest."""
    given = {"formats": ["executorch"], "precisions": ["fp32"], "inputs": ["mel"]} | options
    return export_run(run, parity_clips=4, **given)  # type: ignore[arg-type]


def test_every_form_agrees_with_the_model(exported):
    _, result = exported
    assert len(result.artifacts) in (4, 8)
    assert result.ok, [(a.path.name, a.parity) for a in result.artifacts]
    for artifact in result.artifacts:
        assert artifact.parity.windows == 24
        assert artifact.path.is_file() and artifact.path.name == artifact.form.file


def test_all_is_one_delegate(exported):
    _, result = exported
    for artifact in result.artifacts:
        if artifact.form.format == "executorch":
            assert artifact.operators.delegates == 1
            assert artifact.operators.portable == {}
            assert artifact.operators.delegated["convolution"] >= 10


def test_sizes(exported):
    _, result = exported
    sizes = {a.form: a.bytes for a in result.artifacts}
    for name in ("executorch", "onnx"):
        from_mel, from_waveform = (sizes[Form(name, "int8", i)] for i in ("mel", "waveform"))
        assert from_waveform < 200_000 and from_waveform - from_mel < 60_000  # the front-end
    for form, size in sizes.items():
        exact = Form(form.format, "fp32", form.input)
        assert form.precision == "fp32" or size < sizes.get(exact, size + 1)


def test_front_end_stays_float(exported):
    import onnx

    _, result = exported
    nodes = list(onnx.load(result.folder / "encoder.waveform.int8.onnx").graph.node)
    made_by = {name: node for node in nodes for name in node.output}
    frontend, waiting = [], [node for node in nodes if node.op_type == "Log"]
    while waiting:
        frontend.append(waiting.pop())
        waiting += [made_by[name] for name in frontend[-1].input if name in made_by]
    assert len(frontend) > 10
    assert not any("Linear" in node.op_type for node in frontend)  # (De)QuantizeLinear
    assert sum(node.op_type == "DequantizeLinear" for node in nodes) > 10


def test_no_kernel_can_saturate(exported):
    """Without VNNI, two products of activations (0..255) and weights are added in an int16."""
    import onnx
    from onnx import numpy_helper

    _, result = exported
    for path in result.folder.glob("*.int8.onnx"):
        graph = onnx.load(path).graph
        arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        weights = [
            np.abs(arrays[node.input[0]].astype(int)).reshape(len(arrays[node.input[1]]), -1)
            for node in graph.node
            if node.op_type == "DequantizeLinear"
            and arrays.get(node.input[0], np.empty(0)).dtype == np.int8
        ]
        assert len(weights) >= 8
        for channels in weights:
            largest_two = np.sort(channels, axis=1)[:, -2:].sum(axis=1)
            assert largest_two.max() * 255 <= np.iinfo(np.int16).max


def test_onnx_batch_equals_singles(exported):
    _, result = exported
    waves = np.stack([chord(100 + i, 1.0)[:WINDOW] for i in range(4)]).astype(np.float32)
    for path in result.folder.glob("encoder.waveform.*.onnx"):
        run = open_artifact(path)
        singles = np.concatenate([run(wave[None]) for wave in waves])
        np.testing.assert_allclose(run(waves), singles, atol=1e-4)


def test_manifest_says_what_an_app_needs(exported):
    loaded, result = exported
    content = manifest.read(result.folder)
    assert content["window_samples"] == WINDOW and content["frames"] == 96
    assert content["checkpoint"] == {
        "model_sha256": loaded.sha256, "task": "temporal_gap", "progress": {"step": 0},
    }  # fmt: skip
    assert {"executorch", "onnxruntime", "torch"} <= set(content["versions"])
    by_file = {entry["file"]: entry for entry in content["artifacts"]}
    assert by_file["encoder.waveform.int8.pte"]["input"]["shape"] == [1, WINDOW]
    assert by_file["encoder.mel.int8.onnx"]["input"]["shape"] == ["batch", 1, 64, 96]
    assert by_file["encoder.mel.int8.onnx"]["parity"]["ok"] is True


def test_calibration_and_comparison_share_nothing(exported):
    _, result = exported
    content = manifest.read(result.folder)
    quantised, compared = content["calibration"], content["compared_on"]
    assert (len(quantised), len(compared)) == (16, 24)
    assert not {w["path"] for w in quantised} & {w["path"] for w in compared}


def test_perturbed_weights_fail_the_comparison(small_run, tmp_path, monkeypatch):
    from tiny_audio_ssl.export import job

    def disturbed(network: nn.Module, *rest: object) -> object:
        broken = folded(network)
        with torch.no_grad():
            for parameter in broken.parameters():
                parameter.mul_(1.05)
        return to_executorch(broken, *rest)

    to_executorch = job.to_executorch
    monkeypatch.setattr(job, "to_executorch", disturbed)
    result = quick(small_run, out=tmp_path / "out")
    assert not result.ok
    assert result.artifacts[0].path.is_file()
    assert manifest.read(result.folder)["artifacts"][0]["parity"]["ok"] is False


@pytest.mark.parametrize("pooling", ["mean_max", "max"])
@pytest.mark.parametrize("samples", [400, 5520, WINDOW, 32_000])
def test_rewritten_graph_equals_eager(encoder_name, pooling, samples):
    config = EncoderConfig(encoder_name, width=0.25, pooling=pooling)
    model = checkpoint.build_model(FrontendConfig(), config)
    wave = torch.randn(1, samples) * 0.1
    graph = program(folded(model), wave).module()
    torch.testing.assert_close(graph(wave), model.eval()(wave), atol=1e-4, rtol=1e-4)


def test_altered_artifact_is_found(small_export):
    path = small_export / "encoder.mel.fp32.pte"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(manifest.ManifestError, match="altered"):
        manifest.read(small_export)
    path.write_bytes(content[:100])
    with pytest.raises(manifest.ManifestError, match="truncated"):
        manifest.read(small_export)
    path.unlink()
    with pytest.raises(manifest.ManifestError, match="not there"):
        manifest.read(small_export)


def test_other_format_version_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"format_version": 99, "artifacts": []}))
    with pytest.raises(manifest.ManifestError, match="format version 99"):
        manifest.read(tmp_path)


def test_only_an_export_is_replaced(small_run, small_export, tmp_path):
    (tmp_path / "thesis.txt").write_text("four years of work")
    with pytest.raises(UserError, match="--out"):
        quick(small_run, out=tmp_path)
    assert (tmp_path / "thesis.txt").is_file()
    before = manifest.read(small_export)
    (small_export / "encoder.mel.fp32.pte").write_bytes(b"")
    quick(small_run, out=small_export)
    assert manifest.read(small_export)["compared_on"] == before["compared_on"]  # by the seed


def test_too_few_windows_are_told(small_run, tmp_path):
    result = export_run(
        small_run, tmp_path / "out", ["executorch"], ["fp32"], ["mel"], 2900.0, parity_clips=100_000
    )
    assert "of 100000 windows" in result.notes[0]
    with pytest.raises(UserError, match="--window-ms"):
        quick(small_run, out=tmp_path / "long", window_ms=60_000.0)
    assert not (tmp_path / "long").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"formats": ["tflite"]}, "--format tflite"),
        ({"precisions": ["int4"]}, "--precision int4"),
        ({"window_ms": 10.0}, "--window-ms 10"),
    ],
)
def test_errors_say_what_to_type(small_run, tmp_path, options, said):
    with pytest.raises(UserError, match=said):
        quick(small_run, out=tmp_path / "out", **options)


def test_no_recordings_needed_without_comparison(small_run, tmp_path):
    bare = checkpoint.locate(small_run)
    with pytest.raises(UserError, match="--calibration"):
        quick(bare, out=tmp_path / "out")
    assert quick(bare, out=tmp_path / "out", parity=False).artifacts[0].parity is None


def test_missing_extra_names_it(small_run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "executorch.runtime", None)
    with pytest.raises(UserError, match=r"tiny-audio-ssl\[executorch\]"):
        quick(small_run, out=tmp_path / "out")


def test_figures():
    expected = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    assert compare(expected, expected, 60.0).ok
    noisy = expected + 0.1 * torch.randn(50, 8, generator=torch.Generator().manual_seed(1))
    figures = compare(noisy + 100, expected + 100, 10.0)  # the common part does not count
    assert 18 < figures.snr_db < 22
    assert not compare(expected * torch.nan, expected, 10.0).ok
    with pytest.raises(UserError, match="at least 2"):
        compare(expected[:1], expected[:1], 10.0)


def test_forms_are_every_combination():
    assert [form.file for form in choose(("onnx",), ("fp32", "int8"), ("mel",))] == [
        "encoder.mel.fp32.onnx",
        "encoder.mel.int8.onnx",
    ]
