"""SincLogMel: a front-end whose bands are band-pass filters, each of two learned numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.models.mel_spectrum import band_edges, mel_spectrum

TAPS = 251
NARROWEST_HZ = 50.0


class SincLogMel(LogMel):
    """`LogMel` with the filters of SincNet (Ravanelli and Bengio 2018, arXiv 1808.00158, section
    2) in place of the triangles.

    A filter passes what lies between f1 and f2, in cycles per sample, which are learned:

        g[n] = (2 f2 sinc(2 f2 n) - 2 f1 sinc(2 f1 n)) hamming[n],  n = -125 .. 125

    SincNet convolves the waveform with g. What a log-mel encoder takes of that is the energy of a
    frame, for which only |G(f)|^2 counts, so here it weights the power spectrum, at the cost of the
    log-mel and not of twenty encoders. It starts with the mel scale's centers and widths.

    Short trainings by LIM gave probes that equal those of the mel filters within their intervals.

    Two numbers a band are learned: by how many of its first widths the lower edge has moved, and
    the logarithm of the width's growth. So all bands move at a rate that suits them.
    """

    is_learned = True
    start_hz: Tensor

    def __init__(self, config: FrontendConfig | None = None) -> None:
        super().__init__(config)
        edges = band_edges(self.config)
        width = ((edges[2:] - edges[:-2]) / 2).clamp_min(NARROWEST_HZ)
        start = torch.stack([edges[1:-1] - width / 2, width]).float()
        # Lower edge and width [2, bands].
        self.register_buffer("start_hz", start, persistent=False)
        self.shift = nn.Parameter(torch.zeros(self.config.bands))
        self.growth = nn.Parameter(torch.zeros(self.config.bands))

    def bands(self, waveform: Tensor) -> Tensor:
        power: Tensor = self.spectrum(waveform, self.filters())
        return power

    def edges_hz(self) -> Tensor:
        """Return the lower and upper edge of each band in Hz: [2, bands]."""
        low, width = self.start_hz
        low = (low + self.shift * width).abs()
        high = low + (width * self.growth.exp()).clamp_min(NARROWEST_HZ)
        return torch.stack([low, high]).clamp_max(self.config.sample_rate_hz / 2)

    def taps(self) -> Tensor:
        """Return the filters in time: [bands, TAPS]."""
        low, high = 2 * self.edges_hz()[:, :, None] / self.config.sample_rate_hz
        n = torch.arange(TAPS, device=low.device) - TAPS // 2
        window = torch.hamming_window(TAPS, periodic=False, device=low.device)
        taps: Tensor = (high * torch.sinc(high * n) - low * torch.sinc(low * n)) * window
        return taps

    def filters(self) -> Tensor:
        """Return the weight |G(f)|^2 of each bin in each band: [bands, fft_size / 2 + 1]."""
        bins = torch.arange(self.config.fft_size // 2 + 1, device=self.shift.device)
        n = torch.arange(TAPS, device=self.shift.device) - TAPS // 2
        turns = (bins[:, None] * n) % self.config.fft_size / self.config.fft_size
        response = self.taps() @ torch.cos(2 * torch.pi * turns).T  # real, since g is symmetric
        return response * response

    def constant(self) -> LogMel:
        fixed = LogMel(self.config)
        fixed.spectrum = mel_spectrum(self.config, self.filters().detach().cpu())
        fixed.load_statistics(self)
        return fixed.to(self.mean.device).train(self.training)
