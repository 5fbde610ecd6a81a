"""manifest.json: everything an app needs to know about the artifacts beside it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing.heads import Head
from tiny_audio_ssl.export import heads
from tiny_audio_ssl.export.forms import FORMATS, Form, as_input
from tiny_audio_ssl.export.shapes import Shapes
from tiny_audio_ssl.export.windows import Window
from tiny_audio_ssl.models.checkpoint import Checkpoint
from tiny_audio_ssl.models.encoders import WaveformEncoder, multiply_adds, parameter_count
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import sha256, write_json
from tiny_audio_ssl.utils.written_by import unreadable
from tiny_audio_ssl.version import __version__

FORMAT_VERSION = 3
READABLE_VERSIONS = (2, 3)  # 2: the key `license` was spelled `licence`
SCHEMA = "manifest.schema.json"
SEAL = "content_sha256"
MANIFEST = "manifest.json"
_MEANINGS = {
    "waveform": ([-1.0, 1.0], "mono samples at sample_rate_hz; 16-bit PCM divided by 32768"),
    "stream": ([-1.0, 1.0], "the next mono samples at sample_rate_hz; 16-bit PCM by 32768"),
    "mel": (None, "natural-log mel power, each band normalized: the output of the front-end"),
}


class ManifestError(UserError):
    """A manifest, or an artifact beside it, that is missing, altered or of another version."""


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


def learned_dim(content: Mapping[str, Any]) -> int | None:
    """Return the size of the first part of an embedding, which the weights decide.

    None if the manifest does not say, as those of older versions do not.
    """
    found: int | None = content.get("encoder", {}).get("learned_dim")
    return found


def versions(forms: Sequence[Form]) -> dict[str, str]:
    """Return the version of every package that makes artifacts of these forms."""
    packages = {"torch", "numpy"}.union(*(FORMATS[form.format].packages for form in forms))
    return {"tiny-audio-ssl": __version__} | {
        package: metadata.version(package) for package in sorted(packages)
    }


def write(folder: Path, content: dict[str, Any]) -> Path:
    """Write the manifest with a hash of its own content, which must fit the schema."""
    content = json.loads(json.dumps(content))  # tuples become lists, as a reader finds them
    sealed = {**content, SEAL: _digest(content)}
    if wrong := violations(sealed):
        raise AssertionError(f"{SCHEMA}: {'; '.join(wrong)}")
    write_json(folder / MANIFEST, sealed)
    return folder / MANIFEST


def schema() -> dict[str, Any]:
    """Read the JSON Schema (draft 2020-12) of a manifest, which is installed beside this module."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name(SCHEMA).read_text())
    return found


def violations(content: Any) -> list[str]:
    """Return a line for each way in which a manifest does not fit the schema."""
    # Both extras that export bring it: whoever can run an artifact can check its manifest.
    jsonschema = require("jsonschema", "onnx")
    found = jsonschema.Draft202012Validator(schema()).iter_errors(content)
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


def trusted(path: str | Path) -> dict[str, Any]:
    """Read the manifest of an export folder, which must be as it was written; open no artifact.

    Raises `ManifestError`: none there, another format version, edited, not as the schema says.
    """
    file = _file(path)
    content = _parsed(file)
    if wrong := violations(content):
        raise ManifestError(f"{file}: not as {SCHEMA} says: {'; '.join(wrong[:3])}")
    if content[SEAL] != _digest(content):
        raise ManifestError(f"{file}: edited since it was written; copy it again, or export again")
    return content


def read(path: str | Path) -> dict[str, Any]:
    """Read the manifest of an export folder (or the file itself) and check every artifact.

    Raises `ManifestError`: none there, damaged, another format version, an artifact that is
    missing, truncated or altered.
    """
    file = _file(path)
    content = _parsed(file)
    for artifact in content["artifacts"]:
        check(file.parent / artifact["file"], artifact)
    return content


def _file(path: str | Path) -> Path:
    path = Path(path)
    return path / MANIFEST if path.is_dir() else path


def _digest(content: dict[str, Any]) -> str:
    """Hash everything but the digest itself, whatever the order and the line breaks."""
    rest = {name: value for name, value in content.items() if name != SEAL}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _parsed(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text())
        version = content["format_version"]
    except FileNotFoundError as error:
        raise ManifestError(
            f"{file}: not there; expected the folder that `tiny-audio-ssl export RUN` makes"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{file}: not a manifest ({error}); export again") from error
    if version not in READABLE_VERSIONS:
        reads = f"format versions {' and '.join(map(str, READABLE_VERSIONS))}"
        raise ManifestError(unreadable(file, f"format version {version}", reads, content))
    return dict(content)


def check(path: Path, artifact: dict[str, Any]) -> None:
    """Raise `ManifestError` if an artifact is missing, or differs in size or hash."""
    if not path.is_file():
        raise ManifestError(f"{path}: not there, but in {MANIFEST}; copy the whole folder again")
    size = path.stat().st_size
    if size != artifact["bytes"] or sha256(path) != artifact["sha256"]:
        raise ManifestError(
            f"{path}: truncated or altered ({size} bytes; {MANIFEST} says {artifact['bytes']} and "
            "another sha256); copy the folder again, or export again"
        )


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
