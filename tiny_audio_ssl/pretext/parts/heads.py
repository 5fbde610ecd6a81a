"""Small networks behind the encoder, discarded with the task."""

from __future__ import annotations

from torch import nn

from tiny_audio_ssl.models.encoder_config import Norm


def normalization(size: int, norm: Norm) -> nn.Module:
    """Return a normalization of the encoder's kind for [n, size] or [n, size, time]."""
    return nn.BatchNorm1d(size) if norm == "batch" else nn.GroupNorm(1, size)


def perceptron(inputs: int, hidden: int, outputs: int, norm: Norm) -> nn.Sequential:
    """Linear layer, normalization of the encoder's kind, ReLU, linear layer."""
    first = nn.Linear(inputs, hidden, bias=False)
    return nn.Sequential(first, normalization(hidden, norm), nn.ReLU(), nn.Linear(hidden, outputs))
