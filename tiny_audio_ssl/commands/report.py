"""report: write one HTML page about runs."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from tiny_audio_ssl.commands.base import Command, err, out, progress
from tiny_audio_ssl.commands.task_options import TaskOptions
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.ranges import COUNT_OR_0, DURATION_S, NOT_NEGATIVE, checked_number
from tiny_audio_ssl.utils.text import size_in_words

if TYPE_CHECKING:
    from tiny_audio_ssl.report.gather import EmbeddedTask
    from tiny_audio_ssl.report.listening import Sounds
    from tiny_audio_ssl.report.pictures import Picture
    from tiny_audio_ssl.report.runs import Run


@dataclass
class Report(Command):
    """Write one HTML page about runs: results, a map to listen to, mistakes, curves, costs.

    The page works offline and can be shared as a single file, but note that it contains excerpts of
    the recordings. Results come from files that `probe --out` wrote. With --data or --suite,
    missing results are computed, and compared with random weights and log-mel statistics.
    """

    runs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Runs, checkpoints, or model names."""
    results: tuple[Path, ...] = ()
    """Files written by `tiny-audio-ssl probe --out FILE`."""
    tasks: Annotated[TaskOptions, tyro.conf.OmitArgPrefixes] = field(default_factory=TaskOptions)
    protocols: tuple[str, ...] = ("linear",)
    """Protocols for computing missing results."""
    baselines: bool = True
    """Also probe random weights and log-mel statistics."""
    allow_missing: bool = False
    """Continue without recordings that are missing or can't be decoded."""
    clips: int = 300
    """Maximum number of recordings on the map of a task."""
    audio_s: float = 2.0
    """Maximum length of each sound in the page, in seconds: the loudest part of the recording."""
    audio_mb: float = 2.5
    """Maximum size of all sounds in the page, in megabytes; 0 leaves sounds out."""
    bench: bool = False
    """Time the artifacts in RUN/export now. Otherwise, latencies come from RUN/export/bench.csv,
    which `tiny-audio-ssl bench RUN/export --csv RUN/export/bench.csv` writes."""
    projector: Path | None = None
    """Folder for all embeddings, to be shown by TensorBoard's projector."""
    cache_dir: Path | None = None
    """Folder for decoded audio and embeddings."""
    out: Path = Path("report.html")
    """Page to write."""
    json: bool = False
    """Print the result as JSON."""

    def run(self) -> int:
        from tiny_audio_ssl.embedding.embedder import Embedder
        from tiny_audio_ssl.evaluation.probing.probe import baselines_of
        from tiny_audio_ssl.evaluation.probing.protocols import check_protocols
        from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
        from tiny_audio_ssl.report import gather, projector
        from tiny_audio_ssl.report.enhanced import before_and_after
        from tiny_audio_ssl.report.listening import Sounds
        from tiny_audio_ssl.report.page import Content, check_out, write

        self._check()
        check_out(self.out, (*self.runs, *self.results, *self.tasks.inputs))
        if self.projector:
            projector.check_out(self.projector, (*self.runs, *self.tasks.inputs))
        check_protocols(self.protocols)
        runs = self._runs()
        models = [Embedder(r.checkpoint.model, r.checkpoint.sha256, r.name) for r in runs]
        tasks = self.tasks.open(self.cache_dir, self.allow_missing) if self.tasks.given else []
        store = EmbeddingStore(self.cache_dir)
        floors = baselines_of(models) if self.baselines and models else []
        probed = [*models, *floors]
        scores = gather.gather_scores(
            self.results, self.runs, probed, tasks, self.protocols, store, progress
        )
        embedded = gather.embed_tasks(models, tasks, store)
        shown = sum(min(self.clips, len(task)) for task in tasks)
        sounds = Sounds.for_clips(shown, self.audio_s, self.audio_mb)
        pictures = self._pictures(embedded, sounds)
        command = shlex.join(["tiny-audio-ssl", *sys.argv[1:]])
        enhanced = {}
        for given, run in zip(self.runs, runs, strict=True):
            if self.audio_mb and (found := before_and_after(given, run.checkpoint)):
                enhanced[run.name] = found
        write(self.out, Content(runs, scores, pictures, sounds, command, enhanced))
        if self.projector:
            projector.write(self.projector, embedded)
        self._print(len(scores))
        return 0

    def _check(self) -> None:
        checked_number("--clips", self.clips, COUNT_OR_0)
        checked_number("--audio-s", self.audio_s, DURATION_S)
        checked_number("--audio-mb", self.audio_mb, NOT_NEGATIVE)
        if not self.runs and not self.results:
            raise UserError(
                "nothing to report on; give runs, e.g. tiny-audio-ssl report RUN --data labels.csv"
            )
        if self.clips < 2 or self.audio_s <= 0 or self.audio_mb < 0:
            raise UserError(
                f"--clips {self.clips}, --audio-s {self.audio_s}, --audio-mb {self.audio_mb}: "
                "expected at least 2, more than 0, at least 0"
            )
        if self.projector and not self.tasks.given:
            raise UserError("--projector needs recordings; give --data labels.csv or --suite")

    def _runs(self) -> list[Run]:
        from tiny_audio_ssl.bench.run import bench
        from tiny_audio_ssl.models.names import home_of
        from tiny_audio_ssl.report.runs import read_run
        from tiny_audio_ssl.utils.files import short_names

        found = []
        homes = [home_of(run) for run in self.runs]
        for run, home, name in zip(self.runs, homes, short_names(homes), strict=True):
            with err.status(f"reading {name}"):
                export = home / "export"
                timings = bench(export) if self.bench and export.is_dir() else ()
                found.append(read_run(run, name, timings))
        return found

    def _pictures(self, embedded: Sequence[EmbeddedTask], sounds: Sounds) -> list[Picture]:
        from tiny_audio_ssl.report.pictures import picture

        pictures = []
        with progress("drawing maps", len(embedded)) as done:
            for number, (task, embeddings) in enumerate(embedded, start=1):
                sounds.allowed = number / len(embedded)  # or the first tasks would use it all
                pictures.append(picture(task, embeddings, self.clips, sounds))
                done(1)
        return pictures

    def _print(self, results: int) -> None:
        size = self.out.stat().st_size
        if self.json:
            print(json.dumps({"out": str(self.out), "bytes": size, "results": results}))
            return
        shown = size_in_words(size)
        count = f"{results} result{'' if results == 1 else 's'}"
        out.print(f"{self.out}: {shown}, {count}; open it in any browser")
        if self.projector:
            out.print(f"tensorboard --logdir {self.projector}, then PROJECTOR")
