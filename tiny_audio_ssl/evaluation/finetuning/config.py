"""Settings of fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ, WINDOW_MS
from tiny_audio_ssl.training.config import TrainingConfig
from tiny_audio_ssl.utils.ranges import (
    COUNT,
    COUNT_OR_0,
    DURATION_MS,
    NOT_NEGATIVE,
    POSITIVE,
    SEED,
    check_numbers,
)


@dataclass(frozen=True)
class FinetuneConfig:
    """Settings of fine-tuning: duration, learning rates, device."""

    steps: int = 200
    """Optimizer steps in each fold; with --multi-head, multiplied by the number of tasks."""
    batch_size: int = 64
    """Crops per step; with --multi-head, the tasks share them equally."""
    encoder_learning_rate: float = 2e-3
    """Peak learning rate of the encoder, reached after the warm-up; it then decays to zero along a
    cosine."""
    head_learning_rate: float = 1e-2
    """Peak learning rate of the linear heads."""
    weight_decay: float = 0.05
    """Weight decay of AdamW; not applied to biases and normalization."""
    warmup_steps: int = 20
    """Steps in which the learning rates rise from zero; with --multi-head, multiplied by the number
    of tasks."""
    gradient_clip: float = 1.0
    """Maximum norm of the gradient."""
    window_ms: float = WINDOW_MS
    """Length of the training crops and of the test windows; a shorter recording is padded with
    zeros."""
    mixup: float = 0.2
    """Mix crops and their labels in pairs, weighted by Beta(mixup, mixup) (arXiv 1710.09412); 0
    turns mixing off."""
    seed: int = 0
    """Random seed; the same seed, split and kind of CPU give bit-identical weights."""
    max_folds: int | None = None
    """Maximum number of folds to train and test on, to save time. Default: all folds."""
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device to train on."""

    def __post_init__(self) -> None:
        check_numbers(
            self,
            steps=COUNT,
            batch_size=COUNT,
            encoder_learning_rate=POSITIVE,
            head_learning_rate=POSITIVE,
            weight_decay=NOT_NEGATIVE,
            warmup_steps=COUNT_OR_0,
            gradient_clip=POSITIVE,
            window_ms=DURATION_MS,
            mixup=NOT_NEGATIVE,
            seed=SEED,
            max_folds=COUNT,
        )

    @property
    def window(self) -> int:
        """Length of a window in samples."""
        return round(self.window_ms * SAMPLE_RATE_HZ / 1000)

    def training(self, heads: int = 1) -> TrainingConfig:
        """Return the training settings of a model with that many heads."""
        return TrainingConfig(
            steps=self.steps * heads,
            batch_size=self.batch_size,
            learning_rate=self.encoder_learning_rate,
            weight_decay=self.weight_decay,
            warmup_steps=self.warmup_steps * heads,
            accelerator=self.accelerator,
        )
