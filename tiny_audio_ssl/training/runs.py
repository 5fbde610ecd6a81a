"""`pretrain` and `resume`: a run from its recordings to its last checkpoint.

```
RUN/  recordings.csv   every recording used: path, start_s, end_s, samples, content_sha256 (of the
                       decoded samples), split (train | held_out)
      skipped.csv      every recording left out, and why
      metrics.jsonl, tensorboard/, checkpoints/, last, best
```
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.data.cache import Recordings, open_cache
from tiny_audio_ssl.data.corpus import Corpus, Skipped, open_corpus
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.names import home_of
from tiny_audio_ssl.training.clip_counts import micro_batches, too_few_recordings
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.training.fabric import FabricLike, launch
from tiny_audio_ssl.training.new_run import claimed_run, is_first_process, make_room
from tiny_audio_ssl.training.run_recordings import (
    RECORDINGS,
    SKIPPED,
    TOO_SHORT,
    check_classes,
    check_columns,
    check_most_usable,
    check_unchanged,
    long_enough,
    split_recordings,
    write_csv,
    write_recordings,
)
from tiny_audio_ssl.training.run_settings import settings_of
from tiny_audio_ssl.training.start import check_fits, settings_from
from tiny_audio_ssl.training.trainer import Trainer, TrainingResult
from tiny_audio_ssl.utils.text import inert_cell, inert_path, one_line

logger = logging.getLogger(__name__)


def pretrain(
    source: str | Path,
    run: str | Path,
    config: PretrainConfig | None = None,
    *,
    start: str | Path | None = None,
    group_column: str | None = None,
    opened: Recordings | None = None,
    cache_dir: Path | None = None,
    strict: bool = False,
    progress: bool = True,
    **changes: Any,
) -> TrainingResult:
    """Pre-train an encoder on unlabeled recordings, into the folder `run`.

    Args:
        source: folder, audio file, CSV manifest, or `builtin` for the built-in sounds.
        run: folder to write to.
        config: settings of the run; the defaults if None.
        start: run, checkpoint or model name whose encoder and front-end statistics the run starts
            from. Encoder and front-end settings then come from it. If given, they must be the
            same, except for `readout`, `middle_scale` and `slice_frames`.
        group_column: manifest column whose groups (speakers, sessions) are held out whole.
        opened: the recordings of `source`, if they are open already, for several runs on one
            large corpus.
        cache_dir: folder for decoded audio.
        strict: raise an error at the first unusable recording.
        progress: draw progress bars on stderr.
        changes: settings that differ from `config`, such as `task="cola"` or `steps=500`: fields of
            `PretrainConfig` and of `TrainingConfig`.

    Raises:
        UserError: the run exists, or another process trains it; at most one in ten recordings can
            be used; the settings do not fit each other or the task.
        TrainingInterruptedError: Ctrl-C or SIGTERM; a checkpoint to resume from was written.
        TrainingStoppedError: the loss is NaN, or the encoder has collapsed.

    Examples:
        >>> import tiny_audio_ssl
        >>> result = tiny_audio_ssl.pretrain(
        ...     "builtin:2", "runs/new", task="audio2vec-cbow", steps=2, batch_size=4
        ... )
        >>> result.step
        2
    """
    run = Path(run)
    source = str(source)
    begun = checkpoint.load(start) if start else None
    if begun and config is None:
        changes = settings_from(begun) | changes
    config = (config or PretrainConfig()).changed(**changes)
    if start and begun:
        check_fits(start, begun, config.encoder, config.frontend)
    with claimed_run(run):
        if is_first_process():
            make_room(
                run, [source, begun.folder if begun else ""], f"`tiny-audio-ssl resume {run}`"
            )
        corpus = (
            Corpus(source, Path(source), tuple(opened.clips), tuple(opened.skipped))
            if opened
            else open_corpus(source, strict=strict)
        )
        check_columns(corpus, config)  # raises before anything is decoded
        check_classes(corpus, config)
        if group_column is not None:
            corpus.column(group_column)
        fabric = launch(config.training)
        micro_batches(config, fabric.world_size)
        recordings = opened or _open(fabric, corpus, cache_dir, strict, progress)
        recordings = long_enough(recordings, config, strict)
        check_most_usable(source, recordings)
        contents = recordings.contents()
        train, held_out = split_recordings(
            recordings, contents, config.training.held_out, config.training.split_seed, group_column
        )
        if fabric.is_global_zero:
            write_recordings(
                run / RECORDINGS, recordings, contents, set(train), config.pretext.columns()
            )
            _write_skipped(run / SKIPPED, recordings.skipped)
            _tell_skipped(run / SKIPPED, recordings, config)
            if reason := too_few_recordings(config, len(train)):
                logger.warning(reason)
        fabric.barrier()
        about = {
            "source": source,
            "recordings": len(recordings),
            "hours": round(recordings.total_s / 3600, 4),
            "skipped": len(recordings.skipped),
        }
        trainer = Trainer(
            config,
            run,
            recordings.select(train),
            recordings.select(held_out),
            corpus=about,
            fabric=fabric,
            progress=progress,
            cache_dir=cache_dir,
            weights=begun.model if begun else None,
            origin={"name": home_of(start).name, "sha256": begun.sha256}
            if start and begun
            else None,
        )
        return trainer.run()


def resume(
    run: str | Path,
    *,
    cache_dir: Path | None = None,
    progress: bool = True,
) -> TrainingResult:
    """Resume a run from its last checkpoint. The result is the same as without the interruption.

    Args:
        run: folder of the run.
        cache_dir: folder for decoded audio.
        progress: draw progress bars on stderr.

    Raises:
        UserError: there is no checkpoint, another process trains the run, or recordings are
            missing or have changed.

    Examples:
        >>> import tiny_audio_ssl
        >>> result = tiny_audio_ssl.resume("runs/mine")
        >>> result.step
        4
    """
    run = Path(run)
    if not run.is_dir():
        checkpoint.locate(run)  # raises
    with claimed_run(run):
        start = checkpoint.load(run)
        config = settings_of(start)
        fabric = launch(config.training)
        corpus = open_corpus(run / RECORDINGS)
        recordings = _open(fabric, corpus, cache_dir, strict=False, progress=progress)
        check_unchanged(run, corpus, recordings)
        sides = np.array([clip.columns["split"] for clip in recordings.clips])
        trainer = Trainer(
            config,
            run,
            recordings.select(np.flatnonzero(sides == "train")),
            recordings.select(np.flatnonzero(sides == "held_out")),
            corpus=start.run["corpus"],
            start=start,
            fabric=fabric,
            progress=progress,
            cache_dir=cache_dir,
            origin=start.run.get("start"),
        )
        return trainer.run()


def _open(
    fabric: FabricLike, corpus: Corpus, cache_dir: Path | None, strict: bool, progress: bool
) -> Recordings:
    """Open the cache; one process of each machine builds it while the others wait."""
    with fabric.rank_zero_first(local=True):
        show = progress and fabric.local_rank == 0
        return open_cache(corpus, cache_dir, strict=strict, progress=show)


def _write_skipped(path: Path, skipped: Iterable[Skipped]) -> None:
    rows = ([inert_path(s.path), inert_cell(s.reason)] for s in skipped)
    write_csv(path, ["path", "reason"], rows)


def _tell_skipped(path: Path, recordings: Recordings, config: PretrainConfig) -> None:
    if not recordings.skipped:
        return
    short = [s for s in recordings.skipped if TOO_SHORT in s.reason]
    others = [s for s in recordings.skipped if TOO_SHORT not in s.reason]
    told = [f"{len(recordings.skipped)} recordings are left out, each with its reason in {path}"]
    if short:
        told.append(
            f"{len(short)} are {TOO_SHORT} {config.crop_samples / SAMPLE_RATE_HZ:.3f} s that "
            f"{config.task} needs; lower that with {config.pretext.length_option()}"
        )
    told += [f"{one_line(s.path)}: {one_line(s.reason)}" for s in others[:5]]
    if len(others) > 5:
        told.append(f"and {len(others) - 5} more")
    logger.warning("\n  ".join(told))
