"""Probe models on tasks: open them, add baselines, score every combination."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Unpack

from tiny_audio_ssl.embedding import embedder as embedding
from tiny_audio_ssl.embedding.embedder import Embedder, EmbeddingModel
from tiny_audio_ssl.embedding.frames import FrameModel
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets.suite import TaskColumns, select_tasks
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.models import LogMelStatistics, open_model, random_weights
from tiny_audio_ssl.evaluation.probing.protocols import check_protocols, evaluate
from tiny_audio_ssl.evaluation.probing.scores import Score
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore

Model = str | Path | EmbeddingModel


def probe(
    models: Model | Iterable[Model],
    *,
    data: str | Path | None = None,
    dataset: str | None = None,
    suite: str | Path | None = None,
    root: str | Path | None = None,
    protocols: Sequence[str] = ("linear",),
    baselines: bool = True,
    window_s: float | None = None,
    allow_missing: bool = False,
    cache_dir: Path | None = None,
    **columns: Unpack[TaskColumns],
) -> list[Score]:
    """Score frozen embeddings by how well labels can be predicted from them.

    Args:
        models: run or checkpoint folders, other models as `open_model` takes them, or objects with
            `name`, `dim`, `identity` and `embed` (`EmbeddingModel`); one or several.
        data: CSV manifest with the labels, or `builtin`; with `dataset`, the folder that holds it.
        dataset: name of a published dataset, in DATASETS.
        suite: TOML file with several tasks, in place of `data`; sources are relative to `root`.
        protocols: names in PROTOCOLS: linear, knn, few-shot-1, few-shot-5, few-shot-20.
        baselines: also score each encoder with random weights, and log-mel statistics.
        window_s: length in seconds of windows whose embeddings are averaged; None: whole
            recordings are embedded.
        allow_missing: leave out recordings that are missing or can't be decoded.
        cache_dir: folder for decoded audio and embeddings.
        columns: label, fold, split, group, where, folds and seed; see `EvaluationTask`.

    Returns:
        A score for each task, protocol and model, in that order.

    Raises:
        UserError: anything wrong with the models, labels or splits.

    Examples:
        >>> (score,) = probe("logmel", data="builtin:8", group="group", folds=4)
        >>> score.model, score.protocol, len(score.folds), score.accuracy > 0.5
        ('log-mel statistics', 'linear', 4, True)
    """
    check_protocols(protocols)
    given = models if isinstance(models, Iterable) and not isinstance(models, str) else [models]
    opened = [open_model(one) if isinstance(one, str | Path) else one for one in given]
    opened += baselines_of(opened) if baselines else []
    check_names(opened)
    asked = select_tasks(data, dataset=dataset, suite=suite, root=root, **columns)
    tasks = [open_task(task, cache_dir, allow_missing) for task in asked]
    return score_all(opened, tasks, protocols, EmbeddingStore(cache_dir, window_s))


def score_all(
    models: Sequence[EmbeddingModel],
    tasks: Sequence[OpenedTask],
    protocols: Sequence[str],
    store: EmbeddingStore,
    done: Callable[[int], Any] = lambda count: None,
) -> list[Score]:
    """Score each model on each task with each protocol; `done(1)` is called after every score."""
    scores = []
    for task in tasks:
        for protocol in protocols:
            for model in models:
                scores.append(evaluate(model, task, protocol, store))
                done(1)
    return scores


def open_models(
    runs: Sequence[str | Path],
    others: Sequence[str] = (),
    weights: Sequence[str] = (),
    readout: Sequence[str] = (),
    baselines: bool = True,
    opener: Callable[[str, str | None], EmbeddingModel] = open_model,
) -> list[EmbeddingModel]:
    """Open runs and other models, and add baselines.

    Args:
        runs: run or checkpoint folders; a folder given twice is opened once.
        others: models as `opener` takes them.
        weights: file for each `hear:` model, in their order; none if they load no weights.
        readout: parts that make up the embeddings of the runs; as each checkpoint says if empty.
        baselines: add random weights and log-mel statistics.
        opener: opens a model by its name and the file with its weights.

    Raises `UserError`: a model can't be opened, or two models share a name.
    """
    models: list[EmbeddingModel] = [embedding.load(run, readout) for run in dict.fromkeys(runs)]
    files = weights_of(others, weights)
    models += [opener(spec, files.get(spec)) for spec in others]
    models += baselines_of(models) if baselines else []
    check_names(models)
    return models


def weights_of(models: Sequence[str], weights: Sequence[str]) -> dict[str, str]:
    """Return the weights file of each `hear:` model, in the same order; empty if there are none.

    Raises `UserError` if there are more or fewer files than such models.
    """
    peers = [spec for spec in models if spec.startswith("hear:")]
    if weights and len(weights) != len(peers):
        raise UserError(
            f"{len(weights)} --weights for {len(peers)} hear: models; give one for each model"
        )
    return dict(zip(peers, weights, strict=False))


def baselines_of(models: Sequence[EmbeddingModel]) -> list[EmbeddingModel]:
    """Return the baselines that `models` does not contain: each encoder untrained, and log-mel
    statistics.

    Encoders with the same settings share their untrained weights.
    """
    untrained: dict[str, tuple[str, Embedder]] = {}
    for model in models:
        if isinstance(model, Embedder):
            made = random_weights(model)
            untrained.setdefault(made.identity, (model.name, made))
    if len(untrained) > 1:
        for name, made in untrained.values():
            made.name = f"random weights of {name}"
    known = {model.identity for model in models}
    found: list[EmbeddingModel] = [*(made for _, made in untrained.values()), LogMelStatistics()]
    return [model for model in found if model.identity not in known]


def check_names(models: Sequence[EmbeddingModel | FrameModel]) -> None:
    """Raise `UserError` if two models share a name, which would mix up their scores."""
    names = [model.name for model in models]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UserError(f"two models are named {', '.join(twice)}; probe them one by one")
