"""SwiftF0's pitch with the HEAR API, as a target to learn: how much of a sound is at which pitch.

The network (Nieradzik 2025, arXiv 2508.18440, MIT; 14 k parameters, ONNX) gives a pitch and a
confidence every 16 ms. Here they become a histogram in semitones from 46.2 to 2,093 Hz, in which
each frame counts by its confidence, and is shared between the two nearest bins; its square root is
returned, so that a short note still shows, with the mean confidence behind it.

    pip install swift-f0==0.3.0 onnxruntime
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

__version__ = metadata.version("swift-f0")

LOWEST_HZ, HIGHEST_HZ = 46.875, 2093.75  # of the network
LOWEST_NOTE, HIGHEST_NOTE = 30, 97  # as MIDI numbers notes
BINS = HIGHEST_NOTE - LOWEST_NOTE + 1
HOP = 256  # samples from frame to frame
SILENCE = 1e-3  # peak of a frame below which the network's answer is random


class PitchHistogram(nn.Module):
    """[sounds, samples], -1..1, 16 kHz -> [sounds, BINS + 1]."""

    sample_rate = 16_000
    scene_embedding_size = BINS + 1

    def __init__(self, weights: Path) -> None:
        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(str(weights), options)

    def forward(self, audio: Tensor) -> Tensor:
        rows = [self._histogram(sound[None]) for sound in audio.cpu().numpy()]
        return torch.from_numpy(np.stack(rows))

    def _histogram(self, sound: np.ndarray) -> np.ndarray:
        """[1, samples] -> [BINS + 1]"""
        given = {"audio": sound.astype(np.float32)}
        given |= {"fmin": np.array(LOWEST_HZ, np.float32)}
        given |= {"fmax": np.array(HIGHEST_HZ, np.float32)}
        pitch_hz, confidence = (found[0] for found in self.session.run(None, given))
        frames = np.pad(sound[0], (0, -sound.shape[1] % HOP)).reshape(-1, HOP)
        count = min(len(frames), len(pitch_hz))
        heard = np.abs(frames[:count]).max(axis=1) >= SILENCE
        weight = np.where(heard, confidence[:count], 0) / max(1, count)
        note = 69 + 12 * np.log2(np.maximum(pitch_hz[:count], 1) / 440) - LOWEST_NOTE
        lower = np.clip(np.floor(note).astype(int), 0, BINS - 2)
        upper_share = np.clip(note - lower, 0, 1)
        bins = np.zeros(BINS)
        np.add.at(bins, lower, weight * (1 - upper_share))
        np.add.at(bins, lower + 1, weight * upper_share)
        return np.append(np.sqrt(bins), weight.sum()).astype(np.float32)


def load_model(model_file_path: str = "") -> PitchHistogram:
    """Open the network in `model_file_path`; left out, that of the installed package."""
    installed = metadata.distribution("swift-f0").locate_file("swift_f0/model.onnx")
    return PitchHistogram(Path(model_file_path or str(installed))).eval()


def get_scene_embeddings(audio: Tensor, model: PitchHistogram) -> Tensor:
    embeddings: Tensor = model(audio)
    return embeddings
