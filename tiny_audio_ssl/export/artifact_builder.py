"""ArtifactBuilder: makes the artifacts one by one, and compares each with the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tiny_audio_ssl.embedding.embedder import Embedder, EmbeddingModel, Floats
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing.heads import Head
from tiny_audio_ssl.evaluation.probing.in_windows import InWindows
from tiny_audio_ssl.export import manifest_content
from tiny_audio_ssl.export.config import Precision
from tiny_audio_ssl.export.equalize import equalized
from tiny_audio_ssl.export.forms import Form, as_input, grouped, network
from tiny_audio_ssl.export.heads import ScoreParity, compare_scores, output_names, with_heads
from tiny_audio_ssl.export.lowering import folded
from tiny_audio_ssl.export.parity import OWN, Parity, compare_kinds, run_singly
from tiny_audio_ssl.export.precision_search import PrecisionTarget, PrecisionTrial, smallest
from tiny_audio_ssl.export.products import (
    compare_outputs,
    outputs_of,
    product_entry,
    product_network,
)
from tiny_audio_ssl.export.profile import time_shares
from tiny_audio_ssl.export.quantize import at_gains
from tiny_audio_ssl.export.runtimes import open_artifact, open_outputs
from tiny_audio_ssl.export.shapes import Shapes, try_corners
from tiny_audio_ssl.export.streaming.product_stream import (
    on_tensors,
    product_stream_entry,
    run_packets,
    start,
    stream_of,
    to_product_stream,
)
from tiny_audio_ssl.export.streaming.sliding_encoder import stream_network
from tiny_audio_ssl.export.streaming.stream_encoder import StreamShape
from tiny_audio_ssl.export.streaming.stream_runtime import Stream
from tiny_audio_ssl.export.streaming.to_stream import stream_entry, stream_parity, to_stream
from tiny_audio_ssl.export.to_executorch import Operators, to_executorch
from tiny_audio_ssl.export.to_onnx import to_onnx
from tiny_audio_ssl.export.windows import Window, stack
from tiny_audio_ssl.models.checkpoint import Checkpoint
from tiny_audio_ssl.models.encoders import WaveformEncoder
from tiny_audio_ssl.pretext.product import Product
from tiny_audio_ssl.utils.collector import collections_paused
from tiny_audio_ssl.utils.files import sha256
from tiny_audio_ssl.utils.quiet import exporters_hushed


@dataclass(frozen=True)
class ExportedArtifact:
    """One artifact of an export, and its parity with the model."""

    form: Form
    path: Path
    bytes: int
    parity: Parity | None  # None: not compared
    operators: Operators | None  # ExecuTorch only
    scores: Mapping[str, ScoreParity] = field(default_factory=dict)  # by head, where compared
    portable_time_share: Mapping[str, float] = field(default_factory=dict)  # by operator, 0..1
    tried: tuple[PrecisionTrial, ...] = ()  # with a target: it and smaller ones that missed it

    @property
    def ok(self) -> bool:
        """Whether embedding and scores agree with the model, as far as they were compared."""
        embedding = self.parity is None or self.parity.ok
        return embedding and all(score.ok for score in self.scores.values())


@dataclass(frozen=True)
class ExportPlan:
    """The settings and data that all artifacts of an export share."""

    loaded: Checkpoint
    forms: list[Form]
    samples: int  # in a window
    shapes: Shapes
    calibration: list[Window]
    comparison: list[Window]
    other_sound: Mapping[str, Tensor]  # by kind, to compare on too: waveforms [windows, samples]
    limits: Mapping[Precision, float]  # lowest signal-to-noise ratio, dB
    heads: Mapping[str, Head]
    stream: StreamShape | None
    product: Product | None = None  # None: the embedding


Made = tuple[ExportedArtifact, dict[str, Any]]  # with its entry in the manifest


class ArtifactBuilder:
    """Makes the artifacts of one plan."""

    def __init__(self, plan: ExportPlan, progress: Callable[[str], None] | None = None) -> None:
        """`progress` is called with each artifact's file name before it is made."""
        self.plan = plan
        self.model = plan.loaded.model
        self.progress = progress or (lambda file: None)

    def make_all(self, folder: Path) -> list[Made]:
        """Make every form of the plan in `folder`."""
        return [self.make(form, folder) for form in self.plan.forms]

    def choose(self, folder: Path, target: PrecisionTarget) -> list[Made]:
        """Make, for each format and input, the smallest precision that meets the target."""
        found, forms = [], self.plan.forms
        for kind in dict.fromkeys((form.format, form.input) for form in forms):
            fitting = [form for form in forms if (form.format, form.input) == kind]
            chosen = smallest(fitting, folder, partial(self._try, target))
            artifact, entry = chosen.made
            entry["tried"] = [one.as_json() for one in chosen.tried]
            found.append((replace(artifact, tried=chosen.tried), entry))
        return found

    @collections_paused()
    def make(self, form: Form, folder: Path) -> Made:
        """Make one artifact in `folder`. Raises `UserError` if it fails at either end of a size
        range."""
        self.progress(form.file)
        if form.input == "stream":
            if self.plan.product:
                return self._make_product_stream(form, self.plan.product, folder)
            return self._make_stream(form, folder)
        path = folder / form.file
        operators, shares = self._write(form, path)
        plan = self.plan
        if len(plan.shapes.corners(form)) > 1:
            module = self._network(self.model, form)
            try_corners(plan.shapes, form, self.model, module, open_outputs(path), path)
        parity, scores = self._parity(form, path)
        if plan.product:
            task = plan.loaded.run["task"]
            entry = product_entry(form, self.model, plan.product, task, path, plan.shapes)
        else:
            entry = manifest_content.entry(
                form, self.model, plan.samples, path, plan.heads, plan.shapes
            )
        return _made(form, path, entry, parity, operators, scores, shares)

    def _network(self, model: WaveformEncoder, form: Form) -> nn.Module:
        """Return the part of `model` that this form's artifact holds."""
        if self.plan.product:
            return product_network(self.plan.product, model.frontend, form.input)
        return with_heads(network(model, form.input), self.plan.heads)

    def _write(self, form: Form, path: Path) -> tuple[Operators | None, dict[str, float]]:
        """Write the file; return its operators, and the share of time of those outside the
        delegate."""
        plan = self.plan
        int8 = form.precision == "int8"
        module = self._network(self._equalized if int8 else self.model, form)
        example, dims = plan.shapes.example(self.model, form), plan.shapes.dims(form)
        data = as_input(self.model, form.input, self._calibration) if int8 else None
        with exporters_hushed():
            if form.format == "onnx":
                names = (
                    [output.name for output in plan.product.outputs]
                    if plan.product
                    else output_names(plan.heads)
                )
                to_onnx(module, example, path, form.input_name, form.precision, data, names, dims)
                return None, {}
            operators = to_executorch(module, example, path, form.precision, data, dims)
            silence = as_input(self.model, form.input, torch.zeros(1, plan.samples))
            if not operators.portable:
                return operators, {}
            return operators, time_shares(path, grouped(silence, form.sounds))

    def _make_product_stream(self, form: Form, product: Product, folder: Path) -> Made:
        plan, path = self.plan, folder / form.file
        stream, shares, parity = stream_of(product), {}, None
        scores: Mapping[str, ScoreParity] = {}
        with exporters_hushed():
            operators = to_product_stream(product, form.format, path)
            if operators and operators.portable:
                shares = time_shares(path, *start(stream))
        entry = product_stream_entry(form, self.model, product, plan.loaded.run["task"], path)
        if plan.comparison:
            sound, run = self._sound[OWN].flatten(), open_outputs(path)
            found = run_packets(on_tensors(run), stream, sound)
            expected = run_packets(stream.module, stream, sound)
            parity, scores = compare_outputs(product, found, expected, form.precision)
        return _made(form, path, entry, parity, operators, scores, shares)

    def _make_stream(self, form: Form, folder: Path) -> Made:
        plan = self.plan
        assert plan.stream is not None
        int8 = form.precision == "int8"
        network = stream_network(self._equalized if int8 else self.model, plan.stream)
        path, parity, shares = folder / form.file, None, {}
        data = self._calibration if int8 else None
        with exporters_hushed():
            operators = to_stream(network, form.format, path, form.precision, data)
            if operators and operators.portable:
                shares = time_shares(path, *network.start())
        entry = stream_entry(form, self.model, network, path)
        if plan.comparison:
            stream = Stream(open_outputs(path), entry["stream"])
            limit = plan.limits[form.precision]
            parity = stream_parity(stream, self.model, plan.stream, self._sound, limit)
        return _made(form, path, entry, parity, operators, {}, shares)

    def _parity(self, form: Form, path: Path) -> tuple[Parity | None, dict[str, ScoreParity]]:
        if not self.plan.comparison:
            return None, {}
        run = open_outputs(path)
        found = {
            kind: run_singly(run, grouped(as_input(self.model, form.input, waves), form.sounds))
            for kind, waves in self._sound.items()
        }
        if self.plan.product:
            return compare_outputs(
                self.plan.product, found[OWN], self._expected[OWN], form.precision
            )
        parity = compare_kinds(
            {kind: (rows[0], self._expected[kind][0]) for kind, rows in found.items()},
            self.plan.limits[form.precision],
            self.model.encoder.learned_dim,
        )
        scores = zip(self.plan.heads, found[OWN][1:], self._expected[OWN][1:], strict=True)
        return parity, {n: compare_scores(got, want, form.precision) for n, got, want in scores}

    @cached_property
    def _calibration(self) -> Tensor:
        """Sound for calibration [windows, samples]."""
        return at_gains(stack(self.plan.calibration))

    @cached_property
    def _equalized(self) -> WaveformEncoder:
        """The model with equalized channels, for int8."""
        in_middle = "middle" in self.model.encoder.readout.parts  # whose maps leave the encoder
        exact = self.model.encoder.float_blocks
        first = exact if in_middle else exact - 1
        return equalized(folded(self.model), self._calibration, first)

    @cached_property
    def _sound(self) -> dict[str, Tensor]:
        """Sound for comparison, by kind [windows, samples]."""
        return {OWN: stack(self.plan.comparison), **self.plan.other_sound}

    @cached_property
    def _expected(self) -> dict[str, list[Tensor]]:
        """The model's embeddings of the sound to compare on, then scores of each head; by kind."""
        return {kind: self._eager_outputs(waves) for kind, waves in self._sound.items()}

    def _eager_outputs(self, waves: Tensor) -> list[Tensor]:
        if self.plan.product:
            product = self.plan.product
            module = product_network(product, self.model.frontend, "waveform")
            batches = torch.split(grouped(waves, product.sounds), 16)
            parts = [outputs_of(module, batch) for batch in batches]
            return [torch.cat(outputs) for outputs in zip(*parts, strict=True)]
        whole = with_heads(self.model, self.plan.heads)
        with torch.no_grad():
            found = [whole(batch) for batch in torch.split(waves, 16)]
        if not self.plan.heads:
            found = [(embedding,) for embedding in found]
        return [torch.cat(outputs) for outputs in zip(*found, strict=True)]

    def _try(
        self, target: PrecisionTarget, form: Form, folder: Path
    ) -> tuple[Made, PrecisionTrial]:
        artifact, entry = self.make(form, folder)
        parity = artifact.parity
        if parity is None:
            raise UserError("a target needs windows to compare on; raise --parity-clips above 0")
        drops = target.drops(self._eager(), self._as_model(form, artifact.path))
        trial = target.judge(form.file, artifact.bytes, parity.snr_db, drops)
        return (artifact, entry), trial

    def _eager(self) -> EmbeddingModel:
        embedder = Embedder(self.model)
        identity = f"{embedder.identity}-in-windows-{self.plan.samples}"
        return InWindows(embedder.embed, self.plan.samples, embedder.dim, "model", identity)

    def _as_model(self, form: Form, path: Path) -> EmbeddingModel:
        artifact = open_artifact(path)

        def run(window: Floats) -> Floats:
            given = as_input(self.model, form.input, torch.from_numpy(window))
            return artifact(given.numpy())

        dim = self.model.encoder.embedding_dim
        return InWindows(run, self.plan.samples, dim, form.file, f"{form.input}-{sha256(path)}")


def _made(
    form: Form,
    path: Path,
    entry: dict[str, Any],
    parity: Parity | None,
    operators: Operators | None,
    scores: Mapping[str, ScoreParity],
    shares: Mapping[str, float],
) -> Made:
    entry["parity"] = parity and parity.as_json()
    entry["scores_parity"] = {name: score.as_json() for name, score in scores.items()}
    entry["operators"] = operators and asdict(operators) | {"portable_time_share": shares}
    size = path.stat().st_size
    return ExportedArtifact(form, path, size, parity, operators, scores, shares), entry
