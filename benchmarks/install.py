"""Time the first minute of a new user: install the wheel, embed a file, export a model.

python benchmarks/install.py

The wheel is built from this checkout and installed into an empty environment, with CPU builds of
everything from the package index that pip is configured with. How long packages take to arrive
depends on the network and on pip's cache, which is why processor time stands beside the seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
import tyro
from versions import ROOT, children_s

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "install.csv"
EXTRAS = "executorch,onnx"


@dataclass(frozen=True)
class InstallBenchmark:
    """One row for each step."""

    csv: Path = RESULTS


def main(wanted: InstallBenchmark) -> None:
    """Take the steps one after another, and write the table."""
    with TemporaryDirectory(prefix="install-") as folder:
        rows = list(timed(Path(folder)))
    write_rows(wanted.csv, rows)


def timed(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each step of a new user in `folder`."""
    build = ["pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), str(ROOT)]
    subprocess.run([sys.executable, "-m", *build], check=True)
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    pip, quietly = environment / "bin" / "pip", ("install", "--quiet")
    program = environment / "bin" / "tiny-audio-ssl"
    seconds = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    soundfile.write(folder / "sound.wav", 0.3 * np.sin(2 * np.pi * 440 * seconds), SAMPLE_RATE_HZ)
    steps: dict[str, Sequence[str | Path]] = {
        "make an empty environment": [sys.executable, "-m", "venv", environment],
        "install": [pip, *quietly, wheel],
        "embed a file": [program, "embed", "small", "sound.wav", "--out", "sound.npy"],
        "embed it again": [program, "embed", "small", "sound.wav", "--out", "again.npy"],
        f"install the extras {EXTRAS}": [pip, *quietly, f"{wheel}[{EXTRAS}]"],
        "export `small`": [program, "export", "small"],
    }
    for step, command in steps.items():
        row = {"step": step, **cost(command, folder)}
        print(f"{row['step']:40} {row['wall_s']:8.1f} s, {row['cpu_s']:8.1f} s of CPU", flush=True)
        size_mb = megabytes(environment) if "install" in step else ""
        yield {**row, "environment_mb": size_mb, "device": device_name()}


def cost(command: Sequence[str | Path], folder: Path) -> dict[str, float]:
    """Run a command in `folder`; return its seconds, and those of the processor."""
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    began, used = time.perf_counter(), children_s()
    done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed: {done.stderr}")
    took = time.perf_counter() - began
    return {"wall_s": round(took, 1), "cpu_s": round(children_s() - used, 1)}


def megabytes(folder: Path) -> int:
    """Return the size of the files below a folder in MB."""
    sizes = (file.lstat().st_size for file in folder.rglob("*") if file.is_file())
    return round(sum(sizes) / 1e6)


if __name__ == "__main__":
    main(tyro.cli(InstallBenchmark, description=__doc__))
