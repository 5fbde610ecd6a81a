"""One encoder and a linear head for each task, trained end to end.

With one task this is fine-tuning, or supervised training if the weights are random; with several
it is the multi-head baseline of arXiv 1905.11796.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.data.batches import seed_of
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.finetuning.crops import Crops, Ints, LabelledPart, all_windows
from tiny_audio_ssl.models.encoders import WaveformEncoder
from tiny_audio_ssl.training import optimizer
from tiny_audio_ssl.training.config import TrainingConfig
from tiny_audio_ssl.training.trainer import TrainingStoppedError, launch


@dataclass(frozen=True)
class FinetuneConfig:
    """How long, how fast, on what."""

    steps: int = 200
    """Optimizer steps in each fold; of a multi-head model, for each of its tasks."""
    batch_size: int = 64
    """Crops in a step; the tasks of a multi-head model share it equally."""
    encoder_learning_rate: float = 2e-3
    """Highest learning rate of the encoder, reached after the warm-up; then a cosine to zero."""
    head_learning_rate: float = 1e-2
    """The same of the linear heads."""
    weight_decay: float = 0.05
    """Of AdamW; not applied to biases and normalisation."""
    warmup_steps: int = 20
    """Steps in which the learning rates rise from zero; of a multi-head model, for each task."""
    gradient_clip: float = 1.0
    """Largest norm of a step's gradient."""
    window_ms: float = 975.0
    """Length of the crops, and of the windows at test; a shorter recording is followed by zeros."""
    mixup: float = 0.2
    """Crops are mixed in pairs, sound and label, by shares from Beta(mixup, mixup)
    (arXiv 1710.09412); 0: not."""
    seed: int = 0
    """Two trainings with one seed, one split and one kind of CPU are equal to the bit."""
    max_folds: int | None = None
    """Train and test on the first so many folds only, to save time; on all if left out."""
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute."""

    def __post_init__(self) -> None:
        for name in ("steps", "encoder_learning_rate", "head_learning_rate", "window_ms"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name} is {getattr(self, name)}; expected more than 0")
        if self.mixup < 0 or self.warmup_steps < 0:
            raise UserError(f"mixup {self.mixup}, warmup_steps {self.warmup_steps}: expected >= 0")
        if self.max_folds is not None and self.max_folds < 1:
            raise UserError(f"max_folds is {self.max_folds}; expected at least 1")

    @property
    def window(self) -> int:
        """Samples of a window."""
        return round(self.window_ms * SAMPLE_RATE_HZ / 1000)

    def training(self, heads: int = 1) -> TrainingConfig:
        """The same, as schedule, optimizer and device take it."""
        return TrainingConfig(
            steps=self.steps * heads,
            batch_size=self.batch_size,
            learning_rate=self.encoder_learning_rate,
            weight_decay=self.weight_decay,
            warmup_steps=self.warmup_steps * heads,
            accelerator=self.accelerator,
        )


class Classifier(nn.Module):
    """The embedding, standardised as a linear probe has it, and linear heads on it."""

    def __init__(self, model: WaveformEncoder, classes: Sequence[int]) -> None:
        super().__init__()
        dim = model.encoder.embedding_dim
        self.classes = list(classes)  # how many, for each head
        self.model = model
        self.standardise = nn.BatchNorm1d(dim, affine=False)
        self.heads = nn.ModuleList(nn.Linear(dim, count) for count in classes)

    def forward(self, waves: Sequence[Tensor]) -> list[Tensor]:
        """For each head its own waves [B, N] -> its logits [B, classes].

        All go through the encoder as one batch: batch normalisation must see in training the
        mixture of tasks that its running statistics will be of.
        """
        embedding = self._embed(torch.cat(list(waves)))
        parts = torch.split(embedding, [len(part) for part in waves])
        return [head(part) for head, part in zip(self.heads, parts, strict=True)]

    def logits(self, head: int, waves: Tensor) -> Tensor:
        """[B, N] -> [B, classes] of one head."""
        found: Tensor = self.heads[head](self._embed(waves))
        return found

    def _embed(self, waves: Tensor) -> Tensor:
        embedding: Tensor = self.standardise(self.model(waves))
        return embedding


def fit(
    model: WaveformEncoder,
    parts: Sequence[LabelledPart],
    config: FinetuneConfig,
    seed: int,
    done: Callable[[int], Any] = lambda steps: None,
) -> Classifier:
    """Train `model` itself, and a new head for each part; in eval mode when it comes back.

    A batch has equally many crops of each part. `done` is told of every step. Raises `UserError`
    when the settings do not fit, `TrainingStoppedError` when the loss is no number.
    """
    _check(model, parts, config)
    options = config.training(len(parts))
    device = launch(options).device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = Classifier(model, [part.classes for part in parts]).to(device).train()
    adamw = _optimizer(classifier, options, config.head_learning_rate)
    highest = [group["lr"] for group in adamw.param_groups]
    share = config.batch_size // len(parts)
    crops = [Crops(p, config.window, share, seed_of(seed, i)) for i, p in enumerate(parts)]
    for step in range(options.steps):
        factor = optimizer.schedule(step, options) / options.learning_rate
        for group, rate in zip(adamw.param_groups, highest, strict=True):
            group["lr"] = rate * factor
        mix = _share(config.mixup, np.random.default_rng([seed, 2, step]))
        loss = _loss(classifier, [c.step(step) for c in crops], mix, device)
        if not loss.isfinite():
            raise TrainingStoppedError(
                f"the loss is {loss.item()} at step {step}; try a smaller --encoder-learning-rate "
                f"(now {config.encoder_learning_rate:g}) or --head-learning-rate (now "
                f"{config.head_learning_rate:g}), or another checkpoint"
            )
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(classifier.parameters(), config.gradient_clip)
        adamw.step()
        adamw.zero_grad(set_to_none=True)
        done(1)
    return classifier.eval()


@torch.no_grad()
def predict(
    classifier: Classifier, head: int, recordings: Recordings, config: FinetuneConfig
) -> Ints:
    """The class of each recording by one head, `[recordings]`: logits averaged over windows.

    Raises `TrainingStoppedError` when the weights have become useless.
    """
    device = next(classifier.parameters()).device
    total = np.zeros((len(recordings), classifier.classes[head]))
    windows = np.zeros(len(recordings))
    for waves, clips in all_windows(recordings, config.window):
        np.add.at(total, clips, classifier.logits(head, waves.to(device)).cpu().numpy())
        np.add.at(windows, clips, 1)
    if not np.isfinite(total).all():
        raise TrainingStoppedError(
            "the trained model's predictions are not numbers; try smaller learning rates"
        )
    found: Ints = (total / windows[:, None]).argmax(axis=1).astype(np.int64)
    return found


def _optimizer(
    classifier: Classifier, options: TrainingConfig, head_learning_rate: float
) -> torch.optim.AdamW:
    """One for encoder and heads, each with its own highest learning rate."""
    adamw = optimizer.build(classifier.model, options)
    heads = replace(options, learning_rate=head_learning_rate)
    for group in optimizer.build(classifier.heads, heads).param_groups:
        adamw.add_param_group(group)
    return adamw


def _share(mixup: float, rng: np.random.Generator) -> float:
    """How much of a mixture is the first of its two."""
    return float(rng.beta(mixup, mixup)) if mixup else 1.0


def _loss(
    classifier: Classifier,
    drawn: Sequence[tuple[Tensor, Tensor]],
    mix: float,
    device: torch.device,
) -> Tensor:
    """Cross-entropy, the mean over the heads; each crop is mixed with another of its own part."""
    waves = [wave.to(device) for wave, _ in drawn]
    found = classifier([mix * wave + (1 - mix) * wave.flip(0) for wave in waves])
    losses = []
    for logits, (_, labels) in zip(found, drawn, strict=True):
        wanted = F.one_hot(labels, logits.shape[1]).to(logits)
        losses.append(F.cross_entropy(logits, mix * wanted + (1 - mix) * wanted.flip(0)))
    return torch.stack(losses).mean()


def _check(model: WaveformEncoder, parts: Sequence[LabelledPart], config: FinetuneConfig) -> None:
    if config.batch_size < 2 * len(parts):
        raise UserError(
            f"a batch of {config.batch_size} crops for {len(parts)} tasks in one model; give "
            f"--batch-size {2 * len(parts)} or more, or fewer tasks"
        )
    shortest = model.frontend.config.window
    if config.window < shortest:
        raise UserError(
            f"window_ms is {config.window_ms:g}; the front-end needs "
            f"{1000 * shortest / SAMPLE_RATE_HZ:g} or more"
        )
