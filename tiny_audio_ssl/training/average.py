"""A moving average of the encoder's weights, which generalizes better than the last weights."""

from __future__ import annotations

from typing import cast

from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tiny_audio_ssl.models.encoders import WaveformEncoder


class WeightAverage:
    """The model that checkpoints hold: with averaged weights, or `model` itself if `decay` is 0.

    After each step, average = decay x average + (1 - decay) x weights, beginning with the weights
    after the first step (Tarvainen and Valpola 2017, arXiv 1703.01780, section 2). The running
    statistics of batch normalization are averaged alike.

    `model` holds the average when it was loaded from a checkpoint of a later step than 0.
    """

    def __init__(self, model: WaveformEncoder, decay: float, step: int) -> None:
        self.is_kept = decay > 0
        self._weights = self.model = model
        if self.is_kept:
            moving = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
            self._average = AveragedModel(model, multi_avg_fn=moving, use_buffers=True)
            self._average.n_averaged.fill_(step)
            self.model = cast(WaveformEncoder, self._average.module)
            if not model.frontend.is_learned:
                self.model.frontend = model.frontend

    def update(self) -> None:
        """Take in the weights after a step."""
        if self.is_kept:
            self._average.update_parameters(self._weights)
