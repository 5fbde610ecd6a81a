"""datasets: list published datasets, explain how to get one, check a folder."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich import box
from rich.table import Table

from tiny_audio_ssl.commands.base import Command, out
from tiny_audio_ssl.data.corpus import Corpus
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets import DATASETS, Dataset, dataset_named

CAPTION = "tiny-audio-ssl datasets NAME explains how to get one"
NARROWEST_TABLE = 70  # characters


@dataclass
class Datasets(Command):
    """List the published datasets that can be probed; with a name, explain how to get it."""

    name: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[NAME]")] = None
    """Name of a dataset. Default: all are listed."""
    download: Path | None = None
    """Download the dataset into this folder with torchaudio, which must be installed."""
    check: Path | None = None
    """Count the recordings, classes and parts in this folder."""
    json: bool = False
    """Print JSON."""

    def run(self) -> int:
        if self.name is None:
            if self.download or self.check:
                raise UserError(
                    "name the dataset; e.g. tiny-audio-ssl datasets speech-commands "
                    f"{'--download' if self.download else '--check'} DIR"
                )
            self._show([about(dataset) for dataset in DATASETS.values()], _overview())
            return 0
        dataset = dataset_named(self.name)
        if self.download:
            fetch(dataset, self.download)
        if place := self.check or self.download:
            found = contents(dataset, dataset.corpus(place))
            self._show(found, _rows(found))
        else:
            self._show({**about(dataset), "layout": dataset.layout}, dataset.guide())
        return 0

    def _show(self, value: Any, shown: Table | str) -> None:
        if self.json:
            print(json.dumps(value))
        elif isinstance(shown, str):
            out.print(shown)
        else:
            out.print(shown)


def fetch(dataset: Dataset, root: Path) -> None:
    """Download with torchaudio. Raises `UserError` that explains the download by hand otherwise."""
    if dataset.download is None:
        raise UserError(f"torchaudio does not have {dataset.name}.\n\n{dataset.guide(root)}")
    dataset.download(root)


def about(dataset: Dataset) -> dict[str, Any]:
    """Return the facts of a dataset, ready for JSON."""
    return {
        "name": dataset.name,
        "task": dataset.summary,
        "classes": dataset.classes,
        "size": dataset.size,
        "splitting": dataset.splitting,
        "license": dataset.license,
        "url": dataset.url,
    }


def contents(dataset: Dataset, corpus: Corpus) -> dict[str, Any]:
    """Count what a folder holds."""
    labels = Counter(corpus.column(dataset.label))
    parts = dataset.split or dataset.fold
    rarest, count = labels.most_common()[-1]
    return {
        "found": corpus.source,
        "recordings": len(corpus.clips),
        "published": dataset.size,
        "classes": len(labels),
        "rarest class": f"{rarest} ({count})",
        "groups": len(set(corpus.column(dataset.group))) if dataset.group else None,
        "parts": dict(sorted(Counter(corpus.column(parts)).items())) if parts else None,
    }


def _overview() -> Table | str:
    """Return a table of all datasets, or lines where it would break words."""
    if out.width < NARROWEST_TABLE:
        lines = [
            "{name}: {classes} classes, {size}\n  {splitting}; {license}".format(**about(dataset))
            for dataset in DATASETS.values()
        ]
        return "\n".join([*lines, "", CAPTION])
    table = Table(
        caption=CAPTION,
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    keys = ("name", "classes", "size", "splitting", "license")
    for key in keys:
        narrow = key in ("name", "classes")
        table.add_column(key, no_wrap=narrow, justify="right" if key == "classes" else "left")
    for dataset in DATASETS.values():
        row = about(dataset)
        table.add_row(*(str(row[key]) for key in keys))
    return table


def _rows(found: dict[str, Any]) -> Table:
    table = Table(show_header=False)
    for name, value in found.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {count:,}" for key, count in value.items())
        if value is not None:
            table.add_row(name, f"{value:,}" if isinstance(value, int) else value)
    return table
