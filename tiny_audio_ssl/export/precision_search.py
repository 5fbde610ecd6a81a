"""Find the smallest precision that meets a target: signal-to-noise ratio, and accuracy of
probes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar

from tiny_audio_ssl.embedding.embedder import EmbeddingModel
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask
from tiny_audio_ssl.evaluation.probing.protocols import evaluate
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
from tiny_audio_ssl.export.forms import Form
from tiny_audio_ssl.utils.ranges import ANY, check_numbers

Made = TypeVar("Made")


@dataclass(frozen=True)
class PrecisionTrial:
    """One form that was made, and whether it meets the target."""

    file: str
    bytes: int
    snr_db: float
    probe_drops: dict[str, float]  # points, by task
    meets: bool

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def check_drop(max_probe_drop: float | None, tasks: Sequence[object]) -> None:
    """Raise `UserError` if only one of the two is given."""
    if (max_probe_drop is None) != (not tasks):
        raise UserError(
            "a maximum probe drop needs labeled data, and labeled data needs a maximum drop: give "
            "both --max-probe-drop and --data LABELS.csv (or --suite tasks.toml), or neither"
        )


@dataclass(frozen=True)
class PrecisionTarget:
    """The target of a search: a signal-to-noise ratio, a maximum loss of accuracy, or both.

    Raises `UserError` if only one of `max_probe_drop` and `tasks` is given.
    """

    min_snr_db: float | None = None
    """Signal-to-noise ratio of the centered embeddings."""
    max_probe_drop: float | None = None
    """Points of accuracy that a linear probe may lose against the float32 model on any task."""
    tasks: tuple[OpenedTask, ...] = ()
    """Labeled recordings to probe."""

    def __post_init__(self) -> None:
        check_numbers(self, min_snr_db=ANY, max_probe_drop=ANY)
        check_drop(self.max_probe_drop, self.tasks)

    def drops(self, model: EmbeddingModel, artifact: EmbeddingModel) -> dict[str, float]:
        """Return the points of accuracy lost by task; negative where the artifact is better."""
        store = EmbeddingStore()
        return {
            task.task.name: 100
            * (
                evaluate(model, task, "linear", store).accuracy
                - evaluate(artifact, task, "linear", store).accuracy
            )
            for task in self.tasks
        }

    def judge(
        self, file: str, size: int, snr_db: float, drops: Mapping[str, float]
    ) -> PrecisionTrial:
        """Return the figures of an artifact of `size` bytes, with whether they meet the target."""
        enough = self.min_snr_db is None or snr_db >= self.min_snr_db
        kept = all(drop <= (self.max_probe_drop or 0) for drop in drops.values())
        return PrecisionTrial(file, size, snr_db, dict(drops), enough and kept)


@dataclass(frozen=True)
class ChosenPrecision(Generic[Made]):
    """The form that met the target, and all that were tried for it."""

    made: Made
    tried: tuple[PrecisionTrial, ...]  # smallest first


def smallest(
    forms: Sequence[Form],
    folder: Path,
    make: Callable[[Form, Path], tuple[Made, PrecisionTrial]],
) -> ChosenPrecision[Made]:
    """Return the smallest file that meets the target, of forms that differ in precision.

    Each is made in a temporary folder; only the chosen one is moved to `folder`. Forms come as in
    `Precision`, largest first, so that the search ends at the first success.

    Raises `UserError` if none meets it.
    """
    tried: list[PrecisionTrial] = []
    for form in reversed(forms):
        with TemporaryDirectory(dir=folder) as apart:
            made, trial = make(form, Path(apart))
            tried.append(trial)
            if trial.meets:
                shutil.move(Path(apart) / form.file, folder / form.file)
                return ChosenPrecision(made, tuple(tried))
    raise UserError(
        "no precision meets the target: "
        + "; ".join(
            f"{t.file} {t.snr_db:.1f} dB"
            + "".join(f", {task} {drop:+.2f} points lost" for task, drop in t.probe_drops.items())
            for t in tried
        )
        + "; lower --target-snr-db, raise --max-probe-drop, or allow more --precision"
    )
