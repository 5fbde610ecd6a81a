"""Time a live embedding: a stream, beside recomputing the whole window at every hop.

python benchmarks/streaming.py runs/quality/cola-augmented-mobile runs/quality/...
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.artifact_builder import ExportedArtifact
from tiny_audio_ssl.export.config import ExportConfig
from tiny_audio_ssl.export.exporter import ExportResult, export
from tiny_audio_ssl.export.forms import FORMATS
from tiny_audio_ssl.export.runtimes import RunAll, open_outputs
from tiny_audio_ssl.export.streaming.stream_encoder import StreamEncoder, StreamShape
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import multiply_adds
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "streaming.csv"
HOP_MS = 80.0  # at which the window is recomputed, beside at the packet's own


@dataclass(frozen=True)
class StreamingBenchmark:
    """One row for each run, runtime, precision and packet. All forms of a run take turns."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Runs to export, to a folder that is removed."""
    packet_ms: tuple[float, ...] = (80.0, 160.0, 320.0)
    format: tuple[Literal["executorch", "onnx"], ...] = ("executorch", "onnx")
    precision: tuple[Literal["fp32", "int8"], ...] = ("fp32", "int8")
    csv: Path = RESULTS
    timed_packets: int = 400
    warm_up: int = 20


@dataclass(frozen=True)
class TimedStream:
    """An artifact while it is timed: its inputs, and how long every run took."""

    run: RunAll
    inputs: list[np.ndarray]
    states: int
    took_ms: list[float]

    def turn(self, count: bool) -> None:
        begin = time.perf_counter()
        outputs = self.run(*self.inputs)
        took_ms = 1000 * (time.perf_counter() - begin)
        if self.states:
            self.inputs[1:] = outputs[-self.states :]
        if count:
            self.took_ms.append(took_ms)


def main(wanted: StreamingBenchmark) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = [row for run in wanted.runs for row in rows_of(run, wanted)]
    torch.set_num_threads(before)
    write_rows(wanted.csv, rows)
    show(rows)


def rows_of(run: Path, wanted: StreamingBenchmark) -> list[dict[str, Any]]:
    with TemporaryDirectory() as folder:
        config = ExportConfig(wanted.format, wanted.precision)
        whole = export(run, Path(folder) / "window", config, input="waveform", parity=False)
        streams = [
            export(run, Path(folder) / f"{ms:g}", config, input="stream", packet_ms=ms)
            for ms in wanted.packet_ms
        ]
        timed = {
            (i, a.form.format, a.form.precision): opened(result, a)
            for i, result in enumerate([whole, *streams])
            for a in result.artifacts
        }
        for turn in range(wanted.warm_up + wanted.timed_packets):
            for one in timed.values():
                one.turn(count=turn >= wanted.warm_up)
        found = checkpoint.load(run)
        return [
            {
                "task": found.run["task"],
                "encoder": found.model.encoder.config.name,
                **row(
                    artifact,
                    manifest_entry(result, artifact)["stream"],
                    timed[i, artifact.form.format, artifact.form.precision].took_ms,
                    timed[0, artifact.form.format, artifact.form.precision].took_ms,
                ),
                **counted(found, manifest_entry(result, artifact)["stream"]),
            }
            for i, result in enumerate(streams, start=1)
            for artifact in result.artifacts
        ]


def opened(result: ExportResult, artifact: ExportedArtifact) -> TimedStream:
    entry = manifest_entry(result, artifact)
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (1, entry["input"]["shape"][1]))
    state = [
        np.zeros((1, *tensor["shape"][1:]), np.float32)
        for tensor in entry.get("stream", {}).get("state", [])
    ]
    run = open_outputs(artifact.path, threads=1)
    return TimedStream(run, [noise.astype(np.float32), *state], len(state), [])


def manifest_entry(result: ExportResult, artifact: ExportedArtifact) -> dict[str, Any]:
    entries = manifest.read(result.folder)["artifacts"]
    return next(entry for entry in entries if entry["file"] == artifact.path.name)


def row(
    artifact: ExportedArtifact, stream: dict[str, Any], packet: list[float], window: list[float]
) -> dict[str, Any]:
    package = FORMATS[artifact.form.format].packages[0]
    packet_ms, p50, window_p50 = stream["packet_ms"], np.median(packet), np.median(window)
    per_second = p50 * 1000 / packet_ms
    return {
        "runtime": package,
        "version": metadata.version(package),
        "precision": artifact.form.precision,
        "device": device_name(),
        "threads": 1,
        "packet_ms": packet_ms,
        "slice_ms": 10 * stream["slice_frames"],
        "bytes": artifact.bytes,
        "snr_db": round(artifact.parity.snr_db, 2) if artifact.parity else "",
        "windows": artifact.parity.windows if artifact.parity else "",
        "packet_p50_ms": round(p50, 4),
        "packet_worst_ms": round(max(packet), 4),
        "runs": len(packet),
        "ms_per_second": round(per_second, 4),
        "window_p50_ms": round(window_p50, 4),
        "times_less_than_window_each_packet": round(window_p50 / p50, 2),
        "times_less_than_window_each_80_ms": round(window_p50 * 1000 / HOP_MS / per_second, 2),
    }


def counted(found: checkpoint.Checkpoint, stream: dict[str, Any]) -> dict[str, Any]:
    shape = StreamShape(*(stream[name] for name in StreamShape.__dataclass_fields__))
    step = StreamEncoder(found.model, shape)
    packet = multiply_adds(step, *step.start())
    window = multiply_adds(found.model, torch.zeros(1, stream["window_samples"]))
    return {
        "packet_multiply_adds": packet,
        "window_multiply_adds": window,
        "times_fewer_than_window_each_packet": round(window / packet, 2),
        "times_fewer_than_window_each_80_ms": round(
            window / packet * stream["packet_ms"] / HOP_MS, 2
        ),
    }


def show(rows: list[dict[str, Any]]) -> None:
    table = Table(title="Streams; how many times less than recomputing the window every 80 ms")
    columns = ("task", "encoder", "runtime", "precision", "packet_ms", "snr_db", "packet_p50_ms",
               "ms_per_second", "times_less_than_window_each_80_ms",
               "times_fewer_than_window_each_80_ms")  # fmt: skip
    for name in columns:
        table.add_column(name.replace("_than_window_each_80_ms", ""))
    for found in rows:
        table.add_row(*(str(found[name]) for name in columns))
    Console(width=140).print(table)


if __name__ == "__main__":
    main(tyro.cli(StreamingBenchmark, description=__doc__))
