"""Targets computed from waveforms by signal processing: MFCC and their deltas."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig

COEFFICIENTS = 13
DELTA_REACH = 2  # frames on either side that a delta looks at


class Mfcc(nn.Module):
    """Waveforms [B, N] -> MFCC with first and second deltas [B, 39, frames].

    The log-mel is that of the front-end, frames and bands alike, before normalization (HuBERT's
    own script takes Kaldi's, of 23 bands), followed by an orthonormal DCT-II, of which the first
    13 coefficients are kept. It has no state, so a checkpoint of the task does not grow.
    """

    cosines: Tensor

    def __init__(self, frontend: FrontendConfig, coefficients: int = COEFFICIENTS) -> None:
        super().__init__()
        self.dim = 3 * coefficients
        self.log_mel = LogMel(frontend)
        self.register_buffer("cosines", dct(frontend.bands)[:coefficients], persistent=False)
        for name in ("mean", "inverse_std"):  # no statistics: the log-mel is not normalized here
            self.log_mel.register_buffer(name, self.log_mel.get_buffer(name), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        coefficients = self.cosines @ self.log_mel(waveform)[:, 0]
        first = deltas(coefficients)
        return torch.cat([coefficients, first, deltas(first)], dim=1)


def dct(size: int) -> Tensor:
    """Return the orthonormal DCT-II as a matrix [size, size], float32; row k is coefficient k."""
    n = torch.arange(size, dtype=torch.float64)
    cosines = torch.cos(math.pi / size * (n + 0.5) * n[:, None]) * math.sqrt(2 / size)
    cosines[0] /= math.sqrt(2)
    return cosines.float()


def deltas(values: Tensor) -> Tensor:
    """[B, D, T] -> the slope of a line through each value and two on either side [B, D, T].

    d_t = sum_n n (v_(t+n) - v_(t-n)) / (2 sum_n n^2), n = 1, 2; the ends are repeated.
    """
    reach = torch.arange(-DELTA_REACH, DELTA_REACH + 1, dtype=values.dtype, device=values.device)
    kernel = (reach / reach.square().sum()).expand(values.shape[1], 1, -1)
    padded = F.pad(values, (DELTA_REACH, DELTA_REACH), mode="replicate")
    return F.conv1d(padded, kernel, groups=values.shape[1])
