"""The contract of a pretext task, which training, resuming and federation rely on.

Each task has a file of its own and is named in `registry.TASKS`; `tests/contract` then runs over
it. The loader gives one random crop of each recording; positives come from `draw`, negatives from
the batch.
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
    """The part of pre-training that is thrown away after it: heads, targets, codebooks.

    A task must not keep the encoder, or its state would hold the weights twice. Anything that holds
    audio must be a non-persistent buffer: the state leaves the device in federated training.
    """

    paper: ClassVar[str]
    """Authors, year, where, and the section or equation."""
    takes: str = "logmel"
    """Argument of `draw`: "logmel" [B, 1, bands, frames] or "wav" [B, samples]. A task that takes
    waveforms draws a "wav" [n, samples], and `forward` is given its log-mel as "logmel"."""

    min_clips: ClassVar[int] = 1
    """Clips that `draw` and `forward` have to be given at a time: 2 for a task that compares clips
    with one another, by negatives or by statistics of the batch. With fewer, it can't learn, and
    its loss means nothing: training refuses them, and validation leaves them out."""

    hides: ClassVar[Literal["nothing", "frames", "samples"]] = "nothing"
    """For a task that predicts parts of a clip from others, or masks them: whether a prediction
    shares no "frames" of the log-mel with its target, or not even "samples". `predictions` is
    checked for it."""

    Config: ClassVar[Any] = PretextConfig
    """The dataclass of the hyper-parameters, derived from `PretextConfig`."""

    def __init__(self, config: Any, encoder: Encoder, frontend: FrontendConfig) -> None:
        """Build the heads for the shapes of this encoder."""
        super().__init__()
        self.config = config
        self.frontend = frontend

    @classmethod
    def clips_needed(cls, config: Any) -> int:
        """Return `min_clips`, or with some settings more, as for several tasks at once."""
        return cls.min_clips

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """Do everything random of a step: cut, shuffle, mask, augment. Edit nothing in place.

        `rng` is on the CPU, so that a run draws the same on every device. A task whose settings
        have `class_lists` takes an argument more for each column, by its name: class numbers, int64
        [B], or None where there are only waveforms, as in an export. For each of `word_columns`
        that is int64 [B, words, 2]: first sample and end of each word in the clip, -1 behind them.
        """
        raise NotImplementedError

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        """Return {"loss": scalar, "embedding": [n, D] for the collapse meter, more to log}."""
        raise NotImplementedError

    def predictions(self, encoder: Encoder, **inputs: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
        """Give pairs of a prediction and its target, both differentiable functions of the clips.

        The contract's leak check takes the gradients of both: nothing that `hides` names may reach
        prediction and target of a pair. Called for the check alone.
        """
        return ()

    def inputs(self, frontend: LogMel, clips: Batch, rng: torch.Generator) -> Inputs:
        """Turn a batch into the inputs of `forward`.

        Waveforms [B, samples] go through front-end and `draw`, in the order that `takes` asks for,
        with the columns beside them; rows that the task prepared go through `draw_rows`. For a
        front-end that is learned, "wav" stays: the step turns it into "logmel", so that the
        gradient reaches the filters.
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
        """Compute once what is too expensive for every step, and keep it below `folder`.

        Training then takes its batches from these rows, and federated training, where the devices'
        recordings stay with them, goes on with `draw`. None: the task prepares nothing.
        """
        return None

    def draw_rows(self, frontend: LogMel, rows: dict[str, Tensor], rng: torch.Generator) -> Inputs:
        """Turn rows that the task prepared into the inputs of `forward`, as `draw` does."""
        raise NotImplementedError

    def fit_rows(self, rows: StoredRows) -> None:
        """Fit what `fit` does before the first step, on all rows that the task prepared."""

    def fit_crops(self, frontend: LogMel, crops: Sequence[Tensor]) -> None:
        """Call `fit` with what `draw` takes, made of batches of waveforms [n, samples]."""
        taken = crops if self.takes == "wav" else [frontend(crop) for crop in crops]
        self.fit(torch.cat(list(taken)))

    def fit(self, clips: Tensor) -> None:
        """Fit statistics or codebooks before the first step, on clips as `draw` takes them."""

    def after_step(self, encoder: Encoder, step: int, total_steps: int) -> None:
        """Update moving averages and the like after each optimizer step."""

    def product(self, frontend: LogMel, encoder: Encoder) -> Product | None:
        """Return what the task can give beside the embedding, with the weights as they are now.

        `export RUN --product NAME` makes artifacts of it. None: the task gives nothing else.
        """
        return None

    def collapse_reason(self, logged: Mapping[str, float]) -> str | None:
        """Return why training is of no use any more and what to change, or None.

        Asked after the warm-up; training then stops. `logged`: what `forward` gave in the last
        step, by the names it gave them, as numbers.
        """
        return None
