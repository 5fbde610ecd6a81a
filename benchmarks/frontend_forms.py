"""Other ways to write the mel spectrum, which lost; each gives [bands, B, frames] as ours does.

All but `Filters` give the same values.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.models.mel_spectrum import (
    DenseMel,
    FactoredMel,
    band_edges,
    band_filters,
    hann,
    rotations,
)

HANN_WIDTH = 1.44  # of a Hann window's main lobe at half power, in cycles a window


class Stft(nn.Module):
    """torch.stft, which ONNX has an operator for, and matrix product with all mel filters."""

    window: Tensor
    filters: Tensor

    def __init__(self, config: FrontendConfig) -> None:
        super().__init__()
        self.config = config
        missing = config.fft_size - config.window
        window = F.pad(hann(config.window), (0, missing)).float()
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("filters", band_filters(config).float(), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        size = self.config.fft_size
        padded = F.pad(waveform, (0, size - self.config.window))
        spectrum = torch.stft(
            padded, size, self.config.hop, window=self.window, center=False, return_complex=True
        )
        parts = torch.view_as_real(spectrum)
        return (self.filters @ (parts * parts).sum(-1)).transpose(0, 1)


class Folded(nn.Module):
    """Dense, but cosines see the window's even part and sines its odd one: half the products.

    About its middle, sample m and sample -m have the same weight; only the power is wanted, so
    that the phase of the middle does not matter.
    """

    cosines: Tensor
    sines: Tensor
    filters: Tensor

    def __init__(self, config: FrontendConfig) -> None:
        super().__init__()
        self.config, self.reach = config, config.window // 2
        m, k = torch.arange(self.reach), torch.arange(config.fft_size // 2 + 1)
        rows = rotations(k[:, None] * m, config.fft_size) * hann(config.window)[self.reach :]
        cosines = rows.real.clone()
        cosines[:, 0] /= 2  # the middle is its own mirror image
        self.register_buffer("cosines", cosines.float(), persistent=False)
        self.register_buffer("sines", rows.imag.float().contiguous(), persistent=False)
        self.register_buffer("filters", band_filters(config).float(), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        frames = waveform.unfold(1, self.config.window, self.config.hop)
        after = frames[:, :, self.reach :]
        before = frames[:, :, 1 : self.reach + 1].flip(2)  # m = 0 .. half - 1; hann[0] is 0
        real = F.linear(after + before, self.cosines)
        imaginary = F.linear(after - before, self.sines)
        mel = F.linear(real * real + imaginary * imaginary, self.filters)
        return mel.permute(2, 0, 1)


class StoredWeights(FactoredMel):
    """The weights of the inner sums as constants, not made of tables."""

    first: Tensor

    def __init__(self, config: FrontendConfig, strands: int = 16) -> None:
        super().__init__(config, strands)
        self.register_buffer("first", super().inner_weights(), persistent=False)
        for name in self._inner_tables():
            delattr(self, name)

    def inner_weights(self) -> Tensor:
        return self.first


class ProductsAlone(StoredWeights):
    """The products alone, with nothing to frame and no weights to make: a bound for this way."""

    def forward(self, framed: Tensor, filters: Tensor | None = None) -> Tensor:
        """[1, strands * length * frames], as `frames_of` gives -> [bands, 1, frames]"""
        inputs = framed.reshape(self.strands, self.length, -1)
        return self._of_frames(inputs, inputs.shape[2])

    def frames_of(self, waveform: Tensor) -> Tensor:
        """Return the frames of one clip."""
        return self._framed(waveform, self.config.frames(waveform.shape[1])).reshape(1, -1)


class Filters(nn.Module):
    """The power of one windowed complex filter for each band, as one dense product.

    The window of a wide band is shorter, so that the filter is as wide as the band's triangle, and
    as loud for white noise.
    """

    weight: Tensor

    def __init__(self, config: FrontendConfig) -> None:
        super().__init__()
        self.config = config
        noise = band_filters(config).sum(dim=1) * hann(config.window).square().sum()
        edges = band_edges(config)
        rows = torch.stack([
            self._filter(float(middle), float(high - low) / 2, level)
            for low, middle, high, level in zip(edges, edges[1:], edges[2:], noise, strict=False)
        ])  # fmt: skip
        weight = torch.cat([rows.real, rows.imag]).float().contiguous()
        self.register_buffer("weight", weight, persistent=False)

    def _filter(self, center_hz: float, width_hz: float, noise: Tensor) -> Tensor:
        """[window], complex128"""
        config = self.config
        samples = min(config.window, round(HANN_WIDTH * config.sample_rate_hz / width_hz))
        before = (config.window - samples) // 2
        window = F.pad(hann(samples), (before, config.window - samples - before))
        turns = torch.arange(config.window) * center_hz / config.sample_rate_hz
        wave = torch.polar(torch.ones_like(window), -2 * math.pi * turns.double())
        return wave * window * (noise / window.square().sum()).sqrt()

    def forward(self, waveform: Tensor) -> Tensor:
        found = F.linear(self._frames(waveform), self.weight)
        real, imaginary = (found * found).chunk(2, dim=2)
        return (real + imaginary).permute(2, 0, 1)

    def _frames(self, waveform: Tensor) -> Tensor:
        """[B, N] -> [B, frames, window], of slices, since `unfold` is not delegated.

        As in `FactoredMel`, nothing is padded or sliced that has its length already.
        """
        window, hop = self.config.window, self.config.hop
        frames = self.config.frames(waveform.shape[1])
        parts = []
        for start in range(0, window, hop):
            rest = waveform[:, start:] if start else waveform
            if missing := max(0, frames * hop - rest.shape[1]):
                rest = F.pad(rest, (0, missing))
            if rest.shape[1] > frames * hop:
                rest = rest[:, : frames * hop]
            part = rest.reshape(-1, frames, hop)
            parts.append(part if start + hop <= window else part[:, :, : window - start])
        return torch.cat(parts, dim=2)


def forms(config: FrontendConfig) -> dict[str, nn.Module]:
    """Return all forms by name; the package uses `factored` for this config."""
    return {
        "dense": DenseMel(config),
        "factored": FactoredMel(config, 16),
        "factored, 32 strands": FactoredMel(config, 32),
        "factored, stored weights": StoredWeights(config),
        "folded": Folded(config),
        "stft": Stft(config),
    }
