"""An artifact as the page for browsers runs it, with the HEAR API: the learned part of embeddings.

`browser_embedding.mjs` runs the page's own library in Node, so that WebAssembly computes. Needs
`make web`, and an export with a waveform artifact in ONNX:

    tiny-audio-ssl export tiny --recipe web --out EXPORT
    PYTHONPATH=benchmarks/peers python benchmarks/few_shot.py DATA \\
        browser=hear:browser_embedding@EXPORT/encoder.waveform.int8.onnx
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tiny_audio_ssl.export import manifest

SCRIPT = Path(__file__).with_suffix(".mjs")


class Embedding(nn.Module):
    """[sounds, samples], -1..1, 16 kHz -> [sounds, learned_dim], for sounds of one window."""

    def __init__(self, artifact: Path) -> None:
        super().__init__()
        content = manifest.read(artifact.parent)
        self.sample_rate: int = content["sample_rate_hz"]
        self.scene_embedding_size: int = manifest.learned_dim(content) or 0
        self.window: int = content["window_samples"]
        self.program = subprocess.Popen(
            ["node", str(SCRIPT), str(artifact)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def forward(self, audio: Tensor) -> Tensor:
        """Send the sounds to the library, and return what it answers."""
        sounds = np.ascontiguousarray(audio.cpu().numpy(), "<f4")
        if sounds.shape[1] != self.window:
            raise ValueError(f"{sounds.shape[1]} samples; expected {self.window}")
        assert self.program.stdin and self.program.stdout
        found = []
        for sound in sounds:
            self.program.stdin.write(sound.tobytes())
            self.program.stdin.flush()
            found.append(self.program.stdout.read(4 * self.scene_embedding_size))
        vectors = np.frombuffer(b"".join(found), "<f4")
        return torch.from_numpy(vectors.reshape(len(sounds), self.scene_embedding_size).copy())


def load_model(model_file_path: str = "") -> Embedding:
    """Load an artifact, with its manifest beside it."""
    return Embedding(Path(model_file_path))


def get_scene_embeddings(audio: Tensor, model: Embedding) -> Tensor:
    """[sounds, samples], -1..1, 16 kHz -> [sounds, learned_dim]."""
    found: Tensor = model(audio)
    return found
