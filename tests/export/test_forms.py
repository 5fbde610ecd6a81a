"""Forms: every combination that is asked for, and errors that name what there is."""

from __future__ import annotations

import pytest

from tiny_audio_ssl import UserError
from tiny_audio_ssl.export.config import ExportConfig
from tiny_audio_ssl.export.forms import choose


def files(**settings: object) -> list[str]:
    return [form.file for form in choose(ExportConfig(**settings))]


def test_forms_are_every_combination():
    assert files(format="onnx", input="mel") == ["encoder.mel.fp32.onnx", "encoder.mel.int8.onnx"]
    assert len(files()) == 8


def test_all_precisions_are_those_that_each_format_has():
    every = files(precision="all", input="mel")
    assert every == [
        "encoder.mel.fp32.pte",
        "encoder.mel.fp16.pte",
        "encoder.mel.int8.pte",
        "encoder.mel.fp32.onnx",
        "encoder.mel.fp16.onnx",
        "encoder.mel.int8-weights.onnx",
        "encoder.mel.int8.onnx",
    ]
    assert files(target_snr_db=25.0, input="mel") == every


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"format": "tflite"}, "--format tflite: expected .* executorch, onnx"),
        ({"format": ()}, r"--format \(nothing\)"),
        ({"precision": "int4"}, "--precision int4"),
        ({"input": "mp3"}, "--input mp3"),
        ({"precision": "int8-weights"}, "--format executorch has no --precision int8-weights"),
    ],
)
def test_errors_say_what_to_type(settings, said):
    with pytest.raises(UserError, match=said):
        choose(ExportConfig(**settings))
