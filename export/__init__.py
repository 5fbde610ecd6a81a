"""Export: a checkpoint becomes artifacts for ExecuTorch and ONNX, checked against the model."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tiny_audio_ssl import checkpoint
from tiny_audio_ssl.audio import SAMPLE_RATE_HZ
from tiny_audio_ssl.checkpoint import Checkpoint
from tiny_audio_ssl.corpus import Clip, open_corpus
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.forms import FORMATS, Form, as_input, choose, network
from tiny_audio_ssl.export.parity import MIN_SNR_DB, Parity, compare, run_singly
from tiny_audio_ssl.export.runtimes import open_artifact, open_outputs
from tiny_audio_ssl.export.stream_runtime import Stream, StreamEmbedding
from tiny_audio_ssl.export.streaming import StreamEncoder, StreamShape, stream_shape
from tiny_audio_ssl.export.to_executorch import Operators, to_executorch
from tiny_audio_ssl.export.to_onnx import to_onnx
from tiny_audio_ssl.export.to_stream import describe, stream_parity, to_stream
from tiny_audio_ssl.export.windows import Window, draw, stack
from tiny_audio_ssl.extras import require
from tiny_audio_ssl.files import atomic_folder, write_json

__all__ = ["FORMATS", "Artifact", "ExportResult", "Form", "Operators", "Parity", "Stream",
           "StreamEmbedding", "export_run"]  # fmt: skip

RECORDINGS = "recordings.csv"
FEWEST_PARITY_WINDOWS = 100


@dataclass(frozen=True)
class Artifact:
    form: Form
    path: Path
    bytes: int
    parity: Parity | None  # None: not compared
    operators: Operators | None  # ExecuTorch only


@dataclass(frozen=True)
class ExportResult:
    folder: Path
    manifest: Path
    artifacts: tuple[Artifact, ...]
    notes: tuple[str, ...]  # what the user should know, such as too few windows to compare on

    @property
    def ok(self) -> bool:
        """Whether every artifact that was compared agrees with the model."""
        return all(a.parity is None or a.parity.ok for a in self.artifacts)


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
    packet_ms: float | None = None,
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
        packet_ms: how much sound a stream takes at a time (see `streaming.stream_shape`).
        progress: called with each artifact's file name before it is made.

    Artifacts that fail the comparison are kept; the result's `ok` is False.

    Raises `UserError`: no checkpoint, an unknown form, a missing extra, a folder in the way, no
    window of that length.
    """
    wanted = choose(tuple(formats), tuple(precisions), tuple(inputs))
    with _quiet():
        for form in wanted:
            for module in FORMATS[form.format].modules:
                require(module, FORMATS[form.format].extra)
    loaded = checkpoint.load(run, readout)
    target = Path(out) if out is not None else Path(run) / "export"
    _may_replace(target)
    samples = _window_samples(loaded, window_ms)
    streamed = any(form.input == "stream" for form in wanted)
    shape = stream_shape(loaded.model, packet_ms, samples) if streamed else None
    quantised = any(form.precision == "int8" for form in wanted)
    calibrated, compared, notes = _windows(
        Path(run), calibration, samples, calibration_clips * quantised, parity_clips * parity, seed
    )
    job = _Job(loaded, samples, calibrated, compared, min_snr_db, shape)
    with atomic_folder(target) as work, torch.no_grad():
        made = []
        for form in wanted:
            if progress:
                progress(form.file)
            made.append(job.make(form, work))
        content = manifest.describe(loaded, samples, calibrated, compared, wanted)
        content["artifacts"] = [entry for _, entry in made]
        write_json(work / manifest.MANIFEST, content)
    artifacts = [
        Artifact(a.form, target / a.path.name, a.bytes, a.parity, a.operators) for a, _ in made
    ]
    return ExportResult(target, target / manifest.MANIFEST, tuple(artifacts), tuple(notes))


class _Job:
    """What all artifacts of an export share."""

    def __init__(
        self,
        loaded: Checkpoint,
        samples: int,
        calibrated: list[Window],
        compared: list[Window],
        min_snr_db: float | None,
        shape: StreamShape | None,
    ) -> None:
        self.model = loaded.model
        self.stream = StreamEncoder(loaded.model, shape) if shape else None
        self.samples = samples
        self.calibrated, self.compared = calibrated, compared
        self.limits = MIN_SNR_DB | ({} if min_snr_db is None else {"int8": min_snr_db})
        with torch.no_grad():
            self.expected = (
                torch.cat([self.model(batch) for batch in torch.split(stack(compared), 16)])
                if compared
                else None
            )

    def make(self, form: Form, folder: Path) -> tuple[Artifact, dict[str, Any]]:
        if form.input == "stream":
            return self._make_stream(form, folder)
        path = folder / form.file
        module = network(self.model, form.input)
        example = as_input(self.model, form.input, torch.zeros(1, self.samples))
        data = self._inputs(form, self.calibrated) if form.precision == "int8" else None
        operators = None
        with _quiet():
            if form.format == "executorch":
                operators = to_executorch(module, example, path, data)
            else:
                to_onnx(module, example, path, form.input_name, data)
        parity = self._parity(form, path)
        entry = manifest.entry(form, self.model, self.samples, path)
        entry["parity"] = parity and parity.as_json()
        entry["operators"] = operators and asdict(operators)
        return Artifact(form, path, path.stat().st_size, parity, operators), entry

    def _make_stream(self, form: Form, folder: Path) -> tuple[Artifact, dict[str, Any]]:
        assert self.stream is not None
        path, parity = folder / form.file, None
        data = stack(self.calibrated) if form.precision == "int8" else None
        with _quiet():
            operators = to_stream(self.stream, form.format, path, data)
        described = describe(self.stream, form.format)
        if self.compared:
            stream = Stream(open_outputs(path), described)
            limit = self.limits[form.precision]
            parity = stream_parity(
                stream, self.model, self.stream.shape, stack(self.compared), limit
            )
        entry = manifest.entry(form, self.model, described["packet_samples"], path)
        entry["parity"] = parity and parity.as_json()
        entry["operators"] = operators and asdict(operators)
        entry["stream"] = described
        return Artifact(form, path, path.stat().st_size, parity, operators), entry

    def _parity(self, form: Form, path: Path) -> Parity | None:
        if self.expected is None:
            return None
        found = run_singly(open_artifact(path), self._inputs(form, self.compared))
        return compare(found, self.expected, self.limits[form.precision])

    def _inputs(self, form: Form, windows: list[Window]) -> Tensor:
        return as_input(self.model, form.input, stack(windows))


def _window_samples(loaded: Checkpoint, window_ms: float) -> int:
    config = loaded.model.frontend.config
    samples = round(window_ms * SAMPLE_RATE_HZ / 1000)
    if config.frames(samples) < 1:
        raise UserError(
            f"--window-ms {window_ms:g}: shorter than one frame; "
            f"expected at least {config.window_ms:g}, e.g. 975"
        )
    return samples


def _may_replace(target: Path) -> None:
    there = target.exists() and (not target.is_dir() or any(target.iterdir()))
    if there and not manifest.is_export(target):
        raise UserError(
            f"{target}: there already, and not an export of tiny-audio-ssl (no manifest.json), so "
            "it is not replaced; name another folder with --out"
        )


def _windows(
    run: Path, source: str | None, samples: int, calibrate: int, compare_on: int, seed: int
) -> tuple[list[Window], list[Window], list[str]]:
    """Windows to quantise by, others to compare on, and what to tell of them."""
    if not calibrate and not compare_on:
        return [], [], []
    train, held_out = _recordings(run, source)
    rng = np.random.default_rng(seed)
    calibrated = draw(train, samples, calibrate, rng)
    used = {window.path for window in calibrated}
    compared: list[Window] = []
    rest = [clip for clip in train if str(clip.path) not in used]
    # Recordings that nothing was fitted on come first, then the rest of the others.
    for clips in (held_out, rest, train):
        missing = compare_on - len(compared)
        compared += draw(clips, samples, missing, rng, avoid=[*calibrated, *compared])
    notes = []
    for wanted, found, what in (
        (calibrate, calibrated, "quantise by"),
        (compare_on, compared, "compare on"),
    ):
        if wanted and len(found) < (2 if found is compared else 1):
            raise UserError(
                f"no recording has enough windows of {1000 * samples / SAMPLE_RATE_HZ:g} ms to "
                f"{what}; use a shorter --window-ms, or name other recordings with --calibration"
            )
        if len(found) < wanted:
            notes.append(f"only {len(found)} of {wanted} windows to {what} could be found")
    return calibrated, compared, notes


def _recordings(run: Path, source: str | None) -> tuple[list[Clip], list[Clip]]:
    """Recordings that the run was trained on, and those held out."""
    if source is None and not (run / RECORDINGS).is_file():
        raise UserError(
            f"{run}: no {RECORDINGS} there, so there is no sound to quantise by or compare on; "
            "name recordings with --calibration"
        )
    clips = open_corpus(source or run / RECORDINGS).clips
    held_out = [clip for clip in clips if clip.columns.get("split") == "held_out"]
    train = [clip for clip in clips if clip.columns.get("split") != "held_out"]
    # With very few recordings there may be only one side.
    return (train or held_out), held_out


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporters print and warn about what a user can't change."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
