"""Train encoders on tasks, from a checkpoint or from random weights, and score or save them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from tiny_audio_ssl.data.batches import seed_of
from tiny_audio_ssl.embedding.embedder import Embedder
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.finetuning import together
from tiny_audio_ssl.evaluation.finetuning.classifier import Classifier, fit, predict
from tiny_audio_ssl.evaluation.finetuning.config import FinetuneConfig
from tiny_audio_ssl.evaluation.finetuning.crops import Crops, Ints, LabeledPart
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask
from tiny_audio_ssl.evaluation.probing.scores import Fit, Score
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import WaveformEncoder

FinetuneProtocol = Literal["fine-tuning", "supervised", "multi-head"]
PROTOCOLS: tuple[FinetuneProtocol, ...] = get_args(FinetuneProtocol)
FITTED_ON = 2000  # crops to compute the statistics of the front-end from
Done = Callable[[int], Any]


def evaluate(
    model: Embedder,
    tasks: Sequence[OpenedTask],
    protocol: FinetuneProtocol,
    config: FinetuneConfig,
    done: Done = lambda steps: None,
) -> list[Score]:
    """Train one encoder for all `tasks` in every fold and test it: one score per task.

    `fine-tuning` starts from the weights of `model`, which is not changed. `supervised` and
    `multi-head` only take its settings: they start from random weights, and from front-end
    statistics of the training part. `done(1)` is called after each of the `total_steps` steps.

    Raises:
        UserError: a task would lose classes; see `together.compatible`.
        TrainingStoppedError: the loss or a prediction is not finite.
    """
    if lost := together.losses(tasks):
        raise UserError(
            f"{', '.join(task.task.name for task in tasks)} can't share an encoder, since no task "
            f"may train on what another tests: {'; '.join(lost)}. Train them in separate models"
        )
    fits: list[list[Fit]] = [[] for _ in tasks]
    shares: list[list[float]] = [[] for _ in tasks]
    for fold in range(_runs(tasks, config)):
        parts = together.training_parts(tasks, fold)
        seed = seed_of(config.seed, fold)
        classifier = _fit(model, tasks, parts, protocol, config, seed, done)
        for head, (task, part) in enumerate(zip(tasks, parts, strict=True)):
            shares[head].append(len(part) / len(task.splits[fold % len(task.splits)].train))
            if fold < len(task.splits):
                test = task.splits[fold].test
                found = predict(classifier, head, task.recordings.select(test), config)
                fits[head].append(Fit(fold, config.seed, test, found))
    return [
        Score(
            task.task.name,
            model.name if protocol == "fine-tuning" else "random weights",
            protocol,
            task.classes,
            task.truth,
            fits[head],
            _details(model, tasks, head, config, float(np.mean(shares[head]))),
            task.groups,
            task.sounds,
        )
        for head, task in enumerate(tasks)
    ]


def total_steps(tasks: Sequence[OpenedTask], config: FinetuneConfig) -> int:
    """Return the number of optimizer steps that `evaluate` takes."""
    return _runs(tasks, config) * config.training(len(tasks)).steps


def save(
    folder: Path,
    model: Embedder,
    tasks: Sequence[OpenedTask],
    protocol: FinetuneProtocol,
    config: FinetuneConfig,
    done: Done = lambda steps: None,
) -> None:
    """Train on all recordings of the tasks, and write the encoder as a checkpoint folder.

    Nothing is held out, so scores of this encoder on the same recordings are meaningless. The heads
    are in its training.safetensors, their classes in its config.json.
    """
    everything = [np.arange(len(task)) for task in tasks]
    seed = seed_of(config.seed)
    classifier = _fit(model, tasks, everything, protocol, config, seed, done).cpu()
    state = classifier.state_dict()
    run = {
        "task": protocol,
        "training": asdict(config) | {"steps": config.training(len(tasks)).steps},
        "corpus": {task.task.name: asdict(task.task) for task in tasks},
        "classes": {task.task.name: task.classes for task in tasks},
        "from": model.sha256 if protocol == "fine-tuning" else None,
    }
    checkpoint.save(
        folder,
        classifier.model,
        run,
        progress={"step": config.training(len(tasks)).steps},
        training={k: v for k, v in state.items() if not k.startswith("model.")},
    )


def _fit(
    model: Embedder,
    tasks: Sequence[OpenedTask],
    trained_on: Sequence[Ints],
    protocol: FinetuneProtocol,
    config: FinetuneConfig,
    seed: int,
    done: Done,
) -> Classifier:
    parts = [
        LabeledPart(task.recordings.select(chosen), task.truth[chosen], len(task.classes))
        for task, chosen in zip(tasks, trained_on, strict=True)
    ]
    if protocol == "fine-tuning":
        return fit(copy.deepcopy(model.model), parts, config, seed, done)
    return fit(_untrained(model.model, parts, config, seed), parts, config, seed, done)


def _untrained(
    model: WaveformEncoder, parts: Sequence[LabeledPart], config: FinetuneConfig, seed: int
) -> WaveformEncoder:
    """Build an encoder with random weights, and front-end statistics of crops of these parts."""
    made = checkpoint.untrained(model.frontend.config, model.encoder.config, seed)
    crops = [Crops(part, config.window, 1, seed) for part in parts]
    counts = [min(len(part.recordings), FITTED_ON // len(parts)) for part in parts]
    made.frontend.fit(
        c.step(step)[0] for c, count in zip(crops, counts, strict=True) for step in range(count)
    )
    return made


def _runs(tasks: Sequence[OpenedTask], config: FinetuneConfig) -> int:
    return min(together.runs(tasks), config.max_folds or together.runs(tasks))


def _details(
    model: Embedder, tasks: Sequence[OpenedTask], head: int, config: FinetuneConfig, share: float
) -> dict[str, float | str]:
    task = tasks[head]
    folds = len(task.splits)
    short = float(np.mean(task.recordings.samples < config.window))
    found: dict[str, float | str] = {
        "encoder": model.model.encoder.config.name,
        "steps": config.training(len(tasks)).steps,
        "folds": f"{min(folds, config.max_folds or folds)} of {folds}",
        "followed by zeros": round(short, 4),  # share of recordings shorter than a window
    }
    if left_out := sum(split.left_out for split in task.splits):
        found["left out of training as copies of tested"] = left_out
    if task.copies:
        found["copies of other recordings"] = task.copies
    if len(tasks) > 1:
        found["one encoder with"] = ", ".join(t.task.name for t in tasks if t is not task)
        found["share of the training part"] = round(share, 4)  # other tasks test the rest
    return found
