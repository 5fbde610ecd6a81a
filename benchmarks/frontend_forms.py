"""Other ways to write the mel spectrum, which lost; each gives [bands, B, frames] as ours does."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.frontend import FrontendConfig
from tiny_audio_ssl.spectrum import DenseMel, FactoredMel, hann, mel_filters, rotations


class Stft(nn.Module):
    """torch.stft, which ONNX has an operator for, and matrix product with all mel filters."""

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

    def __init__(self, config: FrontendConfig) -> None:
        super().__init__()
        self.config, self.half = config, config.window // 2
        m, k = torch.arange(self.half), torch.arange(config.fft_size // 2 + 1)
        rows = rotations(k[:, None] * m, config.fft_size) * hann(config.window)[self.half :]
        cosines = rows.real.clone()
        cosines[:, 0] /= 2  # the middle is its own mirror image
        self.register_buffer("cosines", cosines.float(), persistent=False)
        self.register_buffer("sines", rows.imag.float().contiguous(), persistent=False)
        self.register_buffer("filters", mel_filters(config).float(), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        frames = waveform.unfold(1, self.config.window, self.config.hop)
        after = frames[:, :, self.half :]
        before = frames[:, :, 1 : self.half + 1].flip(2)  # m = 0 .. half - 1; hann[0] is 0
        real = F.linear(after + before, self.cosines)
        imaginary = F.linear(after - before, self.sines)
        mel = F.linear(real * real + imaginary * imaginary, self.filters)
        return mel.permute(2, 0, 1)


class Convolutions(FactoredMel):
    """The same factors as convolutions: a grouped one that frames as it goes, 1 x 1, and mel
    filters that span a group. Channels last (XNNPACK) and channels first (the others) are each
    transposed in between."""

    def __init__(self, config: FrontendConfig, strands: int = 16) -> None:
        super().__init__(config, strands)
        inner = self.first.reshape(-1, 1, 1, self.length)
        self.register_buffer("inner", inner, persistent=False)
        outer = self.second.reshape(2 * strands, 2 * strands, 1, 1)
        self.register_buffer("outer", outer, persistent=False)
        self.columns = self.points // 2 + 1
        for index in range(len(self.rows)):
            weights = getattr(self, f"mel{index}")[0].unflatten(1, (-1, self.columns, 1))
            setattr(self, f"mel{index}", weights.contiguous())
        del self.first, self.second

    def _transformed(self, waveform: Tensor) -> Tensor:
        frames = self.config.frames(waveform.shape[1])
        samples = (frames - 1) * self.config.hop + self.length * self.strands
        waveform = F.pad(waveform, (0, self.length * self.strands))[:, :samples]
        strands = waveform.reshape(-1, samples // self.strands, self.strands).transpose(1, 2)
        strands = strands.reshape(-1, self.strands, 1, samples // self.strands)
        stride = (1, self.config.hop // self.strands)
        inner = F.conv2d(strands, self.inner, stride=stride, groups=self.strands)
        spectrum = F.conv2d(inner.reshape(-1, 2 * self.strands, self.columns, frames), self.outer)
        real, imaginary = (spectrum * spectrum).chunk(2, dim=1)
        power = real + imaginary
        mel = [
            F.conv2d(power[:, begin // self.columns : end // self.columns], weights)
            for (begin, end), weights in zip(self.rows, self._weights(), strict=True)
        ]
        return torch.cat(mel, dim=1).flatten(2).transpose(0, 1)

    def _weights(self) -> list[Tensor]:
        return [getattr(self, f"mel{index}") for index in range(len(self.rows))]


class Cosines(FactoredMel):
    """The second factor without complex numbers: bins P b + a and P b - a share the products of
    real and imaginary parts with cosines and sines, and differ in their signs. An eighth of the
    second factor's weights, half its multiply-adds, more sums."""

    def __init__(self, config: FrontendConfig, strands: int = 32) -> None:
        super().__init__(config, strands)
        inner = self.first.unflatten(1, (2, -1))
        for name, index in (("first_real", 0), ("first_imaginary", 1)):
            self.register_buffer(name, inner[:, index].contiguous(), persistent=False)
        steps = torch.arange(strands // 2 + 1)[:, None] * torch.arange(strands)
        outer = rotations(steps, strands)
        self.register_buffer("cosines", outer.real.float()[None].contiguous(), persistent=False)
        self.register_buffer("sines", outer.imag.float()[None].contiguous(), persistent=False)
        del self.first, self.second

    def _mel(self) -> Tensor:
        """[bands, b, (above or below, a)]"""
        a, b = torch.arange(self.points // 2 + 1), torch.arange(self.strands // 2 + 1)
        bins = self.points * b[:, None, None] + torch.stack([a, -a])
        below = torch.tensor([False, True])[:, None]
        absent = (bins < 0) | (bins > self.config.fft_size // 2)
        again = below & ((a == 0) | (a == self.points // 2))
        kept = bins.clamp(0, self.config.fft_size // 2)
        return (mel_filters(self.config)[:, kept] * ~(absent | again)).flatten(2)

    def _transformed(self, waveform: Tensor) -> Tensor:
        frames = self.config.frames(waveform.shape[1])
        framed = self._framed(waveform, frames)
        real = torch.bmm(self.first_real, framed).reshape(1, self.strands, -1)
        imaginary = torch.bmm(self.first_imaginary, framed).reshape(1, self.strands, -1)
        even, crossed = torch.bmm(self.cosines, real), torch.bmm(self.sines, imaginary)
        odd, straight = torch.bmm(self.cosines, imaginary), torch.bmm(self.sines, real)
        above = _square(even - crossed) + _square(odd + straight)
        below = _square(even + crossed) + _square(odd - straight)
        shape = (self.strands // 2 + 1, self.points // 2 + 1, framed.shape[2])
        power = torch.cat([above.reshape(shape), below.reshape(shape)], dim=1)
        power = power.reshape(1, -1, framed.shape[2])
        mel = [
            torch.bmm(getattr(self, f"mel{index}"), power[:, begin:end])
            for index, (begin, end) in enumerate(self.rows)
        ]
        return torch.cat(mel, dim=1).reshape(self.config.bands, -1, frames)


def _square(x: Tensor) -> Tensor:
    return x * x


def forms(config: FrontendConfig) -> dict[str, nn.Module]:
    """By name; `factored` is what the package uses for this config."""
    return {
        "dense": DenseMel(config),
        "factored": FactoredMel(config, 16),
        "factored, 32 strands": FactoredMel(config, 32),
        "factored, real products": Cosines(config),
        "factored, convolutions": Convolutions(config),
        "folded": Folded(config),
        "stft": Stft(config),
    }
