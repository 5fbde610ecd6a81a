"""A discriminator of sequences, and the reversed gradient with which a generator trains against
it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

KERNEL = 6  # steps; as in wav2vec-U (arXiv 2105.11084)


class Discriminator(nn.Module):
    """Two convolutions over a sequence [B, S, inputs], and their mean over its places: [B]."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            padded(nn.Conv1d(inputs, hidden, KERNEL)),
            nn.GELU(),
            padded(nn.Conv1d(hidden, 1, KERNEL)),
        )

    def forward(self, sequences: Tensor, used: Tensor | None = None) -> Tensor:
        """Return a logit of each sequence; of its places only those `used`, bool [B, S]."""
        logits: Tensor = self.layers(sequences.mT)[:, 0]
        if used is None:
            return logits.mean(dim=1)
        weights = used.to(logits.dtype)
        return (logits * weights).sum(dim=1) / weights.sum(dim=1)

    def gradient_penalty(self, first: Tensor, second: Tensor, share: Tensor) -> Tensor:
        """Return the mean of (|gradient of the logit| - 1)^2 between two batches of sequences.

        The gradient is taken at first + share (second - first), with `share` [B, 1, 1] of 0 to 1,
        over as many places as the shorter ones have. Gulrajani et al. 2017, arXiv 1704.00028.
        """
        length = min(first.shape[1], second.shape[1])
        with torch.enable_grad():  # in validation too
            between = torch.lerp(first[:, :length], second[:, :length], share.to(first.dtype))
            between = between.detach().requires_grad_()
            logits = self(between)
            (gradient,) = torch.autograd.grad(logits.sum(), between, create_graph=True)
        lengths: Tensor = gradient.flatten(1).norm(dim=1)
        return (lengths - 1).square().mean()


def padded(convolution: nn.Conv1d) -> nn.Sequential:
    """Pad both ends with zeros, so that a convolution keeps the length."""
    more = convolution.kernel_size[0] - 1
    return nn.Sequential(nn.ConstantPad1d((more // 2, more - more // 2), 0.0), convolution)


def with_gradient(values: Tensor, scale: float) -> Tensor:
    """Return the same values, and multiply the gradient by `scale`; -1 reverses it."""
    fixed = values.detach()
    return fixed + scale * (values - fixed)
