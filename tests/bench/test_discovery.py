"""Subjects found in export folders."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tiny_audio_ssl import UserError

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.bench import peers
from tiny_audio_ssl.bench.discovery import find_subjects
from tiny_audio_ssl.export import manifest


def test_multiply_adds_of_the_graph_are_those_of_the_model(mel_export):
    path = mel_export / "encoder.mel.fp32.onnx"
    expected = manifest.read(mel_export)["encoder"]["multiply_adds"]
    (_, artifact) = find_subjects([path])
    assert artifact.multiply_adds == expected
    assert peers.read(path, 975.0).multiply_adds == expected


def test_the_runner_refuses_artifacts_of_several_sizes(waveform_export):
    varying = next(
        s for s in find_subjects([waveform_export]) if s.path and s.path.suffix == ".pte"
    )
    with pytest.raises(UserError, match="without --max-window-ms and --max-batch"):
        replace(varying, sizes_vary=True).check_native()
