"""search: find pretext tasks worth combining, and their weights."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from tiny_audio_ssl.commands.base import Command, err, out
from tiny_audio_ssl.commands.task_options import TrainingTaskOptions
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.training.config import TrainingConfig
from tiny_audio_ssl.utils.allocator import keep_freed_memory

if TYPE_CHECKING:
    from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask

NARROWEST_TABLE = 80  # characters, for all columns of two or three tasks


@dataclass
class Search(Command):
    """Find the pretext tasks and weights whose encoder does best in a linear probe.

    Each trial is a pre-training run: first each task alone and all with equal weights, then the
    most promising combinations. The choice is made within the training part of the labels; the test
    accuracy comes from recordings that did not influence it. Only the first split is used. If
    interrupted, run the same command again to continue.

    With --estimate, nothing is trained: within seconds, the labels alone show which workers of the
    task `pase` are useful for them, and with which weights.
    """

    source: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")]
    """Recordings to pre-train on: a folder, a CSV manifest, or `builtin`."""
    out: Path
    """Folder of the search."""
    labels: Annotated[TrainingTaskOptions, tyro.conf.OmitArgPrefixes] = field(
        default_factory=TrainingTaskOptions
    )
    tasks: tuple[str, ...] = ("temporal-gap", "audio2vec-cbow", "audio2vec-skipgram")
    """Pretext tasks to choose from, at least two."""
    estimate: bool = False
    """Estimate the weights of `pase`'s workers from the labels, without any trial."""
    trials: int = 20
    """Total number of trials; run again with a higher number to add more."""
    slice_ms: float | None = None
    """Length of the slices of all tasks. Default: each task's own."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    frontend: FrontendConfig = field(default_factory=FrontendConfig)
    training: Annotated[TrainingConfig, tyro.conf.OmitArgPrefixes] = field(
        default_factory=TrainingConfig
    )
    cache_dir: Path | None = None
    """Folder for decoded audio and embeddings."""
    json: bool = False
    """Print the trials as JSON."""

    def run(self) -> int:
        from tiny_audio_ssl.evaluation.search import summary
        from tiny_audio_ssl.evaluation.search.search import SearchConfig, search
        from tiny_audio_ssl.training.trainer import TrainingInterruptedError

        config = SearchConfig(
            self.source, self.tasks, self.slice_ms, self.encoder, self.frontend, self.training
        )
        probes = self.labels.open(self.cache_dir)
        if self.estimate:
            return self._estimate(probes)
        keep_freed_memory()
        try:
            trials = search(
                config,
                probes,
                self.out,
                self.trials,
                cache_dir=self.cache_dir,
                finished=lambda trial: err.print(summary.trial_line(trial)),
            )
        except TrainingInterruptedError as stopped:
            err.print(f"{stopped}; saved. Run the same command to continue")
            sys.exit(130)
        if self.json:
            print(json.dumps([asdict(trial) for trial in trials]))
        else:
            is_narrow = out.width < NARROWEST_TABLE
            out.print(summary.trial_table(trials, config.tasks, is_narrow))
            out.print(summary.answer(trials, config, self.out))
        return 0

    def _estimate(self, probes: list[OpenedTask]) -> int:
        from tiny_audio_ssl.evaluation.search import estimate

        found = estimate.estimate(probes, self.frontend, self.training.seed)
        estimate.write(self.out, found)
        if self.json:
            print(json.dumps(estimate.estimate_rows(found)))
        else:
            out.print(estimate.estimate_table(found))
            out.print(
                f"to train with these weights: {estimate.pretrain_command(self.source, found)}"
            )
        return 0
