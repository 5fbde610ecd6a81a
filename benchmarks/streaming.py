"""Time one packet of a live embedding, beside the whole window and the same packet before.

python benchmarks/streaming.py small --before ba319a7

Everything is timed by the C++ runner. All forms of a model, of both versions, take turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import native_turns
import torch
import tyro
from rich.console import Console
from rich.table import Table
from versions import ROOT, checked_out, cpu_s

from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.bench.native.options import RunnerOptions
from tiny_audio_ssl.bench.statistics import Interval, Rounds, median, ratio
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.forms import FORMATS
from tiny_audio_ssl.export.streaming.sliding_encoder import stream_network
from tiny_audio_ssl.export.streaming.stream_encoder import StreamShape
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import multiply_adds
from tiny_audio_ssl.models.names import folder_of
from tiny_audio_ssl.utils.files import read_rows, write_rows

RESULTS = Path(__file__).parent / "results" / "streaming.csv"
HOP_MS = 80.0  # at which the window is recomputed, beside at the packet's own
Entry = dict[str, Any]  # of a manifest


@dataclass(frozen=True)
class StreamingBenchmark:
    """One row for each model, packet, runtime and precision. Rows of other models are kept."""

    models: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Runs, or models that come with the package, to export to a temporary folder."""
    before: str | None = None
    """Commit whose packets are timed too."""
    packets: tuple[str, ...] = ("80", "160", "320", "80/80", "320/80")
    """Packets in milliseconds; 320/80 is one of 320 that the encoder reads in slices of 80,
    whatever slices it was trained on."""
    format: tuple[Literal["executorch", "onnx"], ...] = ("executorch", "onnx")
    precision: tuple[Literal["fp32", "int8"], ...] = ("fp32", "int8")
    rounds: int = 15
    timed_packets: int = 300
    """Timed runs of each form in each round."""
    core_w: float = 1.0
    """Watts of a busy core, an assumption, to estimate energy from time; `bench --target adb
    --energy-s` measures it."""
    csv: Path = RESULTS


def main(wanted: StreamingBenchmark) -> None:
    known = read_rows(wanted.csv) if wanted.csv.exists() else []
    kept = [row for row in known if row.get("model") and row["model"] not in wanted.models]
    rows = [row for model in wanted.models for row in rows_of(model, wanted)]
    write_rows(wanted.csv, [*rows, *kept])
    show(rows)


def rows_of(model: str, wanted: StreamingBenchmark) -> list[dict[str, Any]]:
    with TemporaryDirectory(prefix="streaming-") as name:
        folder = Path(name)
        trees = {"now": ROOT}
        if wanted.before:
            trees["before"] = checked_out(wanted.before, folder / "tree")
        files = {
            (version, packet, *form): path
            for version, tree in trees.items()
            for packet in ("window", *wanted.packets)
            if version == "now" or packet in ("window", "80/80")  # an earlier packet is a slice
            for form, path in exported(model, packet, tree, folder / version, wanted)
        }
        times = timed(files, wanted)
        found = checkpoint.load(folder_of(model))
        return [
            {
                "model": model,
                "encoder": found.model.encoder.config.name,
                **row(path, key, times, wanted),
                **counted(found, entry_of(path)["stream"]),
            }
            for key, path in files.items()
            if key[0] == "now" and key[1] != "window"
        ]


def exported(
    model: str, packet: str, tree: Path, folder: Path, wanted: StreamingBenchmark
) -> Iterator[tuple[tuple[str, str], Path]]:
    """Export a model with a version; yield each artifact with its format and precision."""
    out = folder / packet.replace("/", "-")
    options = ["--input", "waveform", "--no-parity"]
    if packet != "window":
        packet_ms, _, slice_ms = packet.partition("/")
        options = ["--input", "stream", "--packet-ms", packet_ms]
        options += ["--slice-ms", slice_ms] if slice_ms and tree == ROOT else []
        options += [] if tree == ROOT else ["--no-parity"]
    source = str(Path(model).resolve()) if Path(model).exists() else model
    forms = ["--format", *wanted.format, "--precision", *wanted.precision]
    cpu_s(["export", source, "--out", str(out), *forms, *options], tree)
    for entry in manifest.read(out)["artifacts"]:
        yield (entry["format"], entry["precision"]), out / entry["file"]


def timed(files: dict[Any, Path], wanted: StreamingBenchmark) -> dict[Any, Rounds]:
    """Return the time of each run, in rounds in which the files take turns."""

    def options_of(key: tuple[str, ...]) -> RunnerOptions:
        stream = key[1] != "window"
        return RunnerOptions(runs=wanted.timed_packets, stream=stream, samples=True)

    return native_turns.timed(files, options_of, wanted.rounds)


def row(
    path: Path, key: tuple[str, ...], times: dict[Any, Rounds], wanted: StreamingBenchmark
) -> dict[str, Any]:
    _, packet, *form = key
    entry = entry_of(path)
    stream, parity = entry["stream"], entry.get("parity") or {}
    package = FORMATS[entry["format"]].packages[0]
    window = times["now", "window", *form]
    p50, share = median(times[key]), ratio(times[key], window)
    busy_s = 3600 / stream["packet_ms"] * p50.value
    before = times.get(("before", packet, *form))
    return {
        "runtime": package,
        "version": metadata.version(package),
        "precision": entry["precision"],
        "device": device_name(),
        "threads": 1,
        "packet_ms": stream["packet_ms"],
        "slice_ms": 10 * stream["slice_frames"],
        "bytes": path.stat().st_size,
        "snr_db": round(parity["snr_db"], 2) if parity else "",
        **interval("packet_p50_ms", p50),
        "runs": times[key].size,
        "window_p50_ms": round(median(window).value, 4),
        **interval("share_of_window", share),
        "ms_per_second": round(1000 / stream["packet_ms"] * p50.value, 4),
        "busy_s_per_hour": round(busy_s, 2),
        "estimated_mwh_per_hour": round(busy_s / 3.6 * wanted.core_w, 3),
        "times_less_than_window_each_packet": round(1 / share.value, 2),
        "times_less_than_window_each_80_ms": round(
            stream["packet_ms"] / HOP_MS / share.value, 2
        ),
        "before": wanted.before if before is not None else "",
        "before_packet_p50_ms": "" if before is None else round(median(before).value, 4),
        **interval("times_as_fast", None if before is None else ratio(before, times[key])),
    }  # fmt: skip


def interval(name: str, found: Interval | None) -> dict[str, Any]:
    """Return a figure and the ends of its interval as columns."""
    parts = {"": "value", "_low": "low", "_high": "high"}
    return {
        f"{name}{end}": "" if found is None else round(getattr(found, part), 4)
        for end, part in parts.items()
    }


def entry_of(path: Path) -> Entry:
    entries = manifest.read(path.parent)["artifacts"]
    return next(entry for entry in entries if entry["file"] == path.name)


def counted(found: checkpoint.Checkpoint, stream: dict[str, Any]) -> dict[str, Any]:
    step = stream_network(found.model, StreamShape.read(stream))
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
    table = Table(title="Streams, one packet")
    columns = ("model", "runtime", "precision", "packet_ms", "slice_ms", "snr_db", "packet_p50_ms",
               "share_of_window", "times_as_fast", "estimated_mwh_per_hour")  # fmt: skip
    for name in columns:
        table.add_column(name)
    for found in rows:
        table.add_row(*(str(found[name]) for name in columns))
    Console(width=140).print(table)


if __name__ == "__main__":
    main(tyro.cli(StreamingBenchmark, description=__doc__))
