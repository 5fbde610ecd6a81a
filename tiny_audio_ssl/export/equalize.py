"""Equalize the channels of an encoder before it is quantized; its output stays the same.

Activations have one int8 scale for all channels of a map, so a channel with small values uses few
of the steps. Where only what is linear or positively homogeneous (ReLU, max-pooling) lies between
two convolutions, a channel may be divided by any positive number after the first and multiplied by
it in the second: cross-layer equalization, Nagel et al. 2019, arXiv 1906.04721.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.bodies import Residual, is_conv
from tiny_audio_ssl.models.encoders import Encoder, WaveformEncoder

# A channel is divided by its largest value to this power. With 1 all channels would have the same
# range, and every sound that exceeds the calibration's in one of them would be clipped.
STRENGTH = 0.5
LARGEST_FACTOR = 100.0  # between channels; one that is almost silent would get any factor
MAX_RELATIVE_CHANGE = 1e-3  # of the output, by rounding


@dataclass(frozen=True)
class _Channels:
    """The channels of one map, with the convolutions that write it and those that read it."""

    writers: Sequence[nn.Conv2d]
    readers: Sequence[nn.Conv2d]


@torch.no_grad()
def equalized(model: WaveformEncoder, waveforms: Tensor, first: int) -> WaveformEncoder:
    """Return a copy of `model` with the channels equalized from the output of block `first` on.

    An encoder that this would change (group normalization, another architecture) is returned
    unchanged.

    Args:
        model: with batch norm folded into the convolutions.
        waveforms: [B, samples], to find the channels' ranges.
        first: index of the first block whose output is equalized; the last one's never is.
    """
    log_mels = model.frontend(waveforms)
    if model.encoder.config.norm != "batch":
        return model
    changed = copy.deepcopy(model)
    for channels in _maps(changed.encoder, first):
        _equalize(changed.encoder, channels, log_mels)
    sample = log_mels[:16]
    before, after = model.encoder(sample), changed.encoder(sample)
    same = (after - before).norm() <= MAX_RELATIVE_CHANGE * before.norm()
    return changed if same else model


def _maps(encoder: Encoder, first: int) -> Iterator[_Channels]:
    """Yield the maps from the output of block `first` on, in order.

    A block that adds its input to its output writes the map that it reads; a map that an earlier
    block than `first` writes too is left out.
    """
    writers: list[nn.Conv2d] = []
    readers: list[nn.Conv2d] = []
    earliest = -1  # block that writes the map
    for index, block in enumerate(encoder.body):
        convolutions = [m for m in block.modules() if is_conv(m)]
        readers.append(convolutions[0])
        if index > first:
            yield from (_Channels([before], [after]) for before, after in pairwise(convolutions))
        if isinstance(block, Residual):
            writers.append(convolutions[-1])
            continue
        if earliest >= first:
            yield _Channels(writers, readers)
        writers, readers, earliest = [convolutions[-1]], [], index


def _equalize(encoder: Encoder, channels: _Channels, log_mels: Tensor) -> None:
    largest = _largest(encoder, channels.readers, log_mels)
    factors = largest.pow(STRENGTH)
    factors = factors.clamp_min(float(factors.max()) / LARGEST_FACTOR)
    factors = factors * (largest / factors).max() / largest.max()  # the map's range stays
    for writer in channels.writers:
        writer.weight.div_(factors.view(-1, 1, 1, 1))
        if writer.bias is not None:
            writer.bias.div_(factors)
    for reader in channels.readers:
        depthwise = reader.groups > 1
        reader.weight.mul_(factors.view((-1, 1, 1, 1) if depthwise else (1, -1, 1, 1)))


def _largest(encoder: Encoder, readers: Sequence[nn.Conv2d], log_mels: Tensor) -> Tensor:
    """Return the largest absolute value of each channel that the convolutions read [C]."""
    found: list[Tensor] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.append(inputs[0].abs().amax(dim=(0, 2, 3)))

    hooks = [reader.register_forward_pre_hook(note) for reader in readers]
    for batch in torch.split(log_mels, 16):
        encoder(batch)
    for hook in hooks:
        hook.remove()
    return torch.stack(found).amax(0).clamp_min(1e-12)
