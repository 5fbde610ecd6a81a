"""One encoder and a linear head for each task, trained end to end.

With one task this is fine-tuning, or supervised training if the initial weights are random; with
several it is the multi-head baseline of arXiv 1905.11796.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.data.batches import seed_of
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.finetuning.config import FinetuneConfig
from tiny_audio_ssl.evaluation.finetuning.crops import Crops, Ints, LabeledPart, all_windows
from tiny_audio_ssl.models.encoders import WaveformEncoder
from tiny_audio_ssl.training import optimizer
from tiny_audio_ssl.training.config import TrainingConfig
from tiny_audio_ssl.training.fabric import launch
from tiny_audio_ssl.training.trainer import TrainingStoppedError
from tiny_audio_ssl.utils.random_state import seeded


class Classifier(nn.Module):
    """An encoder, standardization of its embedding as in a linear probe, and linear heads."""

    def __init__(self, model: WaveformEncoder, classes: Sequence[int]) -> None:
        super().__init__()
        dim = model.encoder.embedding_dim
        self.classes = list(classes)  # number of classes of each head
        self.model = model
        self.standardise = nn.BatchNorm1d(dim, affine=False)
        self.heads = nn.ModuleList(nn.Linear(dim, count) for count in classes)

    def forward(self, waves: Sequence[Tensor]) -> list[Tensor]:
        """Map the waveforms [B, N] of each head to its logits [B, classes].

        All go through the encoder as one batch: in training, batch normalization must see the
        mixture of tasks that its running statistics describe.
        """
        embedding = self._embed(torch.cat(list(waves)))
        parts = torch.split(embedding, [len(part) for part in waves])
        return [head(part) for head, part in zip(self.heads, parts, strict=True)]

    def logits(self, head: int, waves: Tensor) -> Tensor:
        """Map waveforms [B, N] to the logits [B, classes] of one head."""
        found: Tensor = self.heads[head](self._embed(waves))
        return found

    def _embed(self, waves: Tensor) -> Tensor:
        embedding: Tensor = self.standardise(self.model(waves))
        return embedding


def fit(
    model: WaveformEncoder,
    parts: Sequence[LabeledPart],
    config: FinetuneConfig,
    seed: int,
    done: Callable[[int], Any] = lambda steps: None,
) -> Classifier:
    """Train `model` in place, with a new head for each part; returns both in eval mode.

    A batch has the same number of crops of each part. `done(1)` is called after every step. Raises
    `UserError` if the settings do not fit, and `TrainingStoppedError` if the loss is not finite.
    """
    _check(model, parts, config)
    options = config.training(len(parts))
    device = launch(options).device
    with seeded(seed):
        classifier = Classifier(model, [part.classes for part in parts]).to(device).train()
    adamw = _optimizer(classifier, options, config.head_learning_rate)
    highest = [group["lr"] for group in adamw.param_groups]
    share = config.batch_size // len(parts)
    crops = [Crops(p, config.window, share, seed_of(seed, i)) for i, p in enumerate(parts)]
    for step in range(options.steps):
        factor = optimizer.schedule(step, options) / options.learning_rate
        for group, rate in zip(adamw.param_groups, highest, strict=True):
            group["lr"] = rate * factor
        mix = _mixing_weight(config.mixup, np.random.default_rng([seed, 2, step]))
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
    """Return each recording's class by one head, `[recordings]`; logits are averaged over windows.

    Raises `TrainingStoppedError` if logits are not finite.
    """
    device = next(classifier.parameters()).device
    total = np.zeros((len(recordings), classifier.classes[head]))
    windows = np.zeros(len(recordings))
    for waves, clips in all_windows(recordings, config.window):
        np.add.at(total, clips, classifier.logits(head, waves.to(device)).cpu().numpy())
        np.add.at(windows, clips, 1)
    if not np.isfinite(total).all():
        raise TrainingStoppedError(
            "the trained model's predictions are not finite; try smaller learning rates"
        )
    found: Ints = (total / windows[:, None]).argmax(axis=1).astype(np.int64)
    return found


def _optimizer(
    classifier: Classifier, options: TrainingConfig, head_learning_rate: float
) -> torch.optim.AdamW:
    """Build one optimizer for encoder and heads, each with its own peak learning rate."""
    adamw = optimizer.build(classifier.model, options)
    heads = replace(options, learning_rate=head_learning_rate)
    for group in optimizer.build(classifier.heads, heads).param_groups:
        adamw.add_param_group(group)
    return adamw


def _mixing_weight(mixup: float, rng: np.random.Generator) -> float:
    """Draw the weight of the first crop in a mixed pair, 0..1."""
    return float(rng.beta(mixup, mixup)) if mixup else 1.0


def _loss(
    classifier: Classifier,
    drawn: Sequence[tuple[Tensor, Tensor]],
    mix: float,
    device: torch.device,
) -> Tensor:
    """Mean cross-entropy of the heads; each crop is mixed with another of its own part."""
    waves = [wave.to(device) for wave, _ in drawn]
    found = classifier([mix * wave + (1 - mix) * wave.flip(0) for wave in waves])
    losses = []
    for logits, (_, labels) in zip(found, drawn, strict=True):
        wanted = F.one_hot(labels, logits.shape[1]).to(logits)
        losses.append(F.cross_entropy(logits, mix * wanted + (1 - mix) * wanted.flip(0)))
    return torch.stack(losses).mean()


def _check(model: WaveformEncoder, parts: Sequence[LabeledPart], config: FinetuneConfig) -> None:
    if config.batch_size < 2 * len(parts):
        raise UserError(
            f"a batch of {config.batch_size} crops is too small for {len(parts)} tasks in one "
            f"model; use --batch-size {2 * len(parts)} or more, or fewer tasks"
        )
    shortest = model.frontend.config.window
    if config.window < shortest:
        raise UserError(
            f"window_ms is {config.window_ms:g}, but the front-end needs at least "
            f"{1000 * shortest / SAMPLE_RATE_HZ:g}"
        )
