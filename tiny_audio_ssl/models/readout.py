"""The readout: which parts of a frozen encoder make up the embedding. It has no weights.

A pretext task trains the last layer, which discards what that task does not need. The log-mel and
the early maps still hold it, pitch and voice above all, and are computed anyway.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.encoder_config import MiddleScale, ReadoutPart

MEL_STATISTICS = 4


class Readout(nn.Module):
    """The chosen parts, concatenated: [B, D].

    This is a module so that export can tell its operators from those of the encoder, and keep them
    in float32.
    """

    def __init__(self, parts: Sequence[ReadoutPart], middle_scale: MiddleScale = "linear") -> None:
        super().__init__()
        self.parts = tuple(parts)
        self.middle_scale = middle_scale

    def forward(self, logmel: Tensor, middle: Tensor, last: Tensor) -> Tensor:
        """logmel [B, 1, bands, frames], middle maps [B, C, R, T'], last embedding [B, D']."""
        found: list[Tensor] = []
        for part in self.parts:
            if part == "last":
                found.append(last)
            elif part == "middle":
                found.append(self.scaled_middle(middle.mean(dim=3).flatten(1)))
            else:
                found.append(mel_statistics(logmel))
        return found[0] if len(found) == 1 else torch.cat(found, dim=1)

    def scaled_middle(self, mean: Tensor) -> Tensor:
        """Return the mean of the middle maps, of any shape, as it stands in the embedding."""
        # Not log1p, which XNNPACK does not have.
        return torch.log(1.0 + mean) if self.middle_scale == "log" else mean

    def dim(self, bands: int, middle: int, last: int) -> int:
        """Return the size of the embedding.

        `middle`: channels times rows of the middle maps; `last`: size of the last embedding.
        """
        sizes = {"last": last, "middle": middle, "mel": MEL_STATISTICS * bands}
        return sum(sizes[part] for part in self.parts)


def mel_statistics(logmel: Tensor) -> Tensor:
    """Log-mel [B, 1, bands, frames] -> statistics over time [B, 4 * bands].

    Mean, standard deviation, maximum, and mean absolute difference between neighboring frames.
    """
    mean = logmel.mean(dim=3)
    deviation = logmel - mean.unsqueeze(3)
    std = (deviation * deviation).mean(dim=3).sqrt()
    if logmel.shape[3] > 1:
        change = (logmel[..., 1:] - logmel[..., :-1]).abs().mean(dim=3)
    else:
        change = torch.zeros_like(std)
    return torch.cat([mean, std, logmel.amax(dim=3), change], dim=1).flatten(1)
