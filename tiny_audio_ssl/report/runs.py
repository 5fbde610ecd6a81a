"""Read a run's folder: checkpoint, learning curves, exported artifacts."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tiny_audio_ssl.audio.constants import WINDOW_SAMPLES
from tiny_audio_ssl.bench.rows import Row
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.checkpoint import CONFIG, MODEL, Checkpoint
from tiny_audio_ssl.models.encoders import multiply_adds, parameter_count
from tiny_audio_ssl.models.names import home_of
from tiny_audio_ssl.report.artifacts import Exported, read_export

Points = list[tuple[int, float]]  # (step, value)


@dataclass(frozen=True)
class Run:
    """A run, as the page shows it."""

    name: str
    checkpoint: Checkpoint
    versions: dict[str, str]
    curves: dict[str, Points]  # train/loss, validation/loss, train/spread, validation/spread
    exported: Exported

    @property
    def task(self) -> str:
        """Name of the pretext task."""
        return str(self.checkpoint.run.get("task", "unknown"))

    @property
    def kilobytes(self) -> float:
        """Size of the weights on disk."""
        return (self.checkpoint.folder / MODEL).stat().st_size / 1000

    @property
    def parameters(self) -> int:
        """Number of parameters of the encoder."""
        return parameter_count(self.checkpoint.model.encoder)

    @property
    def encoder(self) -> str:
        """Name of the encoder."""
        return self.checkpoint.model.encoder.config.name

    @property
    def dim(self) -> int:
        """Size of the embedding."""
        return self.checkpoint.model.encoder.embedding_dim

    @property
    def settings(self) -> str:
        """All settings, as JSON."""
        return json.dumps(self.checkpoint.run, indent=2)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """How the checkpoint was made, in words; "not recorded" where it does not say."""
        run, progress = self.checkpoint.run, self.checkpoint.progress
        training, corpus = run.get("training", {}), run.get("corpus", {})
        best = progress.get("best") or {}
        facts = {
            "pretext task": ", ".join(filter(None, [self.task, _listed(run.get("pretext", {}))])),
            "corpus": str(corpus.get("source", "")),
            "recordings": _recordings(corpus),
            "steps": f"{progress.get('step'):,} of {training.get('steps'):,}"
            if training.get("steps") and progress.get("step")
            else "",
            "batch": _listed({k: training[k] for k in ("batch_size", "seed") if k in training}),
            "best validation": f"{best['loss']:.4g} at step {best['step']:,}"
            if best.get("loss") is not None  # too few recordings were held out to choose by
            else "",
            "computed on": _listed(
                {k: training[k] for k in ("accelerator", "devices", "precision") if k in training}
            ),
            "versions": _listed(self.versions),
            "checkpoint": str(self.checkpoint.folder),
            "its sha256": self.checkpoint.sha256,
        }
        return [(name, text or "not recorded") for name, text in facts.items()]

    def multiply_adds(self) -> tuple[int, int]:
        """Return the multiply-adds of the encoder and of the front-end for one window."""
        model = self.checkpoint.model
        window = torch.zeros(1, WINDOW_SAMPLES)
        return (
            multiply_adds(model.encoder, model.frontend(window)),
            multiply_adds(model.frontend, window),
        )


def read_run(run: str | Path, name: str, timings: Sequence[Row] = ()) -> Run:
    """Read a run. Raises `UserError` without a checkpoint; anything else may be absent."""
    found = checkpoint.load(run)
    root = _run_folder(home_of(run), found.folder)
    config = json.loads((found.folder / CONFIG).read_text())
    exported = read_export(root / "export", found.sha256, timings)
    curves = read_curves(root / "metrics.jsonl")
    return Run(name, found, config.get("versions", {}), curves, exported)


def _run_folder(given: Path, found: Path) -> Path:
    """Return the folder of metrics.jsonl and export: `given`, or RUN of RUN/checkpoints/step-…"""
    if found.parent.name == "checkpoints":
        return found.parent.parent
    return given


def read_curves(path: Path) -> dict[str, Points]:
    """Return losses and spreads as {"train/loss": [(step, value), ...]}; empty without a file.

    The half-written line of a killed process and values that are not finite are left out.
    """
    curves: dict[str, Points] = {}
    lines = path.read_text().splitlines() if path.is_file() else []
    for line in lines:
        try:
            record = json.loads(line)
            step = int(record.pop("step"))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        for name, value in record.items():
            if name.endswith(("/loss", "/spread")) and math.isfinite(value):
                curves.setdefault(name, []).append((step, float(value)))
    return curves


def _listed(values: dict[str, Any]) -> str:
    """Return names and values on one line, those of a list separated by spaces."""
    texts = (" ".join(map(str, v)) if isinstance(v, list | tuple) else v for v in values.values())
    return ", ".join(f"{name} {text}" for name, text in zip(values, texts, strict=True))


def _recordings(corpus: dict[str, Any]) -> str:
    if "recordings" not in corpus:
        return ""
    return (
        f"{corpus['recordings']:,}, {corpus.get('hours', 0):.2f} hours; "
        f"{corpus.get('skipped', 0):,} left out"
    )
