"""The front-end of a packet: the same log-mel of a few frames, with fewer and cheaper operators.

A window spends its time on products, a packet on starting operators. So what a window computes to
keep its artifact small is stored here, and the frames are never cut out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.frontend import LogMel, log_of
from tiny_audio_ssl.models.mel_spectrum import FactoredMel


def packet_frontend(frontend: LogMel, frames: int) -> LogMel | PacketLogMel:
    """Return a front-end that gives the same for waveforms of `frames` frames.

    `frontend` must have constant filters.
    """
    if isinstance(frontend.spectrum, FactoredMel):
        return PacketLogMel(frontend, frontend.spectrum, frames)
    return frontend


class PacketLogMel(nn.Module):
    """`LogMel` by a `FactoredMel` whose inner sums are one convolution over the samples.

    Sample n is number i of strand r, n = D i + r. So D samples in a row are the channels of one
    step in time, and each channel has filters of its own, which move by a hop.

    Input: waveform [B, N], mono, -1..1, of `frames` frames. Output: [B, 1, bands, frames].
    """

    inner: Tensor
    outer: Tensor
    mean: Tensor
    inverse_std: Tensor

    def __init__(self, frontend: LogMel, spectrum: FactoredMel, frames: int) -> None:
        super().__init__()
        self.config, self.strands, self.frames = frontend.config, spectrum.strands, frames
        self.step = self.config.hop // self.strands
        self.rows = spectrum.rows  # of the power spectrum, that each group of bands takes
        self.samples = ((frames - 1) * self.step + spectrum.length) * self.strands
        weights = spectrum.inner_weights()
        made = {
            "inner": weights.reshape(-1, 1, 1, spectrum.length),
            "outer": spectrum.second,
            # Of the log-mel's size: XNNPACK repeats values along frames in a loop for each band.
            "mean": frontend.mean[None, :, :, 0].repeat(1, 1, frames),
            "inverse_std": frontend.inverse_std[None, :, :, 0].repeat(1, 1, frames),
        }
        made |= {name: getattr(spectrum, name) for name in self._groups()}
        for name, values in made.items():
            self.register_buffer(name, values.clone(), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        if missing := self.samples - waveform.shape[1]:
            waveform = F.pad(waveform, (0, missing))
        steps = waveform.reshape(-1, 1, self.samples // self.strands, self.strands)
        inner = F.conv2d(
            steps.permute(0, 3, 1, 2), self.inner, stride=(1, self.step), groups=self.strands
        )
        spectrum = _product(self.outer, inner.reshape(inner.shape[0], 2 * self.strands, -1))
        real, imaginary = (spectrum * spectrum).chunk(2, dim=1)
        power = (real + imaginary).reshape(inner.shape[0], -1, self.frames)
        bands = [
            _product(getattr(self, name), power[:, begin:end])
            for name, (begin, end) in zip(self._groups(), self.rows, strict=True)
        ]
        log_mel = log_of(bands[0] if len(bands) == 1 else torch.cat(bands, dim=1))
        return ((log_mel - self.mean) * self.inverse_std).unsqueeze(1)

    def _groups(self) -> list[str]:
        return [f"mel{index}" for index in range(len(self.rows))]


def _product(weights: Tensor, values: Tensor) -> Tensor:
    """Multiply [1, n, m] by each of [B, m, k].

    A batch of one has no dimension to repeat weights along, for which XNNPACK has no operator.
    """
    batch = values.shape[0]
    if isinstance(batch, int) and batch == 1:
        return torch.bmm(weights, values)
    return torch.matmul(weights[0], values)
