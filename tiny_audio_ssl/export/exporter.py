"""Export a run: its last checkpoint in every requested form, compared with the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.evaluation.probing.labeled import open_task
from tiny_audio_ssl.evaluation.probing.scores import Score
from tiny_audio_ssl.export import manifest, manifest_content, model_card, reference
from tiny_audio_ssl.export.artifact_builder import ArtifactBuilder, ExportedArtifact, ExportPlan
from tiny_audio_ssl.export.background import background_of
from tiny_audio_ssl.export.config import NOT_STATED, ExportConfig
from tiny_audio_ssl.export.forms import FORMATS, Form, choose
from tiny_audio_ssl.export.heads import open_heads
from tiny_audio_ssl.export.parity import MIN_SNR_DB
from tiny_audio_ssl.export.precision_search import PrecisionTarget, check_drop
from tiny_audio_ssl.export.products import forms_of, named_product
from tiny_audio_ssl.export.recordings import other_sound, windows_of
from tiny_audio_ssl.export.replaceable import replaceable
from tiny_audio_ssl.export.shapes import shapes_of
from tiny_audio_ssl.export.streaming.stream_encoder import (
    StreamShape,
    reads_as_trained,
    stream_shape,
)
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.checkpoint import Checkpoint
from tiny_audio_ssl.models.names import home_of
from tiny_audio_ssl.utils.claim import claimed_target
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import atomic_folder
from tiny_audio_ssl.utils.quiet import exporters_hushed

SCORES = "scores.json"
OTHER_SLICES = (
    "the stream reads slices of {stream_ms:g} ms, but the encoder was trained on slices of "
    "{own_ms:g} ms, so the stream's embeddings are worse than those of windows; {advice}"
)
ADVICE = {
    True: "the app and the page listen with the waveform artifact instead",
    False: "to listen, export with --input waveform as well",
}
MADE_UP_SOUND = (
    "{run} comes without recordings, so int8 is calibrated on the built-in sounds, and artifacts "
    "are compared on them; name recordings like those they will hear with --calibration"
)


@dataclass(frozen=True)
class ExportResult:
    """A finished export folder."""

    folder: Path
    manifest: Path
    artifacts: tuple[ExportedArtifact, ...]
    notes: tuple[str, ...]  # for the user, such as too few windows to compare on

    @property
    def ok(self) -> bool:
        """Whether every artifact that was compared agrees with the model."""
        return all(artifact.ok for artifact in self.artifacts)


def export(
    run: str | Path,
    out: str | Path | None = None,
    config: ExportConfig | None = None,
    *,
    tasks: Sequence[EvaluationTask] = (),
    progress: Callable[[str], None] | None = None,
    **changes: Any,
) -> ExportResult:
    """Export a run's last checkpoint in every combination of formats, precisions and inputs.

    Args:
        run: run folder, checkpoint (which also needs `calibration`), or model name. A model is
            calibrated on the built-in sounds unless `calibration` names recordings.
        out: folder to write to; None: RUN/export, or RUN/export-PRODUCT for another product than
            the embedding. The files of an earlier export in it are replaced; others, such as
            measurements and notes, are kept.
        config: all settings; None: the defaults.
        tasks: labeled recordings for `max_probe_drop`.
        progress: called with each artifact's file name before it is made.
        changes: fields of `ExportConfig` to replace in `config`, e.g. `precision="int8"`.

    Artifacts that fail the comparison are kept; the result's `ok` is then False.

    Raises `UserError`: no checkpoint, an unknown form, settings that exclude each other, a missing
    extra, a folder in the way, no window of that length, too few windows or only silent ones for
    calibration, a head of another model, a product that the run's task does not have.

    Examples:
        >>> import tiny_audio_ssl
        >>> result = tiny_audio_ssl.export("runs/mine", format="onnx", input="mel", parity_clips=4)
        >>> [artifact.path.name for artifact in result.artifacts]
        ['encoder.mel.fp32.onnx', 'encoder.mel.int8.onnx']
    """
    config = replace(config or ExportConfig(), **changes)
    config.check()
    forms = choose(config)
    _require_packages(forms)
    loaded, home = checkpoint.load(run, config.readout), home_of(run)
    loaded = replace(loaded, model=loaded.model.constant())
    comes_without_sound = loaded.facts is not None and config.calibration is None
    if comes_without_sound:
        config = replace(config, calibration="builtin")
    target = _target(config, tasks)
    named = "export" if config.of_embedding else f"export-{config.product}"
    folder = Path(out) if out is not None else home / named
    inputs = _inputs(loaded, config, tasks)
    replaceable(folder, "export", inputs)
    probes = _probe_scores(home, config)
    plan, notes = _plan(home, loaded, forms, config)
    background, more = background_of(home, loaded, config, plan.samples)
    notes += more
    if comes_without_sound and (plan.calibration or plan.comparison):
        notes.append(MADE_UP_SOUND.format(run=run))
    builder = ArtifactBuilder(plan, progress)
    with (
        claimed_target(folder),
        atomic_folder(folder, replaceable(folder, "export", inputs)) as work,
        torch.no_grad(),
    ):
        made = builder.make_all(work) if target is None else builder.choose(work, target)
        content = _describe(plan, [artifact.form for artifact, _ in made])
        content["artifacts"] = [entry for _, entry in made]
        content["reference"] = reference.described(reference.record(work, content["artifacts"]))
        if background:
            content["background"] = background.write(work)
        content["license"] = _license(config, loaded)
        manifest.write(work, content)
        model_card.write(work, loaded, content, probes)
    artifacts = tuple(replace(a, path=folder / a.path.name) for a, _ in made)
    return ExportResult(folder, folder / manifest.MANIFEST, artifacts, tuple(notes))


def _inputs(
    loaded: Checkpoint, config: ExportConfig, tasks: Sequence[EvaluationTask]
) -> list[str | Path]:
    """Return the files and folders that an export reads."""
    given = [config.calibration] if config.calibration else []
    return [loaded.folder, *given, *config.head, *config.probes, *(task.source for task in tasks)]


def add_latency(
    run: str | Path, folder: Path, config: ExportConfig, latency: Sequence[Mapping[str, Any]]
) -> None:
    """Rewrite the model card of an export, now with the latency of its artifacts.

    Args:
        run, config: those of the export.
        latency: a row for each artifact, with `model_card.LATENCY_KEYS`.
    """
    loaded, content = checkpoint.load(run, config.readout), manifest.trusted(folder)
    model_card.write(folder, loaded, content, _probe_scores(home_of(run), config), latency)


def _license(config: ExportConfig, loaded: Checkpoint) -> str:
    """Return the given license, or that of a model that states its own."""
    own = (loaded.facts or {}).get("license", NOT_STATED)
    return config.license if config.license != NOT_STATED else own


def _require_packages(forms: Sequence[Form]) -> None:
    with exporters_hushed():
        for form in forms:
            for module in FORMATS[form.format].modules:
                require(module, FORMATS[form.format].extra)


def _plan(
    run: Path, loaded: Checkpoint, forms: list[Form], config: ExportConfig
) -> tuple[ExportPlan, list[str]]:
    heads = open_heads(config.head, loaded)
    product = None if config.of_embedding else named_product(run, loaded, config.product)
    if product:
        forms = forms_of(product, forms)
    shapes = shapes_of(
        loaded.model, _window_samples(loaded, config), config.max_window_ms, config.max_batch
    )
    samples, notes = shapes.samples(shapes.frames), list[str]()
    streamed = product is None and any(form.input == "stream" for form in forms)
    stream = None
    if streamed:
        stream = stream_shape(loaded.model, config.packet_ms, samples, config.slice_ms)
        notes += _other_slices(loaded, stream, any(form.input == "waveform" for form in forms))
    int8 = any(form.precision == "int8" for form in forms)
    if config.min_snr_db is not None and not int8:
        raise UserError(f"--min-snr-db {config.min_snr_db:g} is for int8; add --precision int8")
    windows = windows_of(
        run,
        config.calibration,
        samples,
        calibrate=config.calibration_clips * int8,
        compare_on=config.parity_clips * config.parity,
        seed=config.seed,
    )
    limits = MIN_SNR_DB | ({} if config.min_snr_db is None else {"int8": config.min_snr_db})
    plan = ExportPlan(
        loaded, forms, samples, shapes, windows.calibration, windows.comparison,
        other_sound(windows.comparison) if int8 else {}, limits, heads, stream, product,
    )  # fmt: skip
    return plan, notes + windows.notes


def _other_slices(loaded: Checkpoint, stream: StreamShape, waveform: bool) -> list[str]:
    """Return a note if the stream reads other slices than the encoder was trained on.

    `waveform`: whether the export has an artifact that takes windows too.
    """
    hop_ms = loaded.model.frontend.config.hop_ms
    own = loaded.model.encoder.config.slice_frames
    if own is None or reads_as_trained(loaded.model, stream):
        return []
    stream_ms, own_ms = stream.slice_frames * hop_ms, own * hop_ms
    return [OTHER_SLICES.format(stream_ms=stream_ms, own_ms=own_ms, advice=ADVICE[waveform])]


def _window_samples(loaded: Checkpoint, config: ExportConfig) -> int:
    frontend = loaded.model.frontend.config
    samples = round(config.window_ms * SAMPLE_RATE_HZ / 1000)
    if frontend.frames(samples) < 1:
        raise UserError(
            f"--window-ms {config.window_ms:g}: shorter than one frame; "
            f"expected at least {frontend.window_ms:g}, e.g. {ExportConfig.window_ms:g}"
        )
    return samples


def _target(config: ExportConfig, tasks: Sequence[EvaluationTask]) -> PrecisionTarget | None:
    check_drop(config.max_probe_drop, tasks)
    if not config.has_target:
        return None
    opened = tuple(open_task(task) for task in tasks)
    return PrecisionTarget(config.target_snr_db, config.max_probe_drop, opened)


def _probe_scores(run: Path, config: ExportConfig) -> tuple[Score, ...]:
    beside = run / SCORES
    files = config.probes or ((beside,) if beside.is_file() else ())
    found = [score for file in files for score in scores.read(file)]
    return model_card.scores_of(found, run) if files else ()


def _describe(plan: ExportPlan, forms: Sequence[Form]) -> dict[str, Any]:
    return manifest_content.describe(
        plan.loaded, plan.samples, plan.calibration, plan.comparison, forms, plan.heads
    )
