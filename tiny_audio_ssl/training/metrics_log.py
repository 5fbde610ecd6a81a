"""The log of a run (metrics.jsonl, TensorBoard and a progress bar), and the collapse meter."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from tiny_audio_ssl.training.scalar_events import ScalarEvents
from tiny_audio_ssl.utils.files import atomic_file, explained
from tiny_audio_ssl.utils.progress import ProgressBar


@torch.no_grad()
def spread(embeddings: Tensor) -> Tensor:
    """Return how far embeddings [n, D] differ in direction: 0 if all are alike, 1 if evenly spread.

    Computed as the standard deviation of each dimension of unit-length embeddings, times sqrt(D),
    after "Exploring simple Siamese representation learning", Chen and He 2020, arXiv 2011.10566,
    4.1.
    """
    unit = torch.nn.functional.normalize(embeddings.float(), dim=1)
    deviation = unit.std(dim=0, correction=0).mean()
    return deviation * math.sqrt(embeddings.shape[1])


class MetricsLog:
    """Write records to metrics.jsonl, one per line, and to TensorBoard, and draw a progress bar.

    Records after `first_step` come from a run that was killed after its last checkpoint. They are
    dropped, since the resumed run writes them again.
    """

    def __init__(self, run: Path, first_step: int, total_steps: int, show: bool) -> None:
        self.path = run / "metrics.jsonl"
        self._drop_after(first_step)
        with explained(self.path):
            self._file = self.path.open("a")
            self._board = ScalarEvents(run / "tensorboard", first_step + 1)
        self._bar = ProgressBar(
            "steps", total_steps, completed=first_step, note="starting", show=show
        )

    def _drop_after(self, step: int) -> None:
        if not self.path.exists():
            return
        kept = [line for line in self.path.read_text().splitlines() if _step_of(line) <= step]
        with atomic_file(self.path) as work:
            work.write_text("".join(line + "\n" for line in kept))

    def __enter__(self) -> MetricsLog:
        self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.__exit__(kind, error, traceback)
        # Where the disk is full, closing fails too; the error that came first is the one to tell.
        for close in (self._board.close, self._file.close):
            with contextlib.suppress(Exception) if error else explained(self.path):
                close()

    def advance(self, step: int) -> None:
        self._bar.update(step)

    def write(self, step: int, record: dict[str, Any]) -> None:
        """Write the numbers of one step, named `group/name`."""
        with explained(self.path):
            self._file.write(json.dumps({"step": step, **record}) + "\n")
            self._file.flush()
            for name, value in record.items():
                self._board.add(name, value, step)

    def show(self, state: str) -> None:
        self._bar.update(note=state)


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")  # a line that a killed process did not finish
