"""Type the commands that README.md shows, and keep the lines that they print.

python benchmarks/first_minutes.py

The test of README.md compares its console with these lines. Losses and accuracies differ in their
last digits between processors.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
import tyro
from versions import ROOT

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "first_minutes.csv"


@dataclass(frozen=True)
class FirstMinutes:
    """One row for each line that a command prints."""

    csv: Path = RESULTS


def main(wanted: FirstMinutes) -> None:
    """Run the commands one after another in an empty folder."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    with TemporaryDirectory(prefix="first-minutes-") as folder:
        kitchen(Path(folder) / "kitchen.wav")
        rows = [
            {"command": command, "line": " ".join(line.split())}
            for command in commands(readme)
            for line in printed(command, Path(folder))
        ]
    write_rows(wanted.csv, rows)


def commands(readme: str) -> list[str]:
    """Return what is typed in the README's console."""
    return re.findall(r"^\$ (tiny-audio-ssl .*)$", readme, re.MULTILINE)


def kitchen(path: Path) -> None:
    """Write a second of a hum, in place of a recording."""
    seconds = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    soundfile.write(path, 0.1 * np.sin(2 * np.pi * 100 * seconds), SAMPLE_RATE_HZ)


def printed(command: str, folder: Path) -> Iterator[str]:
    """Yield the lines of a command's standard output, without the rules of its tables."""
    program = Path(sys.executable).with_name("tiny-audio-ssl")
    done = subprocess.run(
        [program, *command.split()[1:]],
        cwd=folder,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"NO_COLOR": "1"},
    )
    yield from (line for line in done.stdout.splitlines() if re.search(r"\w", line))


if __name__ == "__main__":
    main(tyro.cli(FirstMinutes, description=__doc__))
