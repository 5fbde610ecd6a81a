"""The readout: which parts of a frozen encoder make up the embedding. It has no weights.

A pretext task trains the last layer, which discards what that task does not need. The log-mel and
the early maps still hold it, pitch and voice above all, and are computed anyway.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.encoder_config import EncoderConfig

MEL_STATISTICS = 4


class Readout(nn.Module):
    """The chosen parts, concatenated: [B, D].

    This is a module so that export can tell its operators from those of the encoder, and keep them
    in float32.
    """

    def __init__(self, config: EncoderConfig, bands: int, middle_shape: tuple[int, int]) -> None:
        """Build the readout of log-mels of `bands` bands and middle maps [channels, rows]."""
        super().__init__()
        self.parts, self.middle_scale = config.readout, config.middle_scale
        self.middle_dct = _Dct(middle_shape[1], config.middle_dct)
        self.mel_dct = _Dct(bands, config.mel_dct)
        self.sizes = {
            "middle": middle_shape[0] * self.middle_dct.size,
            "mel": MEL_STATISTICS * self.mel_dct.size,
        }

    def forward(self, logmel: Tensor, middle: Tensor, last: Tensor) -> Tensor:
        """logmel [B, 1, bands, frames], middle maps [B, C, R, T'], last embedding [B, D']."""
        found: list[Tensor] = []
        for part in self.parts:
            if part == "last":
                found.append(last)
            elif part == "middle":
                found.append(self.middle_part(middle.mean(dim=3).flatten(1)))
            else:
                found.append(self.mel_dct(mel_statistics(logmel)))
        return found[0] if len(found) == 1 else torch.cat(found, dim=1)

    def middle_part(self, mean: Tensor) -> Tensor:
        """Mean of the middle maps over time [B, C * R] -> what the embedding has of it [B, n]."""
        # Not log1p, which XNNPACK does not have.
        scaled = torch.log(1.0 + mean) if self.middle_scale == "log" else mean
        found: Tensor = self.middle_dct(scaled)
        return found

    def dim(self, last: int) -> int:
        """Return the size of the embedding; `last`: that of the last embedding."""
        return sum(self.sizes.get(part, last) for part in self.parts)


class _Dct(nn.Module):
    """The first cosine coefficients over frequency: [B, n * rows] -> [B, n * size].

    The orthonormal DCT-II, as in cepstral coefficients: the first ones hold the shape of the
    spectrum, and the others little, since neighboring rows are alike. Without a `size`, the rows
    stay as they are.
    """

    def __init__(self, rows: int, size: int | None) -> None:
        super().__init__()
        self.rows, self.size = rows, min(size or rows, rows)
        self.basis: Tensor | None
        self.register_buffer("basis", _cosines(rows, size) if size else None, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.basis is None:
            return x
        return F.linear(x.reshape(x.shape[0], -1, self.rows), self.basis).flatten(1)


def _cosines(rows: int, size: int) -> Tensor:
    """Return the first rows of the orthonormal DCT-II's matrix: [size, rows], or [rows, rows]."""
    order = torch.arange(min(size, rows), dtype=torch.float64).unsqueeze(1)
    angle = torch.pi * (torch.arange(rows, dtype=torch.float64) + 0.5) * order / rows
    basis: Tensor = angle.cos() * (2.0 / rows) ** 0.5
    basis[0] /= 2.0**0.5
    return basis.float()


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
