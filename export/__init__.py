"""Export: a checkpoint becomes artifacts for ExecuTorch and ONNX, checked against the model."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tiny_audio_ssl import checkpoint
from tiny_audio_ssl.audio import SAMPLE_RATE_HZ
from tiny_audio_ssl.checkpoint import Checkpoint
from tiny_audio_ssl.corpus import Clip, open_corpus
from tiny_audio_ssl.embedding import Embedder, Embeds, Floats
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest, reference
from tiny_audio_ssl.export.card import Card
from tiny_audio_ssl.export.choice import Target, Tried, smallest
from tiny_audio_ssl.export.forms import FORMATS, Form, Precision, as_input, choose, network
from tiny_audio_ssl.export.heads import (
    ScoreParity,
    compare_scores,
    open_heads,
    output_names,
    with_heads,
)
from tiny_audio_ssl.export.parity import MIN_SNR_DB, Parity, compare, run_singly
from tiny_audio_ssl.export.profile import time_shares
from tiny_audio_ssl.export.runtimes import open_artifact, open_outputs
from tiny_audio_ssl.export.stream_runtime import Stream, StreamEmbedding
from tiny_audio_ssl.export.streaming import StreamEncoder, StreamShape, stream_shape
from tiny_audio_ssl.export.to_executorch import Operators, to_executorch
from tiny_audio_ssl.export.to_onnx import to_onnx
from tiny_audio_ssl.export.to_stream import stream_entry, stream_parity, to_stream
from tiny_audio_ssl.export.windows import Window, draw, stack
from tiny_audio_ssl.extras import require
from tiny_audio_ssl.files import atomic_folder, sha256
from tiny_audio_ssl.probing.heads import Head
from tiny_audio_ssl.probing.in_windows import InWindows

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

RECORDINGS = "recordings.csv"
FEWEST_PARITY_WINDOWS = 100
FEWEST_CALIBRATION_WINDOWS = 8  # with sound in them; ranges of fewer clip what comes later
SILENCE = 1e-3  # peak: -60 dB of full scale


@dataclass(frozen=True)
class Artifact:
    form: Form
    path: Path
    bytes: int
    parity: Parity | None  # None: not compared
    operators: Operators | None  # ExecuTorch only
    scores: Mapping[str, ScoreParity] = field(default_factory=dict)  # by head, where compared
    portable_time_share: Mapping[str, float] = field(default_factory=dict)  # by operator, 0..1
    tried: tuple[Tried, ...] = ()  # with a target: it and smaller ones that missed it

    @property
    def ok(self) -> bool:
        """Whether it agrees with the model, as far as it was compared."""
        embedding = self.parity is None or self.parity.ok
        return embedding and all(score.ok for score in self.scores.values())


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
        packet_ms: how much sound a stream takes at a time (see `streaming.stream_shape`).
        progress: called with each artifact's file name before it is made.

    Artifacts that fail the comparison are kept; the result's `ok` is False.

    Raises `UserError`: no checkpoint, an unknown form, a missing extra, a folder in the way, no
    window of that length, too few or silent windows to quantise by, a head of another model.
    """
    wanted = choose(tuple(formats), tuple(precisions), tuple(inputs))
    with _quiet():
        for form in wanted:
            for module in FORMATS[form.format].modules:
                require(module, FORMATS[form.format].extra)
    loaded = checkpoint.load(run, readout)
    found_heads = open_heads(heads, loaded)
    folder = Path(out) if out is not None else Path(run) / "export"
    _may_replace(folder)
    samples = _window_samples(loaded, window_ms)
    shape = None
    if any(form.input == "stream" for form in wanted):
        shape = _shape(loaded, packet_ms, samples, bool(found_heads), target)
    quantised = any(form.precision == "int8" for form in wanted)
    calibrated, compared, notes = _windows(
        Path(run), calibration, samples, calibration_clips * quantised, parity_clips * parity, seed
    )
    limits = MIN_SNR_DB | ({} if min_snr_db is None else {"int8": min_snr_db})
    job = _Job(loaded, samples, calibrated, compared, limits, found_heads, shape, progress)
    with atomic_folder(folder) as work, torch.no_grad():
        made = job.make_all(wanted, work) if target is None else job.choose(wanted, work, target)
        wanted = [artifact.form for artifact, _ in made]
        content = manifest.describe(loaded, samples, calibrated, compared, wanted, found_heads)
        content["artifacts"] = [entry for _, entry in made]
        recorded = reference.record(work, content["artifacts"])
        content["reference"] = {"file": recorded.name, "sha256": sha256(recorded)}
        content["licence"] = (card or Card()).licence
        manifest.write(work, content)
        (card or Card()).write(work, loaded, content)
    artifacts = [replace(artifact, path=folder / artifact.path.name) for artifact, _ in made]
    return ExportResult(folder, folder / manifest.MANIFEST, tuple(artifacts), tuple(notes))


Made = tuple[Artifact, dict[str, Any]]  # and what the manifest says of it


class _Job:
    """What all artifacts of an export share."""

    def __init__(
        self,
        loaded: Checkpoint,
        samples: int,
        calibrated: list[Window],
        compared: list[Window],
        limits: Mapping[Precision, float],
        heads: Mapping[str, Head],
        shape: StreamShape | None,
        progress: Callable[[str], None] | None,
    ) -> None:
        self.model = loaded.model
        self.stream = StreamEncoder(loaded.model, shape) if shape else None
        self.heads = heads
        self.samples = samples
        self.calibrated, self.compared = calibrated, compared
        self.limits, self.progress = limits, progress
        self.expected: list[Tensor] = []  # embeddings, then scores of each head
        if compared:
            whole = with_heads(self.model, heads)
            with torch.no_grad():
                batches = [whole(batch) for batch in torch.split(stack(compared), 16)]
            if not heads:
                batches = [(batch,) for batch in batches]
            self.expected = [torch.cat(outputs) for outputs in zip(*batches, strict=True)]

    def make_all(self, forms: Sequence[Form], folder: Path) -> list[Made]:
        return [self.make(form, folder) for form in forms]

    def choose(self, forms: Sequence[Form], folder: Path, target: Target) -> list[Made]:
        """For each format and input the smallest precision that meets the target."""
        found = []
        for kind in dict.fromkeys((form.format, form.input) for form in forms):
            fitting = [form for form in forms if (form.format, form.input) == kind]
            chosen = smallest(fitting, folder, partial(self._try, target))
            artifact, entry = chosen.made
            entry["tried"] = [one.as_json() for one in chosen.tried]
            found.append((replace(artifact, tried=chosen.tried), entry))
        return found

    def _try(self, target: Target, form: Form, folder: Path) -> tuple[Made, Tried]:
        artifact, entry = self.make(form, folder)
        parity = artifact.parity
        if parity is None:
            raise UserError("a target needs the comparison with the model; leave out --no-parity")
        drops = target.drops(self._eager(), self._embeds(form, artifact.path))
        enough = target.min_snr_db is None or parity.snr_db >= target.min_snr_db
        kept = all(drop <= (target.max_probe_drop or 0) for drop in drops.values())
        figures = Tried(form.file, artifact.bytes, parity.snr_db, drops, enough and kept)
        return (artifact, entry), figures

    def _eager(self) -> Embeds:
        embedder = Embedder(self.model)
        identity = f"{embedder.identity}-in-windows-{self.samples}"
        return InWindows(embedder.embed, self.samples, embedder.dim, "model", identity)

    def _embeds(self, form: Form, path: Path) -> Embeds:
        artifact = open_artifact(path)

        def run(window: Floats) -> Floats:
            given = as_input(self.model, form.input, torch.from_numpy(window))
            return artifact(given.numpy())

        dim = self.model.encoder.read_dim
        return InWindows(run, self.samples, dim, form.file, f"{form.input}-{sha256(path)}")

    def make(self, form: Form, folder: Path) -> Made:
        if self.progress:
            self.progress(form.file)
        if form.input == "stream":
            return self._make_stream(form, folder)
        path = folder / form.file
        module = with_heads(network(self.model, form.input), self.heads)
        example = as_input(self.model, form.input, torch.zeros(1, self.samples))
        data = self._inputs(form, self.calibrated) if form.precision == "int8" else None
        operators, shares = None, {}
        with _quiet():
            if form.format == "executorch":
                operators = to_executorch(module, example, path, form.precision, data)
                shares = time_shares(path, example) if operators.portable else {}
            else:
                names = output_names(self.heads)
                to_onnx(module, example, path, form.input_name, form.precision, data, names)
        parity, scores = self._parity(form, path)
        entry = manifest.entry(form, self.model, self.samples, path, self.heads)
        entry["parity"] = parity and parity.as_json()
        entry["scores_parity"] = {name: score.as_json() for name, score in scores.items()}
        entry["operators"] = operators and asdict(operators) | {"portable_time_share": shares}
        size = path.stat().st_size
        return Artifact(form, path, size, parity, operators, scores, shares), entry

    def _make_stream(self, form: Form, folder: Path) -> Made:
        assert self.stream is not None
        path, parity = folder / form.file, None
        data = stack(self.calibrated) if form.precision == "int8" else None
        with _quiet():
            operators = to_stream(self.stream, form.format, path, form.precision, data)
            shares = {}
            if operators and operators.portable:
                shares = time_shares(path, *self.stream.start())
        entry = stream_entry(form, self.model, self.stream, path)
        if self.compared:
            stream = Stream(open_outputs(path), entry["stream"])
            waves, limit = stack(self.compared), self.limits[form.precision]
            parity = stream_parity(stream, self.model, self.stream.shape, waves, limit)
        entry["parity"] = parity and parity.as_json()
        entry["scores_parity"] = {}
        entry["operators"] = operators and asdict(operators) | {"portable_time_share": shares}
        size = path.stat().st_size
        return Artifact(form, path, size, parity, operators, {}, shares), entry

    def _parity(self, form: Form, path: Path) -> tuple[Parity | None, dict[str, ScoreParity]]:
        if not self.expected:
            return None, {}
        found = run_singly(open_outputs(path), self._inputs(form, self.compared))
        parity = compare(found[0], self.expected[0], self.limits[form.precision])
        scores = zip(self.heads, found[1:], self.expected[1:], strict=True)
        return parity, {n: compare_scores(got, want, form.precision) for n, got, want in scores}

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


def _shape(
    loaded: Checkpoint, packet_ms: float | None, samples: int, heads: bool, target: Target | None
) -> StreamShape:
    if heads or target is not None:
        raise UserError(
            "--input stream goes without --head and without a target; export the others apart "
            "(what meets a target as a waveform does as a stream)"
        )
    return stream_shape(loaded.model, packet_ms, samples)


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
    if calibrate:
        _check_calibration(calibrated, source)
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


def _check_calibration(windows: Sequence[Window], source: str | None) -> None:
    loud = sum(float(np.abs(window.waveform).max()) >= SILENCE for window in windows)
    if loud < FEWEST_CALIBRATION_WINDOWS:
        raise UserError(
            f"int8 is quantised by {source or 'the recordings of the run'}, of which "
            f"{len(windows)} windows were drawn, {loud} with sound (a peak of -60 dB or more); "
            f"expected at least {FEWEST_CALIBRATION_WINDOWS}: name recordings like those it will "
            "hear with --calibration, raise --calibration-clips, shorten --window-ms, or export "
            "--precision fp32 alone"
        )


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
