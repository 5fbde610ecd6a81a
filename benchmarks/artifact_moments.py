"""Embed recordings with an ONNX artifact, at the moments at which apps and pages listen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from teaching import LONGEST_S, Moments, Recording

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.runtimes import open_outputs
from tiny_audio_ssl.export.streaming.stream_encoder import StreamShape
from tiny_audio_ssl.export.streaming.stream_runtime import Stream

Wave = NDArray[np.float32]
Listen = Callable[[Wave], NDArray[np.float32]]  # embeddings [moments, D]


def moments_of(artifact: Path, recordings: Sequence[Recording]) -> Moments:
    """Embed recordings with an artifact that takes a stream or a waveform.

    Levels are those of the samples that are new at each moment. A moment with silence before the
    sound counts only if the sound is shorter than what the encoder reads.
    """
    content = manifest.read(artifact.parent)
    (entry,) = (one for one in content["artifacts"] if one["file"] == artifact.name)
    learned, window = content["encoder"]["learned_dim"], int(content["window_samples"])
    if "stream" in entry:
        hop, shape = int(entry["stream"]["packet_samples"]), StreamShape.read(entry["stream"])
        packets = shape.packets if shape.is_sliding else 1
        shortest = hop * packets
        listen = _stream(artifact, skipped=packets - 1)
    else:
        shortest, hop = window, window // 4
        listen = _windows(artifact, window, hop)
    vectors, levels = [], []
    for one in recordings:
        sound = audio.read(one.path)[: round(LONGEST_S * SAMPLE_RATE_HZ)]
        sound = np.pad(sound, (max(0, shortest - len(sound)), 0))  # silence came before it
        found = listen(sound)[:, :learned].astype(np.float64)
        hops = sound[: len(sound) // hop * hop].reshape(-1, hop).astype(np.float64)
        vectors.append(found)
        levels.append(np.sqrt(np.square(hops).mean(axis=1))[-len(found) :])
    return Moments(recordings, vectors, levels, hop / SAMPLE_RATE_HZ)


def _stream(artifact: Path, skipped: int) -> Listen:
    stream = Stream.open(artifact, threads=1)

    def listen(sound: Wave) -> NDArray[np.float32]:
        stream.reset()
        return np.array([moment.embedding for moment in stream.push(sound)])[skipped:]

    return listen


def _windows(artifact: Path, window: int, hop: int) -> Listen:
    run = open_outputs(artifact, threads=1)

    def listen(sound: Wave) -> NDArray[np.float32]:
        windows = np.lib.stride_tricks.sliding_window_view(sound, window)[::hop]
        return np.concatenate([run(one[None])[0] for one in windows])

    return listen
