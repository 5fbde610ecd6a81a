"""Export: a checkpoint becomes artifacts for ExecuTorch and ONNX, checked against the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest, reference
from tiny_audio_ssl.export.forms import FORMATS, Form, choose
from tiny_audio_ssl.export.heads import open_heads
from tiny_audio_ssl.export.job import Artifact, Job
from tiny_audio_ssl.export.model_card import Card
from tiny_audio_ssl.export.parity import MIN_SNR_DB, Parity
from tiny_audio_ssl.export.precision_search import Target, Tried
from tiny_audio_ssl.export.recordings import FEWEST_PARITY_WINDOWS, windows_of
from tiny_audio_ssl.export.shapes import shapes_of
from tiny_audio_ssl.export.streaming.stream_encoder import StreamShape, stream_shape
from tiny_audio_ssl.export.streaming.stream_runtime import Stream, StreamEmbedding
from tiny_audio_ssl.export.to_executorch import Operators
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.checkpoint import Checkpoint
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import atomic_folder
from tiny_audio_ssl.utils.quiet import exporters_hushed

__all__ = [
    "FORMATS",
    "Artifact",
    "Card",
    "ExportResult",
    "Form",
    "Operators",
    "Parity",
    "Stream",
    "StreamEmbedding",
    "Target",
    "Tried",
    "export_run",
]


@dataclass(frozen=True)
class ExportResult:
    folder: Path
    manifest: Path
    artifacts: tuple[Artifact, ...]
    notes: tuple[str, ...]  # what the user should know, such as too few windows to compare on

    @property
    def ok(self) -> bool:
        """Whether every artifact that was compared agrees with the model."""
        return all(artifact.ok for artifact in self.artifacts)


def export_run(
    run: str | Path,
    out: str | Path | None = None,
    formats: Sequence[str] = ("executorch", "onnx"),
    precisions: Sequence[str] = ("fp32", "int8"),
    inputs: Sequence[str] = ("waveform", "mel"),
    window_ms: float = 975.0,
    calibration: str | None = None,
    calibration_clips: int = 64,
    parity_clips: int = FEWEST_PARITY_WINDOWS,
    parity: bool = True,
    min_snr_db: float | None = None,
    seed: int = 0,
    readout: Sequence[str] | None = None,
    heads: Sequence[str | Path] = (),
    card: Card | None = None,
    target: Target | None = None,
    packet_ms: float | None = None,
    max_window_ms: float | None = None,
    max_batch: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> ExportResult:
    """Export a run's last checkpoint in every combination of formats, precisions and inputs.

    Args:
        run: a run's folder, or a checkpoint's (then `calibration` must name recordings).
        out: the folder to make; RUN/export if None. An earlier export there is replaced.
        window_ms: how much sound an artifact takes at a time.
        calibration: recordings to quantise by and compare on, instead of the run's own.
        calibration_clips, parity_clips: how many windows of them.
        parity: False leaves the comparison out, and with fp32 alone needs no recordings.
        min_snr_db: the least that an int8 embedding must reach; 10 dB if None. fp32: 60 dB.
        readout: other parts for the embedding than the checkpoint says (see `readout.py`).
        heads: files of `probe --save-head`; their scores become outputs behind the embedding.
        card: what the model card says beyond what the run and the artifacts tell.
        target: of the precisions, only the smallest that meets it is kept for each format and
            input.
        max_window_ms: windows may be as long as that, in whole slices of the encoder; `window_ms`
            is rounded to such slices then. None: of `window_ms` only.
        max_batch: windows that an artifact takes at a time; None: 1 in ExecuTorch, any in ONNX.
        packet_ms: how much sound a stream takes at a time (see `streaming.stream_shape`).
        progress: called with each artifact's file name before it is made.

    Artifacts that fail the comparison are kept; the result's `ok` is False.

    Raises `UserError`: no checkpoint, an unknown form, a missing extra, a folder in the way, no
    window of that length, too few or silent windows to quantise by, a head of another model.
    """
    wanted = choose(tuple(formats), tuple(precisions), tuple(inputs))
    with exporters_hushed():
        for form in wanted:
            for module in FORMATS[form.format].modules:
                require(module, FORMATS[form.format].extra)
    loaded = checkpoint.load(run, readout)
    found_heads = open_heads(heads, loaded)
    folder = Path(out) if out is not None else Path(run) / "export"
    manifest.may_replace(folder)
    samples = _window_samples(loaded, window_ms)
    shapes = shapes_of(loaded.model, samples, max_window_ms, max_batch)
    samples = shapes.samples(shapes.frames)
    shape = None
    if any(form.input == "stream" for form in wanted):
        if max_window_ms is not None or max_batch is not None:
            raise UserError("--input stream goes without --max-window-ms and --max-batch")
        shape = _shape(loaded, packet_ms, samples, bool(found_heads), target)
    quantised = any(form.precision == "int8" for form in wanted)
    calibrated, compared, notes = windows_of(
        Path(run), calibration, samples, calibration_clips * quantised, parity_clips * parity, seed
    )
    limits = MIN_SNR_DB | ({} if min_snr_db is None else {"int8": min_snr_db})
    job = Job(loaded, samples, shapes, calibrated, compared, limits, found_heads, shape, progress)
    with atomic_folder(folder) as work, torch.no_grad():
        made = job.make_all(wanted, work) if target is None else job.choose(wanted, work, target)
        wanted = [artifact.form for artifact, _ in made]
        content = manifest.describe(loaded, samples, calibrated, compared, wanted, found_heads)
        content["artifacts"] = [entry for _, entry in made]
        content["reference"] = reference.described(reference.record(work, content["artifacts"]))
        content["licence"] = (card or Card()).licence
        manifest.write(work, content)
        (card or Card()).write(work, loaded, content)
    artifacts = [replace(artifact, path=folder / artifact.path.name) for artifact, _ in made]
    return ExportResult(folder, folder / manifest.MANIFEST, tuple(artifacts), tuple(notes))


def _window_samples(loaded: Checkpoint, window_ms: float) -> int:
    config = loaded.model.frontend.config
    samples = round(window_ms * SAMPLE_RATE_HZ / 1000)
    if config.frames(samples) < 1:
        raise UserError(
            f"--window-ms {window_ms:g}: shorter than one frame; "
            f"expected at least {config.window_ms:g}, e.g. 975"
        )
    return samples


def _shape(
    loaded: Checkpoint, packet_ms: float | None, samples: int, heads: bool, target: Target | None
) -> StreamShape:
    if heads or target is not None:
        raise UserError(
            "--input stream goes without --head and without a target; export the others apart "
            "(what meets a target as a waveform does as a stream)"
        )
    return stream_shape(loaded.model, packet_ms, samples)
