"""Streams for tests: small models, sound for them, and the embeddings they must give."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from support.runs import chord
from torch.nn import functional as F

from tiny_audio_ssl.export.streaming.sliding_encoder import stream_network
from tiny_audio_ssl.export.streaming.stream_encoder import StreamShape, offline
from tiny_audio_ssl.export.streaming.stream_runtime import Stream, StreamEmbedding
from tiny_audio_ssl.export.streaming.to_stream import describe
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import WaveformEncoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig

PAST = 240  # samples of silence before a stream


def small(name: str = "mobile", slice_frames: int | None = None, **options) -> WaveformEncoder:
    config = EncoderConfig(name, width=0.25, slice_frames=slice_frames, **options)
    return checkpoint.untrained(FrontendConfig(), config, seed=0).eval()


def eager(model: WaveformEncoder, shape: StreamShape) -> Stream:
    """Return a stream of the eager module."""
    network = stream_network(model, shape)

    def run(*inputs: np.ndarray) -> list[np.ndarray]:
        with torch.no_grad():
            return [x.numpy() for x in network(*map(torch.from_numpy, inputs))]

    return Stream(run, describe(network, "onnx"))


def expected(
    model: WaveformEncoder, shape: StreamShape, sound: np.ndarray, found: Iterable[StreamEmbedding]
) -> torch.Tensor:
    """Return the offline model's embeddings of the very samples that each one has heard.

    What reads a whole slice has heard silence before the sound.
    """
    exact = offline(model, shape)
    longest = 160 * shape.packet_frames * shape.packets
    before = longest if shape.is_sliding else 0
    padded = F.pad(torch.from_numpy(sound), (PAST + before, 0))
    with torch.no_grad():
        return torch.cat([
            exact(padded[None, max(0, end - longest) : end + PAST])
            for end in (e.end_sample + before for e in found)
        ])  # fmt: skip


def sound(seconds: float = 3.0) -> np.ndarray:
    """Return loud, silent and quiet parts; exact as 16-bit."""
    wave = chord(1, seconds)
    third = len(wave) // 3
    wave[third : third + 4000] = 0
    wave[2 * third :] *= 0.01
    return (np.round(wave.clip(-1, 32767 / 32768) * 32768) / 32768).astype(np.float32)


def pushed(stream: Stream, pcm: np.ndarray, chunk: int) -> list[StreamEmbedding]:
    chunks = (pcm[start : start + chunk] for start in range(0, len(pcm), chunk))
    return [found for one in chunks for found in stream.push(one)]


def joined(found: Iterable[StreamEmbedding]) -> torch.Tensor:
    return torch.from_numpy(np.stack([e.embedding for e in found]))
