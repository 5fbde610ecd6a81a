"""Scores: every prediction of a protocol on one task, and their statistics."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import write_json
from tiny_audio_ssl.utils.ownership import check_target
from tiny_audio_ssl.utils.written_by import unreadable

Ints = NDArray[np.int64]
Interval = tuple[float, float]
Details = dict[str, float | str]
FORMAT = 1
RESAMPLES = 2000  # of a bootstrap
FEWEST_FOLDS = 3  # for a t-interval; two folds have one degree of freedom


@dataclass(frozen=True)
class Fit:
    """One fit of a protocol on one fold with one seed: its predictions on the test part."""

    fold: int
    seed: int
    test: Ints  # indices of the tested recordings
    predicted: Ints  # indices into `Score.classes`, one for each of `test`

    def accuracy(self, truth: Ints) -> float:
        """Return the share of correct predictions; `truth` is the class of every recording."""
        return float(np.mean(truth[self.test] == self.predicted))


@dataclass(frozen=True)
class ClassScore:
    """Figures of one class, over all fits."""

    name: str
    precision: float  # 0 if it was never predicted
    recall: float  # NaN if it was never tested
    f1: float
    support: int  # tested recordings


@dataclass(frozen=True)
class Score:
    """The predictions of one model on one task with one protocol."""

    task: str
    model: str
    protocol: str  # a name in PROTOCOLS: linear, knn, few-shot-5, fine-tuning ...
    classes: list[str]
    truth: Ints  # [recordings] index of each one's class
    fits: list[Fit]
    details: Details = field(default_factory=dict)  # chosen C, steps, encoder ...
    groups: list[str] = field(default_factory=list)  # [recordings]; empty: each is its own group
    sounds: list[int] = field(default_factory=list)  # [recordings]; empty: all differ

    @property
    def folds(self) -> list[float]:
        """Accuracy in each fold, 0..1, averaged over the seeds."""
        return [
            float(np.mean([fit.accuracy(self.truth) for fit in self.fits if fit.fold == fold]))
            for fold in sorted({fit.fold for fit in self.fits})
        ]

    @property
    def accuracy(self) -> float:
        """Mean over folds and seeds, 0..1."""
        return float(np.mean(self.folds))

    @property
    def macro_recall(self) -> float:
        """Mean recall of the tested classes, 0..1."""
        return float(np.nanmean([score.recall for score in self.per_class()]))

    @property
    def interval(self) -> Interval:
        """95 % interval of the accuracy, within 0..1; NaN if only one group is tested.

        With three or more folds, Student's t over the folds. Folds share training data, so this
        interval is too narrow, and no unbiased one exists (Bengio and Grandvalet, JMLR 2004). With
        fewer folds, or if copies of one sound are in several folds, a bootstrap that resamples
        whole tested groups, and seeds, with replacement.
        """
        ends = self._t_interval() if self._has_folds else self._bootstrap()
        low, high = np.clip(ends, 0, 1)  # keeps NaN
        return float(low), float(high)

    @property
    def interval_is(self) -> str:
        """Description of the way `interval` was computed."""
        if self._has_folds:
            return f"t over {len(self.folds)} folds"
        return f"bootstrap of {len(set(self._tested_groups())):,} tested groups"

    @property
    def _has_folds(self) -> bool:
        return len(self.folds) >= FEWEST_FOLDS and not self._sounds_in_several_folds()

    def _sounds_in_several_folds(self) -> bool:
        """Return whether a sound is tested in two folds, which then depend on each other."""
        fold_of: dict[int, int] = {}
        return any(
            fold_of.setdefault(self.sounds[i], fit.fold) != fit.fold
            for fit in self.fits
            for i in (fit.test.tolist() if self.sounds else ())
        )

    def _t_interval(self) -> Interval:
        folds = np.array(self.folds)
        error = folds.std(ddof=1) / math.sqrt(len(folds))
        half = require("scipy.stats", "eval").t.ppf(0.975, len(folds) - 1) * error
        return self.accuracy - float(half), self.accuracy + float(half)

    def _tested_groups(self) -> list[str]:
        """Return the group of each tested recording, [tests]: that of the first recording of the
        same sound, so that a sound is evidence once however many copies of it there are."""
        first: dict[int, str] = {}
        names = self.groups or [str(i) for i in range(len(self.truth))]
        if self.sounds:
            pairs = zip(self.sounds, names, strict=True)
            names = [first.setdefault(sound, name) for sound, name in pairs]
        return [names[i] for i in np.concatenate([fit.test for fit in self.fits])]

    def _bootstrap(self) -> Interval:
        names, which = np.unique(self._tested_groups(), return_inverse=True)
        if len(names) < 2:
            return math.nan, math.nan
        seeds, seed_of = np.unique([fit.seed for fit in self.fits], return_inverse=True)
        number = np.repeat(np.arange(len(self.fits)), [len(fit.test) for fit in self.fits])
        right = np.concatenate([self.truth[fit.test] == fit.predicted for fit in self.fits])
        shape = (len(self.fits), len(names))
        hits, tested = np.zeros(shape), np.zeros(shape)  # [fit, group]
        np.add.at(hits, (number, which), right)
        np.add.at(tested, (number, which), 1)
        rng = np.random.default_rng(0)
        by_group = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
        by_seed = rng.multinomial(len(seeds), np.full(len(seeds), 1 / len(seeds)), RESAMPLES)
        weights = by_seed[:, seed_of]  # [resample, fit]
        means = ((weights @ hits) * by_group).sum(1) / ((weights @ tested) * by_group).sum(1)
        low, high = np.quantile(means, [0.025, 0.975])
        return float(low), float(high)

    def _pooled(self) -> tuple[Ints, Ints]:
        """Return the true and the predicted class of every prediction of all fits."""
        truth = np.concatenate([self.truth[fit.test] for fit in self.fits])
        return truth, np.concatenate([fit.predicted for fit in self.fits])

    def confusion(self) -> Ints:
        """Return counts [true class, predicted class], summed over all fits."""
        metrics = require("sklearn.metrics", "eval")
        counts: Ints = metrics.confusion_matrix(*self._pooled(), labels=range(len(self.classes)))
        return counts

    def per_class(self) -> list[ClassScore]:
        """Return precision, recall and F1 of each class, pooled over all fits."""
        metrics = require("sklearn.metrics", "eval")
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            *self._pooled(), labels=range(len(self.classes)), zero_division=math.nan
        )
        tested = np.unique(np.concatenate([fit.test for fit in self.fits]))  # once, not every seed
        support = np.bincount(self.truth[tested], minlength=len(self.classes))
        figures = zip(self.classes, np.nan_to_num(precision), recall, f1, support, strict=True)
        return [
            ClassScore(name, float(p), float(r), float(f), int(count))
            for name, p, r, f, count in figures
        ]

    def summary(self) -> dict[str, Any]:
        """Return the figures for tables and JSON; undefined ends of an interval are None."""
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
        """Return everything in a form that JSON can store. `from_dict` ignores the figures of
        `summary`."""
        return {
            **self.summary(),
            "classes": self.classes,
            "truth": self.truth.tolist(),
            "groups": self.groups,
            "sounds": self.sounds,
            "trials": [  # the key in files, older ones included
                {**asdict(fit), "test": fit.test.tolist(), "predicted": fit.predicted.tolist()}
                for fit in self.fits
            ],
        }

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Score:
        """Return the score that `to_dict` described."""
        fits = [
            Fit(
                fit["fold"],
                fit["seed"],
                np.array(fit["test"], np.int64),
                np.array(fit["predicted"], np.int64),
            )
            for fit in found["trials"]
        ]
        names = ("task", "model", "protocol", "classes", "details", "groups")
        given = {name: found[name] for name in names}
        truth, sounds = np.array(found["truth"], np.int64), found.get("sounds", [])
        return cls(**given, truth=truth, fits=fits, sounds=sounds)


def in_shared_folds(*measured: Score) -> list[float]:
    """Return the accuracy of each score over the folds that all of them share, NaN without any.

    Trained models may have been tested on a few folds only, and folds differ in difficulty.
    """
    shared = set.intersection(*({fit.fold for fit in score.fits} for score in measured))
    found = []
    for score in measured:
        fits = [fit for fit in score.fits if fit.fold in shared]
        found.append(replace(score, fits=fits).accuracy if fits else math.nan)
    return found


def recovery(task: float, random: float, supervised: float) -> float:
    """Return (task - random) / (supervised - random), as in arXiv 1905.11796.

    This is the share of the gain from labels that pre-training achieves without labels: 0 is no
    better than random weights, 1 as good as supervised training. Values below 0 and above 1 occur.
    NaN if supervised training is no better than random weights, or if a figure is NaN.
    """
    gap = supervised - random
    return (task - random) / gap if gap > 0 else math.nan


def write(target: Path, scores: Sequence[Score]) -> None:
    """Write scores as JSON, for `read` and `tiny-audio-ssl report`, atomically.

    Raises `UserError`: what `check_out` raises; `target` can't be written.
    """
    check_out(target)
    write_json(target, {"format": FORMAT, "scores": [score.to_dict() for score in scores]})


def check_out(target: Path, inputs: Iterable[str | Path] = ()) -> None:
    """Raise `UserError` if `target` is one of the inputs, or an existing file other than scores."""
    check_target(target, _is_scores, inputs)


def _is_scores(path: Path) -> bool:
    return set(json.loads(path.read_text())) == {"format", "scores"}


def read(source: Path) -> list[Score]:
    """Read the scores that `write` wrote. Raises `UserError` if the file is anything else."""
    try:
        found = json.loads(source.read_text())
        if (kind := found["format"]) != FORMAT:
            raise UserError(unreadable(source, f"format {kind}", f"format {FORMAT}", found))
        return [Score.from_dict(score) for score in found["scores"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{source}: expected results written by tiny-audio-ssl probe --out ({error})"
        ) from error
