"""Write embeddings for TensorBoard's projector: `tensorboard --logdir FOLDER`, then PROJECTOR."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tiny_audio_ssl.embedding.embedder import Floats
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask
from tiny_audio_ssl.utils.files import explained


def write(folder: Path, labeled: Sequence[tuple[OpenedTask, Sequence[tuple[str, Floats]]]]) -> None:
    """Write all recordings of each task, with label and file; embeddings are (name, [n, D])."""
    from torch.utils.tensorboard import SummaryWriter

    with explained(folder), SummaryWriter(str(folder)) as board:
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


def _cell(text: str) -> str:
    """Replace tabs and line breaks, since metadata are tab-separated lines."""
    return " ".join(text.split())
