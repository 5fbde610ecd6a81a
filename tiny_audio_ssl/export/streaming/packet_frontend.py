"""The front-end of a packet: the same log-mel of a few frames, with fewer and cheaper operators.

A window spends its time on products, a packet on starting operators. So what a window computes to
keep its artifact small is stored here, and the frames are never cut out.
"""

from __future__ import annotations

import copy

from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.mel_spectrum import FactoredMel


def packet_frontend(frontend: LogMel, frames: int) -> LogMel:
    """Return a copy of a constant front-end for waveforms of so many frames."""
    made = copy.deepcopy(frontend)
    if isinstance(made.spectrum, FactoredMel):
        made.spectrum = PacketMel(made.spectrum)
    # Of the log-mel's own size: XNNPACK repeats a value along frames in a loop of its own per band.
    made.mean = made.mean.repeat(1, 1, frames)
    made.inverse_std = made.inverse_std.repeat(1, 1, frames)
    return made


class PacketMel(nn.Module):
    """`FactoredMel` whose inner sums are one convolution over the samples as they come.

    Sample n is number i of strand r, n = D i + r. So D samples in a row are the channels of one
    step in time, and each channel has filters of its own, which move by a hop.
    """

    weight: Tensor

    def __init__(self, spectrum: FactoredMel) -> None:
        super().__init__()
        self.config, self.strands = spectrum.config, spectrum.strands
        weights = spectrum.inner_weights()  # [strands, outputs, length]
        self.length = weights.shape[2]
        filters = weights.reshape(-1, 1, 1, self.length).contiguous()
        self.register_buffer("weight", filters, persistent=False)
        self.spectrum = spectrum.without_tables()

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform [B, N] -> power in each band [bands, B, frames]."""
        frames, step = self.config.frames(waveform.shape[1]), self.config.hop // self.strands
        samples = ((frames - 1) * step + self.length) * self.strands
        if missing := samples - waveform.shape[1]:
            waveform = F.pad(waveform, (0, missing))
        strands = waveform.reshape(-1, 1, samples // self.strands, self.strands)
        found = F.conv2d(
            strands.permute(0, 3, 1, 2), self.weight, stride=(1, step), groups=self.strands
        )
        inner = found.reshape(-1, self.strands, len(self.weight) // self.strands, frames)
        if isinstance(inner.shape[0], int) and inner.shape[0] == 1:
            return self.spectrum.outer(inner[0], frames)
        return self.spectrum.outer(inner.permute(1, 2, 0, 3).flatten(2), frames)
