"""LogMel: waveform [B, N] -> normalized log-mel [B, 1, bands, frames], as one exportable module.

The windowed Fourier transform and the filters of the bands are products with constant weights (see
`mel_spectrum.py`). So the module that was trained with is the module that is exported, and the two
can't differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.models.mel_spectrum import mel_spectrum

LOG_OFFSET = 1e-6  # power of a tone at about -84 dB of full scale: below the noise of a 16-bit file
MIN_STD = 1e-3  # a band that never changes must not be divided by zero


class LogMel(nn.Module):
    """Natural logarithm of the mel power spectrum, or of bands on a logarithmic scale, normalized.

    Equals `torchaudio.transforms.MelSpectrogram(center=False, power=2, norm=None,
    mel_scale="htk")` up to the normalization; the window starts at the frame's first sample. With
    `config.scale` "log" the bands are those of a constant-Q transform, as far as the window tells
    low frequencies apart.

    Input: waveform [B, N], mono, -1..1, at `config.sample_rate_hz`, N >= `config.window`.
    Output: [B, 1, bands, frames], about zero mean and unit variance after `fit`.
    """

    is_learned: ClassVar[bool] = False  # whether there are filters to train with the encoder
    mean: Tensor
    inverse_std: Tensor

    def __init__(self, config: FrontendConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or FrontendConfig()
        self.spectrum = mel_spectrum(config)
        self.register_buffer("mean", torch.zeros(config.bands, 1, 1))
        self.register_buffer("inverse_std", torch.ones(config.bands, 1, 1))

    def forward(self, waveform: Tensor) -> Tensor:
        log_mel = log_of(self.bands(waveform))  # [bands, B, frames]
        normalized = (log_mel - self.mean) * self.inverse_std
        return normalized.transpose(0, 1).unsqueeze(1)

    def bands(self, waveform: Tensor) -> Tensor:
        """Waveform [B, N] -> power in each band [bands, B, frames]."""
        power: Tensor = self.spectrum(waveform)
        return power

    def constant(self) -> LogMel:
        """Return a front-end that gives the same, and whose filters are constants."""
        return self

    def load_statistics(self, other: LogMel) -> None:
        """Normalize as `other` does."""
        self.mean.copy_(other.mean)
        self.inverse_std.copy_(other.inverse_std)

    def normalize(self, log_mel: Tensor) -> Tensor:
        """Normalize the bands of [B, 1, bands, frames] that another `LogMel`, not fitted, gave."""
        return (log_mel - self.mean[:, 0]) * self.inverse_std[:, 0]

    def padded(self, waveform: Tensor) -> Tensor:
        """Append zeros to [B, N] if it is shorter than one window."""
        return F.pad(waveform, (0, max(0, self.config.window - waveform.shape[1])))

    @torch.no_grad()
    def fit(self, waveforms: Iterable[Tensor]) -> LogMel:
        """Set mean and standard deviation from batches of waveforms [B, N], those of each band or
        of all together.

        Raises `UserError` when there are no waveforms.
        """
        self.mean.zero_()
        self.inverse_std.fill_(1.0)
        count, total, squares = 0, torch.zeros(()), torch.zeros(())
        for waveform in waveforms:
            log_mel = self(waveform).double()
            count += log_mel[:, :, 0].numel()
            total = total + log_mel.sum(dim=(0, 1, 3)).cpu()
            squares = squares + (log_mel * log_mel).sum(dim=(0, 1, 3)).cpu()
        if not count:
            raise UserError("frontend: no waveforms to fit the normalization on")
        mean, square = total / count, squares / count
        if self.config.normalize == "all":
            mean, square = (values.mean().expand_as(values) for values in (mean, square))
        std = (square - mean * mean).clamp_min(0).sqrt().clamp_min(MIN_STD)
        self.mean.copy_(mean.reshape(-1, 1, 1))
        self.inverse_std.copy_(std.reciprocal().reshape(-1, 1, 1))
        return self


def at_gain(log_mel: Tensor, gain_db: Tensor) -> Tensor:
    """Return the log-mel, not normalized, that the waveform has at another level.

    It is exact but for rounding, since the spectrum is linear in power: log(g (e^x - o) + o), where
    g is the gain in power and o the offset below the logarithm.
    """
    return log_of(power_of(log_mel) * 10 ** (gain_db / 10))


def power_of(log_mel: Tensor) -> Tensor:
    """Return the mel power of a log-mel that is not normalized: the inverse of `log_of`."""
    return (log_mel.exp() - LOG_OFFSET).clamp_min(0)


def log_of(power: Tensor) -> Tensor:
    """Return the log-mel, not normalized, of a mel power spectrum."""
    return torch.log(power + LOG_OFFSET)
