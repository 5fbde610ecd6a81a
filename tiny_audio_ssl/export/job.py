"""Job: what all artifacts of an export share; makes each, and compares it with the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tiny_audio_ssl.embedding.embedder import Embedder, EmbeddingModel, Floats
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing.heads import Head
from tiny_audio_ssl.evaluation.probing.in_windows import InWindows
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.forms import Form, Precision, as_input, network
from tiny_audio_ssl.export.heads import ScoreParity, compare_scores, output_names, with_heads
from tiny_audio_ssl.export.parity import MIN_SNR_DB, Parity, compare, run_singly
from tiny_audio_ssl.export.precision_search import Target, Tried, smallest
from tiny_audio_ssl.export.profile import time_shares
from tiny_audio_ssl.export.runtimes import open_artifact, open_outputs
from tiny_audio_ssl.export.shapes import Shapes, try_corners
from tiny_audio_ssl.export.streaming.stream_encoder import StreamEncoder, StreamShape
from tiny_audio_ssl.export.streaming.stream_runtime import Stream
from tiny_audio_ssl.export.streaming.to_stream import stream_entry, stream_parity, to_stream
from tiny_audio_ssl.export.to_executorch import Operators, to_executorch
from tiny_audio_ssl.export.to_onnx import to_onnx
from tiny_audio_ssl.export.windows import Window, stack
from tiny_audio_ssl.models.checkpoint import Checkpoint
from tiny_audio_ssl.utils.files import sha256
from tiny_audio_ssl.utils.quiet import exporters_hushed


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


Made = tuple[Artifact, dict[str, Any]]  # and what the manifest says of it


class Job:
    """What all artifacts of an export share."""

    def __init__(
        self,
        loaded: Checkpoint,
        samples: int,
        shapes: Shapes,
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
        self.samples, self.shapes = samples, shapes
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

    def _eager(self) -> EmbeddingModel:
        embedder = Embedder(self.model)
        identity = f"{embedder.identity}-in-windows-{self.samples}"
        return InWindows(embedder.embed, self.samples, embedder.dim, "model", identity)

    def _embeds(self, form: Form, path: Path) -> EmbeddingModel:
        artifact = open_artifact(path)

        def run(window: Floats) -> Floats:
            given = as_input(self.model, form.input, torch.from_numpy(window))
            return artifact(given.numpy())

        dim = self.model.encoder.embedding_dim
        return InWindows(run, self.samples, dim, form.file, f"{form.input}-{sha256(path)}")

    def make(self, form: Form, folder: Path) -> Made:
        if self.progress:
            self.progress(form.file)
        if form.input == "stream":
            return self._make_stream(form, folder)
        path = folder / form.file
        module = with_heads(network(self.model, form.input), self.heads)
        example, dims = self.shapes.example(self.model, form), self.shapes.dims(form)
        data = self._inputs(form, self.calibrated) if form.precision == "int8" else None
        operators, shares = None, {}
        with exporters_hushed():
            if form.format == "executorch":
                operators = to_executorch(module, example, path, form.precision, data, dims)
                if operators.portable:
                    silence = torch.zeros(1, self.samples)
                    shares = time_shares(path, as_input(self.model, form.input, silence))
            else:
                names = output_names(self.heads)
                taken, kind = form.input_name, form.precision
                to_onnx(module, example, path, taken, kind, data, names, dims)
        if len(self.shapes.corners(form)) > 1:
            limit = MIN_SNR_DB[form.precision]
            try_corners(self.shapes, form, self.model, module, open_outputs(path), path, limit)
        parity, scores = self._parity(form, path)
        entry = manifest.entry(form, self.model, self.samples, path, self.heads, self.shapes)
        entry["parity"] = parity and parity.as_json()
        entry["scores_parity"] = {name: score.as_json() for name, score in scores.items()}
        entry["operators"] = operators and asdict(operators) | {"portable_time_share": shares}
        size = path.stat().st_size
        return Artifact(form, path, size, parity, operators, scores, shares), entry

    def _make_stream(self, form: Form, folder: Path) -> Made:
        assert self.stream is not None
        path, parity = folder / form.file, None
        data = stack(self.calibrated) if form.precision == "int8" else None
        with exporters_hushed():
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
