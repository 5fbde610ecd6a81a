"""The products of tasks that mask: enhanced or separated sound, as a whole and as a stream."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext.parts.masks import Masking
from tiny_audio_ssl.pretext.product import Output, Product, ProductStream

ENHANCED, SEPARATED = "enhanced", "separated"


class MaskedSound(nn.Module):
    """Waveform [B, N] of any length -> [B, N], or [B, M, N] of a task with several outputs.

    The end is filled with zeros up to a whole slice, and cut off again.
    """

    def __init__(self, task: Masking, frontend: LogMel, encoder: Encoder) -> None:
        super().__init__()
        self.frontend, self.encoder, self.masks, self.mask = (
            frontend,
            encoder,
            task.masks,
            task.mask,
        )

    def forward(self, waveform: Tensor) -> Tensor:
        samples = waveform.shape[1]
        missing = self.masks.whole_samples(samples) - samples
        padded = F.pad(waveform, (0, missing)) if missing else waveform
        scores, _ = self.masks.scores(self.encoder, self.frontend(padded))
        waves = self.masks.waveforms(self.masks.stft(padded), self.mask(scores))
        if missing:
            waves = waves[..., :samples]
        return waves if self.masks.outputs > 1 else waves.flatten(0, 1)


class MaskedPacket(nn.Module):
    """One step of a stream: a slice of new samples in, as many out, later by `past`.

    Input: packet [B, slice_frames * hop]; past [B, window - hop], the samples before it; tail, of
    the shape of the output but `window - hop` long: what the frames so far add to later samples.
    Output: enhanced or separated sound, then both for the next step. All are zeros at the start.
    """

    def __init__(self, whole: MaskedSound) -> None:
        super().__init__()
        self.frontend, self.encoder = whole.frontend, whole.encoder
        self.masks, self.mask = whole.masks, whole.mask

    def forward(self, packet: Tensor, past: Tensor, tail: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        samples = torch.cat([past, packet], dim=1)
        scores, _ = self.masks.scores(self.encoder, self.frontend(samples))
        spectrum = self.masks.masked(self.masks.stft(samples), self.mask(scores))
        added = self.masks.inverse.added(spectrum)
        if self.masks.outputs > 1:
            added = added.reshape(-1, self.masks.outputs, added.shape[1])
        size, overlap = packet.shape[1], past.shape[1]
        first = added[..., :overlap] + tail
        done = torch.cat([first, added[..., overlap:size]], dim=-1)
        return done, samples[:, size:], added[..., size : size + overlap]


def enhanced(task: Masking, frontend: LogMel, encoder: Encoder) -> Product:
    """Return the product of a task that estimates one sound."""
    output = Output(ENHANCED, "[batch, sample]: the sound without the noise, at 16 kHz")
    return _product(task, frontend, encoder, output)


def separated(task: Masking, frontend: LogMel, encoder: Encoder) -> Product:
    """Return the product of a task that separates several sounds."""
    slice_ms = task.frontend.ms(task.masks.slice_frames)
    output = Output(
        SEPARATED,
        "[batch, sound, sample]: the sounds of the mixture, at 16 kHz, in no order; in each slice "
        f"of {slice_ms:g} ms another output may have the same sound",
    )
    return _product(task, frontend, encoder, output)


def _product(task: Masking, frontend: LogMel, encoder: Encoder, output: Output) -> Product:
    whole = MaskedSound(task, frontend, encoder).eval()
    config, outputs = frontend.config, task.masks.outputs
    packet, overlap = task.masks.slice_frames * config.hop, config.window - config.hop
    state = {"past": (overlap,), "tail": (overlap,) if outputs == 1 else (outputs, overlap)}
    stream = None
    if packet >= overlap:
        stream = ProductStream(MaskedPacket(whole).eval(), packet, state, delay_samples=overlap)
    return Product(output.name, whole, "waveform", (output,), task.public_config(), stream=stream)
