"""export: runs become artifacts for a phone."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich import box
from rich.table import Table

from tiny_audio_ssl.commands.base import Command, err, out
from tiny_audio_ssl.commands.task_options import TrainingTaskOptions
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.evaluation.probing.labelled import open_task
from tiny_audio_ssl.export import Artifact, Card, ExportResult, Target, android, export_run
from tiny_audio_ssl.export.forms import Precision
from tiny_audio_ssl.export.model_card import MODEL_CARD, scores_of
from tiny_audio_ssl.export.training.to_training import BATCH_SIZE, FORMAT, export_training
from tiny_audio_ssl.utils.files import short_names

SCORES = "scores.json"


@dataclass
class Export(Command):
    """Export runs to mobile artifacts, and compare each with the model on real recordings.

    Waveform in: the front-end is inside, in float32 always. int8: static, calibrated on the run's
    own recordings. Ends with exit code 1 if an artifact's embeddings are too far from the model's.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Runs' folders, or checkpoints (then name recordings with --calibration)."""
    out: Path | None = None
    """The folder to make; RUN/export if left out. An earlier export there is replaced. Of several
    runs: OUT/NAME-OF-RUN."""
    format: tuple[Literal["executorch", "onnx", "executorch-training"], ...] = (
        "executorch",
        "onnx",
    )
    """.pte for ExecuTorch (XNNPACK), .onnx for ONNX Runtime. executorch-training, alone: a .pte of
    the run's own task, forward and backward, to RUN/export-training (see
    docs/training-on-device.md); of the other options it takes --out, --batch-size and --json."""
    precision: tuple[Precision, ...] = ()
    """Of the encoder; the front-end stays in float32. fp32 and int8 if left out. int8-weights:
    computed in float32, .onnx only. With a target: those to choose from, all if left out."""
    input: tuple[Literal["waveform", "mel", "stream"], ...] = ("waveform", "mel")
    """What the artifact takes: 16 kHz samples, the normalised log-mel, or packets of samples one
    after the other (see docs/streaming.md)."""
    window_ms: float = 975.0
    """How much sound an artifact takes at a time."""
    max_window_ms: float | None = None
    """Take longer windows too, up to that, in whole slices of the encoder."""
    max_batch: int | None = None
    """Windows that an artifact takes at a time; 1 in ExecuTorch and any number in ONNX if left
    out."""
    packet_ms: float | None = None
    """How much sound a stream takes at a time, a whole number of hops; the checkpoint's slice, at
    most 320, if left out."""
    readout: tuple[str, ...] = ()
    """What the embedding is made of: last, middle, mel; as the checkpoint says if left out."""
    head: tuple[Path, ...] = ()
    """Linear probes of this run (`probe --save-head`); their probabilities become outputs."""
    calibration: str | None = None
    """Recordings to quantise by and to compare on, instead of the run's own."""
    calibration_clips: int = 64
    """Windows to quantise by."""
    parity_clips: int = 100
    """Other windows, on which artifact and model are compared."""
    parity: bool = True
    """Compare each artifact with the model."""
    min_snr_db: float | None = None
    """The least signal-to-noise ratio of int8 embeddings; 10 if left out (fp32: always 60)."""
    target_snr: float | None = None
    """Keep only the smallest precision with that signal-to-noise ratio in dB (25 is good)."""
    max_probe_drop: float | None = None
    """Keep only the smallest precision whose linear probe loses at most so many points of accuracy
    on any task of --data or --suite."""
    labels: Annotated[TrainingTaskOptions, tyro.conf.OmitArgPrefixes] = field(
        default_factory=TrainingTaskOptions
    )
    seed: int = 0
    """Of the windows drawn."""
    licence: str = Card.licence
    """Of the weights, for MODEL_CARD.md and the manifest: a name such as apache-2.0."""
    probes: tuple[Path, ...] = ()
    """Results of `probe --out` for MODEL_CARD.md; RUN/scores.json if left out and there."""
    latency: bool = False
    """Time the artifacts on this machine, for MODEL_CARD.md."""
    android: Path | None = None
    """An Android project, such as android_demo: its app gets what it listens with (see
    docs/android.md)."""
    batch_size: int | None = None
    """Clips in a step, of executorch-training; 8 if left out."""
    json: bool = False
    """Print the result as JSON, a line for each run."""

    def run(self) -> int:
        if not self.runs:
            raise UserError("no run given; e.g. tiny-audio-ssl export RUN")
        if FORMAT in self.format:
            return self._export_training()
        if self.batch_size is not None:
            raise UserError(f"--batch-size is for --format {FORMAT}; other artifacts take any")
        if self.android is not None:
            self._check_android(self.android)
        folders, target = self._folders(), self._target()
        cards = [self._card(run) for run in self.runs]
        results = [
            self._export(run, folder, card, target)
            for run, folder, card in zip(self.runs, folders, cards, strict=True)
        ]
        if self.android is not None:
            for file in android.install(results[0].folder, self.android):
                err.print(f"{file}: for the app", markup=False)
        return 0 if all(result.ok for result in results) else 1

    def _check_android(self, project: Path) -> None:
        android.assets_of(project)
        if len(self.runs) > 1:
            raise UserError(f"--android {project}: an app takes one run; {len(self.runs)} given")

    def _folders(self) -> list[Path | None]:
        if self.out is None or len(self.runs) == 1:
            return [self.out] * len(self.runs)
        return [self.out / name for name in short_names(self.runs)]

    def _target(self) -> Target | None:
        asked = self.labels.data is not None or self.labels.suite is not None
        if self.target_snr is None and self.max_probe_drop is None and not asked:
            return None
        tasks = tuple(open_task(task) for task in self.labels.tasks()) if asked else ()
        return Target(self.target_snr, self.max_probe_drop, tasks)

    def _card(self, run: Path) -> Card:
        beside = run / SCORES
        files = self.probes or ((beside,) if beside.is_file() else ())
        found = [score for file in files for score in scores.read(file)]
        return Card(self.licence, scores_of(found, run) if files else (), self.latency)

    def _export(
        self, run: Path, folder: Path | None, card: Card, target: Target | None
    ) -> ExportResult:
        usual: tuple[Precision, ...] = ("fp32", "int8") if target is None else ()
        with err.status("exporting") as status:
            result = export_run(
                run,
                folder,
                self.format,
                self.precision or usual,
                self.input,
                self.window_ms,
                self.calibration,
                self.calibration_clips,
                self.parity_clips,
                self.parity,
                self.min_snr_db,
                self.seed,
                readout=self.readout,
                heads=self.head,
                card=card,
                target=target,
                packet_ms=self.packet_ms,
                max_window_ms=self.max_window_ms,
                max_batch=self.max_batch,
                progress=lambda file: status.update(f"exporting {file}"),
            )
        for note in result.notes:
            err.print(note, style="yellow", markup=False)
        if self.json:
            print(json.dumps(_as_json(result)))
        else:
            if any(artifact.tried for artifact in result.artifacts):
                out.print(_tried_table(result))
            out.print(_table(result))
            out.print("SNR, cosine: of the embeddings; portable: operators outside the fast path")
            for line in _left_out(result):
                out.print(line, markup=False)
            beside = f"{result.manifest.name}, {MODEL_CARD}"
            out.print(f"{result.folder}: with {beside}", markup=False)
        if not result.ok:
            err.print("[bold red]error:[/] an artifact is too far from the model (exit code 1)")
        return result

    def _export_training(self) -> int:
        self._takes_only("runs", "out", "format", "batch_size", "json")
        for run, folder in zip(self.runs, self._folders(), strict=True):
            with err.status("exporting a training step"):
                made = export_training(run, folder, self.batch_size or BATCH_SIZE)
            if self.json:
                print(json.dumps(asdict(made), default=str))
                continue
            operators = sum(made.operators.values())
            size = f"{made.bytes / 1000:.0f} kB, {operators} operators, all of kinds"
            out.print(f"{made.path}: {size} whose gradients were compared with eager", markup=False)
            out.print(
                "open it with tiny_audio_ssl.export.training.on_device_trainer.OnDeviceTrainer",
                markup=False,
            )
        return 0

    def _takes_only(self, *names: str) -> None:
        usual = Export(())
        others = [f.name for f in fields(self) if f.name not in names]
        given = [name for name in others if getattr(self, name) != getattr(usual, name)]
        if self.format != (FORMAT,) or given:
            what = f"--{given[0].replace('_', '-')}" if given else " ".join(self.format)
            raise UserError(f"--format {FORMAT} is made alone, not with {what}")


def _left_out(result: ExportResult) -> list[str]:
    """Operators that no delegate took, each with its share of an artifact's time."""
    return [
        f"{artifact.path.name}: {name} is outside the fast path and takes {share:.0%} of the time"
        for artifact in result.artifacts
        for name, share in artifact.portable_time_share.items()
    ]


def _as_json(result: ExportResult) -> dict[str, object]:
    artifacts = [
        {
            "file": str(a.path),
            "bytes": a.bytes,
            **asdict(a.form),
            "parity": a.parity and a.parity.as_json(),
            "scores": {name: score.as_json() for name, score in a.scores.items()},
            "operators": a.operators and asdict(a.operators),
            "portable_time_share": dict(a.portable_time_share),
            "tried": [one.as_json() for one in a.tried],
        }
        for a in result.artifacts
    ]
    return {"ok": result.ok, "manifest": str(result.manifest), "artifacts": artifacts}


def _tried_table(result: ExportResult) -> Table:
    """What was made until the target was met, smallest first."""
    tried = [one for artifact in result.artifacts for one in artifact.tried]
    table = Table(box=box.SIMPLE_HEAD, title="Tried; points: accuracy lost by a linear probe")
    table.add_column("file", no_wrap=True)
    for name in ("kB", "SNR dB", *(f"{task}, points" for task in tried[0].probe_drops), "meets"):
        table.add_column(name, justify="right")
    for one in tried:
        drops = [f"{drop:+.2f}" for drop in one.probe_drops.values()]
        meets = "yes" if one.meets else "[bold red]no[/]"
        table.add_row(one.file, f"{one.bytes / 1000:.0f}", f"{one.snr_db:.1f}", *drops, meets)
    return table


def _table(result: ExportResult) -> Table:
    compared = next((a.parity.windows for a in result.artifacts if a.parity), 0)
    table = Table(
        box=box.SIMPLE_HEAD, title=f"Artifacts, compared with the model on {compared} windows"
    )
    table.add_column("file", no_wrap=True)
    labels = ["same label"] if result.artifacts[0].scores else []
    for name in ("kB", "SNR dB", "cosine", *labels, "portable", "agrees"):
        table.add_column(name, justify="right")
    for artifact in result.artifacts:
        table.add_row(*_cells(artifact))
    return table


def _cells(artifact: Artifact) -> list[str]:
    parity, operators = artifact.parity, artifact.operators
    agreements = [score.top_label_agreement for score in artifact.scores.values()]
    return [
        artifact.path.name,
        f"{artifact.bytes / 1000:.0f}",
        f"{parity.snr_db:.1f}" if parity else "",
        f"{parity.mean_cosine:.5f}" if parity else "",
        *([f"{min(agreements):.3f}"] if agreements else []),
        str(sum(operators.portable.values())) if operators else "",
        ("yes" if artifact.ok else "[bold red]no[/]") if parity else "not compared",
    ]
