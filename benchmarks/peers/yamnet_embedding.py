"""YAMNet with the HEAR API: 1,024 numbers for a sound, 3.7 M parameters of 8 bits.

Google's MobileNet v1 that tags 521 classes of AudioSet (github.com/tensorflow/models,
research/audioset/yamnet), as coralmicro publishes it for LiteRT: `yamnet_spectra_in.tflite`
(Apache-2.0) takes a log-mel of 96 frames and 64 bands. The embedding is the mean over what its
last convolution gives. Sound is cut into patches of 0.96 s, one every 0.48 s; the last is padded
with zeros.

    pip install ai-edge-litert==2.3.0
    PYTHONPATH=benchmarks/peers tiny-audio-ssl probe \\
        --model hear:yamnet_embedding --weights yamnet_spectra_in.tflite ...
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

WINDOW, HOP, POINTS, BANDS = 400, 160, 512, 64  # samples, samples, samples, mel bands
LOWEST_HZ, HIGHEST_HZ = 125.0, 7500.0
PATCH, PATCH_HOP = 96, 48  # frames
OFFSET = 0.001  # inside the logarithm
EMBEDDING = "layer28/reduce_mean"
PARAMETERS, MULTIPLY_ADDS = 3_700_000, 69_200_000  # of 0.96 s, as its authors give them


class YAMNet(nn.Module):
    """[sounds, samples], -1..1, 16 kHz -> the mean over all patches [sounds, 1024]; CPU only.

    Raises `ValueError`: `path` names no file.
    """

    filters: Tensor
    window: Tensor
    sample_rate = 16_000
    scene_embedding_size = 1024

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        if not Path(path).is_file():
            raise ValueError(f"weights {str(path)!r}; expected the path of a YAMNet .tflite file")
        self.register_buffer("filters", _filters(self.sample_rate))
        self.register_buffer("window", torch.hann_window(WINDOW))
        self.published_size = (PARAMETERS, Path(path).stat().st_size, MULTIPLY_ADDS)
        self.interpreter = _interpreter(Path(path))
        (self.embedding,) = (
            one for one in self.interpreter.get_tensor_details() if one["name"].endswith(EMBEDDING)
        )

    def forward(self, audio: Tensor) -> Tensor:
        """Embed patch after patch."""
        patches = self.patches(audio)
        found = [np.mean([self._embed(one) for one in sound], axis=0) for sound in patches.numpy()]
        return torch.from_numpy(np.stack(found)).float()

    def patches(self, audio: Tensor) -> Tensor:
        """[sounds, samples] -> natural logarithm of mel magnitudes [sounds, patches, 96, 64]."""
        shortest = WINDOW + (PATCH - 1) * HOP
        hops = max(0, math.ceil((audio.shape[1] - shortest) / (PATCH_HOP * HOP)))
        missing = shortest + hops * PATCH_HOP * HOP - audio.shape[1]
        frames = F.pad(audio, (0, missing)).unfold(1, WINDOW, HOP) * self.window
        mel = torch.fft.rfft(frames, POINTS).abs() @ self.filters
        patches: Tensor = (mel + OFFSET).log().unfold(1, PATCH, PATCH_HOP).mT
        return patches

    def _embed(self, patch: NDArray[np.float32]) -> NDArray[np.float32]:
        self.interpreter.set_tensor(self.interpreter.get_input_details()[0]["index"], patch[None])
        self.interpreter.invoke()
        scale, zero = self.embedding["quantization"]
        found = self.interpreter.get_tensor(self.embedding["index"]).ravel().astype(np.float32)
        return np.asarray(scale * (found - zero))


def load_model(model_file_path: str = "") -> YAMNet:
    """Load the network `model_file_path`, the path of yamnet_spectra_in.tflite."""
    return YAMNet(model_file_path).eval()


def get_scene_embeddings(audio: Tensor, model: YAMNet) -> Tensor:
    """[sounds, samples], -1..1, 16 kHz -> [sounds, 1024]."""
    embeddings: Tensor = model(audio)
    return embeddings


def _interpreter(path: Path) -> Interpreter:
    """Keep all tensors, since the embedding is inside the graph; LiteRT warns of the memory."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors")
        made = Interpreter(str(path), num_threads=1, experimental_preserve_all_tensors=True)
    made.allocate_tensors()
    return made


def _filters(rate_hz: int) -> Tensor:
    """Return triangles on the HTK mel scale, as tf.signal makes them: [257, 64]."""

    def mel(hertz: Tensor) -> Tensor:
        return 1127 * torch.log1p(hertz / 700)

    low, high = mel(torch.tensor([LOWEST_HZ, HIGHEST_HZ], dtype=torch.float64))
    edges = torch.linspace(low, high, BANDS + 2, dtype=torch.float64)
    bins = mel(torch.arange(POINTS // 2 + 1, dtype=torch.float64) * rate_hz / POINTS)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp_min(0).float()
