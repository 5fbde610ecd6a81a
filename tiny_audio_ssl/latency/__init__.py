"""Time exported artifacts on this machine, beside the eager model of the same settings.

All forms take turns, one run each, so that whatever else the machine does falls on all alike.
Loading and the first run are apart from the steady state.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from tiny_audio_ssl.checkpoint import build_model
from tiny_audio_ssl.encoders import EncoderConfig
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.forms import FORMATS, network
from tiny_audio_ssl.export.runtimes import open_outputs
from tiny_audio_ssl.export.streaming import StreamEncoder, StreamShape
from tiny_audio_ssl.frontend import FrontendConfig

Result = TypeVar("Result")
LOADS = 5
EAGER = "torch"  # the runtime of the eager model


@dataclass(frozen=True)
class Row:
    """How fast one form is. Times in milliseconds, of one window or packet (batch 1)."""

    artifact: str  # file name, or "eager waveform"
    device: str  # CPU model
    runtime: str
    version: str  # of the runtime
    precision: str
    input: str
    threads: int
    bytes: int | None  # of the artifact
    window_ms: float  # of the sound that a run takes; of a stream, a packet
    load_ms: float | None  # median; the runtime is imported and used before
    first_run_ms: float
    p50_ms: float
    p90_ms: float
    min_ms: float
    speedup: float  # eager's p50 of the same input divided by this p50
    runs: int
    samples_ms: tuple[float, ...] = field(default=(), repr=False)  # only on request


@dataclass
class _Timed:
    """One form while it is timed."""

    row: Row
    run: Callable[[], object]
    folder: Path
    samples_ms: list[float] = field(default_factory=list)


def measure(
    paths: Sequence[str | Path],
    threads: int = 1,
    runs: int = 200,
    warm_up: int = 20,
    keep_samples: bool = False,
) -> list[Row]:
    """Time artifacts, and eager once for every folder and input among them.

    Args:
        paths: export folders, or artifacts within them (`manifest.json` must be beside).
        threads: for every runtime alike. ExecuTorch's and torch's are set for the whole process.
        runs: timed runs of each form, after `warm_up` others.
        keep_samples: keep every run's time in `Row.samples_ms`.

    Raises `UserError`: no artifact, no or another manifest, a missing extra.
    """
    if threads < 1 or runs < 1 or warm_up < 0:
        raise UserError(
            f"threads {threads}, runs {runs}, warm_up {warm_up}: expected at least 1, 1 and 0"
        )
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        forms = [form for path in paths for form in _forms(Path(path), threads)]
        if not forms:
            raise UserError("nothing to time; give export folders, such as RUN/export")
        _take_turns(forms, runs, warm_up)
    finally:
        torch.set_num_threads(before)
    return _with_speedups(forms, keep_samples)


def device_name() -> str:
    """The CPU's model, as Linux or the platform names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _forms(path: Path, threads: int) -> list[_Timed]:
    folder = path if path.is_dir() else path.parent
    content = manifest.read(folder)
    entries = [a for a in content["artifacts"] if path.is_dir() or a["file"] == path.name]
    if not entries:
        raise UserError(f"{path}: not in {folder / manifest.MANIFEST}; give one of its artifacts")
    forms = [_artifact(folder, content, entry, threads) for entry in entries]
    inputs = {entry["input"]["name"]: entry for entry in entries}
    return [_eager(folder, content, entry, threads) for entry in inputs.values()] + forms


def _artifact(folder: Path, content: Any, entry: Any, threads: int) -> _Timed:
    path = folder / entry["file"]
    example = _example(entry)
    open_outputs(path, threads)(*example)  # what a process pays once is not the artifact's
    loads_ms = []
    for _ in range(LOADS):
        run, load_ms = _clocked(partial(open_outputs, path, threads))
        loads_ms.append(load_ms)
    _, first_ms = _clocked(partial(run, *example))
    row = _row(content, entry, threads, entry["file"], FORMATS[entry["format"]].packages[0])
    row = replace(
        row, bytes=entry["bytes"], load_ms=statistics.median(loads_ms), first_run_ms=first_ms
    )
    return _Timed(row, partial(run, *example), folder)


def _eager(folder: Path, content: Any, entry: Any, threads: int) -> _Timed:
    """The model of the manifest's settings; its weights don't matter for the time."""
    names = EncoderConfig.__dataclass_fields__.keys() & content["encoder"].keys()
    encoder = EncoderConfig.from_dict({name: content["encoder"][name] for name in names})
    model = build_model(FrontendConfig(**content["frontend"]), encoder).eval()
    if "stream" in entry:
        fields = StreamShape.__dataclass_fields__
        module: nn.Module = StreamEncoder(
            model, StreamShape(**{name: entry["stream"][name] for name in fields})
        )
    else:
        module = network(model, entry["input"]["kind"])
    example = [torch.from_numpy(given) for given in _example(entry)]

    def run() -> object:
        with torch.inference_mode():
            return module(*example)

    _, first_ms = _clocked(run)
    row = _row(content, entry, threads, f"eager {entry['input']['kind']}", "torch")
    return _Timed(replace(row, precision="fp32", first_run_ms=first_ms), run, folder)


def _row(content: Any, entry: Any, threads: int, name: str, package: str) -> Row:
    """What is known before timing."""
    return Row(
        artifact=name,
        device=device_name(),
        runtime=package,
        version=metadata.version(package),
        precision=entry["precision"],
        input=entry["input"]["kind"],
        threads=threads,
        bytes=None,
        window_ms=entry["stream"]["packet_ms"] if "stream" in entry else content["window_ms"],
        load_ms=None,
        first_run_ms=0.0,
        p50_ms=0.0,
        p90_ms=0.0,
        min_ms=0.0,
        speedup=0.0,
        runs=0,
    )


def _example(entry: Any) -> list[np.ndarray]:
    """Noise at a tenth of full scale, and a stream's state at the start; a batch of one."""
    shape = [1, *entry["input"]["shape"][1:]]
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, shape)
    state = entry.get("stream", {}).get("state", [])
    return [noise.astype(np.float32)] + [
        np.zeros((1, *tensor["shape"][1:]), np.float32) for tensor in state
    ]


def _clocked(function: Callable[[], Result]) -> tuple[Result, float]:
    """The result, and how many milliseconds it took."""
    begin = time.perf_counter()
    result = function()
    return result, 1000 * (time.perf_counter() - begin)


def _take_turns(forms: Sequence[_Timed], runs: int, warm_up: int) -> None:
    for turn in range(warm_up + runs):
        for form in forms:
            _, took_ms = _clocked(form.run)
            if turn >= warm_up:
                form.samples_ms.append(took_ms)


def _with_speedups(forms: Sequence[_Timed], keep_samples: bool) -> list[Row]:
    eager_ms = {
        (form.folder, form.row.input): statistics.median(form.samples_ms)
        for form in forms
        if form.row.runtime == EAGER
    }
    rows = []
    for form in forms:
        p50, p90 = np.percentile(form.samples_ms, [50, 90])
        rows.append(
            replace(
                form.row,
                p50_ms=float(p50),
                p90_ms=float(p90),
                min_ms=min(form.samples_ms),
                speedup=eager_ms[form.folder, form.row.input] / float(p50),
                runs=len(form.samples_ms),
                samples_ms=tuple(form.samples_ms) if keep_samples else (),
            )
        )
    return rows
