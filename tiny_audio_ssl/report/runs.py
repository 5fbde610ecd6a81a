"""What a run is, how large, how fast, and how its training went: all that its folder tells."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from tiny_audio_ssl import checkpoint
from tiny_audio_ssl.checkpoint import CONFIG, MODEL, Checkpoint
from tiny_audio_ssl.encoders import multiply_adds, parameter_count
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.latency import Row

ONE_WINDOW = 15_600  # samples: 0.975 s, the window that costs are quoted for
BENCH = "bench.csv"  # in the export folder, as `bench RUN/export --csv RUN/export/bench.csv` puts it
Points = list[tuple[int, float]]  # (step, value)


@dataclass(frozen=True)
class Artifact:
    """An exported form; None is not known."""

    name: str
    kilobytes: float | None
    snr_db: float | None  # of the centred embeddings, beside the model's
    p50_ms: float | None = None
    p90_ms: float | None = None


@dataclass(frozen=True)
class Run:
    """What the page says of a run."""

    name: str
    checkpoint: Checkpoint
    versions: dict[str, str]
    curves: dict[str, Points]  # train/loss, validation/loss, train/spread, validation/spread
    artifacts: list[Artifact]
    exported: str  # why there are no artifacts, or what to know of them
    timed: str  # on what the latencies were taken

    @property
    def task(self) -> str:
        return str(self.checkpoint.run.get("task", "unknown"))

    @property
    def kilobytes(self) -> float:
        """Of the weights on disk."""
        return (self.checkpoint.folder / MODEL).stat().st_size / 1000

    @property
    def parameters(self) -> int:
        return parameter_count(self.checkpoint.model.encoder)

    @property
    def encoder(self) -> str:
        return self.checkpoint.model.encoder.config.name

    @property
    def dim(self) -> int:
        """Size of the embedding."""
        return self.checkpoint.model.encoder.read_dim

    @property
    def settings(self) -> str:
        """All of them, as JSON."""
        return json.dumps(self.checkpoint.run, indent=2)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What made the checkpoint, in words. What the checkpoint does not tell is not recorded."""
        run, progress = self.checkpoint.run, self.checkpoint.progress
        training, corpus = run.get("training", {}), run.get("corpus", {})
        best = progress.get("best") or {}
        facts = {
            "pretext task": _listed({"name": self.task, **run.get("pretext", {})}),
            "corpus": str(corpus.get("source", "")),
            "recordings": _recordings(corpus),
            "steps": f"{progress.get('step'):,} of {training.get('steps'):,}"
            if training.get("steps") and progress.get("step")
            else "",
            "batch": _listed({k: training[k] for k in ("batch_size", "seed") if k in training}),
            "best validation": f"{best['loss']:.4g} at step {best['step']:,}" if best else "",
            "computed on": _listed(
                {k: training[k] for k in ("accelerator", "devices", "precision") if k in training}
            ),
            "versions": _listed(self.versions),
            "checkpoint": str(self.checkpoint.folder),
            "its sha256": self.checkpoint.sha256,
        }
        return [(name, text or "not recorded") for name, text in facts.items()]

    def multiply_adds(self) -> tuple[int, int]:
        """Of the encoder and of the front-end, for one window."""
        model = self.checkpoint.model
        window = torch.zeros(1, ONE_WINDOW)
        return (
            multiply_adds(model.encoder, model.frontend(window)),
            multiply_adds(model.frontend, window),
        )


def read_run(folder: Path, name: str, timings: Sequence[Row] = ()) -> Run:
    """Raises `UserError` when there is no checkpoint; all else may be absent, and is said to be."""
    found = checkpoint.load(folder)
    root = _run_folder(folder, found.folder)
    config = json.loads((found.folder / CONFIG).read_text())
    artifacts, exported, timed = _artifacts(root / "export", found.sha256, timings)
    curves = read_curves(root / "metrics.jsonl")
    return Run(name, found, config.get("versions", {}), curves, artifacts, exported, timed)


def _run_folder(given: Path, found: Path) -> Path:
    """Where metrics.jsonl and export are: what was given, or RUN of RUN/checkpoints/step-…"""
    if found.parent.name == "checkpoints":
        return found.parent.parent
    return given


def read_curves(path: Path) -> dict[str, Points]:
    """{"train/loss": [(step, value), ...]} of losses and spreads; empty without a file.

    The half line of a killed process and values that are not finite are left out.
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


def _artifacts(
    folder: Path, model_sha256: str, timings: Sequence[Row]
) -> tuple[list[Artifact], str, str]:
    if not (folder / manifest.MANIFEST).is_file():
        return [], "not exported", ""
    content = manifest.read(folder)
    times = {row["artifact"]: row for row in ([asdict(t) for t in timings] or _bench(folder))}
    made = [
        Artifact(
            entry["file"],
            entry["bytes"] / 1000,
            (entry.get("parity") or {}).get("snr_db"),
            *_times(times.get(entry["file"])),
        )
        for entry in content["artifacts"]
    ]
    eager = [Artifact(name, None, None, *_times(times[name])) for name in times if "eager" in name]
    same = content["checkpoint"]["model_sha256"] == model_sha256
    note = "" if same else "exported from another checkpoint than the one shown here"
    return [*eager, *made], note, _timed(times)


def _bench(folder: Path) -> list[dict[str, Any]]:
    path = folder / BENCH
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    if rows and not {"artifact", "p50_ms", "p90_ms", "device", "threads"} <= set(rows[0]):
        raise UserError(f"{path}: not what `tiny-audio-ssl bench {folder} --csv {path}` writes")
    return rows


def _times(row: dict[str, Any] | None) -> tuple[float | None, float | None]:
    return (float(row["p50_ms"]), float(row["p90_ms"])) if row else (None, None)


def _timed(times: dict[str, dict[str, Any]]) -> str:
    """On what, in words."""
    row = next(iter(times.values()), None)
    return f"{row['device']}, threads: {row['threads']}, {row['runs']} runs" if row else ""


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _recordings(corpus: dict[str, Any]) -> str:
    if "recordings" not in corpus:
        return ""
    return (
        f"{corpus['recordings']:,}, {corpus.get('hours', 0):.2f} hours; "
        f"{corpus.get('skipped', 0):,} left out"
    )


def short_names(folders: Sequence[Path]) -> list[str]:
    """The last part of each path, and as many more as tell them apart."""
    parts = [folder.absolute().parts for folder in folders]
    for depth in range(1, max(map(len, parts), default=1) + 1):
        names = ["/".join(one[-depth:]) for one in parts]
        if len(set(names)) == len(names):
            return names
    raise UserError("a run was given twice; give each once")
