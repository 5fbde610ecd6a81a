"""Time encoders from waveform to embedding with the C++ runner, whole and in parts.

python benchmarks/bodies.py mobile dense dense:width=1.4 my_bodies.py:wide
python benchmarks/bodies.py mobile dense --variants

A body is a name in ENCODERS, perhaps with settings of `EncoderConfig`, or a function of a file that
takes an `EncoderConfig` and gives a `Body`. Weights are random, which changes no time. All
artifacts of a runtime take turns, so that other load on the machine affects all alike.
"""

from __future__ import annotations

import json
import logging
import runpy
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import torch
import tyro
from body_variants import VARIANTS
from frontend_forms import Filters
from torch import Tensor, nn

from tiny_audio_ssl.audio.constants import WINDOW_SAMPLES
from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.bench.native.options import RunnerOptions
from tiny_audio_ssl.bench.native.run import run_native
from tiny_audio_ssl.export.config import FormatName, Precision
from tiny_audio_ssl.export.to_executorch import to_executorch
from tiny_audio_ssl.export.to_onnx import to_onnx
from tiny_audio_ssl.models.bodies import BuildBody
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import (
    Encoder,
    LogMelEncoder,
    WaveformEncoder,
    multiply_adds,
    parameter_count,
)
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.utils.files import write_rows
from tiny_audio_ssl.utils.random_state import seeded

RESULTS = Path(__file__).parent / "results" / "bodies.csv"
SUFFIXES = {"executorch": "pte", "onnx": "onnx"}
FRONTEND = "front-end"


@dataclass(frozen=True)
class BodyBenchmark:
    """One row for each body, format, precision and part."""

    bodies: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Bodies to time; the first is the one that the others are compared with."""
    variants: bool = False
    """Also time the variants of `dense` in body_variants.py."""
    format: tuple[FormatName, ...] = ("executorch", "onnx")
    precision: tuple[Precision, ...] = ("fp32", "int8")
    parts: bool = True
    """Also time each body with log-mel in, with and without the statistics of the readout."""
    rounds: int = 10
    """Rounds in which every artifact is loaded and timed anew."""
    runs: int = 100
    """Timed runs in a round."""
    csv: Path = RESULTS


@dataclass
class BodyRow:
    """Times of one artifact. `ms` is the median of the rounds' medians, `fastest_ms` the lowest."""

    body: str
    part: str
    format: str
    precision: str
    parameters: int
    multiply_adds: int
    bytes: int = 0
    ms: float = 0.0
    fastest_ms: float = 0.0
    times_faster: float | None = None  # than the first body's artifact of this kind
    frontend_share: float | None = None  # of the first front-end, in the fastest rounds
    device: str = field(default_factory=device_name)

    @property
    def kind(self) -> tuple[str, str, str]:
        return self.part, self.format, self.precision


def main(options: BodyBenchmark) -> None:
    logging.disable(logging.WARNING)  # the exporters warn of what can't be changed
    warnings.simplefilter("ignore")
    rows: list[BodyRow] = []
    with TemporaryDirectory(prefix="bodies-") as folder:
        for format in options.format:
            made = dict(artifacts(options, format, Path(folder)))
            take_turns(made, options)
            compare(list(made.values()))
            rows += made.values()
    write_rows(options.csv, map(asdict, rows))
    for row in rows:
        faster = "" if row.times_faster is None else f"{row.times_faster:.2f} times faster"
        print(f"{row.body:28} {row.part:20} {row.format:10} {row.precision:5}"
              f"{row.ms:8.3f} ms {row.fastest_ms:8.3f} ms  {faster}")  # fmt: skip


def encoder_of(spec: str, **settings: Any) -> Encoder:
    """Build the encoder that a word on the command line describes, with random weights."""
    name, _, rest = spec.partition(":")
    body: BuildBody | None = None
    if spec in VARIANTS:
        name, body = "dense", VARIANTS[spec]
    elif name.endswith(".py"):
        name, body = "dense", runpy.run_path(name)[rest]
    elif rest:
        given = (setting.partition("=") for setting in rest.split(","))
        settings = {key: json.loads(value) for key, _, value in given} | settings
    config = EncoderConfig(name, **settings)
    with seeded(0):
        return Encoder(config, LogMel().config.bands, body).eval()


def networks(options: BodyBenchmark) -> Iterator[tuple[str, str, nn.Module]]:
    """Yield body, part and network of all that is timed."""
    frontend = LogMel().eval()
    for hop_ms in (10.0, 20.0):
        config = FrontendConfig(hop_ms=hop_ms)
        for name, made in (("log-mel", LogMel(config)), ("filters", with_filters(config))):
            yield f"{name}, hop {hop_ms:g} ms", FRONTEND, made.eval()
    for spec in (*options.bodies, *(VARIANTS if options.variants else ())):
        encoder = encoder_of(spec)
        yield spec, "whole", WaveformEncoder(frontend, encoder).eval()
        if options.parts:
            yield spec, "log-mel in", LogMelEncoder(encoder).eval()
            yield spec, "log-mel in, last", LogMelEncoder(encoder_of(spec, readout=("last",)))


def with_filters(config: FrontendConfig) -> LogMel:
    frontend = LogMel(config)
    frontend.spectrum = Filters(config)
    return frontend


@torch.no_grad()
def artifacts(
    options: BodyBenchmark, format: FormatName, folder: Path
) -> Iterator[tuple[Path, BodyRow]]:
    waves = torch.logspace(-3, -0.5, 16)[:, None] * torch.randn(16, WINDOW_SAMPLES)
    log_mels = LogMel().eval()(waves).contiguous()
    for index, (body, part, network) in enumerate(networks(options)):
        data = log_mels if isinstance(network, LogMelEncoder) else waves
        counted = parameter_count(network), multiply_adds(network, data[:1])
        for precision in ("fp32",) if part == FRONTEND else options.precision:
            path = folder / f"{index}.{precision}.{SUFFIXES[format]}"
            write(network, data, path, format, precision)
            row = BodyRow(body, part, format, precision, *counted, path.stat().st_size)
            yield path, row


def write(
    network: nn.Module, data: Tensor, path: Path, format: FormatName, precision: Precision
) -> None:
    calibration = data if precision == "int8" else None
    if format == "onnx":
        to_onnx(network, data[:1], path, "sound", precision, calibration)
    else:
        to_executorch(network, data[:1], path, precision, calibration)


def take_turns(made: dict[Path, BodyRow], options: BodyBenchmark) -> None:
    times: dict[Path, list[float]] = {path: [] for path in made}
    for _ in range(options.rounds):
        for path, taken in times.items():
            taken.append(run_native(path, options=RunnerOptions(runs=options.runs)).p50_ms)
    for path, row in made.items():
        row.ms, row.fastest_ms = round(median(times[path]), 4), round(min(times[path]), 4)


def compare(rows: Sequence[BodyRow]) -> None:
    """Fill in ratios, of the fastest rounds."""
    first = {row.kind: row.fastest_ms for row in reversed(rows)}
    frontend = next(row.fastest_ms for row in rows if row.part == FRONTEND)
    for row in rows:
        row.times_faster = round(first[row.kind] / row.fastest_ms, 2)
        if row.part == "whole":
            row.frontend_share = round(frontend / row.fastest_ms, 2)


if __name__ == "__main__":
    main(tyro.cli(BodyBenchmark, description=__doc__))
