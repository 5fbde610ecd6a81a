"""Streaming: map a packet of sound and a state to the embedding of the last window and the next
state.

An encoder that reads its input in slices (`EncoderConfig.slice_frames`) can be streamed exactly:
slices do not see each other, and what the embedding keeps of them is means and maxima over time.
So a packet is read once, when it is complete, and its summary stays until the window has passed:

    packet, last samples -> log-mel -> encoder -> summary    (this packet)
    summaries of the last packets -> embedding               (the window)

The result is that of the offline model with these slices (`offline`) on the window's samples, up
to float rounding. Per-layer convolution state is not needed, nor would it give the same network:
convolutions pad with zeros at a slice's edges.

An encoder whose slices are longer than a packet is streamed by `SlidingEncoder`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.config import EMBEDDING
from tiny_audio_ssl.export.half import rounded
from tiny_audio_ssl.export.streaming.packet_convolutions import drop_padded_columns
from tiny_audio_ssl.export.streaming.packet_frontend import packet_frontend
from tiny_audio_ssl.export.streaming.window_readout import WindowReadout
from tiny_audio_ssl.models.encoders import Encoder, WaveformEncoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig

LONGEST_DEFAULT_FRAMES = 32  # 320 ms: an answer any later is not live
FEWEST_FRAMES = 2  # of a packet; a single one has no change within
ABOUT_AS_LONG = 0.1
MOST_OF_WINDOW = 2 / 3  # a slice that is more of the window is streamed as if it were all of it


@dataclass(frozen=True)
class StreamShape:
    """Sizes of a stream, in frames (hops of 10 ms) except for `packets`."""

    packet_frames: int
    slice_frames: int  # of the encoder; a whole number in a packet, or one slice is the window
    packets: int  # in the window

    @classmethod
    def read(cls, stream: Mapping[str, Any]) -> StreamShape:
        """Return the sizes that the `stream` of a manifest's entry states."""
        return cls(stream["packet_frames"], stream["slice_frames"], stream["packets"])

    @property
    def is_sliding(self) -> bool:
        """Whether the encoder reads the last slice anew with each packet."""
        return self.slice_frames > self.packet_frames


def stream_shape(
    model: WaveformEncoder,
    packet_ms: float | None,
    window_samples: int,
    slice_ms: float | None = None,
) -> StreamShape:
    """Return the sizes of a stream of this model.

    Args:
        packet_ms: the checkpoint's slice, at most 320 ms, if None.
        window_samples: of the offline artifacts; the stream's is the nearest whole number of
            packets, at least one.
        slice_ms: of which a packet is a whole number. If None, the encoder's slices stay what the
            checkpoint says where a packet is a whole number of them, or where one slice is most of
            the window, which then is that slice; otherwise a packet is one slice.

    Raises `UserError`: a packet or slice that is not a whole number of hops, or shorter than two
    hops; a packet that is not a whole number of slices, or longer than the window.
    """
    frontend, own = model.frontend.config, model.encoder.config.slice_frames
    if packet_ms is None:
        packet = min(own or LONGEST_DEFAULT_FRAMES, LONGEST_DEFAULT_FRAMES)
    else:
        packet = _whole_frames("--packet-ms", packet_ms, frontend)
    slices = None if slice_ms is None else _whole_frames("--slice-ms", slice_ms, frontend)
    if slices is not None and packet % slices:
        raise UserError(
            f"--slice-ms {slice_ms:g}: expected a whole number of slices in a packet of "
            f"{packet * frontend.hop_ms:g} ms"
        )
    frames = frontend.frames(window_samples)
    if packet > frames:
        raise UserError(
            f"a packet of {packet * frontend.hop_ms:g} ms is longer than the window, which has "
            f"{frames} frames; expected a shorter --packet-ms or a longer --window-ms"
        )
    if slices is None:
        slices = _slices(own, packet, frames)
    window = slices if slices > packet else frames
    return StreamShape(packet, slices, round(window / packet))


def _slices(own: int | None, packet: int, window: int) -> int:
    """Return the frames that an encoder with slices of `own` frames reads at a time."""
    if own is None:
        return packet
    if packet < own and MOST_OF_WINDOW * window < own:
        return packet * round(own / packet)
    return own if packet % own == 0 else packet


def _whole_frames(option: str, duration_ms: float, frontend: FrontendConfig) -> int:
    hops = duration_ms * SAMPLE_RATE_HZ / 1000 / frontend.hop
    frames = round(hops) if math.isfinite(hops) else 0
    if frames < FEWEST_FRAMES or not math.isclose(frames, hops):
        raise UserError(
            f"{option} {duration_ms:g}: expected a whole number of hops of "
            f"{frontend.hop_ms:g} ms, at least {FEWEST_FRAMES}, e.g. 80 or 160"
        )
    return frames


def reads_as_trained(model: WaveformEncoder, shape: StreamShape) -> bool:
    """Return whether a stream reads slices about as long as those that the encoder learned from."""
    own = model.encoder.config.slice_frames
    return own is None or math.isclose(shape.slice_frames, own, rel_tol=ABOUT_AS_LONG)


def offline(model: WaveformEncoder, shape: StreamShape) -> WaveformEncoder:
    """Return a copy of the model that reads whole windows in the stream's slices.

    Its embedding is the one that a stream must equal.
    """
    model = copy.deepcopy(model)
    model.encoder.config = replace(model.encoder.config, slice_frames=shape.slice_frames)
    return model.eval()


class PacketMaps(nn.Module):
    """The part of a stream that may be int8: a packet's log-mel -> its middle and last maps."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, logmel: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder.maps(logmel)


class HalfMaps(nn.Module):
    """`PacketMaps` with the body in float16; log-mel and maps are float32 outside."""

    def __init__(self, maps: PacketMaps) -> None:
        super().__init__()
        self.maps = maps
        maps.encoder.body.half()

    def forward(self, logmel: Tensor) -> tuple[Tensor, Tensor]:
        middle, last = self.maps(rounded(logmel))
        return middle.float(), last.float()


class StreamEncoder(nn.Module):
    """One step of a stream. The state is explicit, and all zeros at the start.

    Input: packet [B, hop * packet_frames], -1..1, 16 kHz; past [B, window - hop], the samples
    before it; summaries [B, packets, size] of the packets before it, oldest first.
    Output: embedding [B, D]; heard [B, 1], how many packets it is made of; past and summaries for
    the next step. Batch items are streams of their own.

    Frames end with the packet's last sample: nothing is left over for the next packet, and the
    stream begins as if `window - hop` samples (15 ms) of silence went before it.
    """

    state = ("past", "summaries")
    outputs = (EMBEDDING, "heard")

    def __init__(self, model: WaveformEncoder, shape: StreamShape) -> None:
        super().__init__()
        model = offline(model, shape)
        self.shape = shape
        drop_padded_columns(model.encoder, shape.packet_frames)
        self.frontend = packet_frontend(model.frontend.constant(), shape.packet_frames)
        self.maps: nn.Module = PacketMaps(model.encoder)
        self.readout = WindowReadout(
            model.encoder, model.frontend.config.bands, shape.packet_frames
        )

    def forward(
        self, packet: Tensor, past: Tensor, summaries: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        samples = torch.cat([past, packet], dim=1)
        logmel = self.frontend(samples)
        middle, last = self.maps(logmel)
        summary = self.readout.summary(logmel, middle, last, summaries[:, -1])
        summaries = torch.cat([summaries[:, 1:], summary], dim=1)
        embedding, heard = self.readout(summaries)
        return embedding, heard, samples[:, packet.shape[1] :], summaries

    def logmel(self, packet: Tensor, past: Tensor, *_: Tensor) -> Tensor:
        """Return what the encoder reads in a step, [B, 1, bands, packet_frames]."""
        logmel: Tensor = self.frontend(torch.cat([past, packet], dim=1))
        return logmel

    def start(self, batch: int = 1) -> tuple[Tensor, Tensor, Tensor]:
        """Return a silent packet and the state that a stream starts with."""
        config = self.frontend.config
        return (
            torch.zeros(batch, config.hop * self.shape.packet_frames),
            torch.zeros(batch, config.window - config.hop),
            torch.zeros(batch, self.shape.packets, self.readout.size),
        )

    def steps_of(self, waveforms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Cut waveforms [B, N] into packets, each at the start of a stream: inputs of steps."""
        packet, past, _ = (x.shape[1] for x in self.start())
        samples = waveforms.unfold(1, past + packet, packet).flatten(0, 1)
        before, packets = samples.tensor_split([past], dim=1)
        return packets.contiguous(), before.contiguous(), self.start(len(samples))[2]
