"""What a protocol measured: every prediction, and what follows from them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import write_json

Ints = NDArray[np.int64]
Interval = tuple[float, float]
Details = dict[str, float | str]
FORMAT = 1
RESAMPLES = 2000  # of a bootstrap
FEWEST_FOLDS = 3  # for a t-interval; two folds have one degree of freedom


@dataclass(frozen=True)
class Fit:
    """One fit of a protocol: on which fold, with which seed, and what it said of the test part."""

    fold: int
    seed: int
    test: Ints  # indices of the tested recordings
    predicted: Ints  # indices into `Score.classes`, one for each of `test`

    def accuracy(self, truth: Ints) -> float:
        return float(np.mean(truth[self.test] == self.predicted))


@dataclass(frozen=True)
class ClassScore:
    """How one class fared, over all trials."""

    name: str
    precision: float  # 0 if it was never predicted
    recall: float  # NaN if it was never tested
    f1: float
    support: int  # tested recordings


@dataclass(frozen=True)
class Score:
    """A model on a task by a protocol."""

    task: str
    model: str
    protocol: str  # a name in PROTOCOLS: linear, knn, few-shot-5, fine-tuning ...
    classes: list[str]
    truth: Ints  # [recordings] index of each one's class
    trials: list[Fit]
    details: Details = field(default_factory=dict)  # chosen C, multiply-adds ...
    groups: list[str] = field(default_factory=list)  # [recordings]; left out: each its own

    @property
    def folds(self) -> list[float]:
        """Accuracy in each fold, 0..1, averaged over the seeds."""
        numbers = sorted({trial.fold for trial in self.trials})
        return [
            float(np.mean([t.accuracy(self.truth) for t in self.trials if t.fold == number]))
            for number in numbers
        ]

    @property
    def accuracy(self) -> float:
        """Mean over folds and seeds, 0..1."""
        return float(np.mean(self.folds))

    @property
    def macro_recall(self) -> float:
        """Mean over the tested classes of their recall, 0..1."""
        return float(np.nanmean([score.recall for score in self.per_class()]))

    @property
    def interval(self) -> Interval:
        """95 % interval of the accuracy, within 0..1; NaN where one group alone is tested.

        With three folds or more Student's t over the folds. They share training data, so this
        interval is too narrow, and no unbiased one exists (Bengio and Grandvalet, JMLR 2004). With
        fewer a bootstrap: whole tested groups, and seeds, are drawn again with replacement.
        """
        ends = self._t_interval() if self._has_folds else self._bootstrap()
        low, high = np.clip(ends, 0, 1)  # keeps NaN
        return float(low), float(high)

    @property
    def interval_is(self) -> str:
        """What `interval` is over, in words."""
        if self._has_folds:
            return f"t over {len(self.folds)} folds"
        return f"bootstrap of {len(set(self._tested_groups()))} tested groups"

    @property
    def _has_folds(self) -> bool:
        return len(self.folds) >= FEWEST_FOLDS

    def _t_interval(self) -> Interval:
        folds = np.array(self.folds)
        error = folds.std(ddof=1) / math.sqrt(len(folds))
        half = require("scipy.stats", "eval").t.ppf(0.975, len(folds) - 1) * error
        return self.accuracy - float(half), self.accuracy + float(half)

    def _tested_groups(self) -> list[str]:
        tested = np.concatenate([trial.test for trial in self.trials])
        return [self.groups[i] if self.groups else str(i) for i in tested]

    def _bootstrap(self) -> Interval:
        names, which = np.unique(self._tested_groups(), return_inverse=True)
        if len(names) < 2:
            return math.nan, math.nan
        seeds, seed_of = np.unique([t.seed for t in self.trials], return_inverse=True)
        trial = np.repeat(np.arange(len(self.trials)), [len(t.test) for t in self.trials])
        right = np.concatenate([self.truth[t.test] == t.predicted for t in self.trials])
        shape = (len(self.trials), len(names))
        hits, tested = np.zeros(shape), np.zeros(shape)  # [trial, group]
        np.add.at(hits, (trial, which), right)
        np.add.at(tested, (trial, which), 1)
        rng = np.random.default_rng(0)
        by_group = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
        by_seed = rng.multinomial(len(seeds), np.full(len(seeds), 1 / len(seeds)), RESAMPLES)
        weights = by_seed[:, seed_of]  # [resample, trial]
        means = ((weights @ hits) * by_group).sum(1) / ((weights @ tested) * by_group).sum(1)
        low, high = np.quantile(means, [0.025, 0.975])
        return float(low), float(high)

    def confusion(self) -> Ints:
        """[true class, predicted class] counts, summed over all trials."""
        counts = np.zeros((len(self.classes), len(self.classes)), np.int64)
        for trial in self.trials:
            np.add.at(counts, (self.truth[trial.test], trial.predicted), 1)
        return counts

    def per_class(self) -> list[ClassScore]:
        """Precision, recall and F1 of each class, pooled over all trials."""
        counts = self.confusion()
        right, said, was = counts.diagonal(), counts.sum(0), counts.sum(1)
        tested = np.unique(np.concatenate([trial.test for trial in self.trials]))
        support = np.bincount(self.truth[tested], minlength=len(self.classes))
        return [
            ClassScore(
                name=name,
                precision=float(right[i] / said[i]) if said[i] else 0.0,
                recall=float(right[i] / was[i]) if was[i] else math.nan,
                f1=float(2 * right[i] / (said[i] + was[i])) if said[i] + was[i] else math.nan,
                support=int(support[i]),
            )
            for i, name in enumerate(self.classes)
        ]

    def summary(self) -> dict[str, Any]:
        """The figures, for tables and JSON; what is not known is None."""
        return {
            "task": self.task,
            "model": self.model,
            "protocol": self.protocol,
            "accuracy": self.accuracy,
            "interval": [None if math.isnan(end) else end for end in self.interval],
            "interval_is": self.interval_is,
            "macro_recall": self.macro_recall,
            "folds": self.folds,
            "clips": len(self.truth),
            "classes": len(self.classes),
            "details": self.details,
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON takes it; the figures of `summary` are there to be read only."""
        return {
            **self.summary(),
            "classes": self.classes,
            "truth": self.truth.tolist(),
            "groups": self.groups,
            "trials": [
                {**asdict(t), "test": t.test.tolist(), "predicted": t.predicted.tolist()}
                for t in self.trials
            ],
        }

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Score:
        """The inverse of `to_dict`."""
        trials = [
            Fit(
                trial["fold"],
                trial["seed"],
                np.array(trial["test"], np.int64),
                np.array(trial["predicted"], np.int64),
            )
            for trial in found["trials"]
        ]
        names = ("task", "model", "protocol", "classes", "details", "groups")
        given = {name: found[name] for name in names}
        return cls(**given, truth=np.array(found["truth"], np.int64), trials=trials)


def in_shared_folds(*measured: Score) -> list[float]:
    """The accuracy of each over the folds that all have: trained models may have had a few only,
    and folds differ in difficulty. NaN where there is no such fold."""
    shared = set.intersection(*({trial.fold for trial in score.trials} for score in measured))
    found = []
    for score in measured:
        trials = [trial for trial in score.trials if trial.fold in shared]
        found.append(replace(score, trials=trials).accuracy if trials else math.nan)
    return found


def recovery(task: float, random: float, supervised: float) -> float:
    """(task - random) / (supervised - random), arXiv 1905.11796: how much of what labels bring the
    pretext task brings without them. 0 is no better than random weights, 1 as good as supervised;
    below 0 and above 1 happen. NaN when supervised training is no better than random weights, as
    there is nothing to recover then, or when a figure is NaN."""
    gap = supervised - random
    return (task - random) / gap if gap > 0 else math.nan


def write(target: Path, scores: Sequence[Score]) -> None:
    """Scores as JSON, for `read` and `tiny-audio-ssl report`; appears whole or not at all."""
    write_json(target, {"format": FORMAT, "scores": [score.to_dict() for score in scores]})


def read(source: Path) -> list[Score]:
    """The scores that `write` wrote. Raises `UserError` when they are not that."""
    try:
        found = json.loads(source.read_text())
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']}, expected {FORMAT}")
        return [Score.from_dict(score) for score in found["scores"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{source}: not results of tiny-audio-ssl probe --out ({error}); write them again"
        ) from error
