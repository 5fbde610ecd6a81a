"""Artifacts for several windows at a time and for windows of any length, tried at both ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.runs import make_run

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.exporter import ExportResult, export
from tiny_audio_ssl.export.forms import Form, as_input, network
from tiny_audio_ssl.export.runtimes import open_artifact
from tiny_audio_ssl.export.shapes import shapes_of, try_corners
from tiny_audio_ssl.export.verify import verify

SLICE = 16
WINDOW_MS = 500.0  # 48 frames, three slices


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = EncoderConfig(width=0.25, slice_frames=SLICE)
    return make_run(tmp_path_factory.mktemp("run"), config)


@pytest.fixture(scope="module")
def exported(run: Path) -> ExportResult:
    return export(
        run, format="executorch", input="mel", window_ms=WINDOW_MS, max_window_ms=1000,
        max_batch=3, calibration_clips=8, parity_clips=8,
    )  # fmt: skip


def test_every_size_in_the_range_equals_the_model(run, exported):
    model = checkpoint.load(run).model
    entries = {e["file"]: e for e in manifest.read(exported.folder)["artifacts"]}
    for artifact in exported.artifacts:
        assert artifact.ok
        batch, frames = entries[artifact.path.name]["input"]["sizes"]
        assert batch == {"name": "batch", "min": 1, "max": 3, "step": 1}
        assert frames == {"name": "frames", "min": 16, "max": 96, "step": 16}
        given = open_artifact(artifact.path)
        for count in (1, 2, 3):
            for slices in (1, 2, 5, 6):
                wave = 0.1 * torch.randn(count, 240 + 160 * SLICE * slices)
                logmel = as_input(model, "mel", wave)
                with torch.no_grad():
                    expected = network(model, "mel")(logmel).numpy()
                found = given(logmel.numpy())
                tolerance = 1e-4 if artifact.form.precision == "fp32" else 0.5
                np.testing.assert_allclose(found, expected, atol=tolerance)


def test_the_manifest_holds_what_was_tried_and_verify_takes_it(exported, inline):
    content = manifest.read(exported.folder)
    assert content["window_samples"] == 240 + 160 * 48 and content["frames"] == 48
    for entry in content["artifacts"]:
        assert entry["input"]["shape"] == ["batch", 1, 64, 48]
        assert entry["input"]["tried"] == [[1, 2800], [1, 15600], [3, 2800], [3, 15600]]
    assert verify(exported.folder).ok


def test_waveforms_of_any_length(run, tmp_path):
    result = export(
        run, tmp_path / "out", precision="fp32", input="waveform", max_window_ms=1000,
        parity_clips=4,
    )  # fmt: skip
    model = checkpoint.load(run).model
    for artifact in result.artifacts:
        (sizes,) = [s for s in _sizes(result, artifact.form) if s["name"] == "samples"]
        assert sizes == {"name": "samples", "min": 2800, "max": 15600, "step": 2560}
        for samples in (2800, 5360, 15600):
            wave = 0.1 * torch.randn(1, samples)
            with torch.no_grad():
                expected = model(wave).numpy()
            found = open_artifact(artifact.path)(wave.numpy())
            np.testing.assert_allclose(found, expected, atol=1e-4)


def test_sizes_are_fixed_unless_asked_for(run):
    shapes = shapes_of(checkpoint.load(run).model, 15_600, None, None)
    fixed, any_batch = (Form(name, "fp32", "mel") for name in ("executorch", "onnx"))
    assert shapes.described(fixed) == {"sizes": [], "tried": [[1, 15600]]}
    (batch,) = shapes.described(any_batch)["sizes"]
    assert batch == {"name": "batch", "min": 1, "max": 64, "step": 1}


def test_an_artifact_that_shrank_is_refused(run, tmp_path):
    """As if the exporter had narrowed the range, or a kernel went wrong at its end."""
    model = checkpoint.load(run).model
    form = Form("executorch", "fp32", "mel")
    shapes = shapes_of(model, 15_600, 1000, 2)
    whole = network(model, "mel")

    def exact(logmel: np.ndarray) -> list[np.ndarray]:
        with torch.no_grad():
            return [whole(torch.from_numpy(logmel)).numpy()]

    def narrow(logmel: np.ndarray) -> list[np.ndarray]:
        if logmel.shape[3] > 48:
            raise RuntimeError("resize failed")
        return exact(logmel)

    def wrong(logmel: np.ndarray) -> list[np.ndarray]:
        return [exact(logmel)[0][:1].repeat(len(logmel), axis=0)]

    path = tmp_path / form.file
    try_corners(shapes, form, model, whole, exact, path)
    with pytest.raises(UserError, match="batch of 1 and 15600 samples it does not run"):
        try_corners(shapes, form, model, whole, narrow, path)
    with pytest.raises(UserError, match=r"batch of 2 and 2800 samples it gives \[2, 384\] at"):
        try_corners(shapes, form, model, whole, wrong, path)


def test_ranges_that_are_none_are_refused(run, tmp_path):
    for options, said in (
        ({"max_window_ms": 300}, "expected at least 335 ms"),
        ({"max_batch": 0}, "max_batch is 0; expected"),
    ):
        with pytest.raises(UserError, match=said):
            export(run, tmp_path / "out", parity=False, precision="fp32", **options)
    assert not (tmp_path / "out").exists()


def _sizes(result: ExportResult, form: Form) -> list[dict[str, object]]:
    entries = manifest.read(result.folder)["artifacts"]
    return next(e["input"]["sizes"] for e in entries if e["file"] == form.file)
