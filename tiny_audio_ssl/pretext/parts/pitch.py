"""Pitch: the head of SPICE, and its product, which gives Hz with a confidence at each frame."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LOG_OFFSET, LogMel
from tiny_audio_ssl.pretext.configs.spice import SpiceConfig
from tiny_audio_ssl.pretext.product import Output, Product, ProductStream

PITCH = "pitch"
PACKET_HOPS = 5  # of a stream: 80 ms
TONES = 200  # to fit the scale of y in Hz on
HARMONICS = 12
QUIET, AUDIBLE = 10 * LOG_OFFSET, 1000 * LOG_OFFSET  # power of a band, about -94 and -74 dB
MOST_SLOPE = 4.0  # of the fitted line, relative to the slope that training asks for


class PitchHead(nn.Module):
    """Embeddings [n, D], for the pitch and for the confidence -> both, in 0..1, each [n]."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.pitch, self.confidence = nn.Linear(size, 1), nn.Linear(size, 1)

    def forward(self, of_pitch: Tensor, of_confidence: Tensor) -> tuple[Tensor, Tensor]:
        pitch, confidence = self.pitch(of_pitch), self.confidence(of_confidence)
        return pitch.sigmoid().squeeze(1), confidence.sigmoid().squeeze(1)


class PitchTrack(nn.Module):
    """Normalized spectrum [B, 1, bands, frames] -> pitch in Hz and confidence, each [B, slices].

    A slice begins at every frame, as long as one fits. The confidence is that of the head, faded to
    0 where no band exceeds -94 dB of full scale: silence has no pitch.
    """

    scale: Tensor

    def __init__(
        self, encoder: Encoder, head: PitchHead, slice_frames: int, frontend: LogMel
    ) -> None:
        super().__init__()
        self.encoder, self.head, self.slice_frames = encoder, head, slice_frames
        mean, inverse_std = float(frontend.mean[0]), float(frontend.inverse_std[0])
        self.quiet, self.audible = ((math.log(p) - mean) * inverse_std for p in (QUIET, AUDIBLE))
        self.register_buffer("scale", torch.tensor([1.0, 0.0]), persistent=False)

    def forward(self, spectrum: Tensor) -> tuple[Tensor, Tensor]:
        count = spectrum.shape[3] - self.slice_frames + 1
        shifted = [spectrum[..., k : k + count] for k in range(self.slice_frames)]
        slices = torch.stack(shifted, dim=4).permute(0, 3, 1, 2, 4).flatten(0, 1)
        embedding = self.encoder(slices)
        pitch, confidence = self.head(embedding, embedding)
        level = (slices.amax(dim=(1, 2, 3)) - self.quiet) / (self.audible - self.quiet)
        slope, offset = self.scale[0], self.scale[1]
        hz = torch.exp(pitch * slope + offset)
        sure = confidence * level.clamp(0, 1)
        return hz.reshape(-1, count), sure.reshape(-1, count)


class PitchPacket(nn.Module):
    """One step of a stream: packet [B, n hops] and the samples before it, zeros at the start ->
    pitch and confidence of the n slices that end with a hop of the packet, and the next samples."""

    def __init__(self, frontend: LogMel, track: PitchTrack) -> None:
        super().__init__()
        self.frontend, self.track = frontend, track

    def forward(self, packet: Tensor, past: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        samples = torch.cat([past, packet], dim=1)
        hz, confidence = self.track(self.frontend(samples))
        return hz, confidence, samples[:, packet.shape[1] :]


def pitch_product(
    head: PitchHead, config: SpiceConfig, frontend: LogMel, encoder: Encoder
) -> Product:
    """Return the product of SPICE, with a scale in Hz that is fitted to synthetic tones.

    The line from y to the logarithm of the pitch is fitted on harmonic tones whose pitches are
    known, as in the paper; its slope stays within a factor of four of that which one
    band has in training.
    """
    settings = frontend.config
    frames = config.slice_frames(settings)
    module = PitchTrack(encoder, head, frames, frontend).eval()
    spread = math.log(settings.max_hz / settings.min_hz)  # of all bands
    slope = spread * settings.bands / (settings.bands + 1)
    low, high = math.log(settings.min_hz) + 0.1 * spread, math.log(settings.max_hz) - 0.2 * spread
    tones = torch.linspace(low, high, TONES)
    with torch.no_grad():
        heard, _ = module(frontend(harmonic_tones(tones.exp(), settings.samples(frames))))
    y = heard.squeeze(1).log()  # the scale is 1 and 0 so far
    fitted = float(((y - y.mean()) * (tones - tones.mean())).mean() / y.var(correction=0))
    limits = slope / MOST_SLOPE, slope * MOST_SLOPE
    slope = min(max(fitted, limits[0]), limits[1]) if math.isfinite(fitted) else slope
    offset = float((tones - slope * y).median())
    module.scale.copy_(torch.tensor([slope, offset]))
    start, hop = settings.samples(frames), settings.hop
    places = f"[batch, slice]; slice k is of the {start} samples from sample {hop} k on"
    outputs = (
        Output(PITCH + "_hz", f"{places}: fundamental frequency in Hz"),
        Output("confidence", f"{places}: from 0 to 1 that there is one pitch"),
    )
    state = {"past": (start - hop,)}
    packet = PitchPacket(frontend, module).eval()
    stream = ProductStream(packet, PACKET_HOPS * hop, state, delay_samples=0)
    return Product(PITCH, module, "mel", outputs, config, stream=stream)


def harmonic_tones(hz: Tensor, samples: int) -> Tensor:
    """Return tones with harmonics that fall by 6 dB an octave, below 7.8 kHz: [n, samples]."""
    orders = torch.arange(1, HARMONICS + 1)
    partials = hz[:, None] * orders
    level = (0.1 / orders).where(partials < 0.4875 * SAMPLE_RATE_HZ, 0.0)
    time_s = torch.arange(samples) / SAMPLE_RATE_HZ
    phases = 2 * math.pi * partials[:, :, None] * time_s + orders[:, None].square()
    return (level[:, :, None] * phases.sin()).sum(dim=1)
