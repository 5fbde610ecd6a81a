"""Write embeddings for TensorBoard's projector: `tensorboard --logdir FOLDER`, then PROJECTOR."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tiny_audio_ssl.embedding.embedder import Floats
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask
from tiny_audio_ssl.utils.claim import claimed_target
from tiny_audio_ssl.utils.files import atomic_folder, check_writable
from tiny_audio_ssl.utils.ownership import check_no_input, has_mark, mark

CONFIG = "projector_config.pbtxt"
TENSORS = "00000"  # TensorBoard's folder of step 0
COMMAND = "report --projector"


def check_out(folder: Path, inputs: Iterable[str | Path] = ()) -> None:
    """Raise `UserError` if `folder` is one of the inputs, or holds something else than this."""
    check_no_input(folder, inputs, "--projector")
    empty = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if not empty and not _written(folder):
        raise UserError(
            f"{folder}: already exists and was not written by this command, so it is not replaced; "
            "name another folder with --projector"
        )
    check_writable(folder)


def write(folder: Path, labeled: Sequence[tuple[OpenedTask, Sequence[tuple[str, Floats]]]]) -> None:
    """Write all recordings of each task, with label and file; embeddings are (name, [n, D]).

    What an earlier call wrote is replaced, other files are kept. Raises `UserError`: what
    `check_out` raises; the folder can't be written.
    """
    from torch.utils.tensorboard import SummaryWriter

    check_out(folder)
    with (
        claimed_target(folder, "--projector"),
        atomic_folder(folder, replaces=_written(folder)) as work,
    ):
        with SummaryWriter(str(work)) as board:
            for task, embeddings in labeled:
                rows = [
                    [_cell(task.classes[index]), _cell(clip.name or str(clip.path))]
                    for index, clip in zip(task.truth, task.recordings.clips, strict=True)
                ]
                for name, table in embeddings:
                    tag = _cell(f"{task.task.name}, {name}").replace("/", "-")
                    board.add_embedding(
                        table, metadata=rows, metadata_header=["label", "file"], tag=tag
                    )
        config = work / CONFIG
        listed = config.read_text() if config.exists() else ""
        config.write_text(f"# {mark(COMMAND)}\n{listed}")


def _written(folder: Path) -> list[str]:
    """Return the files that an earlier call wrote, by their paths within the folder."""
    config = folder / CONFIG
    if not config.is_file() or not has_mark(f"# {mark(COMMAND)}")(config):
        return []
    events = folder.glob("events.out.tfevents.*")
    tensors = (folder / TENSORS).rglob("*")
    return [path.relative_to(folder).as_posix() for path in (config, *events, *tensors)]


def _cell(text: str) -> str:
    """Replace tabs and line breaks, since metadata are tab-separated lines."""
    return " ".join(text.split())
