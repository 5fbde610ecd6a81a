"""Is the embedding any good? A linear probe on frozen embeddings, beside two floors.

The probe is a logistic regression on standardised embeddings; the encoder is never touched. The
floors are what a learned embedding has to beat: the same encoder with random weights, and mean and
standard deviation over time of the log-mel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tiny_audio_ssl.cache import Recordings
from tiny_audio_ssl.checkpoint import build_model
from tiny_audio_ssl.corpus import column
from tiny_audio_ssl.embedding import Embedder, Floats, embed_all
from tiny_audio_ssl.encoders import WaveformEncoder
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.extras import require
from tiny_audio_ssl.frontend import LogMel

REGULARISATION_C = 0.1  # inverse strength; the figure is not tuned on any task
Split = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class ProbeResult:
    """Accuracy of a linear probe, 0..1, in each fold."""

    model: str
    folds: list[float]
    clips: int
    classes: int

    @property
    def accuracy(self) -> float:
        return float(np.mean(self.folds))

    @property
    def std(self) -> float:
        """Standard deviation over the folds."""
        return float(np.std(self.folds))


def labelled(recordings: Recordings, label: str, where: Sequence[str] = ()) -> Recordings:
    """The recordings with something in the label column, and with each `column=value` of `where`.

    Raises `UserError`: an absent column, nothing left, fewer than two labels.
    """
    keep = np.array([bool(text) for text in column(recordings.clips, label)])
    for condition in where:
        name, equals, value = condition.partition("=")
        if not equals:
            raise UserError(f"--where {condition}: expected COLUMN=VALUE, e.g. esc10=TRUE")
        keep &= np.array([text == value for text in column(recordings.clips, name)])
    chosen = recordings.select(np.flatnonzero(keep))
    found = Counter(column(chosen.clips, label)) if len(chosen) else Counter()
    if len(found) < 2:
        raise UserError(
            f"{len(chosen)} clips with {len(found)} labels in column {label!r}"
            f"{' where ' + ', '.join(where) if where else ''}; a probe needs two labels or more"
        )
    return chosen


def splits(
    recordings: Recordings,
    label: str,
    fold: str | None = None,
    group: str | None = None,
    folds: int = 5,
    seed: int = 0,
) -> list[Split]:
    """(train, test) indices: the manifest's own folds, whole groups held out, or stratified.

    Raises `UserError` when a label would be tested that was never seen in training, or there are
    too few examples or groups for so many folds.
    """
    selection = require("sklearn.model_selection", "eval")
    labels = np.array(column(recordings.clips, label))
    if fold is not None:
        own = column(recordings.clips, fold)
        if len(set(own)) < 2:
            raise UserError(f"column {fold!r} has one fold only; leave --fold out to draw folds")
        found = list(selection.LeaveOneGroupOut().split(labels, labels, own))
    elif group is not None:
        groups = column(recordings.clips, group)
        if len(set(groups)) < folds:
            raise UserError(
                f"column {group!r} has {len(set(groups))} groups for {folds} folds; lower --folds"
            )
        splitter = selection.StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        found = list(splitter.split(labels, labels, groups))
    else:
        rarest, count = Counter(labels.tolist()).most_common()[-1]
        if count < folds:
            raise UserError(
                f"label {rarest!r} has {count} clips for {folds} folds; lower --folds, or leave "
                "the label empty in the manifest"
            )
        found = list(
            selection.StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
        )
    for train, test in found:
        unseen = sorted(set(labels[test]) - set(labels[train]))
        if unseen or not len(test):
            raise UserError(
                f"a fold tests {', '.join(unseen) or 'nothing'}, which is in no other fold; lower "
                "--folds or give other groups"
            )
    return found


def linear_probe(
    name: str, embeddings: Floats, labels: Sequence[str], folds: Sequence[Split]
) -> ProbeResult:
    """Fit on each fold's training part, score its test part. `embeddings` [clips, D]."""
    linear = require("sklearn.linear_model", "eval")
    scaler = require("sklearn.preprocessing", "eval").StandardScaler
    make_pipeline = require("sklearn.pipeline", "eval").make_pipeline
    if not np.isfinite(embeddings).all():
        raise UserError(f"{name}: the embeddings have NaN or infinite values")
    truth = np.array(labels)
    scores = []
    for train, test in folds:
        regression = linear.LogisticRegression(C=REGULARISATION_C, max_iter=2000)
        probe = make_pipeline(scaler(), regression)
        probe.fit(embeddings[train], truth[train])
        scores.append(float(probe.score(embeddings[test], truth[test])))
    return ProbeResult(name, scores, len(truth), len(set(labels)))


def compare(
    models: Sequence[tuple[str, Embedder]],
    recordings: Recordings,
    label: str,
    folds: Sequence[Split],
    baselines: bool = True,
    **kw: Any,
) -> Iterator[ProbeResult]:
    """Probe each model on the same folds, then the floors of the first."""
    labels = column(recordings.clips, label)
    for name, embedder in [*models, *(_baselines(models[0][1].model) if baselines else [])]:
        yield linear_probe(name, embed_all(embedder, recordings, **kw), labels, folds)


def _baselines(model: WaveformEncoder) -> list[tuple[str, Embedder]]:
    torch.manual_seed(0)
    untrained = build_model(model.frontend.config, model.encoder.config)
    untrained.frontend.load_state_dict(model.frontend.state_dict())
    statistics = WaveformEncoder(model.frontend, LogMelStatistics(model.frontend))  # type: ignore[arg-type]
    return [("random weights", Embedder(untrained)), ("log-mel statistics", Embedder(statistics))]


class LogMelStatistics(torch.nn.Module):
    """Log-mel [B, 1, bands, frames] -> its mean and standard deviation over time [B, 2 * bands]."""

    def __init__(self, frontend: LogMel) -> None:
        super().__init__()
        self.dim = 2 * frontend.config.bands

    def forward(self, logmel: torch.Tensor) -> torch.Tensor:
        std = logmel.std(dim=3, correction=0)
        return torch.cat([logmel.mean(dim=3), std], dim=1).flatten(1)
