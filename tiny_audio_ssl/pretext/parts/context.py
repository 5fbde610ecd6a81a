"""Context networks over the steps of a clip, [B, steps, size] -> [B, steps, size].

They belong to a task and are discarded after training. None has dropout, because a task draws all
its randomness in `draw`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn


class Recurrent(nn.Module):
    """A GRU or LSTM: each output depends on the steps up to its own."""

    def __init__(self, size: int, layers: int = 1, kind: Literal["gru", "lstm"] = "gru") -> None:
        super().__init__()
        network = nn.GRU if kind == "gru" else nn.LSTM
        self.network = network(size, size, layers, batch_first=True)

    def forward(self, steps: Tensor) -> Tensor:
        outputs: Tensor = self.network(steps)[0]
        return outputs


class CausalConvolutions(nn.Module):
    """Residual convolutions over the present and earlier steps, one layer for each kernel size.

    As in wav2vec (arXiv 1904.05862), sums are scaled by sqrt(0.5). Normalization is over the
    channels of each step; wav2vec's group norm is also over time and would leak the future.
    """

    def __init__(self, size: int, kernels: Sequence[int] = (2, 3, 4, 5)) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(size, size, (1, kernel), padding=(0, kernel - 1)) for kernel in kernels
        )
        self.norms = nn.ModuleList(nn.LayerNorm(size) for _ in kernels)

    def forward(self, steps: Tensor) -> Tensor:
        count = steps.shape[1]
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            # Padded at both ends; without those at the end, an output sees no later step.
            maps = convolution(steps.transpose(1, 2).unsqueeze(2))[..., :count]
            steps = math.sqrt(0.5) * (steps + norm(maps.squeeze(2).transpose(1, 2)).relu())
        return steps


class Transformer(nn.Module):
    """Self-attention over all steps, or with `causal` over the present and earlier ones.

    Layers normalize before attention and feed-forward; positions are sinusoids (arXiv 1706.03762,
    section 3.5). With `shared`, one layer's weights are applied `layers` times.
    """

    def __init__(
        self,
        size: int,
        layers: int = 2,
        *,
        heads: int = 4,
        feed_forward: int = 256,
        shared: bool = False,
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                size, heads, feed_forward, dropout=0.0, activation="gelu", batch_first=True,
                norm_first=True,
            )
            for _ in range(1 if shared else layers)
        )  # fmt: skip
        self.depth = layers
        self.causal = causal
        self.norm = nn.LayerNorm(size)

    def forward(self, steps: Tensor) -> Tensor:
        count, size = steps.shape[1:]
        mask = nn.Transformer.generate_square_subsequent_mask(count) if self.causal else None
        if mask is not None:
            mask = mask.to(steps)
        steps = steps + sinusoids(count, size).to(steps)
        for index in range(self.depth):
            steps = self.blocks[index % len(self.blocks)](steps, mask, is_causal=self.causal)
        normalized: Tensor = self.norm(steps)
        return normalized


def sinusoids(count: int, size: int) -> Tensor:
    """Return the positions of arXiv 1706.03762, section 3.5, as [count, size]: sine in the even
    columns, cosine in the odd ones."""
    rates = torch.exp(-math.log(10_000) * torch.arange(0, size, 2) / size)
    angles = torch.arange(count)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :size]
