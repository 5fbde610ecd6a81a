"""report: one page that shows what runs are worth."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from tiny_audio_ssl import report
from tiny_audio_ssl.bench.run import bench
from tiny_audio_ssl.commands.base import Command, err, out, progress, report_skipped
from tiny_audio_ssl.commands.probe import Questions, floors
from tiny_audio_ssl.embedding.embedder import Embedder, Floats
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing.labelled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.protocols import PROTOCOLS, evaluate
from tiny_audio_ssl.evaluation.probing.scores import Score
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
from tiny_audio_ssl.report import projector
from tiny_audio_ssl.report.runs import Run

Embedded = list[tuple[OpenedTask, list[tuple[str, Floats]]]]


@dataclass
class Report(Command):
    """Write one HTML page about runs: results, a map to listen to, mistakes, curves, costs.

    It works offline and can be sent as it is. Mind that it holds parts of the recordings. Results
    come from files that `probe --out` wrote; what these lack is probed, if --data or --suite says
    on what, beside random weights and log-mel statistics.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Runs or checkpoints."""
    results: tuple[Path, ...] = ()
    """Files that `tiny-audio-ssl probe --out FILE` wrote."""
    questions: Annotated[Questions, tyro.conf.OmitArgPrefixes] = field(default_factory=Questions)
    protocols: tuple[str, ...] = ("linear",)
    """How to probe what the results lack."""
    baselines: bool = True
    """Probe random weights and log-mel statistics too."""
    allow_missing: bool = False
    """Go on without recordings that are absent or can't be decoded."""
    clips: int = 300
    """Recordings on the map of a task, at most."""
    audio_s: float = 2.0
    """Seconds of each that can be heard, at most: the loudest part."""
    audio_mb: float = 2.5
    """Megabytes of sound in the page, at most; 0 for a page that nothing can be heard in."""
    bench: bool = False
    """Time the artifacts in RUN/export now; otherwise latencies come from RUN/export/bench.csv,
    as `tiny-audio-ssl bench RUN/export --csv RUN/export/bench.csv` writes it."""
    projector: Path | None = None
    """A folder for TensorBoard's projector to show all embeddings from."""
    cache_dir: Path | None = None
    """Where decoded audio and embeddings are kept."""
    out: Path = Path("report.html")
    """The page."""
    json: bool = False
    """Print the outcome as JSON."""

    def run(self) -> int:
        self._check()
        runs = self._runs()
        models = [Embedder(r.checkpoint.model, r.checkpoint.sha256, r.name) for r in runs]
        labelled = self._labelled()
        measured = self._measured(models, labelled)
        embedded = self._embedded(models, labelled)
        shown = sum(min(self.clips, len(task)) for task in labelled)
        sounds = report.Sounds.for_clips(shown, self.audio_s, self.audio_mb)
        with progress("drawing maps", len(embedded)) as done:
            pictures = []
            for number, (task, tables) in enumerate(embedded, start=1):
                sounds.allowed = number / len(embedded)  # or the first tasks would take it all
                pictures.append(report.picture(task, tables, self.clips, sounds))
                done(1)
        command = shlex.join(["tiny-audio-ssl", *sys.argv[1:]])
        report.write(self.out, report.Content(runs, measured, pictures, sounds, command))
        if self.projector:
            projector.write(self.projector, embedded)
        self._say(len(measured))
        return 0

    def _check(self) -> None:
        if not self.runs and not self.results:
            raise UserError(
                "nothing to report on; give runs, e.g. tiny-audio-ssl report RUN --data labels.csv"
            )
        if unknown := [name for name in self.protocols if name not in PROTOCOLS]:
            raise UserError(
                f"protocol {', '.join(unknown)} is not known; choose from {', '.join(PROTOCOLS)}"
            )
        if self.clips < 2 or self.audio_s <= 0 or self.audio_mb < 0:
            raise UserError(
                f"clips {self.clips}, audio_s {self.audio_s}, audio_mb {self.audio_mb}: expected "
                "at least 2, more than 0, at least 0"
            )
        if self.projector and not self._asks:
            raise UserError("--projector needs recordings; give --data labels.csv or --suite")

    @property
    def _asks(self) -> bool:
        return self.questions.data is not None or self.questions.suite is not None

    def _runs(self) -> list[Run]:
        names = report.short_names(self.runs)
        found = []
        for folder, name in zip(self.runs, names, strict=True):
            with err.status(f"reading {name}"):
                export = folder / "export"
                timings = bench(export) if self.bench and export.is_dir() else ()
                found.append(report.read_run(folder, name, timings))
        return found

    def _labelled(self) -> list[OpenedTask]:
        tasks = self.questions.tasks() if self._asks else []
        labelled = [open_task(task, self.cache_dir, self.allow_missing) for task in tasks]
        for task in labelled:
            report_skipped(task.skipped)
        return labelled

    def _measured(self, runs: Sequence[Embedder], labelled: Sequence[OpenedTask]) -> list[Score]:
        """The results of the files, then what they lack."""
        paths = [str(folder) for folder in self.runs]
        names = dict(zip(paths, report.short_names(self.runs), strict=True))
        known = report.read_results(self.results, names)
        have = {(score.task, score.model, score.protocol) for score in known}
        models = [*runs, *(floors(runs) if self.baselines and runs else ())]
        lacking = [
            (task, protocol, model)
            for task in labelled
            for protocol in self.protocols
            for model in models
            if (task.task.name, model.name, protocol) not in have
        ]
        store = EmbeddingStore(self.cache_dir)
        with progress("probing", len(lacking)) as done:
            for task, protocol, model in lacking:
                known.append(evaluate(model, task, protocol, store))
                done(1)
        return report.in_order(known, [task.task.name for task in labelled])

    def _embedded(self, models: Sequence[Embedder], labelled: Sequence[OpenedTask]) -> Embedded:
        store = EmbeddingStore(self.cache_dir)
        return [
            (
                task,
                [
                    (model.name, store.embeddings(model, task.recordings, task.contents))
                    for model in models
                ],
            )
            for task in labelled
            if models
        ]

    def _say(self, results: int) -> None:
        size = self.out.stat().st_size
        if self.json:
            print(json.dumps({"out": str(self.out), "bytes": size, "results": results}))
            return
        out.print(f"{self.out}: {size / 1e6:.1f} MB, {results} results; open it in any browser")
        if self.projector:
            out.print(f"tensorboard --logdir {self.projector}, then PROJECTOR")
