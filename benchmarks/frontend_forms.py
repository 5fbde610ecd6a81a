"""Other ways to write the mel spectrum, which lost; each gives [bands, B, frames] as ours does."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.models.mel_spectrum import DenseMel, FactoredMel, hann, mel_filters, rotations


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
        self.register_buffer("filters", mel_filters(config).float(), persistent=False)

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
        self.register_buffer("filters", mel_filters(config).float(), persistent=False)

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
        self.register_buffer("first", super()._first(), persistent=False)
        for name in self._inner_tables():
            delattr(self, name)

    def _first(self) -> Tensor:
        return self.first


class ProductsAlone(StoredWeights):
    """The products alone, with nothing to frame and no weights to make: a bound for this way."""

    def forward(self, framed: Tensor) -> Tensor:
        """[1, strands * length * frames], as `frames_of` gives -> [bands, 1, frames]"""
        inputs = framed.reshape(self.strands, self.length, -1)
        return self._of_frames(inputs, inputs.shape[2])

    def frames_of(self, waveform: Tensor) -> Tensor:
        """Return the frames of one clip."""
        return self._framed(waveform, self.config.frames(waveform.shape[1])).reshape(1, -1)


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
