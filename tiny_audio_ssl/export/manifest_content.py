"""Describe a model and its artifacts, for manifest.json."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.evaluation.probing.heads import Head
from tiny_audio_ssl.export import heads
from tiny_audio_ssl.export.forms import FORMATS, Form, as_input
from tiny_audio_ssl.export.manifest import FORMAT_VERSION
from tiny_audio_ssl.export.shapes import Shapes
from tiny_audio_ssl.export.windows import Window
from tiny_audio_ssl.models.checkpoint import Checkpoint
from tiny_audio_ssl.models.encoders import WaveformEncoder, multiply_adds, parameter_count
from tiny_audio_ssl.utils.files import sha256
from tiny_audio_ssl.version import __version__

_MEANINGS = {
    "waveform": ([-1.0, 1.0], "mono samples at sample_rate_hz; 16-bit PCM divided by 32768"),
    "stream": ([-1.0, 1.0], "the next mono samples at sample_rate_hz; 16-bit PCM by 32768"),
    "mel": (None, "natural-log mel power, each band normalized: the output of the front-end"),
}


def describe(
    checkpoint: Checkpoint,
    samples: int,
    calibration: Sequence[Window],
    compared: Sequence[Window],
    forms: Sequence[Form],
    found_heads: Mapping[str, Head] | None = None,
) -> dict[str, Any]:
    """Return the part of a manifest that all its artifacts share."""
    found_heads = found_heads or {}
    model = checkpoint.model
    frontend, encoder = model.frontend.config, model.encoder
    mel = as_input(model, "mel", _silence(samples))
    root = _common_folder([*calibration, *compared])
    return {
        "format_version": FORMAT_VERSION,
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "window_ms": 1000 * samples / SAMPLE_RATE_HZ,
        "window_samples": samples,
        "frames": frontend.frames(samples),
        "hop_samples": frontend.hop,
        "embedding_dim": encoder.embedding_dim,
        "frontend": asdict(frontend),
        "encoder": asdict(encoder.config)
        | {
            "parameters": parameter_count(encoder),
            "multiply_adds": multiply_adds(encoder, mel),
            "learned_dim": encoder.learned_dim,
        },
        "checkpoint": {
            "model_sha256": checkpoint.sha256,
            "task": checkpoint.run.get("task"),
            "progress": checkpoint.progress,
        },
        "versions": versions(forms),
        "calibration": _where(calibration, root),
        "compared_on": _where(compared, root),
        "heads": heads.describe(found_heads),
    }


def entry(
    form: Form,
    model: WaveformEncoder,
    samples: int,
    file: Path,
    found_heads: Mapping[str, Head] | None = None,
    shapes: Shapes | None = None,
) -> dict[str, Any]:
    """Return the manifest's entry for one artifact: form, file, input and outputs.

    ExecuTorch's outputs have no names, but this order.
    """
    found_heads = found_heads or {}
    sizes = [model.encoder.embedding_dim, *(len(head.labels) for head in found_heads.values())]
    any_batch = shapes.batch(form) > 1 if shapes else form.format == "onnx"
    batch = "batch" if any_batch else 1
    shape = as_input(model, form.input, _silence(samples)).shape[1:]
    span, meaning = _MEANINGS[form.input]
    return {
        "file": file.name,
        "sha256": sha256(file),
        "bytes": file.stat().st_size,
        "format": form.format,
        "precision": form.precision,
        "input": {"kind": form.input, "name": form.input_name, "shape": [batch, *shape],
                  "dtype": "float32", "range": span, "meaning": meaning,
                  **(shapes.described(form) if shapes else {})},
        "outputs": [
            {"name": name, "shape": [batch, size], "dtype": "float32"}
            for name, size in zip(heads.output_names(found_heads), sizes, strict=True)
        ],
    }  # fmt: skip


def state_entries(shapes: Mapping[str, Sequence[int]], batch: int | str) -> list[dict[str, Any]]:
    """Return the manifest's entries for a stream's state, by the names of its inputs."""
    return [
        {"input": name, "output": f"next_{name}", "shape": [batch, *shape],
         "dtype": "float32", "start": 0.0}
        for name, shape in shapes.items()
    ]  # fmt: skip


def versions(forms: Sequence[Form]) -> dict[str, str]:
    """Return the version of every package that makes artifacts of these forms."""
    packages = {"torch", "numpy"}.union(*(FORMATS[form.format].packages for form in forms))
    return {"tiny-audio-ssl": __version__} | {
        package: metadata.version(package) for package in sorted(packages)
    }


def _common_folder(windows: Sequence[Window]) -> str:
    return os.path.commonpath([os.path.dirname(window.path) for window in windows] or [""])


def _where(windows: Sequence[Window], root: str) -> list[dict[str, Any]]:
    """Return windows by path within the corpus: a manifest is public, folder names are not."""
    return [
        {
            "path": os.path.relpath(window.path, root),
            "start_sample": window.start_sample,
            "samples": window.samples,
        }
        for window in windows
    ]


def _silence(samples: int) -> torch.Tensor:
    return torch.zeros(1, samples)
