"""Where the time of a window or a packet goes: every operator, in both runtimes, fp32 and int8.

python benchmarks/operators.py tiny small mobile separable shared sinc-mobile

A C compiler builds the clock by which XNNPACK's operators are timed (fast_clock.c).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.table import Table
from versions import ROOT, cpu_s

from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.bench.native.options import RunnerOptions
from tiny_audio_ssl.bench.native.run import run_native
from tiny_audio_ssl.models.bodies import ENCODERS
from tiny_audio_ssl.utils.files import write_rows

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "operators.csv"
Row = dict[str, Any]


@dataclass(frozen=True)
class OperatorBenchmark:
    """One row for each operator of each form, in the order of the graph."""

    models: Annotated[tuple[str, ...], tyro.conf.Positional] = ("tiny", "small")
    """Runs, models that come with the package, or encoders, which stay untrained."""
    format: tuple[Literal["executorch", "onnx"], ...] = ("executorch", "onnx")
    precision: tuple[Literal["fp32", "int8"], ...] = ("fp32", "int8")
    input: tuple[Literal["waveform", "stream"], ...] = ("waveform",)
    packet_ms: float = 80.0
    """Packet of a stream."""
    csv: Path = RESULTS


def main(wanted: OperatorBenchmark) -> None:
    rows = []
    with TemporaryDirectory(prefix="operators-") as name:
        clock = built_clock(Path(name))
        for model in wanted.models:
            for path in exported(model, Path(name) / Path(model).name, wanted):
                rows += rows_of(model, path, clock)
            write_rows(wanted.csv, rows)
    show(rows)


def built_clock(folder: Path) -> Path:
    target = folder / "fast_clock.so"
    source = str(HERE / "fast_clock.c")
    command = ["cc", "-O2", "-shared", "-fPIC", source, "-o", str(target), "-ldl"]
    subprocess.run(command, check=True)
    return target


def exported(model: str, folder: Path, wanted: OperatorBenchmark) -> Iterator[Path]:
    source = str(Path(model).resolve()) if Path(model).exists() else model
    if model in ENCODERS:  # its weights do not change the times
        source = str(folder / "run")
        options = ["--encoder.name", model, "--steps", "1", "--accelerator", "cpu"]
        cpu_s(["pretrain", "builtin", "--out", source, *options], ROOT)
    options = ["--format", *wanted.format, "--precision", *wanted.precision]
    options += ["--input", *wanted.input, "--no-parity"]
    if "stream" in wanted.input:
        options += ["--packet-ms", str(wanted.packet_ms)]
    cpu_s(["export", source, "--out", str(folder / "export"), *options], ROOT)
    yield from sorted((folder / "export").glob("encoder.*.*.*"))


def rows_of(model: str, path: Path, clock: Path) -> list[Row]:
    """Return a row for each operator of an artifact."""
    _, kind, precision, suffix = path.name.split(".")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if suffix == "pte":
        environment["LD_PRELOAD"] = str(clock)
    command = [sys.executable, str(HERE / "operator_times.py"), str(path)]
    printed = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout
    times = json.loads(printed.strip().splitlines()[-1])
    whole = run_native(path, options=RunnerOptions(runs=1000, stream=kind == "stream"))
    total, part, rows = sum(ns for _, ns in times), "front-end", []
    for place, (name, ns) in enumerate(times):
        operator = re.sub(r" #\d+$", "", name)
        if "conv" in operator.lower() and "convert" not in operator.lower():
            part = "encoder"
        rows.append(
            {
                "model": model,
                "input": kind,
                "runtime": whole.runtime,
                "precision": precision,
                "place": place,
                "part": part if kind == "waveform" else "",
                "operator": operator,
                "kind": kind_of(operator),
                "us": round(ns / 1000, 3),
                "share": round(ns / total, 4),
                "operators": len(times),
                "sum_us": round(total / 1000, 1),
                "untraced_us": round(1000 * whole.p50_ms, 1),
                "device": device_name(),
                "version": whole.runtime_version,
            }
        )
    return rows


def kind_of(operator: str) -> str:
    """Return an operator's name without its layout and precision, so that float32 and int8 meet."""
    plain = re.sub(r"\((ND|NC|NHWC)(, \w+)?\)|^QLinear|^native_call_", "", operator)
    return " ".join(plain.split())


def show(rows: list[Row]) -> None:
    """Show the kinds of operators, float32 beside int8."""
    table = Table(title="Microseconds by kind of operator")
    for name in ("model", "input", "runtime", "part", "operator", "fp32", "int8"):
        table.add_column(name)
    sums: dict[tuple[str, ...], dict[str, float]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("model", "input", "runtime", "part", "kind"))
        each = sums.setdefault(key, {})
        each[row["precision"]] = each.get(row["precision"], 0.0) + row["us"]
    for key, each in sorted(sums.items(), key=lambda item: -sum(item[1].values())):
        table.add_row(*key, *(f"{each.get(name, 0.0):.1f}" for name in ("fp32", "int8")))
    Console(width=140).print(table)


if __name__ == "__main__":
    main(tyro.cli(OperatorBenchmark, description=__doc__))
