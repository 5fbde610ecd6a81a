"""Estimate which workers of PASE are useful for a task, and their weights, before any training.

A pseudo-label is the target of a worker, as mean and standard deviation over a recording. Tasks
that compare clips have none, so the method does not apply to them. It does not apply to waveforms
either: their mean is noise, which depends on nothing and would seem the most useful.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.table import Table
from torch import Tensor
from torch.nn import functional as F

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
from tiny_audio_ssl.data.batches import seed_of
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask
from tiny_audio_ssl.evaluation.search.independence import (
    best_weights,
    conditional_hsic,
    squared_distances,
    within,
)
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.pase import PSEUDO_LABELS
from tiny_audio_ssl.pretext.configs.weights import Weights, format_weights
from tiny_audio_ssl.pretext.parts.signal_targets import TARGETS
from tiny_audio_ssl.utils.files import write_rows

TABLE = "estimate.csv"
PER_CLASS = 50  # recordings at most, drawn; the kernels grow with their square
FEWEST = 3  # recordings of a class: with fewer, no dependence can be measured
LONGEST_S = 10.0  # of a recording; its middle is taken
PIECES = 8  # that the log-mel is averaged to in time


@dataclass(frozen=True)
class Estimate:
    """The dependence of each pseudo-label on the sound, and the weights to train with."""

    dependence: dict[str, float]  # conditional HSIC, from the lowest on
    weights: Weights  # of sum 1, for `pase`


def estimate(probes: Sequence[OpenedTask], frontend: FrontendConfig, seed: int = 0) -> Estimate:
    """Estimate from the training part of each task's first split; several tasks are averaged.

    Raises `UserError` if no class has three recordings there.
    """
    dependence, weights = [], []
    for probe in probes:
        chosen, classes = _chosen(probe, seed)
        sounds, labels = _features(probe, chosen, frontend)
        sound = within(squared_distances(sounds), classes)
        parts = {name: within(squared_distances(z), classes) for name, z in labels.items()}
        dependence.append({name: float(conditional_hsic(sound, z)) for name, z in parts.items()})
        weights.append(best_weights(sound, parts))
    means = {name: float(np.mean([one[name] for one in dependence])) for name in PSEUDO_LABELS}
    shares = {
        name: float(np.mean([one.get(name, 0.0) for one in weights])) for name in PSEUDO_LABELS
    }
    return Estimate(
        dict(sorted(means.items(), key=lambda pair: pair[1])),
        {name: round(share, 3) for name, share in shares.items() if share >= 0.001},
    )


def _chosen(probe: OpenedTask, seed: int) -> tuple[list[int], list[Tensor]]:
    """Return recordings of the training part, and the places of each class among them."""
    train = probe.splits[0].train
    chosen: list[int] = []
    classes: list[Tensor] = []
    for kind in range(len(probe.classes)):
        own = train[probe.truth[train] == kind]
        if len(own) < FEWEST:
            continue
        rng = np.random.default_rng(seed_of(seed, kind))
        drawn = rng.permutation(own)[:PER_CLASS].tolist()
        classes.append(torch.arange(len(chosen), len(chosen) + len(drawn)))
        chosen += drawn
    if not classes:
        raise UserError(
            f"{probe.task.name}: no class has {FEWEST} recordings to train on, so nothing can be "
            "estimated; give more labeled recordings"
        )
    return chosen, classes


@torch.no_grad()
def _features(
    probe: OpenedTask, chosen: Sequence[int], frontend: FrontendConfig
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the log-mels [n, bands x PIECES], and the pseudo-labels [n, numbers] by worker."""
    log_mel, sounds = LogMel(frontend), []
    labels: dict[str, list[Tensor]] = {name: [] for name in PSEUDO_LABELS}
    for wav in _waves(probe, chosen, log_mel):
        sounds.append(F.adaptive_avg_pool1d(log_mel(wav)[:, 0], PIECES).flatten())
        for name, found in labels.items():
            target = TARGETS[name](wav, frontend)[0]
            found.append(torch.cat([target.mean(dim=1), target.std(dim=1, correction=0)]))
    return torch.stack(sounds), {name: torch.stack(found) for name, found in labels.items()}


def _waves(probe: OpenedTask, chosen: Sequence[int], log_mel: LogMel) -> Iterator[Tensor]:
    longest = round(LONGEST_S * SAMPLE_RATE_HZ)
    for index in chosen:
        samples = int(probe.recordings.samples[index])
        count = min(samples, longest)
        wave = probe.recordings.read(index, (samples - count) // 2, count)
        yield log_mel.padded(torch.from_numpy(wave)[None])


def estimate_rows(found: Estimate) -> list[dict[str, Any]]:
    """Return a row for each worker, the most useful first."""
    return [
        {"worker": name, "dependence": value, "weight": found.weights.get(name, 0.0)}
        for name, value in found.dependence.items()
    ]


def write(folder: Path, found: Estimate) -> None:
    """Write the rows to `estimate.csv` in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / TABLE, estimate_rows(found))


def estimate_table(found: Estimate) -> Table:
    """Return workers x dependence and weight."""
    table = Table(title="Workers of pase, from the most useful on", caption="no training was done")
    table.add_column("worker")
    for name in ("dependence on the sound", "weight"):
        table.add_column(name, justify="right")
    for row in estimate_rows(found):
        weight = f"{row['weight']:.3f}" if row["weight"] else ""
        table.add_row(row["worker"], f"{row['dependence']:.3g}", weight)
    return table


def pretrain_command(source: str, found: Estimate) -> str:
    """Return the `pretrain` command line that trains with the estimated weights."""
    words = ["tiny-audio-ssl", "pretrain", source, "--task", "pase"]
    words += ["--pretext.weights", *format_weights(found.weights), "--out", "runs/pase"]
    return shlex.join(words)
