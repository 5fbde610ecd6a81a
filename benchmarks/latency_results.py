"""The committed table: all forms of some runs and openWakeWord's models, on this machine.

python benchmarks/latency_results.py runs/quality/cola-augmented-mobile \
    runs/quality/cola-augmented-separable

Writes results/latency.csv and results/latency.png, and prints the table of the README.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import tyro

from tiny_audio_ssl.export import export_run
from tiny_audio_ssl.extras import require

RESULTS = Path(__file__).parent / "results"
INPUTS = ("waveform", "mel", "stream")
PEERS = ("melspectrogram.onnx", "embedding_model.onnx")  # one after the other: its embedding
PEER_MS = 782.0  # 12,512 samples: the 76 frames that the second one takes
Line = Mapping[str, str]


@dataclass(frozen=True)
class Results:
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Runs to export in every form, to a folder that is removed."""
    timed_runs: int = 200
    """Of each form."""


def main(wanted: Results) -> None:
    models = Path(require("openwakeword", "peers").__file__ or "").parent / "resources" / "models"
    peers = [models / name for name in PEERS]
    with TemporaryDirectory() as temporary:
        folders = [Path(temporary) / run.name for run in wanted.runs]
        for run, folder in zip(wanted.runs, folders, strict=True):
            export_run(run, precisions=(), inputs=INPUTS, parity=False, out=folder)
        bench([*folders, *peers], wanted.timed_runs)
    with (RESULTS / "latency.csv").open(newline="") as file:
        print(markdown(list(csv.DictReader(file))))


def bench(paths: Sequence[Path], runs: int) -> None:
    """In a process of its own, which has exported nothing."""
    command = [sys.executable, "-m", "tiny_audio_ssl.cli", "bench", *map(str, paths)]
    command += ["--target", "host", "host-native", "--compile"]
    command += ["--peer-ms", str(PEER_MS), "--runs", str(runs)]
    command += ["--csv", str(RESULTS / "latency.csv"), "--chart", str(RESULTS / "latency.png")]
    subprocess.run(command, check=True)


def markdown(lines: Sequence[Line]) -> str:
    """Forms that take a waveform, models side by side: eager from Python, artifacts from C++."""
    models = list(dict.fromkeys(line["model"] for line in lines if line["model"] != "peer"))
    heads = ["kB", "p50 ms", "p90 ms", "x eager [95 %]", "of peak"]
    made = [
        ["form", *(f"`{model}` {heads[0]}" if i == 0 else head
                   for model in models for i, head in enumerate(heads))],
        ["---"] * (1 + len(heads) * len(models)),
    ]  # fmt: skip
    chosen = [line for line in lines if line["input"] == "waveform" and _shown(line)]
    for form in dict.fromkeys(line["artifact"] for line in chosen):
        by_model = {line["model"]: line for line in chosen if line["artifact"] == form}
        made.append([form, *(cell for model in models for cell in _cells(by_model[model]))])
    for line in lines:
        if line["model"] == "peer" and _shown(line):
            made.append([line["artifact"], *_cells(line)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in made)


def _shown(line: Line) -> bool:
    return (line["target"] == "host-native") == bool(line["bytes"])


def _cells(line: Line) -> list[str]:
    faster = ""
    if line["speedup"]:
        low, high = (f"{float(line[name]):.1f}" for name in ("speedup_low", "speedup_high"))
        faster = f"{float(line['speedup']):.1f} [{low}, {high}]"
    return [
        f"{float(line['bytes']) / 1000:.0f}" if line["bytes"] else "",
        f"{float(line['p50_ms']):.2f}",
        f"{float(line['p90_ms']):.2f}",
        faster,
        f"{100 * float(line['of_peak']):.0f} %" if line["of_peak"] else "",
    ]


if __name__ == "__main__":
    main(tyro.cli(Results, description=__doc__))
