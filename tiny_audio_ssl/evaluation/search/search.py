"""Search for the pretext tasks to combine, and for their weights.

```
DIR/  settings.json   settings of the search; continuing with other settings is an error
      trials.csv      one row per finished trial
      trials/003/     the run of each trial
```
The table is the only state: the next trial depends only on the seed and the rows so far, so a
search that was killed continues to the same table as one that was not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tiny_audio_ssl.embedding import embedder as embedding
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask
from tiny_audio_ssl.evaluation.probing.protocols import evaluate
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
from tiny_audio_ssl.evaluation.search import trials as results
from tiny_audio_ssl.evaluation.search.proposals import propose
from tiny_audio_ssl.evaluation.search.trials import Figure, Trial
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.combined import check_weights
from tiny_audio_ssl.pretext.configs.weights import Weights
from tiny_audio_ssl.pretext.tasks.combined import Combined
from tiny_audio_ssl.training import runs
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig
from tiny_audio_ssl.training.trainer import TrainingStoppedError
from tiny_audio_ssl.utils.claim import claimed
from tiny_audio_ssl.utils.files import write_json
from tiny_audio_ssl.utils.ownership import check_target, has_columns
from tiny_audio_ssl.utils.ranges import COUNT, DURATION_MS, SEED, check_numbers, checked_number
from tiny_audio_ssl.utils.written_by import unreadable
from tiny_audio_ssl.version import __version__

SETTINGS, TRIALS = "settings.json", "trials"


@dataclass(frozen=True)
class SearchConfig:
    """Settings of a search, except the number of trials, which may be raised later."""

    source: str
    tasks: tuple[str, ...]
    slice_ms: float | None = None
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    frontend: FrontendConfig = field(default_factory=FrontendConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    seed: int = 0

    def __post_init__(self) -> None:
        check_numbers(self, slice_ms=DURATION_MS, seed=SEED)
        check_weights(dict.fromkeys(self.tasks, 1.0))
        if not 1 < len(set(self.tasks)) == len(self.tasks):
            raise UserError(f"tasks {' '.join(self.tasks)}: expected at least two, each once")

    def pretrain(self, weights: Weights) -> PretrainConfig:
        """Return the settings of the run that tries these weights."""
        task = Combined.Config(weights, self.slice_ms)
        return PretrainConfig("combined", task, self.encoder, self.frontend, self.training)


def search(
    config: SearchConfig,
    probes: Sequence[OpenedTask],
    folder: Path,
    trials: int,
    *,
    cache_dir: Path | None = None,
    store: EmbeddingStore | None = None,
    finished: Callable[[Trial], Any] = lambda trial: None,
) -> list[Trial]:
    """Start or continue the search in `folder` until it has `trials` trials; returns all of them.

    Ends sooner if nothing is left to try. `finished` is called with each trial as it ends.

    Raises:
        UserError: the folder holds a search with other settings or is used by another process, or
            the labels can't be split to choose by.
        TrainingInterruptedError: stopped by a signal; the trial continues with the next call.
    """
    checked_number("trials", trials, COUNT)
    store = store or EmbeddingStore(cache_dir)
    parts = [choosing_part(labeled) for labeled in probes], [unseen(one) for one in probes]
    with claimed(folder):
        _keep_settings(folder, config, probes)
        done = results.read(folder)
        while len(done) < trials:
            run = folder / TRIALS / f"{len(done):03d}"
            weights = _begun(run) or propose(done, config.tasks, config.seed)
            if weights is None:
                break
            note = _train(run, config, weights, cache_dir)
            validation, test = (None if note else _probe(run, part, store) for part in parts)
            steps, train_s = config.training.steps, train_seconds(run)
            done.append(Trial(len(done), weights, steps, train_s, validation, test, note))
            results.write(folder, config.tasks, done)
            finished(done[-1])
    return done


def choosing_part(labeled: OpenedTask) -> OpenedTask:
    """Return the task with the training part of its first split, split again, to choose by."""
    inner = labeled.inner(labeled.splits[0])
    if not inner:
        raise UserError(
            f"{labeled.task.name}: the training part is a single group, which can't be split "
            "again to choose by; choose another --group, or add labeled recordings"
        )
    return replace(labeled, splits=inner)


def unseen(labeled: OpenedTask) -> OpenedTask:
    """Return the task with its first split only; `choosing_part` never sees its test part."""
    return replace(labeled, splits=labeled.splits[:1])


def train_seconds(run: Path) -> float:
    """Return how long the steps of a run took, without interruptions."""
    size = checkpoint.load(run).run["training"]["batch_size"]
    seconds, last = 0.0, 0
    for line in (run / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        if rate := record.get("speed/clips_per_s"):
            seconds += (record["step"] - last) * size / rate
            last = record["step"]
    return seconds


def _begun(run: Path) -> Weights | None:
    """Return the weights of an interrupted trial, or None if there is none."""
    if not (run / "last").exists():
        return None
    return dict(checkpoint.load(run).run["pretext"]["weights"])


def _train(run: Path, config: SearchConfig, weights: Weights, cache_dir: Path | None) -> str:
    """Start or continue training; returns why it stopped before the last step, or nothing."""
    try:
        if not (run / "last").exists():
            runs.pretrain(config.source, run, config.pretrain(weights), cache_dir=cache_dir)
        elif checkpoint.load(run).progress["step"] < config.training.steps:
            runs.resume(run, cache_dir=cache_dir)
    except TrainingStoppedError as stopped:
        return str(stopped)
    return ""


def _probe(run: Path, part: Sequence[OpenedTask], store: EmbeddingStore) -> Figure:
    model = embedding.load(run)
    return Figure.of([evaluate(model, labeled, "linear", store) for labeled in part])


def _keep_settings(folder: Path, config: SearchConfig, probes: Sequence[OpenedTask]) -> None:
    given = {**asdict(config), "probes": [asdict(labeled.task) for labeled in probes]}
    given = json.loads(json.dumps(given))  # tuples become lists
    path = folder / SETTINGS
    began = _began(folder)
    if began is None:
        write_json(path, given | {"versions": {"tiny-audio-ssl": __version__}})
        return
    if unknown := _unknown(began, given):
        raise UserError(
            unreadable(path, f"{', '.join(unknown)} not known", f"the settings {', '.join(given)}",
                       began)
        )  # fmt: skip
    began.pop("versions", None)
    names = [name for name in {**began, **given} if began.get(name) != given.get(name)]
    if names:
        listed = "; ".join(f"{n}: {began.get(n)!r}, now {given.get(n)!r}" for n in names)
        raise UserError(
            f"{folder}: holds a search with other settings: {listed}. Use the same settings to "
            "continue it, or another folder with --out"
        )


def _unknown(found: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """Return the names in `found`, or in a group of settings in it, that are not `known`."""
    names = [name for name in found if name not in known and name != "versions"]
    for group, settings in known.items():
        if isinstance(settings, dict) and isinstance(found.get(group), dict):
            names += [f"{group}.{name}" for name in found[group] if name not in settings]
    return names


def _began(folder: Path) -> dict[str, Any] | None:
    """Return the settings of the search that the folder holds, or None if no trial was begun.

    Raises `UserError` for files of the same names that no search wrote.
    """
    path, table = folder / SETTINGS, folder / results.TABLE
    check_target(path, _is_settings)
    check_target(table, has_columns("trial"))
    if not table.exists() and not any(folder.glob(f"{TRIALS}/*/last")):
        return None
    began: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return began


def _is_settings(path: Path) -> bool:
    return bool({"source", "tasks", "probes"} <= json.loads(path.read_text()).keys())
