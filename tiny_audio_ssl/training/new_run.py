"""The folder of a new run: locked by one process, and free of files that no run wrote."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.training.run_recordings import COLUMNS, RECORDINGS, SKIPPED
from tiny_audio_ssl.utils.claim import claimed
from tiny_audio_ssl.utils.ownership import check_no_input, has_columns, same

METRICS, BOARD, CHECKPOINTS = "metrics.jsonl", "tensorboard", "checkpoints"
WRITTEN = (RECORDINGS, SKIPPED, METRICS, BOARD, CHECKPOINTS, "last", "best")


@contextlib.contextmanager
def claimed_run(run: Path) -> Iterator[None]:
    """Lock the folder of a run while the block trains; the first process does it for all.

    Raises `UserError` if another run, or the same command started twice, holds the lock.
    """
    with claimed(run) if is_first_process() else contextlib.nullcontext():
        yield


def is_first_process() -> bool:
    """Return whether this process is the first, or the only one, of a training."""
    variables = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK")  # of torchrun and of Fabric
    return not any(int(os.environ.get(name) or 0) for name in variables)


def make_room(
    run: Path,
    inputs: Iterable[str | Path],
    resume: str,
    option: str = "--out",
    also: Iterable[str] = (),
) -> None:
    """Prepare the folder of a new run.

    What a run left that ended before its first checkpoint with trained weights is given up.

    Args:
        inputs: files and folders that the run reads.
        resume: how to resume a run, for the message.
        also: names of files that this kind of run writes besides `WRITTEN`.

    Raises `UserError` if the folder holds a run, or other files with the names of a run's files.
    """
    if _is_begun(run):
        raise UserError(
            f"{run}: already holds a run. Continue it with {resume}, or name another folder with "
            f"{option}"
        )
    there = [name for name in (*WRITTEN, *also) if os.path.lexists(run / name)]
    inputs = [given for given in inputs if given]
    for name in there:
        check_no_input(run / name, inputs, option)
    if not there:
        return
    # The list of recordings is what a run writes first.
    ours = _has_own_recordings(run) and not any(same(run, Path(given)) for given in inputs)
    if not ours:
        raise UserError(
            f"{run / there[0]}: already exists and does not belong to a run, so it is not "
            f"replaced; name another folder with {option}"
        )
    for name in ("last", "best"):
        (run / name).unlink(missing_ok=True)
    for folder in (run / CHECKPOINTS).glob("step-*"):
        checkpoint.remove(folder)


def _is_begun(run: Path) -> bool:
    """Return whether a run is there that has more than its start."""
    if not (run / "last").exists():
        return False
    steps = [folder.name for folder in (run / CHECKPOINTS).glob("step-*")]
    try:
        config = json.loads((run / "last" / checkpoint.CONFIG).read_text())
        at_start = config["progress"]["step"] == 0
    except (OSError, ValueError, KeyError, TypeError):
        return True
    linked = (run / "last").is_symlink()
    return not (at_start and linked and len(steps) == 1 and _has_own_recordings(run))


def _has_own_recordings(run: Path) -> bool:
    try:
        return has_columns(*COLUMNS)(run / RECORDINGS)
    except (OSError, ValueError, StopIteration):
        return False
