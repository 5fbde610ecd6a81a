"""Gather what the page shows: scores from files, missing scores and embeddings computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tiny_audio_ssl.embedding.embedder import EmbeddingModel, Floats
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask
from tiny_audio_ssl.evaluation.probing.protocols import evaluate
from tiny_audio_ssl.evaluation.probing.scores import Score
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
from tiny_audio_ssl.models.names import home_of
from tiny_audio_ssl.report.results import in_order, read_results
from tiny_audio_ssl.utils.files import short_names

EmbeddedTask = tuple[OpenedTask, list[tuple[str, Floats]]]
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


def gather_scores(
    files: Sequence[Path],
    runs: Sequence[str],
    models: Sequence[EmbeddingModel],
    tasks: Sequence[OpenedTask],
    protocols: Sequence[str],
    store: EmbeddingStore,
    progress: Progress,
) -> list[Score]:
    """Read the scores of the files, and compute those of `models` on `tasks` that they lack.

    Args:
        runs: the runs on the page, as given; scores of these get their short names.
        progress: context manager of (title, total) that yields a function to advance it.
    """
    homes = [home_of(run) for run in runs]
    names = dict(zip(map(str, homes), short_names(homes), strict=True))
    scores = read_results(files, names)
    known = {(score.task, score.model, score.protocol) for score in scores}
    missing = [
        (task, protocol, model)
        for task in tasks
        for protocol in protocols
        for model in models
        if (task.task.name, model.name, protocol) not in known
    ]
    with progress("probing", len(missing)) as done:
        for task, protocol, model in missing:
            scores.append(evaluate(model, task, protocol, store))
            done(1)
    return in_order(scores, [task.task.name for task in tasks])


def embed_tasks(
    models: Sequence[EmbeddingModel], tasks: Sequence[OpenedTask], store: EmbeddingStore
) -> list[EmbeddedTask]:
    """Return each task with the embeddings of all its recordings by each model."""
    if not models:
        return []
    return [
        (
            task,
            [(m.name, store.embeddings(m, task.recordings, task.contents)) for m in models],
        )
        for task in tasks
    ]
