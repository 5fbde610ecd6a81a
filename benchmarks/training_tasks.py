"""Pretext tasks that train in ExecuTorch, and the operators by which others are refused.

python benchmarks/training_tasks.py

With `--tasks`, only these are tried, and the rows of the others are kept.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import tyro
from tables.cost import CHANGES, DEPENDS

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.training.to_training import (
    LossModule,
    StepDependsOnValuesError,
    UnverifiedOperatorsError,
    check_steps,
    example,
    to_training,
)
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext import pretext_class
from tiny_audio_ssl.pretext.registry import TASKS
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.utils.files import read_rows, write_rows
from tiny_audio_ssl.utils.quiet import exporters_hushed

RESULTS = Path(__file__).parent / "results" / "training_tasks.csv"
ENCODER = EncoderConfig(width=0.25, norm="group")  # batch norm would need statistics
SMALL: dict[str, Any] = {
    "steps": 8,
    "distances": 2,
    "size": 32,
    "span_steps": 5,
    "clusters": (2,),
    "sequence": 2,
    "gap_ms": 40.0,
}
"""Settings of tasks that have them. Operators do not depend on sizes; the time to export does."""
TEXT = "HH AH L OW W ER L D " * 4  # for `wav2vec-u`


@dataclasses.dataclass(frozen=True)
class TrainingTasksBenchmark:
    """One row for each task, in the order of the registry."""

    tasks: tuple[str, ...] = tuple(TASKS)
    csv: Path = RESULTS


def main(wanted: TrainingTasksBenchmark) -> None:
    """Try each task, and write the table as it grows."""
    known = {row["task"]: row for row in read_rows(wanted.csv)} if wanted.csv.exists() else {}
    for task in wanted.tasks:
        known[task] = {"task": task, "refused_by": refused_by(task)}
        print(known[task], flush=True)
        write_rows(wanted.csv, [known[name] for name in TASKS if name in known])


def refused_by(task: str) -> str:
    """Return the operators that a step of the task is refused by, or another reason; "" if it
    trains."""
    with tempfile.TemporaryDirectory() as folder:
        config = PretrainConfig(task, settings_of(task, Path(folder)), ENCODER)
        model = checkpoint.untrained(config.frontend, config.encoder, seed=0)
        pretext = pretext_class(task)(config.pretext, model.encoder, config.frontend)
        try:
            check_steps(task, pretext)
        except UserError:
            return CHANGES
        inputs = example(model.frontend, config, pretext, 2)
        step = LossModule(model.encoder, pretext, tuple(inputs))
        try:
            with exporters_hushed():
                to_training(step, list(inputs.values()), Path(folder) / "training.pte")
        except UnverifiedOperatorsError as error:
            return " ".join(error.operators)
        except StepDependsOnValuesError:
            return DEPENDS
    return ""


def settings_of(task: str, folder: Path) -> Any:
    """Return small settings of a task, with what it reads in `folder`."""
    kind = pretext_class(task).Config
    own = {field.name for field in dataclasses.fields(kind)}
    settings = {name: value for name, value in SMALL.items() if name in own}
    if "text" in own:
        (folder / "text.txt").write_text(TEXT, encoding="utf-8")
        settings["text"] = str(folder / "text.txt")
    return kind(**settings)


if __name__ == "__main__":
    main(tyro.cli(TrainingTasksBenchmark, description=__doc__))
