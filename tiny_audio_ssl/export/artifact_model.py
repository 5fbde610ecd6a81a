"""An artifact as a model to probe, in its own runtime."""

from __future__ import annotations

from pathlib import Path

from tiny_audio_ssl.embedding.embedder import EmbeddingModel
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing import models
from tiny_audio_ssl.evaluation.probing.in_windows import InWindows
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.forms import FORMATS
from tiny_audio_ssl.export.runtimes import open_artifact

SUFFIXES = tuple(format.suffix for format in FORMATS.values())


def open_model(spec: str | Path, weights: str | Path | None = None) -> EmbeddingModel:
    """Open a model by its name on the command line.

    Args:
        spec: an exported .pte or .onnx that takes waveforms, or what
            `evaluation.probing.models.open_model` takes: a run, `random:RUN`, `logmel`, `hear:...`.
        weights: of a `hear:` module.

    Raises `UserError`: no such model, weights for a model that takes none.
    """
    prefixed = str(spec).startswith(("hear:", "random:"))
    if weights is None and not prefixed and Path(spec).suffix in SUFFIXES:
        return open_waveform_artifact(Path(spec))
    return models.open_model(spec, weights)


def open_waveform_artifact(path: Path) -> InWindows:
    """Open an artifact beside its manifest.

    Raises `UserError`: it takes no waveform, or differs from its manifest.
    """
    content = manifest.read(path.parent)
    entry = next((a for a in content["artifacts"] if a["file"] == path.name), None)
    fitting = [
        a["file"]
        for a in content["artifacts"]
        if a["input"]["kind"] == "waveform" and "product" not in a
    ]
    if entry is None or path.name not in fitting:
        raise UserError(
            f"{path}: a probe needs an artifact that takes waveforms and returns embeddings; "
            f"beside it are {', '.join(fitting) or 'none: export with --input waveform'}"
        )
    run = open_artifact(path, threads=1)
    dim, samples = content["embedding_dim"], content["window_samples"]
    return InWindows(run, samples, dim, str(path), entry["sha256"])
