"""The short-time Fourier transform of the front-end's frames, and its inverse.

Spectra are [B, 2 bins, 1, frames], real parts before imaginary ones. In training and eager use both
directions are fast Fourier transforms; in an exported graph they are products with constant
weights, which every runtime has.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.models.mel_spectrum import band_filters, hann, rotations

LARGEST_EDGE_GAIN = 4.0  # where few windows overlap; the first and the last 6 ms fade


class Stft(nn.Module):
    """Waveform [B, N] -> spectrum [B, 2 bins, 1, frames].

    Windows, hop and size are the front-end's: frame k begins at sample k * hop.
    """

    window: Tensor
    weights: Tensor

    def __init__(self, config: FrontendConfig) -> None:
        super().__init__()
        self.config = config
        n, k = torch.arange(config.window), torch.arange(config.fft_size // 2 + 1)
        rows = rotations(k[:, None] * n, config.fft_size) * hann(config.window)
        weights = torch.cat([rows.real, rows.imag])[:, None, None, :]
        self.register_buffer("weights", weights.float().contiguous(), persistent=False)
        self.register_buffer("window", hann(config.window).float(), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        if torch.compiler.is_exporting():
            signal = waveform[:, None, None, :]
            return F.conv2d(signal, self.weights, stride=(1, self.config.hop))
        frames = waveform.unfold(1, self.config.window, self.config.hop) * self.window
        spectrum = torch.fft.rfft(frames, self.config.fft_size).transpose(1, 2)
        return torch.cat([spectrum.real, spectrum.imag], dim=1).unsqueeze(2)


class InverseStft(nn.Module):
    """Spectrum [B, 2 bins, 1, frames] -> waveform [B, samples(frames)], by overlap and addition.

    Each frame is windowed again, and divided by the sum of the squared windows of all frames, so
    that an unchanged spectrum reproduces its sound (Griffin, Lim 1984, equation 6). The ends, which
    fewer frames cover, are compensated.
    """

    window: Tensor
    weights: Tensor
    first_gain: Tensor
    last_gain: Tensor

    def __init__(self, config: FrontendConfig) -> None:
        super().__init__()
        if 2 * config.hop > config.window:
            raise UserError(
                f"a hop of {config.hop_ms:g} ms with windows of {config.window_ms:g} ms: sound can "
                "be reconstructed only if windows overlap by half or more; lower --frontend.hop-ms"
            )
        self.config = config
        self.pieces = -(-config.window // config.hop)  # of a hop's length, in a frame
        window = hann(config.window)
        whole = F.pad(window.square(), (0, self.pieces * config.hop - config.window))
        total = whole.reshape(self.pieces, config.hop).sum(dim=0)
        window = window / total.repeat(self.pieces)[: config.window]
        self.register_buffer("window", window.float(), persistent=False)
        self.register_buffer("weights", self._weights(window), persistent=False)
        overlap, frames = config.window - config.hop, 2 * self.pieces
        covered = self._added((window * hann(config.window))[None, :, None].expand(1, -1, frames))
        gain = covered.reciprocal().clamp_max(LARGEST_EDGE_GAIN).float()
        self.register_buffer("first_gain", gain[:, :overlap].contiguous(), persistent=False)
        last = gain[:, config.samples(frames) - overlap : config.samples(frames)]
        self.register_buffer("last_gain", last.contiguous(), persistent=False)

    def forward(self, spectrum: Tensor) -> Tensor:
        added = self.added(spectrum)
        overlap, samples = self.first_gain.shape[1], self.config.samples(spectrum.shape[3])
        inner = added[:, overlap : samples - overlap]
        last = added[:, samples - overlap : samples]
        return torch.cat(
            [added[:, :overlap] * self.first_gain, inner, last * self.last_gain], dim=1
        )

    def added(self, spectrum: Tensor) -> Tensor:
        """Return the sum of the frames alone [B, (frames + pieces - 1) * hop], for a stream, whose
        packets add up: zeros follow its last sample."""
        if torch.compiler.is_exporting():
            return self._added(F.conv2d(spectrum, self.weights).flatten(1, 2))
        real, imaginary = spectrum.squeeze(2).transpose(1, 2).chunk(2, dim=2)
        frames = torch.fft.irfft(torch.complex(real, imaginary), self.config.fft_size)
        return self._added((frames[..., : self.config.window] * self.window).transpose(1, 2))

    def _added(self, frames: Tensor) -> Tensor:
        """Add frames [B, window, F], or padded to whole hops, each a hop after the one before."""
        hop, missing = self.config.hop, self.pieces * self.config.hop - frames.shape[1]
        if missing:
            frames = F.pad(frames, (0, 0, 0, missing))
        total = F.pad(frames[:, :hop], (0, self.pieces - 1))
        for piece in range(1, self.pieces):
            part = frames[:, piece * hop : (piece + 1) * hop]
            total = total + F.pad(part, (piece, self.pieces - 1 - piece))
        return total.transpose(1, 2).flatten(1)

    def _weights(self, window: Tensor) -> Tensor:
        """[pieces * hop, 2 bins, 1, 1]: the inverse transform of one frame, windowed."""
        config = self.config
        n, k = torch.arange(config.window), torch.arange(config.fft_size // 2 + 1)
        turns = rotations(n[:, None] * k, config.fft_size).conj() * window[:, None]
        twice = torch.full((len(k),), 2.0, dtype=torch.float64)  # each bin but two stands for two
        twice[0] = twice[-1] = 1
        turns = turns * twice / config.fft_size
        weights = torch.cat([turns.real, -turns.imag], dim=1)
        missing = self.pieces * config.hop - config.window
        return F.pad(weights, (0, 0, 0, missing))[:, :, None, None].float().contiguous()


class MelBins(nn.Module):
    """Between the front-end's bands and the bins of a spectrum."""

    gains: Tensor
    filters: Tensor

    def __init__(self, config: FrontendConfig) -> None:
        super().__init__()
        filters = band_filters(config)
        shares = filters.T / filters.sum(dim=0).clamp_min(1e-12)[:, None]  # [bins, bands]
        outside = (filters.sum(dim=0) == 0).nonzero().squeeze(1)
        below = outside < filters[0].argmax()  # the others are above the last band
        shares[outside[below], 0] = 1
        shares[outside[~below], -1] = 1
        gains = torch.cat([shares, shares])[:, :, None, None]
        self.register_buffer("gains", gains.float().contiguous(), persistent=False)
        self.register_buffer("filters", filters.float(), persistent=False)

    def forward(self, mask: Tensor) -> Tensor:
        """Mask of bands [B, bands, frames] -> gain of each bin [B, 2 bins, 1, frames].

        A bin's gain is the mean of the bands', weighted as it counts in them:
        g_f = sum_b m_b W_bf / sum_b W_bf. Bins below and above all bands have the nearest band's.
        """
        return F.conv2d(mask.unsqueeze(2), self.gains)

    def power(self, spectrum: Tensor) -> Tensor:
        """Spectrum [B, 2 bins, 1, frames] -> power in each band [B, bands, frames]."""
        real, imaginary = spectrum.squeeze(2).chunk(2, dim=1)
        return torch.matmul(self.filters, real.square() + imaginary.square())
