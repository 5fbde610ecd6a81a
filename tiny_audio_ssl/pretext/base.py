"""The contract of a pretext task, on which training, resuming and federation rely.

Each task has its own file and an entry in `registry.TASKS`; `tests/contract` runs over all of them.
The loader provides one random crop per recording; positives come from `draw`, negatives from the
batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from tiny_audio_ssl.data.batches import WAVEFORMS, Batch
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.data.stored_rows import StoredRows
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.pretext.product import Product

Inputs = dict[str, Tensor]


class Pretext(nn.Module):
    """The part of pre-training that is discarded afterwards: heads, targets, codebooks.

    A task must not keep the encoder, or its state would hold the weights twice. Anything that holds
    audio must be a non-persistent buffer: the state leaves the device in federated training.
    """

    paper: ClassVar[str]
    """Authors, year, where, and the section or equation."""
    takes: str = "logmel"
    """Input of `draw`: "logmel" [B, 1, bands, frames] or "wav" [B, samples]. A task that takes
    waveforms draws a "wav" [n, samples], and `forward` receives its log-mel as "logmel"."""

    min_clips: ClassVar[int] = 1
    """Minimum number of clips per call of `draw` and `forward`: 2 for a task that compares clips
    with one another, by negatives or by statistics of the batch. With fewer clips, such a task
    can't learn and its loss is meaningless, so training stops with an error and validation skips
    them."""

    hides: ClassVar[Literal["nothing", "frames", "samples"]] = "nothing"
    """For a task that masks parts of a clip or predicts them from others: "frames" if a prediction
    shares no frames of the log-mel with its target, or "samples" if it shares not even samples.
    `predictions` is checked for this."""

    Config: ClassVar[Any] = PretextConfig
    """The dataclass of the hyper-parameters, derived from `PretextConfig`."""

    def __init__(self, config: Any, encoder: Encoder, frontend: FrontendConfig) -> None:
        """Build the heads for the shapes of this encoder."""
        super().__init__()
        self.config = config
        self.frontend = frontend

    @classmethod
    def clips_needed(cls, config: Any) -> int:
        """Return `min_clips`, or more if the settings need it, such as those of combined tasks."""
        return cls.min_clips

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """Do everything random in a step: cut, shuffle, mask, augment. Edit nothing in place.

        `rng` is on the CPU, so that a run draws the same on every device. A task whose settings
        have `class_lists` takes one more argument per column, under the column's name: class
        numbers, int64 [B], or None if there are only waveforms, as in an export. For each of
        `word_columns`, the argument is int64 [B, words, 2]: the first sample and the end of each
        word in the clip, padded with -1.
        """
        raise NotImplementedError

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        """Return {"loss": scalar, "embedding": [n, D] for the collapse meter, and values to
        log}."""
        raise NotImplementedError

    def predictions(self, encoder: Encoder, **inputs: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
        """Return pairs of a prediction and its target, both differentiable functions of the clips.

        The contract's leak check takes the gradients of both: nothing that `hides` names may
        influence both the prediction and the target of a pair. Only this check calls the method.
        """
        return ()

    def inputs(self, frontend: LogMel, clips: Batch, rng: torch.Generator) -> Inputs:
        """Turn a batch into the inputs of `forward`.

        Waveforms [B, samples] go through front-end and `draw`, in the order that `takes` specifies,
        together with the columns. Rows that the task prepared go through `draw_rows`. For a learned
        front-end, "wav" is kept: the step turns it into "logmel", so that the gradient reaches the
        filters.
        """
        draw: Callable[..., Inputs] = self.draw
        columns: Inputs = {}
        if isinstance(clips, dict):
            if WAVEFORMS not in clips:
                return self.draw_rows(frontend, clips, rng)
            columns = {name: part for name, part in clips.items() if name != WAVEFORMS}
            clips = clips[WAVEFORMS]
        if self.takes == "logmel":
            return draw(frontend(clips), rng, **columns)
        inputs = draw(clips, rng, **columns)
        if frontend.is_learned:
            return inputs
        return {**inputs, "logmel": frontend(inputs.pop("wav"))}

    def prepare(
        self, recordings: Recordings, folder: Path, segment_s: float, seed: int, progress: bool
    ) -> StoredRows | None:
        """Compute once what is too expensive for every step, and store it in `folder`.

        Training then takes its batches from these rows. Federated training, where recordings stay
        on the clients, uses `draw` instead. Return None if the task prepares nothing.
        """
        return None

    def draw_rows(self, frontend: LogMel, rows: dict[str, Tensor], rng: torch.Generator) -> Inputs:
        """Turn prepared rows into the inputs of `forward`, as `draw` does with clips."""
        raise NotImplementedError

    def fit_rows(self, rows: StoredRows) -> None:
        """Do the work of `fit` before the first step, on all prepared rows."""

    def fit_crops(self, frontend: LogMel, crops: Sequence[Tensor]) -> None:
        """Call `fit` with the input of `draw`, computed from batches of waveforms [n, samples]."""
        taken = crops if self.takes == "wav" else [frontend(crop) for crop in crops]
        self.fit(torch.cat(list(taken)))

    def fit(self, clips: Tensor) -> None:
        """Fit statistics or codebooks before the first step, on clips in the form that `draw`
        takes."""

    def after_step(self, encoder: Encoder, step: int, total_steps: int) -> None:
        """Update moving averages and similar state after each optimizer step."""

    def product(self, frontend: LogMel, encoder: Encoder) -> Product | None:
        """Return the task's output beside the embedding, as a module with the current weights.

        `export RUN --product NAME` makes artifacts of it. Return None if the task has no product.
        """
        return None

    def collapse_reason(self, logged: Mapping[str, float]) -> str | None:
        """Return why further training is useless and what to change, or None.

        Called after the warm-up; training stops if it returns a text. `logged` holds the values
        that `forward` returned in the last step, as numbers by their names.
        """
        return None
