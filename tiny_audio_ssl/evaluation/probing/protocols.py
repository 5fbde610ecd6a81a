"""Protocols by name (PROTOCOLS): fit on the training part, predict the test part.

All protocols here keep the embedding frozen. To add one, write a function of
`(embeddings, opened_task)` or, if it needs waveforms, of `(model, opened_task, store)`, and add it
to PROTOCOLS.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiny_audio_ssl.embedding.embedder import Embedder, EmbeddingModel, Floats
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask
from tiny_audio_ssl.evaluation.probing.scores import Details, Fit, Score
from tiny_audio_ssl.evaluation.probing.splits import Ints, Split
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
from tiny_audio_ssl.utils.extras import require

GRID = (0.001, 0.01, 0.1, 1.0, 10.0)  # C, the inverse strength of the L2 penalty
DEFAULT_C = 1.0  # if there are no recordings to choose C on
NEIGHBOURS = 5
FEW_SHOT_SEEDS = 10
CHOOSING, FITTING = 1e-3, 1e-4  # tolerances; choosing C needs less accuracy

Measured = tuple[list[Fit], Details]
ProbeProtocol = Callable[[EmbeddingModel, OpenedTask, EmbeddingStore], Measured]


def evaluate(
    model: EmbeddingModel, labeled: OpenedTask, protocol: str, store: EmbeddingStore | None = None
) -> Score:
    """Score a model on a task by a protocol of PROTOCOLS.

    Raises `UserError`: an unknown protocol, embeddings with NaN, too few examples for few-shot.
    """
    check_protocols([protocol])
    fits, details = PROTOCOLS[protocol](model, labeled, store or EmbeddingStore())
    if isinstance(model, Embedder):
        details = {"encoder": model.model.encoder.config.name, **details}
    if left_out := sum(one.left_out for one in labeled.splits):
        details = {**details, "left out of training as copies of tested": left_out}
    if labeled.copies:
        details = {**details, "copies of other recordings": labeled.copies}
    return Score(
        labeled.task.name,
        model.name,
        protocol,
        labeled.classes,
        labeled.truth,
        fits,
        details,
        labeled.groups,
        labeled.sounds,
    )


def check_protocols(names: Sequence[str]) -> None:
    """Raise `UserError` if a name is not in PROTOCOLS."""
    if unknown := [name for name in names if name not in PROTOCOLS]:
        raise UserError(
            f"protocol {', '.join(unknown)} is unknown; choose from {', '.join(PROTOCOLS)}"
        )


def linear(x: Floats, labeled: OpenedTask) -> Measured:
    """Fit logistic regression on frozen embeddings, [recordings, D].

    C is chosen inside each training part: on the official validation part, or on inner folds that
    keep groups whole. Ties go to the stronger penalty.
    """
    fits, chosen = [], []
    for fold, one in enumerate(labeled.splits):
        c = _choose_c(x, labeled, one)
        chosen.append(c)
        fits.append(Fit(fold, 0, one.test, _regress(x, labeled.truth, one, c)))
    return fits, {"C": ", ".join(f"{c:g}" for c in chosen)}


@dataclass(frozen=True)
class Fitted:
    """Logistic regression on a standardized embedding x.

    Class probabilities are softmax(weight ((x - mean) / std) + bias).
    """

    mean: NDArray[np.float64]  # [D]
    std: NDArray[np.float64]  # [D]
    weight: NDArray[np.float64]  # [classes, D]
    bias: NDArray[np.float64]  # [classes]
    c: float
    classes: Ints  # [classes], of the training part, ascending

    def predict(self, x: Floats) -> Ints:
        """Embeddings [recordings, D] -> the likeliest class of each [recordings]."""
        scores = ((x - self.mean) / self.std) @ self.weight.T + self.bias
        predicted: Ints = self.classes[scores.argmax(axis=1)]
        return predicted


def fit_all(x: Floats, labeled: OpenedTask) -> Fitted:
    """Fit the classifier of `linear` on all recordings, to use it rather than to score it.

    C is chosen as in `linear`: on the official validation part, or on inner folds.
    """
    everything = Split(np.arange(len(labeled)), np.arange(0))
    with_validation = (one for one in labeled.splits if one.validation is not None)
    c = _choose_c(x, labeled, next(with_validation, everything))
    return _fitted(x, labeled.truth, c)


def fit_training_part(x: Floats, labeled: OpenedTask, one: Split) -> Fitted:
    """Fit the classifier of `linear` on the training part of a split, to predict what was changed.

    `x` are the embeddings of all recordings, [recordings, D].
    """
    return _fitted(x[one.train], labeled.truth[one.train], _choose_c(x, labeled, one))


def _fitted(x: Floats, truth: Ints, c: float) -> Fitted:
    scaler = require("sklearn.preprocessing", "eval").StandardScaler().fit(x)
    known, axes = _rotated(scaler.transform(x), np.eye(x.shape[1], dtype=np.float32))
    regression = _quietly(_regression(FITTING, C=c), known, truth)
    weight, bias = regression.coef_ @ axes.T, regression.intercept_
    if len(weight) == 1:  # two classes: sigmoid(z) of the second equals softmax(0, z)
        weight, bias = np.vstack([0 * weight, weight]), np.append(0.0, bias)
    return Fitted(scaler.mean_, scaler.scale_, weight, bias, c, regression.classes_)


def knn(x: Floats, labeled: OpenedTask, k: int = NEIGHBOURS) -> Measured:
    """Classify by the k nearest by cosine distance, weighted by the inverse of their distance."""
    classifier = require("sklearn.neighbors", "eval").KNeighborsClassifier
    fits = []
    for fold, one in enumerate(labeled.splits):
        known, asked = _standardized(x[one.train], x[one.test])
        count = min(k, len(one.train))
        vote = classifier(count, metric="cosine", weights="distance")
        vote.fit(known, labeled.truth[one.train])
        fits.append(Fit(fold, 0, one.test, vote.predict(asked)))
    return fits, {"k": k}


def few_shot(x: Floats, labeled: OpenedTask, shots: int) -> Measured:
    """Fit logistic regression on `shots` examples per class, drawn from the training part.

    Each of FEW_SHOT_SEEDS seeds draws new examples. C is 1, since no labels are left to choose it.
    """
    fits = []
    for fold, one in enumerate(labeled.splits):
        for seed in range(FEW_SHOT_SEEDS):
            rng = np.random.default_rng([labeled.task.seed, fold, seed])
            drawn = Split(_drawn(labeled, one.train, shots, rng), one.test)
            predicted = _regress(x, labeled.truth, drawn, DEFAULT_C)
            fits.append(Fit(fold, seed, one.test, predicted))
    return fits, {"C": f"{DEFAULT_C:g}", "seeds": FEW_SHOT_SEEDS}


def _drawn(labeled: OpenedTask, train: Ints, shots: int, rng: np.random.Generator) -> Ints:
    truth = labeled.truth[train]
    chosen = []
    for index in np.unique(truth):
        own = train[truth == index]
        if len(own) < shots:
            raise UserError(
                f"{labeled.task.name}: label {labeled.classes[index]!r} has {len(own)} examples "
                f"in a training part, but few-shot-{shots} needs {shots}; choose fewer shots"
            )
        chosen.append(rng.choice(own, shots, replace=False))
    return np.concatenate(chosen)


def _choose_c(x: Floats, labeled: OpenedTask, outer: Split) -> float:
    inner = labeled.inner(outer)
    if not inner:
        return DEFAULT_C
    right = np.zeros(len(GRID))
    for one in inner:
        known, asked = _rotated(*_standardized(x[one.train], x[one.test]))
        # From small to large C; each fit starts from the previous solution.
        fit = _regression(CHOOSING, warm_start=True)
        for i, c in enumerate(GRID):
            _quietly(fit.set_params(C=c), known, labeled.truth[one.train])
            right[i] += np.sum(fit.predict(asked) == labeled.truth[one.test])
    return GRID[int(np.argmax(right))]


def _regress(x: Floats, truth: Ints, one: Split, c: float) -> Ints:
    known, asked = _rotated(*_standardized(x[one.train], x[one.test]))
    predicted: Ints = _quietly(_regression(FITTING, C=c), known, truth[one.train]).predict(asked)
    return predicted


def _regression(tolerance: float, **kw: Any) -> Any:
    linear_model = require("sklearn.linear_model", "eval")
    return linear_model.LogisticRegression(tol=tolerance, max_iter=1000, **kw)


def _quietly(regression: Any, x: Floats, truth: Ints) -> Any:
    with warnings.catch_warnings():
        # A nearly separable task may need more steps, but its predictions no longer change.
        warnings.simplefilter("ignore", require("sklearn.exceptions", "eval").ConvergenceWarning)
        return regression.fit(x, truth)


def _standardized(known: Floats, asked: Floats) -> tuple[Floats, Floats]:
    """Scale to zero mean and unit variance of the training part, `known`."""
    scaler = require("sklearn.preprocessing", "eval").StandardScaler().fit(known)
    return scaler.transform(known), scaler.transform(asked)


def _rotated(known: Floats, asked: Floats) -> tuple[Floats, Floats]:
    """Reduce the columns to the number of training rows, which is faster and exact.

    The weights of the regression are a combination of the training rows, and its L2 penalty is
    invariant under rotation, so the predictions stay the same.
    """
    if known.shape[1] <= len(known):
        return known, asked
    axes = np.linalg.svd(known, full_matrices=False)[2].T
    return known @ axes, asked @ axes


@dataclass(frozen=True)
class Frozen:
    """A protocol that needs only the embeddings."""

    measure: Callable[[Floats, OpenedTask], Measured]

    def __call__(
        self, model: EmbeddingModel, labeled: OpenedTask, store: EmbeddingStore
    ) -> Measured:
        x = store.embeddings(model, labeled.recordings, labeled.contents)
        return self.measure(x, labeled)


PROTOCOLS: dict[str, ProbeProtocol] = {
    "linear": Frozen(linear),
    "knn": Frozen(knn),
    "few-shot-1": Frozen(partial(few_shot, shots=1)),
    "few-shot-5": Frozen(partial(few_shot, shots=5)),
    "few-shot-20": Frozen(partial(few_shot, shots=20)),
}
