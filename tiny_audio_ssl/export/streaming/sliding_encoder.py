"""Streaming of an encoder that reads a whole window at once, such as the shipped ones.

Its maps depend on all of the window, so the body runs anew with each packet, on the log-mel of the
last slice. Only the front-end, half of a window's time, works on what is new:

    packet, last samples -> log-mel of the packet
    log-mel of the packets before it, that of the packet -> encoder -> embedding

The result is that of the offline model on the last slice, up to float rounding.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from tiny_audio_ssl.export.config import EMBEDDING
from tiny_audio_ssl.export.streaming.packet_frontend import packet_frontend
from tiny_audio_ssl.export.streaming.stream_encoder import (
    PacketMaps,
    StreamEncoder,
    StreamShape,
    offline,
)
from tiny_audio_ssl.models.encoders import Encoder, WaveformEncoder


class SlidingEncoder(nn.Module):
    """One step of a stream. The state is explicit, and all zeros at the start.

    Input: packet [B, hop * packet_frames], -1..1, 16 kHz; past [B, window - hop], the samples
    before it; frames [B, 1, bands, slice_frames - packet_frames], by how much the log-mel before it
    differs from that of silence.
    Output: embedding [B, D]; past and frames for the next step. Batch items are streams of their
    own.

    A stream begins as if silence went before it.
    """

    silence: Tensor
    state = ("past", "frames")
    outputs = (EMBEDDING,)

    def __init__(self, model: WaveformEncoder, shape: StreamShape) -> None:
        super().__init__()
        model = offline(model, shape)
        self.shape = shape
        self.frontend = packet_frontend(model.frontend.constant(), shape.packet_frames)
        self.maps: nn.Module = PacketMaps(model.encoder)
        self.readout = MapsReadout(model.encoder)
        with torch.no_grad():
            config = self.frontend.config
            silence = self.frontend(torch.zeros(1, config.samples(shape.packet_frames)))
        self.register_buffer("silence", silence[..., :1].clone(), persistent=False)

    def forward(
        self, packet: Tensor, past: Tensor, frames: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        samples = torch.cat([past, packet], dim=1)
        frames = self._slice(samples, frames)
        logmel = frames + self.silence
        middle, last = self.maps(logmel)
        embedding = self.readout(logmel, middle, last)
        return (
            embedding,
            samples[:, packet.shape[1] :],
            frames[..., self.shape.packet_frames :],
        )

    def logmel(self, packet: Tensor, past: Tensor, frames: Tensor) -> Tensor:
        """Return what the encoder reads in a step, [B, 1, bands, slice_frames]."""
        return self._slice(torch.cat([past, packet], dim=1), frames) + self.silence

    def _slice(self, samples: Tensor, frames: Tensor) -> Tensor:
        """Return the frames before the packet and its own, all relative to silence."""
        return torch.cat([frames, self._fresh(samples)], dim=3)

    def _fresh(self, samples: Tensor) -> Tensor:
        relative: Tensor = self.frontend(samples) - self.silence
        return relative

    def start(self, batch: int = 1) -> tuple[Tensor, Tensor, Tensor]:
        """Return a silent packet and the state that a stream starts with."""
        config, shape = self.frontend.config, self.shape
        kept = shape.slice_frames - shape.packet_frames
        return (
            torch.zeros(batch, config.hop * shape.packet_frames),
            torch.zeros(batch, config.window - config.hop),
            torch.zeros(batch, 1, config.bands, kept),
        )

    def steps_of(self, waveforms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Cut waveforms [B, N] into slices: inputs of the steps that end them."""
        packet, past, _ = (x.shape[1] for x in self.start())
        length = past + packet * self.shape.packets
        samples = waveforms.unfold(1, length, packet * self.shape.packets).flatten(0, 1)
        before = samples.unfold(1, past + packet, packet)[:, :-1]  # [B, packets - 1, past + packet]
        with torch.no_grad():
            frames = [self._fresh(one.contiguous()) for one in before.unbind(1)]
        packets = samples[:, -packet:].contiguous()
        return packets, samples[:, -packet - past : -packet].contiguous(), torch.cat(frames, dim=3)


class MapsReadout(nn.Module):
    """The encoder without its body: log-mel, middle and last maps -> embedding [B, D]."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder)
        self.encoder.body = nn.Sequential()

    def forward(self, logmel: Tensor, middle: Tensor, last: Tensor) -> Tensor:
        embedding: Tensor = self.encoder.readout(logmel, middle, self.encoder.pooled(last))
        return embedding


def stream_network(model: WaveformEncoder, shape: StreamShape) -> StreamEncoder | SlidingEncoder:
    """Return one step of a stream of this shape."""
    return SlidingEncoder(model, shape) if shape.is_sliding else StreamEncoder(model, shape)
