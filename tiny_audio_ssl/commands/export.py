"""export: a run becomes artifacts for a phone."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich import box
from rich.table import Table

from tiny_audio_ssl.commands.base import Command, err, out
from tiny_audio_ssl.export import Artifact, ExportResult, export_run


@dataclass
class Export(Command):
    """Export a run to mobile artifacts, and compare each with the model on real recordings.

    Waveform in: the front-end is inside, in float32 always. int8: static, calibrated on the run's
    own recordings. Ends with exit code 1 if an artifact's embeddings are too far from the model's.
    """

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """A run's folder, or one of its checkpoints (then name recordings with --calibration)."""
    out: Path | None = None
    """The folder to make; RUN/export if left out. An earlier export there is replaced."""
    format: tuple[Literal["executorch", "onnx"], ...] = ("executorch", "onnx")
    """.pte for ExecuTorch (XNNPACK), .onnx for ONNX Runtime."""
    precision: tuple[Literal["fp32", "int8"], ...] = ("fp32", "int8")
    """Of the encoder; the front-end stays in float32."""
    input: tuple[Literal["waveform", "mel", "stream"], ...] = ("waveform", "mel")
    """What the artifact takes: 16 kHz samples, the normalised log-mel, or packets of samples one
    after the other (see docs/streaming.md)."""
    window_ms: float = 975.0
    """How much sound an artifact takes at a time."""
    packet_ms: float | None = None
    """How much sound a stream takes at a time, a whole number of hops; the checkpoint's slice, at
    most 320, if left out."""
    readout: tuple[str, ...] = ()
    """What the embedding is made of: last, middle, mel; as the checkpoint says if left out."""
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
    seed: int = 0
    """Of the windows drawn."""
    json: bool = False
    """Print the result as JSON."""

    def run(self) -> int:
        with err.status("exporting") as status:
            result = export_run(
                self.folder,
                self.out,
                self.format,
                self.precision,
                self.input,
                self.window_ms,
                self.calibration,
                self.calibration_clips,
                self.parity_clips,
                self.parity,
                self.min_snr_db,
                self.seed,
                readout=self.readout,
                packet_ms=self.packet_ms,
                progress=lambda file: status.update(f"exporting {file}"),
            )
        for note in result.notes:
            err.print(note, style="yellow", markup=False)
        if self.json:
            print(json.dumps(_as_json(result)))
        else:
            out.print(_table(result))
            out.print("SNR, cosine: of the embeddings; portable: operators outside the fast path")
            out.print(f"{result.folder}: with {result.manifest.name}", markup=False)
        if not result.ok:
            err.print("[bold red]error:[/] an artifact is too far from the model (exit code 1)")
        return 0 if result.ok else 1


def _as_json(result: ExportResult) -> dict[str, object]:
    artifacts = [
        {
            "file": str(a.path),
            "bytes": a.bytes,
            **asdict(a.form),
            "parity": a.parity and a.parity.as_json(),
            "operators": a.operators and asdict(a.operators),
        }
        for a in result.artifacts
    ]
    return {"ok": result.ok, "manifest": str(result.manifest), "artifacts": artifacts}


def _table(result: ExportResult) -> Table:
    compared = next((a.parity.windows for a in result.artifacts if a.parity), 0)
    table = Table(
        box=box.SIMPLE_HEAD, title=f"Artifacts, compared with the model on {compared} windows"
    )
    table.add_column("file", no_wrap=True)
    for name in ("kB", "SNR dB", "cosine", "portable", "agrees"):
        table.add_column(name, justify="right")
    for artifact in result.artifacts:
        table.add_row(*_cells(artifact))
    return table


def _cells(artifact: Artifact) -> list[str]:
    parity, operators = artifact.parity, artifact.operators
    return [
        artifact.path.name,
        f"{artifact.bytes / 1000:.0f}",
        f"{parity.snr_db:.1f}" if parity else "",
        f"{parity.mean_cosine:.5f}" if parity else "",
        str(sum(operators.portable.values())) if operators else "",
        ("yes" if parity.ok else "[bold red]no[/]") if parity else "not compared",
    ]
