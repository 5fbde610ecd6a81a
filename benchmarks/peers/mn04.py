"""EfficientAT's mn04_as: a MobileNetV3 that tags the 527 classes of AudioSet, 0.98 M parameters.

F. Schmid, K. Koutini, G. Widmer: "Efficient Large-Scale Audio Tagging via Transformer-to-CNN
Knowledge Distillation", arXiv 2211.04772. This is our own code for the published weights (MIT,
copyright (c) Florian Schmid and others): `mn04_as_mAP_432.pt` as a safetensors file. The modules
`mn04_embedding` and `mn04_targets` read it out with the HEAR API.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = 0.4
RATE_HZ = 32_000
POINTS, WINDOW, HOP, BANDS = 1024, 800, 320, 128  # samples, samples, samples, mel bands
HIGHEST_HZ = 15_000.0
PRE_EMPHASIS = 0.97
SHORTEST = 400  # samples at 16 kHz; the reflected padding of the spectrum needs 258
TAPS, BLOCK = 64, 64  # of the interpolation: filter length, and output samples computed together


class Block(NamedTuple):
    """A row of MobileNetV3-Large's table: channels before the width multiplier."""

    kernel: int
    expanded: int
    out: int
    squeeze: bool
    act: type[nn.Module]
    stride: int


R, H = nn.ReLU, nn.Hardswish
BLOCKS = (
    Block(3, 16, 16, False, R, 1),
    Block(3, 64, 24, False, R, 2),
    Block(3, 72, 24, False, R, 1),
    Block(5, 72, 40, True, R, 2),
    Block(5, 120, 40, True, R, 1),
    Block(5, 120, 40, True, R, 1),
    Block(3, 240, 80, False, H, 2),
    Block(3, 200, 80, False, H, 1),
    Block(3, 184, 80, False, H, 1),
    Block(3, 184, 80, False, H, 1),
    Block(3, 480, 112, True, H, 1),
    Block(3, 672, 112, True, H, 1),
    Block(5, 672, 160, True, H, 2),
    Block(5, 960, 160, True, H, 1),
    Block(5, 960, 160, True, H, 1),
)
TOP = len(BLOCKS) + 1  # index of the last convolution, behind the stem and the blocks
MIDDLE = (5, 11, 13, 15)  # the blocks that the paper reads out


class MN04(nn.Module):
    """Front-end and network without its classifier.

    Raises `ValueError`: `path` names no file, or one with other tensors.
    """

    sample_rate = 16_000

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        if not Path(path).is_file():
            raise ValueError(f"weights {str(path)!r}; expected the path of mn04_as.safetensors")
        state = load_file(path)
        network = Network().eval()
        found = network.load_state_dict(state, strict=False)
        foreign = [name for name in found.unexpected_keys if not name.startswith("classifier.")]
        if found.missing_keys or foreign:
            raise ValueError(f"{path}: not the weights of mn04_as; expected mn04_as.safetensors")
        self.upsampling = Upsampling()
        self.spectrogram = Spectrogram()
        # Half the time on a CPU; PyTorch's stubs do not know this argument.
        # Faster on a CPU; PyTorch's stubs do not know this argument.
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def read(self, audio: Tensor, layers: Iterable[int]) -> tuple[Tensor, Tensor]:
        """Return the log-mel and the means over bands and frames of the layers' channels.

        `audio` is [sounds, samples], -1..1, 16 kHz, padded with zeros up to 25 ms; the results are
        [sounds, 128, frames] and [sounds, channels of all layers]. Layer 0 is the stem, 1 to 15
        are the blocks, 16 is the last convolution.
        """
        audio = F.pad(audio, (0, max(0, SHORTEST - audio.shape[1])))
        mel = self.spectrogram(self.upsampling(audio))
        return mel, torch.cat(self.network(mel[:, None], set(layers)), dim=1)


class Network(nn.Module):
    """MobileNetV3-Large of width 0.4, with the names that the published weights have."""

    def __init__(self) -> None:
        super().__init__()
        channels = _scaled(16)
        layers: list[nn.Module] = [_convolution(1, channels, 3, stride=2, act=nn.Hardswish)]
        for block in BLOCKS:
            layers.append(InvertedResidual(channels, block))
            channels = _scaled(block.out)
        layers.append(_convolution(channels, 6 * channels, 1, act=nn.Hardswish))
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor, layers: set[int]) -> list[Tensor]:
        """[sounds, 1, bands, frames] -> for each layer [sounds, channels]."""
        found = []
        for index, layer in enumerate(list(self.features)[: max(layers) + 1]):
            x = layer(x)
            if index in layers:
                found.append(x.mean(dim=(2, 3)))
        return found


class InvertedResidual(nn.Module):
    """Expand, filter each channel, weight the channels, project."""

    def __init__(self, channels: int, block: Block) -> None:
        super().__init__()
        expanded, out = _scaled(block.expanded), _scaled(block.out)
        layers: list[nn.Module] = []
        if expanded != channels:
            layers.append(_convolution(channels, expanded, 1, act=block.act))
        layers.append(
            _convolution(expanded, expanded, block.kernel, block.stride, expanded, block.act)
        )
        if block.squeeze:
            layers.append(ConcurrentSqueezeExcitation(expanded))
        layers.append(_convolution(expanded, out, 1))
        self.block = nn.Sequential(*layers)
        self.residual = block.stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape, but for the stride and the number of channels."""
        y: Tensor = self.block(x)
        return x + y if self.residual else y


class ConcurrentSqueezeExcitation(nn.Module):
    """EfficientAT's container of squeeze-and-excitation layers; ours has one, over channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conc_se_layers = nn.ModuleList([SqueezeExcitation(channels)])

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        y: Tensor = self.conc_se_layers[0](x)
        return y


class SqueezeExcitation(nn.Module):
    """Weight each channel by what all channels are on average; a plain sigmoid, not a hard one."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = _multiple_of_8(channels / 4)
        self.fc1 = nn.Linear(channels, squeezed)
        self.fc2 = nn.Linear(squeezed, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        weight: Tensor = self.fc2(self.fc1(x.mean(dim=(2, 3))).relu()).sigmoid()
        return x * weight[:, :, None, None]


class Spectrogram(nn.Module):
    """The network's log-mel: [sounds, samples at 32 kHz] -> [sounds, 128, frames]."""

    filters: Tensor
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filters", _kaldi_filters())
        self.register_buffer("window", torch.hann_window(WINDOW, periodic=False))

    def forward(self, audio: Tensor) -> Tensor:
        """Return ln(mel + 1e-5), shifted and scaled as the network knows it."""
        emphasized = audio[:, 1:] - PRE_EMPHASIS * audio[:, :-1]
        spectrum = torch.stft(
            emphasized, POINTS, HOP, WINDOW, self.window, center=True, return_complex=True
        )
        power = torch.view_as_real(spectrum).square().sum(dim=-1)
        mel: Tensor = ((self.filters @ power + 1e-5).log() + 4.5) / 5
        return mel


class Upsampling(nn.Module):
    """16 kHz -> 32 kHz: a half-band filter of 64 taps; every other sample is as it was.

    As one matrix product for each block of samples: a convolution with a single channel takes
    several times as long.
    """

    kernels: Tensor

    def __init__(self) -> None:
        super().__init__()
        time = torch.arange(TAPS, dtype=torch.float64) - TAPS / 2 + 0.5
        window = torch.kaiser_window(TAPS, periodic=False, beta=8.0, dtype=torch.float64)
        taps = torch.sinc(time) * window
        kernels = torch.zeros(BLOCK + TAPS - 1, BLOCK)
        for i in range(BLOCK):
            kernels[i : i + TAPS, i] = taps / taps.sum()
        self.register_buffer("kernels", kernels)

    def forward(self, audio: Tensor) -> Tensor:
        """[sounds, samples] -> [sounds, 2 x samples]; zeros before and behind."""
        samples = audio.shape[1]
        missing = -samples % BLOCK
        padded = F.pad(audio, (TAPS // 2 - 1, TAPS // 2 + missing))
        between = (padded.unfold(1, BLOCK + TAPS - 1, BLOCK) @ self.kernels).flatten(1)
        return torch.stack([audio, between[:, :samples]], dim=2).flatten(1)


def _kaldi_filters() -> Tensor:
    """Return triangles on Kaldi's mel scale, from 0 Hz to 15 kHz: [128, 513]."""

    def mel(hertz: Tensor) -> Tensor:
        return 1127 * torch.log1p(hertz / 700)

    bins = mel(torch.arange(POINTS // 2, dtype=torch.float64) * RATE_HZ / POINTS)
    step = mel(torch.tensor(HIGHEST_HZ, dtype=torch.float64)) / (BANDS + 1)
    low = step * torch.arange(BANDS, dtype=torch.float64)[:, None]
    triangles = torch.minimum(bins - low, low + 2 * step - bins) / step
    return F.pad(triangles.clamp_min(0), (0, 1)).float()


def _convolution(
    channels: int,
    out: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    act: type[nn.Module] | None = None,
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out, eps=1e-3),
    ]
    return nn.Sequential(*layers, *([act()] if act else []))


def _scaled(channels: int) -> int:
    return _multiple_of_8(channels * WIDTH)


def _multiple_of_8(value: float) -> int:
    """Round, but not to less than 90 %, as MobileNets do."""
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded
