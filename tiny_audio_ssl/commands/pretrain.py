"""pretrain and resume: a run, from recordings to its last checkpoint."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, make_dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import tyro

from tiny_audio_ssl.commands.base import Command, err, out
from tiny_audio_ssl.models.encoders import EncoderConfig
from tiny_audio_ssl.models.frontend import FrontendConfig
from tiny_audio_ssl.pretext import PRETEXTS, pretext_class
from tiny_audio_ssl.training.config import DEFAULT_TASK, PretrainConfig, TrainingConfig


@dataclass
class Pretrain(Command):
    """Pre-train an encoder on unlabelled recordings, into a run's folder.

    The task decides which --pretext options there are:
    `tiny-audio-ssl pretrain --task audio2vec-cbow --help` shows those of that task.
    """

    task_name: ClassVar[str] = DEFAULT_TASK

    source: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")]
    """A folder, a CSV manifest (column path, filename or file), or `builtin` for made-up sounds."""
    out: Path | None = None
    """The run's folder; runs/TASK-ENCODER if left out."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    frontend: FrontendConfig = field(default_factory=FrontendConfig)
    training: Annotated[TrainingConfig, tyro.conf.OmitArgPrefixes] = field(
        default_factory=TrainingConfig
    )
    group_column: str | None = None
    """Manifest column whose groups (speakers, sessions) are held out whole."""
    cache_dir: Path | None = None
    """Where decoded audio is kept; $TINY_AUDIO_SSL_CACHE or ~/.cache/tiny-audio-ssl if left out."""
    strict: bool = False
    """Stop at the first recording that can't be used, instead of listing it in skipped.csv."""
    json: bool = False
    """Print the outcome as JSON."""

    def run(self) -> int:
        from tiny_audio_ssl.training import runs

        config = PretrainConfig(
            self.task_name,
            self.pretext,  # type: ignore[attr-defined]  # of the class made for the task
            self.encoder,
            self.frontend,
            self.training,
        )
        folder = self.out or Path("runs") / f"{self.task_name}-{self.encoder.name}"
        with _interruptible(folder):
            outcome = runs.pretrain(
                self.source,
                folder,
                config,
                group_column=self.group_column,
                cache_dir=self.cache_dir,
                strict=self.strict,
            )
        return _report_run(folder, outcome, self.json)


def pretrain_command(task: str | None) -> type[Pretrain]:
    """`Pretrain` with the options of one task."""
    name = task or DEFAULT_TASK
    config = pretext_class(name).Config
    tasks = Literal[tuple(PRETEXTS)]  # type: ignore[valid-type]
    listed = "; ".join(f"`{n}`: {p.summary}" for n, p in PRETEXTS.items())
    fields: list[Any] = [
        ("task", Annotated[tasks, tyro.conf.arg(help=f"What to learn from. {listed}.")], name),
        ("pretext", config, field(default_factory=config)),
        ("task_name", ClassVar[str], name),
    ]
    made = make_dataclass("Pretrain", fields, bases=(Pretrain,), kw_only=True)
    made.__doc__ = Pretrain.__doc__
    return made


@dataclass
class Resume(Command):
    """Go on with a run that was interrupted or killed, to the same result as without a break."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run's folder."""
    cache_dir: Path | None = None
    """Where decoded audio is kept, if not in the usual place."""
    json: bool = False
    """Print the outcome as JSON."""

    def run(self) -> int:
        from tiny_audio_ssl.training import runs

        with _interruptible(self.folder):
            outcome = runs.resume(self.folder, cache_dir=self.cache_dir)
        return _report_run(self.folder, outcome, self.json)


@contextmanager
def _interruptible(folder: Path) -> Iterator[None]:
    from tiny_audio_ssl.training.trainer import TrainingInterruptedError

    try:
        yield
    except TrainingInterruptedError as stopped:
        err.print(f"{stopped}; saved. Go on with: tiny-audio-ssl resume {folder}")
        sys.exit(130)


def _report_run(folder: Path, outcome: Any, as_json: bool) -> int:
    if int(os.environ.get("RANK", 0)) or int(os.environ.get("LOCAL_RANK", 0)):
        return 0
    if as_json:
        print(json.dumps({**asdict(outcome), "folder": str(outcome.folder), "run": str(folder)}))
        return 0
    if outcome.loss is None:
        out.print(f"{folder}: was finished already, {outcome.step} steps")
        return 0
    held_out = outcome.validation_loss
    out.print(
        f"{folder}: {outcome.step} steps, loss {outcome.loss:.4f}"
        + ("" if held_out is None else f", held out {held_out:.4f} (best at {outcome.best_step})")
        + f", {outcome.clips_per_s:.0f} clips/s\n"
        f"next: tiny-audio-ssl export {folder}\n"
        f"      tiny-audio-ssl embed {folder} FOLDER --out embeddings.parquet"
    )
    return 0
