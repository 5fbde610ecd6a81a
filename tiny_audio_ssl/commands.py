"""What each command does; its fields are its options, the text below them their help."""

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
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from tiny_audio_ssl.encoders import EncoderConfig
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.frontend import FrontendConfig
from tiny_audio_ssl.pretext import PRETEXTS, pretext_class
from tiny_audio_ssl.settings import DEFAULT_TASK, PretrainConfig, TrainingConfig

Positional = tyro.conf.Positional
out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


class Command:
    """One subcommand: `run` returns the exit code."""

    def run(self) -> int:
        raise NotImplementedError


@dataclass
class Pretrain(Command):
    """Pre-train an encoder on unlabelled recordings, into a run's folder.

    The task decides which --pretext options there are:
    `tiny-audio-ssl pretrain --task audio2vec-cbow --help` shows those of that task.
    """

    task_name: ClassVar[str] = DEFAULT_TASK

    source: Annotated[Positional[str], tyro.conf.arg(metavar="SOURCE")]
    """A folder, a CSV manifest (column path, filename or file), or `builtin` for made-up sounds."""
    out: Path | None = None
    """The run's folder; runs/TASK-ENCODER if left out."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    frontend: FrontendConfig = field(default_factory=FrontendConfig)
    training: tyro.conf.OmitArgPrefixes[TrainingConfig] = field(default_factory=TrainingConfig)
    group_column: str | None = None
    """Manifest column whose groups (speakers, sessions) are held out whole."""
    cache_dir: Path | None = None
    """Where decoded audio is kept; $TINY_AUDIO_SSL_CACHE or ~/.cache/tiny-audio-ssl if left out."""
    strict: bool = False
    """Stop at the first recording that can't be used, instead of listing it in skipped.csv."""
    json: bool = False
    """Print the outcome as JSON."""

    def run(self) -> int:
        from tiny_audio_ssl import runs

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

    folder: Annotated[Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The run's folder."""
    cache_dir: Path | None = None
    """Where decoded audio is kept, if not in the usual place."""
    json: bool = False
    """Print the outcome as JSON."""

    def run(self) -> int:
        from tiny_audio_ssl import runs

        with _interruptible(self.folder):
            outcome = runs.resume(self.folder, cache_dir=self.cache_dir)
        return _report_run(self.folder, outcome, self.json)


@dataclass
class Embed(Command):
    """Write the embeddings of files, folders or manifests to a .parquet or .npy file."""

    run_folder: Annotated[Positional[Path], tyro.conf.arg(metavar="RUN")]
    """A run's folder, or one of its checkpoints (RUN/best)."""
    sources: Annotated[Positional[tuple[str, ...]], tyro.conf.arg(metavar="SOURCES...")]
    """Files, folders, CSV manifests or `builtin`."""
    out: Path = Path("embeddings.parquet")
    """x.parquet: path, times, manifest columns, embedding; x.npy: [rows, D] with a x.csv."""
    window_s: float | None = None
    """Length of a window, e.g. 0.975; one embedding of each whole recording if left out."""
    hop_s: float | None = None
    """From one window to the next; the window's length if left out."""
    cache_dir: Path | None = None
    """Where decoded audio is kept."""
    strict: bool = False
    """Stop at the first recording that can't be used, instead of listing it."""
    json: bool = False
    """Print the outcome as JSON."""

    def run(self) -> int:
        from tiny_audio_ssl import embedding
        from tiny_audio_ssl.cache import open_cache
        from tiny_audio_ssl.corpus import open_corpora

        embedder = embedding.load(self.run_folder)
        corpus = open_corpora(self.sources, strict=self.strict)
        recordings = open_cache(corpus, self.cache_dir, strict=self.strict)
        wanted = embedding.spans(recordings, self.window_s, self.hop_s)
        with _progress("embedding", len(wanted)) as done:
            embedding.write(self.out, embedder, recordings, wanted, done=done)
        report_skipped(recordings.skipped)
        if self.json:
            skipped = [asdict(s) for s in recordings.skipped]
            about = {"out": str(self.out), "rows": len(wanted), "dim": embedder.dim}
            print(json.dumps({**about, "skipped": skipped}))
        else:
            out.print(f"{self.out}: {len(wanted)} embeddings of size {embedder.dim}")
        return 0


@dataclass
class Probe(Command):
    """Judge frozen embeddings by a linear probe on a manifest's label column.

    Beside the runs: the same encoder with random weights, and log-mel statistics. An embedding
    that does not beat both has learned nothing worth shipping.
    """

    runs: Annotated[Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN...")]
    """Runs or checkpoints; all are probed on the same folds."""
    data: str
    """The CSV manifest with the labels, or `builtin`."""
    label: str = "label"
    """Column with the labels; rows without one are left out."""
    fold: str | None = None
    """Column with official folds: each is tested once."""
    group: str | None = None
    """Column whose groups (speakers) never stand on both sides."""
    where: tuple[str, ...] = ()
    """Only rows with COLUMN=VALUE (all of them)."""
    folds: int = 5
    """How many folds, if the manifest has none."""
    seed: int = 0
    """Of the drawn folds."""
    baselines: bool = True
    """Probe random weights and log-mel statistics too."""
    cache_dir: Path | None = None
    """Where decoded audio is kept."""
    json: bool = False
    """Print the results as JSON."""

    def run(self) -> int:
        from tiny_audio_ssl import embedding, probing
        from tiny_audio_ssl.cache import open_cache
        from tiny_audio_ssl.corpus import open_corpus

        if not self.runs:
            raise UserError("no run given; e.g. tiny-audio-ssl probe RUN --data labels.csv")
        recordings = open_cache(open_corpus(self.data), self.cache_dir)
        report_skipped(recordings.skipped)
        chosen = probing.labelled(recordings, self.label, self.where)
        folds = probing.splits(chosen, self.label, self.fold, self.group, self.folds, self.seed)
        models = [(str(run), embedding.load(run)) for run in self.runs]
        total = (len(models) + 2 * self.baselines) * len(chosen)
        with _progress("probing", total) as done:
            results = list(
                probing.compare(models, chosen, self.label, folds, self.baselines, done=done)
            )
        if self.json:
            print(
                json.dumps([{**asdict(r), "accuracy": r.accuracy, "std": r.std} for r in results])
            )
        else:
            out.print(_probe_table(results))
        return 0


def _probe_table(results: list[Any]) -> Table:
    first = results[0]
    table = Table(
        title=f"Linear probe: {first.clips} clips, {first.classes} classes, "
        f"{len(first.folds)} folds"
    )
    table.add_column("embedding")
    table.add_column("accuracy", justify="right")
    table.add_column("std over folds", justify="right")
    for result in results:
        table.add_row(result.model, f"{result.accuracy:.3f}", f"{result.std:.3f}")
    return table


@contextmanager
def _interruptible(folder: Path) -> Iterator[None]:
    from tiny_audio_ssl.training import Interrupted

    try:
        yield
    except Interrupted as stopped:
        err.print(f"{stopped}; saved. Go on with: tiny-audio-ssl resume {folder}")
        sys.exit(130)


def _report_run(folder: Path, outcome: Any, as_json: bool) -> int:
    if int(os.environ.get("RANK", 0)) or int(os.environ.get("LOCAL_RANK", 0)):
        return 0
    if as_json:
        print(json.dumps({**asdict(outcome), "folder": str(outcome.folder), "run": str(folder)}))
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


def report_skipped(skipped: list[Any]) -> None:
    """On stderr, the recordings that could not be used."""
    from tiny_audio_ssl.corpus import listing

    if skipped:
        err.print(listing(skipped), style="yellow", highlight=False)


@contextmanager
def _progress(what: str, total: int) -> Iterator[Any]:
    columns = [*Progress.get_default_columns(), MofNCompleteColumn()]
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


COMMANDS: dict[str, type[Command]] = {
    "pretrain": pretrain_command(None),
    "resume": Resume,
    "embed": Embed,
    "probe": Probe,
}
