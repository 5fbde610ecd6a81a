"""Checks that tasks that compare clips receive enough of them; see `Pretext.min_clips`."""

from __future__ import annotations

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.pretext import pretext_class
from tiny_audio_ssl.training.config import PretrainConfig

FEWEST_HELD_OUT = 3  # recordings; by the loss on fewer, no checkpoint is called the best


def min_clips(config: PretrainConfig) -> int:
    """Return the minimum number of clips that the task needs at a time."""
    return pretext_class(config.task).clips_needed(config.pretext)


def micro_batches(config: PretrainConfig, processes: int = 1) -> int:
    """Return the number of micro-batches of each process.

    Raises `UserError`: a batch does not divide evenly, or its parts are too small for the task.
    """
    size = config.training.batch_size
    total = config.training.micro_batches or processes
    if total < 1 or total % processes or size % total:
        raise UserError(
            f"a batch of {size} clips in {total} micro-batches on {processes} processes does "
            "not divide evenly; choose --batch-size a multiple of --micro-batches, and that a "
            "multiple of the processes"
        )
    if size // total < (needed := min_clips(config)):
        raise UserError(
            f"{config.task} compares clips with one another, and needs {needed} or more at a time; "
            f"a batch of {size} clips in {total} micro-batches leaves {size // total}. Choose "
            f"--batch-size {needed * total} or more, or fewer --micro-batches"
        )
    return total // processes


def too_few_recordings(config: PretrainConfig, count: int) -> str | None:
    """Return a sentence saying that the task compares more recordings than `count`, or None."""
    if count >= (needed := min_clips(config)):
        return None
    return (
        f"{config.task} compares clips of different recordings, and needs {needed} or more to "
        f"learn from; there are {count} to train on. Add recordings, or choose a task that learns "
        "from each clip alone, such as temporal-gap"
    )


def check_recordings(config: PretrainConfig, count: int) -> None:
    """Raise `UserError` if the task compares more recordings than `count`."""
    if reason := too_few_recordings(config, count):
        raise UserError(reason)
