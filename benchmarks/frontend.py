"""Time the front-end, in each way to write its Fourier transform and each runtime.

All forms of a runtime take turns in one process on one thread. Times are the processor's, not the
clock's, so that other load on the machine counts least. `share` is of a whole int8 artifact with an
untrained encoder, waveform in: its time and bytes less those of the one with mel in.

    OMP_NUM_THREADS=1 python benchmarks/frontend.py
"""

from __future__ import annotations

import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import torch
import tyro
from frontend_forms import ProductsAlone, forms
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from tiny_audio_ssl.audio.constants import WINDOW_SAMPLES
from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.export.runtimes import open_artifact, set_executorch_threads
from tiny_audio_ssl.export.to_executorch import Operators, to_executorch
from tiny_audio_ssl.export.to_onnx import to_onnx
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.bodies import ENCODERS
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import LogMelEncoder, WaveformEncoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "frontend.csv"
WHOLE = ("dense", "factored")  # forms timed with an encoder behind them


@dataclass(frozen=True)
class FrontendBenchmark:
    """One row for each form and runtime."""

    csv: Path = RESULTS
    rounds: int = 200
    warm_up: int = 20
    batch: int = 64
    batch_samples: int = 32_000


@dataclass
class FrontendRow:
    form: str
    runtime: str
    version: str
    samples: str
    ms: float | None = None  # median of the processor's time
    min_ms: float | None = None
    times_faster: float | None = None  # than dense, of the medians
    share_of_ms: float | None = None  # of the whole artifact
    bytes: int | None = None
    share_of_bytes: int | None = None
    delegates: int | None = None
    portable: str = ""
    difference: float | None = None  # the largest from dense in eager mode, of a natural logarithm
    refused: str = ""
    device: str = field(default_factory=device_name)


@dataclass
class _Timed:
    row: FrontendRow
    run: Callable[[], object]


Kind = Callable[[dict[str, LogMel], Path, FrontendBenchmark], Iterator[_Timed]]


@torch.no_grad()
def main(options: FrontendBenchmark) -> None:
    logging.disable(logging.WARNING)  # the exporters warn of what can't be changed
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    set_executorch_threads(1)
    config = FrontendConfig()
    frontends = {name: LogMel(config).eval() for name in forms(config)}
    for name, spectrum in forms(config).items():
        frontends[name].spectrum = spectrum
    rows: list[FrontendRow] = []
    with tempfile.TemporaryDirectory(prefix="frontend-") as folder:
        wholes = [
            partial(_whole, runtime=runtime, encoder=encoder)
            for runtime in ("executorch", "onnxruntime")
            for encoder in sorted(ENCODERS)
        ]
        kinds: list[Kind] = [_eager, _batches, _executorch, _onnx, *wholes]
        for runtime in kinds:
            timed = list(runtime(frontends, Path(folder), options))
            rounds = options.rounds if runtime is not _batches else options.rounds // 10
            _take_turns([t for t in timed if not t.row.refused], rounds, options.warm_up)
            rows += [t.row for t in timed]
            _show(rows[-len(timed) :])
    write_rows(options.csv, map(asdict, rows))


def _example(options: FrontendBenchmark, batch: int = 1, samples: int = WINDOW_SAMPLES) -> Tensor:
    """Noise of many levels, `[batch, samples]`."""
    rng = torch.Generator().manual_seed(0)
    levels = torch.logspace(-3, -0.5, batch).flip(0)[:, None]
    return levels * torch.randn(batch, samples, generator=rng)


def _eager(frontends: dict[str, LogMel], _: Path, options: FrontendBenchmark) -> Iterator[_Timed]:
    yield from _in_torch(frontends, _example(options))


def _batches(frontends: dict[str, LogMel], _: Path, options: FrontendBenchmark) -> Iterator[_Timed]:
    yield from _in_torch(frontends, _example(options, options.batch, options.batch_samples))


def _in_torch(frontends: dict[str, LogMel], waveform: Tensor) -> Iterator[_Timed]:
    expected = frontends["dense"](waveform)
    for name, frontend in frontends.items():
        row = _row(name, "torch", waveform)
        row.difference = _difference(frontend(waveform), expected)
        yield _Timed(row, lambda frontend=frontend: frontend(waveform))  # type: ignore[misc]


def _executorch(
    frontends: dict[str, LogMel], work: Path, options: FrontendBenchmark
) -> Iterator[_Timed]:
    waveform = _example(options)
    expected = frontends["dense"](waveform)
    yield from _artifacts(frontends, expected, waveform, work, "executorch", _to_pte)
    alone = LogMel(FrontendConfig()).eval()
    alone.spectrum = products = ProductsAlone(FrontendConfig())
    bound = {"factored, its products alone": alone}
    yield from _artifacts(
        bound, expected, products.frames_of(waveform), work, "executorch", _to_pte
    )


def _onnx(frontends: dict[str, LogMel], work: Path, options: FrontendBenchmark) -> Iterator[_Timed]:
    def write(network: nn.Module, example: Tensor, path: Path) -> None:
        to_onnx(network, example, path, "waveform")

    waveform = _example(options)
    yield from _artifacts(
        frontends, frontends["dense"](waveform), waveform, work, "onnxruntime", write
    )


def _whole(
    frontends: dict[str, LogMel], work: Path, options: FrontendBenchmark, runtime: str, encoder: str
) -> Iterator[_Timed]:
    body = checkpoint.untrained(FrontendConfig(), EncoderConfig(encoder), 0).encoder.eval()
    calibration = _example(options, 16)

    def write(network: nn.Module, example: Tensor, path: Path) -> Operators | None:
        inputs = calibration
        if isinstance(network, LogMelEncoder):
            inputs = frontends["dense"](calibration).contiguous()
        if runtime == "executorch":
            return to_executorch(network, example, path, "int8", inputs)
        to_onnx(network, example, path, "sound", "int8", inputs)
        return None

    waveform = _example(options)
    networks = {name: WaveformEncoder(frontends[name], body).eval() for name in WHOLE}
    expected = networks["dense"](waveform)
    mel = frontends["dense"](waveform).contiguous()
    without = {"mel in": LogMelEncoder(body).eval()}
    title = f"{runtime}, {encoder} int8"
    yield from _artifacts(networks, expected, waveform, work, title, write)
    yield from _artifacts(without, expected, mel, work, title, write)


def _to_pte(network: nn.Module, example: Tensor, path: Path) -> Operators:
    return to_executorch(network, example, path)


def _artifacts(
    networks: Any,
    expected: Tensor,
    example: Tensor,
    work: Path,
    runtime: str,
    write: Callable[[nn.Module, Tensor, Path], Operators | None],
) -> Iterator[_Timed]:
    for name, network in networks.items():
        row = _row(name, runtime, example)
        suffix = ".onnx" if runtime.startswith("onnxruntime") else ".pte"
        path = work / f"{name} {runtime}{suffix}"
        try:
            operators = write(network, example, path)
            run = open_artifact(path, threads=1)
            inputs = example.numpy()
            row.difference = _difference(torch.from_numpy(run(inputs)), expected)
        except Exception as error:  # what a converter or runtime can't do is a result
            row.refused = str(error).partition("\n")[0][:100]
            yield _Timed(row, lambda: None)
            continue
        row.bytes = path.stat().st_size
        if operators:
            row.delegates = operators.delegates
            row.portable = " ".join(f"{k}:{v}" for k, v in operators.portable.items())
        yield _Timed(row, lambda run=run, inputs=inputs: run(inputs))  # type: ignore[misc]


def _row(form: str, runtime: str, example: Tensor) -> FrontendRow:
    package = runtime.partition(",")[0]
    samples = "x".join(map(str, example.shape))
    return FrontendRow(form, runtime, metadata.version(package), samples)


def _difference(found: Tensor, expected: Tensor) -> float:
    return float(f"{(found - expected).abs().max().item():.2g}")


def _take_turns(timed: list[_Timed], rounds: int, warm_up: int) -> None:
    times: list[list[float]] = [[] for _ in timed]
    for _ in range(warm_up + rounds):
        for taken, form in zip(times, timed, strict=True):
            began = time.process_time()
            form.run()
            taken.append(1000 * (time.process_time() - began))
    for taken, form in zip(times, timed, strict=True):
        form.row.ms = round(median(taken[warm_up:]), 4)
        form.row.min_ms = round(min(taken[warm_up:]), 4)
    rows = {form.row.form: form.row for form in timed}
    for row in rows.values():
        row.times_faster = round(rows["dense"].ms / row.ms, 2)  # type: ignore[operator]
        if mel := rows.get("mel in"):
            row.share_of_ms = round(1 - mel.ms / row.ms, 3)  # type: ignore[operator]
            row.share_of_bytes = row.bytes - mel.bytes  # type: ignore[operator]


def _show(rows: list[FrontendRow]) -> None:
    table = Table(title=f"{rows[0].runtime}, {rows[0].samples} samples")
    names = ("form", "ms", "min_ms", "times_faster", "share_of_ms", "bytes", "share_of_bytes")
    columns = (*names, "portable", "difference", "refused")
    for name in columns:
        table.add_column(name)
    for row in rows:
        values = asdict(row)
        table.add_row(*("" if values[name] is None else str(values[name]) for name in columns))
    Console(width=160).print(table)


if __name__ == "__main__":
    main(tyro.cli(FrontendBenchmark, description=__doc__))
