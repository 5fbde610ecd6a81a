"""Processor time that commands take on next to no data, beside the same commands of another commit.

python benchmarks/startup.py --before f4e3626

It is nearly all imports. The two versions take turns, and each command is a process of its own, so
that the ratios hold on a machine that does other things as well. Seconds are the processor's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import tyro
from versions import ROOT, checked_out, cpu_s

from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.bench.statistics import median, ratio
from tiny_audio_ssl.utils.files import read_rows, write_rows

RESULTS = Path(__file__).parent / "results" / "startup.csv"
FILES = ROOT / "tests" / "data" / "f4e3626"  # a run and an export that every version reads
RUN, EXPORT = str(FILES / "run"), str(FILES / "export")
COMMANDS = {
    "version": ["--version"],
    "help": ["--help"],
    "help of pretrain": ["pretrain", "--help"],
    "an unknown option": ["embed", "--no-such-option"],
    "inspect EXPORT": ["inspect", EXPORT],
    "inspect RUN": ["inspect", RUN],
    "embed": ["embed", RUN, "builtin:1", "--out", "x.npy"],
    "probe": ["probe", RUN, "--data", "builtin", "--group", "group", "--protocols", "knn"],
    "verify": ["verify", EXPORT],
    "bench": ["bench", EXPORT, "--runs", "1", "--rounds", "1", "--warm-up", "0"],
    "pretrain": [
        *("pretrain", "builtin:1", "--out", "run", "--steps", "2", "--batch-size", "4"),
        *("--accelerator", "cpu"),
    ],
}
MISTAKE = "an unknown option"  # ends with exit code 2, all others with 0


@dataclass(frozen=True)
class StartupBenchmark:
    """One row for each command."""

    before: str
    """Commit to compare with."""
    commands: tuple[str, ...] = tuple(COMMANDS)
    """Commands to time; rows of others are kept."""
    rounds: int = 5
    """Times that each command runs in each version, after one that does not count."""
    csv: Path = RESULTS


def main(wanted: StartupBenchmark) -> None:
    with TemporaryDirectory(prefix="startup-") as place:
        old = checked_out(wanted.before, Path(place) / "before")
        kept = read_rows(wanted.csv) if wanted.csv.is_file() else []
        rows: dict[str, dict[str, Any]] = {one["command"]: one for one in kept}
        for name in wanted.commands:
            rows[name] = row(name, wanted, old)
            write_rows(wanted.csv, [rows[command] for command in COMMANDS if command in rows])


def row(name: str, wanted: StartupBenchmark, old: Path) -> dict[str, Any]:
    """Time a command in both versions, in turn."""
    found: dict[Path, list[float]] = {old: [], ROOT: []}
    for _ in range(1 + wanted.rounds):  # the first compiles the modules and fills caches
        for tree, times in found.items():
            times.append(cpu_s(COMMANDS[name], tree, exit_code=2 if name == MISTAKE else 0))
    before, now = (np.array(times[1:])[:, None] for times in found.values())
    gain = ratio(now, before)
    about = {
        "command": name,
        "cpu_s": f"{median(now).value:.3f}",
        "before": wanted.before,
        "before_cpu_s": f"{median(before).value:.3f}",
        "ratio": f"{gain.value:.3f}",
        "ratio_low": f"{gain.low:.3f}",
        "ratio_high": f"{gain.high:.3f}",
        "samples": " ".join(f"{seconds:.2f}" for seconds in found[ROOT][1:]),
        "before_samples": " ".join(f"{seconds:.2f}" for seconds in found[old][1:]),
        "device": device_name(),
        "torch_version": torch.__version__,
    }
    print(f"{name}: {about['cpu_s']} s, {about['ratio']} of {about['before_cpu_s']} s", flush=True)
    return about


if __name__ == "__main__":
    main(tyro.cli(StartupBenchmark, description=__doc__))
