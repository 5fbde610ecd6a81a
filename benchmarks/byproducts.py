"""Measure what tasks give beside the embedding: cleaner sound, separated sounds, and so on.

pip install ".[byproducts,speech-lab]"
python benchmarks/byproducts.py DATA
python benchmarks/byproducts.py DATA --groups enhancement --steps 3000

DATA holds `free_speech`, `free_sounds`, `speakers`, `keywords`, `instruments` and `esc50`. Runs
that are not below OUT yet are trained first, so a second start measures the same runs. A group of
rows is measured by a function in GROUPS; groups that are left out keep their rows in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import distance_measures
import enhancement_measures
import personal_enhancement
import pitch_measures
import torch
import tyro
import word_measures
from byproduct_settings import ByProducts
from rich.console import Console
from rich.table import Table

import tiny_audio_ssl
from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.files import read_rows, write_rows

Row = dict[str, Any]
GROUPS: dict[str, Callable[[ByProducts], Iterable[Row]]] = {
    "enhancement": enhancement_measures.of_other_speakers,
    "personal enhancement": personal_enhancement.of_one_speaker,
    "separation": enhancement_measures.of_two_sounds,
    "pitch": pitch_measures.of_pitch,
    "distance": distance_measures.of_distance,
    "words": word_measures.of_words,
}
"""Functions that yield the rows of a group, by its name."""


def main(wanted: ByProducts) -> None:
    """Measure the groups asked for, and write the table."""
    names = wanted.groups or tuple(GROUPS)
    if unknown := [name for name in names if name not in GROUPS]:
        raise UserError(f"--groups {unknown[0]!r}: expected one of {', '.join(GROUPS)}")
    rows = read_rows(wanted.csv) if wanted.csv.exists() else []
    for name in names:
        measured = [{"group": name, **row, **about(wanted)} for row in GROUPS[name](wanted)]
        rows = [*(row for row in rows if row["group"] != name), *measured]
        write_rows(wanted.csv, rows)
        show(measured)


def about(wanted: ByProducts) -> Row:
    """Return the columns that all rows have in common."""
    return {
        "seed": wanted.seed,
        "device": device_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "tiny_audio_ssl": tiny_audio_ssl.__version__,
    }


def show(rows: list[Row]) -> None:
    """Print the rows of a group."""
    hidden = {"group", "seed", "device", "threads", "torch", "tiny_audio_ssl"}
    columns = [name for name in rows[0] if name not in hidden]
    table = Table(*columns, title=rows[0]["group"])
    for row in rows:
        table.add_row(*(str(row[name]) for name in columns))
    Console(width=180).print(table)


if __name__ == "__main__":
    main(tyro.cli(ByProducts, description=__doc__))
