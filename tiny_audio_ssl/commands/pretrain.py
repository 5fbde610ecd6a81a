"""pretrain and resume: train a run, from recordings to its last checkpoint."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, make_dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import tyro

from tiny_audio_ssl.commands.base import Command, err, out
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.registry import TASKS, config_class
from tiny_audio_ssl.training.config import DEFAULT_TASK, PretrainConfig, TrainingConfig
from tiny_audio_ssl.utils.allocator import keep_freed_memory


@dataclass
class Pretrain(Command):
    """Pre-train an encoder on unlabeled recordings, into a run folder.

    The --pretext options depend on the task: `tiny-audio-ssl pretrain --task audio2vec-cbow --help`
    shows those of that task.
    """

    task_name: ClassVar[str] = DEFAULT_TASK

    source: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")]
    """Folder, CSV manifest (column path, filename or file), or `builtin` for built-in sounds."""
    out: Path | None = None
    """Run folder. Default: runs/TASK-ENCODER."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    frontend: FrontendConfig = field(default_factory=FrontendConfig)
    training: Annotated[TrainingConfig, tyro.conf.OmitArgPrefixes] = field(
        default_factory=TrainingConfig
    )
    start: str | None = None
    """Run, checkpoint or model name (such as small) whose encoder and front-end statistics are used
    to start from. The settings of both then come from it."""
    group_column: str | None = None
    """Manifest column whose groups (speakers, sessions) are held out whole."""
    cache_dir: Path | None = None
    """Folder for decoded audio. Default: $TINY_AUDIO_SSL_CACHE or ~/.cache/tiny-audio-ssl."""
    strict: bool = False
    """Stop at the first unusable recording, instead of listing it in skipped.csv."""
    json: bool = False
    """Print the result as JSON."""

    @classmethod
    def with_options(cls, argv: Sequence[str]) -> type[Command]:
        """Return the command with the --pretext options of the task that `argv` names, and with the
        encoder of the start that it names."""
        task, start = _value_of(argv, "--task"), _value_of(argv, "--start")
        return _with_task(task or DEFAULT_TASK, _settings_of_start(start) if start else {})

    def run(self) -> int:
        from tiny_audio_ssl.training import runs

        config = PretrainConfig(
            self.task_name,
            self.pretext,  # type: ignore[attr-defined]  # a field of the class that _with_task makes
            self.encoder,
            self.frontend,
            self.training,
        )
        folder = self.out or Path("runs") / f"{self.task_name}-{self.encoder.name}"
        with _as_program(folder):
            outcome = runs.pretrain(
                self.source,
                folder,
                config,
                start=self.start,
                group_column=self.group_column,
                cache_dir=self.cache_dir,
                strict=self.strict,
            )
        return _report_run(folder, outcome, self.json)


def _settings_of_start(start: str) -> dict[str, Any]:
    from tiny_audio_ssl.models import checkpoint
    from tiny_audio_ssl.training.start import settings_from

    return settings_from(checkpoint.load(start))


def _with_task(name: str, settings: dict[str, Any]) -> type[Pretrain]:
    """Return `Pretrain` with the options of one task, and other defaults for some settings."""
    config = config_class(name)
    settings = {"frontend": config.wants} | settings
    tasks = Literal[tuple(TASKS)]  # type: ignore[valid-type]
    listed = "; ".join(f"`{task}`: {entry.summary}" for task, entry in TASKS.items())
    fields: list[Any] = [
        (
            "task",
            Annotated[tasks, tyro.conf.arg(help=f"Pretext task: what to learn to tell. {listed}.")],
            name,
        ),
        ("pretext", config, field(default_factory=config)),
        ("task_name", ClassVar[str], name),
        *((part, type(value), field(default=value)) for part, value in settings.items()),
    ]
    made = make_dataclass("Pretrain", fields, bases=(Pretrain,), kw_only=True)
    made.__doc__ = Pretrain.__doc__
    return made


def _value_of(argv: Sequence[str], option: str) -> str | None:
    """Return what follows `option`, or None if it is not given."""
    for index, argument in enumerate(argv):
        if argument.startswith(f"{option}="):
            return argument.partition("=")[2]
        if argument == option and index + 1 < len(argv):
            return argv[index + 1]
    return None


@dataclass
class Resume(Command):
    """Resume a run that was interrupted or killed. The result is the same as without the
    interruption."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Run folder."""
    cache_dir: Path | None = None
    """Folder for decoded audio."""
    json: bool = False
    """Print the result as JSON."""

    def run(self) -> int:
        from tiny_audio_ssl.training import runs

        with _as_program(self.folder):
            outcome = runs.resume(self.folder, cache_dir=self.cache_dir)
        return _report_run(self.folder, outcome, self.json)


@contextmanager
def _as_program(folder: Path) -> Iterator[None]:
    """Set the process up for training, and end it when the training is interrupted."""
    from tiny_audio_ssl.training.trainer import TrainingInterruptedError

    keep_freed_memory()
    try:
        yield
    except TrainingInterruptedError as stopped:
        err.print(f"{stopped}; saved. Resume with: tiny-audio-ssl resume {folder}")
        sys.exit(130)


def _report_run(folder: Path, outcome: Any, as_json: bool) -> int:
    if int(os.environ.get("RANK", 0)) or int(os.environ.get("LOCAL_RANK", 0)):
        return 0
    if as_json:
        print(json.dumps({**asdict(outcome), "folder": str(outcome.folder), "run": str(folder)}))
        return 0
    if outcome.loss is None:
        out.print(f"{folder}: has all its {outcome.step} steps already")
        return 0
    held_out = outcome.validation_loss
    out.print(
        f"{folder}: {outcome.step} steps, loss {outcome.loss:.4f}"
        + ("" if held_out is None else f", held out {held_out:.4f}")
        + ("" if outcome.best_step is None else f" (best at {outcome.best_step})")
        + f", {outcome.clips_per_s:.0f} clips/s\n"
        f"next: tiny-audio-ssl export {folder}\n"
        f"      tiny-audio-ssl embed {folder} FOLDER --out embeddings.parquet"
    )
    return 0
