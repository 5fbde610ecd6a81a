"""search: which pretext tasks are worth combining, and with what weights?"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.table import Table

from tiny_audio_ssl.commands.base import Command, err, out
from tiny_audio_ssl.commands.probe import TrainingQuestions
from tiny_audio_ssl.evaluation.probing.labelled import open_task
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.combined_config import format_weights
from tiny_audio_ssl.training.config import TrainingConfig

if TYPE_CHECKING:
    from tiny_audio_ssl.evaluation.search import Figure, SearchConfig, Trial


@dataclass
class Search(Command):
    """Find the pretext tasks and weights whose encoder does best in a linear probe.

    Each trial is a pre-training run. First each task alone and all alike, then what looks
    promising. The choice is made inside the training part of the labels; the test accuracy beside
    it is of recordings that had no say; of several splits the first is used. Cut off, the same
    command goes on where it was.
    """

    source: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")]
    """What to pre-train on: a folder, a CSV manifest, or `builtin`."""
    out: Path
    """The search's folder."""
    guide: Annotated[TrainingQuestions, tyro.conf.OmitArgPrefixes] = field(
        default_factory=TrainingQuestions
    )
    tasks: tuple[str, ...] = ("temporal-gap", "audio2vec-cbow", "audio2vec-skipgram")
    """The pretext tasks to choose among, two or more."""
    trials: int = 20
    """Runs in all; more can be added later by the same command with a higher number."""
    slice_ms: float | None = None
    """Length of the slices of all tasks; left out: each task's own."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    frontend: FrontendConfig = field(default_factory=FrontendConfig)
    training: Annotated[TrainingConfig, tyro.conf.OmitArgPrefixes] = field(
        default_factory=TrainingConfig
    )
    cache_dir: Path | None = None
    """Where decoded audio is kept."""
    json: bool = False
    """Print the trials as JSON."""

    def run(self) -> int:
        from tiny_audio_ssl.evaluation.search import SearchConfig, search
        from tiny_audio_ssl.training.trainer import TrainingInterruptedError

        config = SearchConfig(
            self.source, self.tasks, self.slice_ms, self.encoder, self.frontend, self.training
        )
        probes = [open_task(task, self.cache_dir) for task in self.guide.tasks()]
        try:
            trials = search(
                config, probes, self.out, self.trials, cache_dir=self.cache_dir, finished=_tell
            )
        except TrainingInterruptedError as stopped:
            err.print(f"{stopped}; saved. Go on with the same command")
            sys.exit(130)
        if self.json:
            print(json.dumps([asdict(trial) for trial in trials]))
        else:
            out.print(_table(trials, config.tasks))
            out.print(_answer(trials, config, self.out), markup=False)
        return 0


def _tell(trial: Trial) -> None:
    weights = " ".join(format_weights(trial.weights))
    err.print(f"trial {trial.number}: {weights}: {_shown(trial.validation)} {trial.note}")


def _table(trials: Sequence[Trial], tasks: Sequence[str]) -> Table:
    table = Table(caption="accuracy of a linear probe, with its 95 % interval")
    for name in ("trial", *tasks, "steps", "s", "validation", "test"):
        table.add_column(name, justify="right")
    for trial in trials:
        weights = (f"{trial.weights[task]:g}" if task in trial.weights else "" for task in tasks)
        figures = (_shown(trial.validation), _shown(trial.test))
        table.add_row(
            str(trial.number), *weights, str(trial.steps), f"{trial.train_s:.0f}", *figures
        )
    return table


def _answer(trials: Sequence[Trial], config: SearchConfig, folder: Path) -> str:
    """Is combining worth it? And what to type."""
    from tiny_audio_ssl.evaluation.search import TRIALS
    from tiny_audio_ssl.evaluation.search.table import best

    alone = best([trial for trial in trials if len(trial.weights) == 1])
    together = best([trial for trial in trials if len(trial.weights) > 1])
    chosen = best(trials)
    if chosen is None:
        return "no trial has come to its end; see the notes in trials.csv"
    compared = [
        f"best {what}: {' '.join(format_weights(trial.weights))}: test {_shown(trial.test)}"
        for what, trial in (("alone", alone), ("combined", together))
        if trial
    ]
    run = folder / TRIALS / f"{chosen.number:03d}"
    return "\n".join(
        [
            *compared,
            f"trial {chosen.number} has the best validation accuracy; its encoder is in {run}.",
            f"again, or with more --steps: {command(config, chosen)}",
        ]
    )


def _shown(figure: Figure | None) -> str:
    if figure is None:
        return "stopped"
    return f"{figure.accuracy:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def command(config: SearchConfig, trial: Trial) -> str:
    """The `pretrain` command of a trial."""
    words = ["tiny-audio-ssl", "pretrain", config.source, "--task", "combined"]
    words += ["--pretext.weights", *format_weights(trial.weights)]
    if config.slice_ms is not None:
        words += ["--pretext.slice-ms", f"{config.slice_ms:g}"]
    parts = (("", config.training), ("encoder.", config.encoder), ("frontend.", config.frontend))
    words += [word for prefix, part in parts for word in _changed(prefix, part)]
    return shlex.join([*words, "--out", "runs/combined"])


def _changed(prefix: str, part: Any) -> Iterator[str]:
    """The options that are not at their defaults."""
    for name in (f.name for f in fields(part)):
        value, option = getattr(part, name), name.replace("_", "-")
        if value == getattr(type(part)(), name):
            continue
        if isinstance(value, bool):
            yield f"--{prefix}{'' if value else 'no-'}{option}"
        else:
            yield from (f"--{prefix}{option}", str(value))
