"""probe: how good is a frozen embedding?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.table import Table

from tiny_audio_ssl import embedding, probing
from tiny_audio_ssl.cache import open_cache
from tiny_audio_ssl.commands.base import Command, out, progress, report_skipped
from tiny_audio_ssl.corpus import open_corpus
from tiny_audio_ssl.errors import UserError


@dataclass
class Probe(Command):
    """Judge frozen embeddings by a linear probe on a manifest's label column.

    Beside the runs: the same encoder with random weights, and log-mel statistics. An embedding
    that does not beat both has learned nothing worth shipping.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Runs or checkpoints; all are probed on the same folds."""
    data: str
    """The CSV manifest with the labels, or `builtin`."""
    label: str = "label"
    """Column with the labels; rows without one are left out."""
    fold: str | None = None
    """Column with official folds: each is tested once."""
    group: str | None = None
    """Column whose groups (speakers) never stand on both sides."""
    where: tuple[str, ...] = ()
    """Only rows with COLUMN=VALUE (all of them)."""
    folds: int = 5
    """How many folds, if the manifest has none."""
    seed: int = 0
    """Of the drawn folds."""
    baselines: bool = True
    """Probe random weights and log-mel statistics too."""
    cache_dir: Path | None = None
    """Where decoded audio is kept."""
    json: bool = False
    """Print the results as JSON."""

    def run(self) -> int:

        if not self.runs:
            raise UserError("no run given; e.g. tiny-audio-ssl probe RUN --data labels.csv")
        recordings = open_cache(open_corpus(self.data), self.cache_dir)
        report_skipped(recordings.skipped)
        chosen = probing.labelled(recordings, self.label, self.where)
        folds = probing.splits(chosen, self.label, self.fold, self.group, self.folds, self.seed)
        models = [(str(run), embedding.load(run)) for run in self.runs]
        total = (len(models) + 2 * self.baselines) * len(chosen)
        with progress("probing", total) as done:
            results = list(
                probing.compare(models, chosen, self.label, folds, self.baselines, done=done)
            )
        if self.json:
            print(
                json.dumps([{**asdict(r), "accuracy": r.accuracy, "std": r.std} for r in results])
            )
        else:
            out.print(_probe_table(results))
        return 0


def _probe_table(results: Sequence[probing.ProbeResult]) -> Table:
    first = results[0]
    table = Table(
        title=f"Linear probe: {first.clips} clips, {first.classes} classes, "
        f"{len(first.folds)} folds"
    )
    table.add_column("embedding")
    table.add_column("accuracy", justify="right")
    table.add_column("std over folds", justify="right")
    for result in results:
        table.add_row(result.model, f"{result.accuracy:.3f}", f"{result.std:.3f}")
    return table
