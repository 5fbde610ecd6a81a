"""export: turn runs into artifacts for a phone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from tiny_audio_ssl.commands.base import Command, err, out
from tiny_audio_ssl.commands.export_tables import (
    artifact_table,
    as_json,
    portable_operators,
    trial_table,
)
from tiny_audio_ssl.commands.export_training import ExportTraining, folders_of
from tiny_audio_ssl.commands.recipe_option import with_recipe
from tiny_audio_ssl.commands.task_options import TrainingTaskOptions
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.config import ExportConfig
from tiny_audio_ssl.utils.files import check_writable

if TYPE_CHECKING:
    from tiny_audio_ssl.export.exporter import ExportResult


@dataclass
class Export(Command):
    """Export runs to mobile artifacts, and compare each with the model on real recordings.

    Artifacts with waveform input include the front-end, always in float32. int8 is static and
    calibrated on the run's own recordings. The exit code is 1 if an artifact's embeddings are too
    far from the model's.
    """

    runs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Run folders, checkpoints (which also need --calibration), or model names."""
    out: Path | None = None
    """Folder to write to. Default: RUN/export, or OUT/NAME-OF-RUN for several runs. The files of an
    earlier export in it are replaced, others are kept."""
    recipe: str | None = None
    """Recipe: a name (smallest, fastest, live-microphone, heads, training, web) or a .toml file of
    settings. Options given here override it."""
    config: Annotated[ExportConfig, tyro.conf.OmitArgPrefixes] = field(default_factory=ExportConfig)
    labels: Annotated[TrainingTaskOptions, tyro.conf.OmitArgPrefixes] = field(
        default_factory=TrainingTaskOptions
    )
    latency: bool = False
    """Time the artifacts on this machine, for MODEL_CARD.md."""
    android: Path | None = None
    """Android project, such as android_demo, whose app gets the artifacts that it needs for
    listening (see docs/android.md)."""
    web: Path | None = None
    """Folder for a web page that listens with the artifacts. Uses the recipe `web` unless another
    is named (see docs/web.md)."""
    json: bool = False
    """Print the result as JSON, one line per run."""

    @classmethod
    def with_options(cls, argv: Sequence[str]) -> type[Command]:
        """Return the command with the recipe's settings as defaults; `export-training` for a recipe
        that is for that."""
        commands = {"export": cls, "export-training": ExportTraining}
        return with_recipe(argv, commands, implied={"--web": "web"}) or cls

    def run(self) -> int:
        from tiny_audio_ssl.export import android, web

        if not self.runs:
            raise UserError("no run given; e.g. tiny-audio-ssl export RUN")
        self.config.check()
        if self.android is not None:
            check_writable(android.assets_of(self.android))
            if len(self.runs) > 1:
                raise UserError(
                    f"--android {self.android}: an app takes one run; {len(self.runs)} given"
                )
        if self.web is not None:
            web.check(self.web, self.runs)
            if len(self.runs) > 1:
                raise UserError(f"--web {self.web}: a page has one run; {len(self.runs)} given")
        folders = folders_of(self.runs, self.out)
        results = [
            self._export(run, folder) for run, folder in zip(self.runs, folders, strict=True)
        ]
        if self.android is not None:
            for file in android.install(results[0].folder, self.android):
                err.print(f"{file}: for the app")
        if self.web is not None:
            page = web.install(results[0].folder, self.web, Path(self.runs[0]).resolve().name)
            err.print(f"{page}: for browsers; open it with: tiny-audio-ssl serve {self.web}")
        return 0 if all(result.ok for result in results) else 1

    def _export(self, run: str, folder: Path | None) -> ExportResult:
        from tiny_audio_ssl.export.exporter import add_latency, export

        asked = self.labels.data is not None or self.labels.suite is not None
        with err.status("exporting") as status:
            result = export(
                run,
                folder,
                self.config,
                tasks=self.labels.tasks() if asked else (),
                progress=lambda file: status.update(f"exporting {file}"),
            )
            if self.latency:
                status.update("timing the artifacts")
                add_latency(run, result.folder, self.config, _timed(result.folder))
        self._print(result)
        return result

    def _print(self, result: ExportResult) -> None:
        from tiny_audio_ssl.export.model_card import MODEL_CARD

        for note in result.notes:
            err.print(note, style="yellow")
        if self.json:
            print(json.dumps(as_json(result)))
        else:
            if trials := trial_table(result):
                out.print(trials)
            out.print(artifact_table(result))
            compared = "SNR, cosine: of the embeddings"
            if not self.config.of_embedding:
                compared = "same label: share of ids"
            out.print(f"{compared}; portable: operators outside the fast path")
            for line in portable_operators(result):
                out.print(line)
            beside = f"{result.manifest.name}, {MODEL_CARD}"
            out.print(f"{result.folder}: with {beside}")
        if not result.ok:
            err.print_error("an artifact is too far from the model (exit code 1)")


def _timed(folder: Path) -> list[dict[str, Any]]:
    from tiny_audio_ssl.bench.run import bench
    from tiny_audio_ssl.export.model_card import LATENCY_KEYS

    return [{name: getattr(row, name) for name in LATENCY_KEYS} for row in bench(folder)]
