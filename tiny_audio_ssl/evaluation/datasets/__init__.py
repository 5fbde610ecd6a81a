"""Published datasets by name (DATASETS, one file each), and the recordings of a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tiny_audio_ssl.data.corpus import Clip, Corpus, column, open_corpus
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets.base import Dataset, EvaluationTask
from tiny_audio_ssl.evaluation.datasets.birds import BIRD_DETECTION
from tiny_audio_ssl.evaluation.datasets.esc import ESC10, ESC50
from tiny_audio_ssl.evaluation.datasets.librispeech import LIBRISPEECH_SPEAKER
from tiny_audio_ssl.evaluation.datasets.musan import MUSAN
from tiny_audio_ssl.evaluation.datasets.nsynth import NSYNTH_FAMILY, NSYNTH_PITCH
from tiny_audio_ssl.evaluation.datasets.scenes import URBAN_SCENES
from tiny_audio_ssl.evaluation.datasets.speech_commands import SPEECH_COMMANDS
from tiny_audio_ssl.evaluation.datasets.voxforge import VOXFORGE

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        SPEECH_COMMANDS,
        LIBRISPEECH_SPEAKER,
        MUSAN,
        BIRD_DETECTION,
        URBAN_SCENES,
        VOXFORGE,
        NSYNTH_PITCH,
        NSYNTH_FAMILY,
        ESC50,
        ESC10,
    )
}


def dataset_named(name: str) -> Dataset:
    """Return the dataset of that name. Raises `UserError` that lists the known names."""
    if name not in DATASETS:
        raise UserError(f"dataset {name!r} is unknown; choose from {', '.join(DATASETS)}")
    return DATASETS[name]


def task_corpus(task: EvaluationTask) -> tuple[Corpus, EvaluationTask]:
    """Return a task's recordings, and the task with its dataset's columns filled in.

    Only recordings that meet `task.where` are returned, so the returned task has no conditions. A
    task that names its own column for folds or a split uses neither of its dataset's.

    Raises:
        UserError: a source or column does not exist, no recording meets the conditions, or a
            dataset is absent or incomplete (with what to download and where to put it).
    """
    if task.dataset is None:
        corpus = open_corpus(task.source)
    else:
        dataset = dataset_named(task.dataset)
        corpus = dataset.corpus(task.source)
        own_parts = task.fold is None and task.split is None
        task = replace(
            task,
            label=dataset.label if task.label == EvaluationTask.label else task.label,
            fold=dataset.fold if own_parts else task.fold,
            split=dataset.split if own_parts else task.split,
            group=task.group or dataset.group,
        )
    chosen = corpus.clips
    for condition in task.where:
        chosen = _meeting(chosen, condition)
        if not chosen:
            raise UserError(
                f"{corpus.source}: no recording meets {', '.join(task.where)}; none is left after "
                f"{condition}"
            )
    return replace(corpus, clips=chosen), replace(task, where=())


def _meeting(clips: Sequence[Clip], condition: str) -> tuple[Clip, ...]:
    name, equals, value = condition.partition("=")
    unlike = name.endswith("!")
    name = name.removesuffix("!")
    if not equals or not name:
        raise UserError(
            f"--where {condition}: expected COLUMN=VALUE or COLUMN!=VALUE, e.g. esc10=TRUE"
        )
    texts = column(clips, name)
    return tuple(c for c, text in zip(clips, texts, strict=True) if (text == value) != unlike)


__all__ = ["DATASETS", "Dataset", "EvaluationTask", "dataset_named", "task_corpus"]
