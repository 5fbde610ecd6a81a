"""Make the committed table: all forms of some models and openWakeWord's, on this machine.

python benchmarks/latency_results.py tiny small

Writes results/latency.csv and results/latency.png, and prints the table of the README.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import tyro

from tiny_audio_ssl.bench.settings import HOST_NATIVE
from tiny_audio_ssl.bench.subjects import PEER
from tiny_audio_ssl.export.exporter import export
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import read_rows

RESULTS = Path(__file__).parent / "results"
INPUTS = ("waveform", "mel", "stream")
PEER_FILES = ("melspectrogram.onnx", "embedding_model.onnx")  # in turn, give its embedding
PEER_MS = 782.0  # 12,512 samples, which give the 76 frames that the second model takes
Line = Mapping[str, str]


@dataclass(frozen=True)
class LatencyResults:
    """Options of the command line."""

    models: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Runs, or models that come with the package, to export to a temporary folder."""
    timed_runs: int = 200
    """Timed runs of each form."""


def main(options: LatencyResults) -> None:
    home = Path(require("openwakeword", "peers").__file__ or "").parent / "resources" / "models"
    peers = [home / name for name in PEER_FILES]
    with TemporaryDirectory() as temporary:
        folders = [Path(temporary) / Path(model).name for model in options.models]
        for model, folder in zip(options.models, folders, strict=True):
            export(model, folder, precision="all", input=INPUTS, parity=False)
        run_bench([*folders, *peers], options.timed_runs)
    print(markdown(read_rows(RESULTS / "latency.csv")))


def run_bench(paths: Sequence[Path], runs: int) -> None:
    """Run the benchmark in another process, which has exported nothing."""
    command = [sys.executable, "-m", "tiny_audio_ssl.cli", "bench", *map(str, paths)]
    command += ["--target", "host", "host-native", "--compile"]
    command += ["--peer-ms", str(PEER_MS), "--runs", str(runs)]
    command += ["--csv", str(RESULTS / "latency.csv"), "--chart", str(RESULTS / "latency.png")]
    subprocess.run(command, check=True)


def markdown(lines: Sequence[Line]) -> str:
    """Return a table of forms that take a waveform, with the models side by side.

    Eager models are timed from Python, artifacts from C++.
    """
    shown = [line for line in lines if _shown(line)]
    models = list(dict.fromkeys(line["model"] for line in shown if line["model"] != PEER))
    made = [["form", *(f"`{model}` p50, p90 ms | x eager [95 %] | of peak" for model in models)]]
    made.append(["---"] * (1 + 3 * len(models)))
    for form in dict.fromkeys(line["artifact"] for line in shown if line["model"] != PEER):
        by_model = {line["model"]: line for line in shown if line["artifact"] == form}
        made.append([form, *(_cells(by_model[model]) for model in models)])
    made += [[line["artifact"], _cells(line)] for line in shown if line["model"] == PEER]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in made)


def _shown(line: Line) -> bool:
    if (line["target"] == HOST_NATIVE) != bool(line["bytes"]):  # models have no file
        return False
    return line["model"] == PEER or (
        line["input"] == "waveform" and line["precision"] in ("fp32", "int8")
    )


def _cells(line: Line) -> str:
    faster = ""
    if line["speedup"]:
        value, low, high = (
            f"{float(line[name]):.1f}" for name in ("speedup", "speedup_low", "speedup_high")
        )
        faster = f"{value} [{low}, {high}]"
    share = f"{100 * float(line['of_peak']):.0f} %" if line["of_peak"] else ""
    return f"{float(line['p50_ms']):.2f}, {float(line['p90_ms']):.2f} | {faster} | {share}"


if __name__ == "__main__":
    main(tyro.cli(LatencyResults, description=__doc__))
