"""Resemblyzer's voice encoder with the HEAR API: 256 numbers that say who speaks, 1.4 M parameters.

The d-vector of Wan et al., arXiv 1710.10467, with the weights in the wheel of Resemblyzer 0.1.4.
Differs from that package in one thing: nothing is cut out. Its voice activity detector would drop
what is not speech, and most of our sounds are not. The package itself is not imported: that takes
`webrtcvad`, which no longer imports beside a current setuptools.

    pip install Resemblyzer==0.1.4
    PYTHONPATH=benchmarks/peers tiny-audio-ssl probe --model hear:resemblyzer_embedding ...
"""

from __future__ import annotations

import math
from importlib import metadata
from pathlib import Path

import librosa
import torch
from torch import Tensor, nn
from torch.nn import functional as F

__version__ = metadata.version("Resemblyzer")

HOP, WINDOW, BANDS = 160, 400, 40
PARTIAL_FRAMES = 160  # 1.6 s
STEP_FRAMES = round(16_000 / 1.3 / HOP)  # 1.3 partials a second
LEAST_COVERAGE = 0.75  # of the last partial; one with less sound in it is left out
LOUDNESS_DBFS = -30.0  # quieter sounds are raised to it
SIZE = 256


class VoiceEncoder(nn.Module):
    """[sounds, samples], -1..1, 16 kHz -> unit vectors [sounds, 256].

    A sound is split into partials of 1.6 s; theirs are averaged. A shorter one is padded with
    zeros at its end.
    """

    filters: Tensor
    window: Tensor
    sample_rate = 16_000
    scene_embedding_size = SIZE

    def __init__(self) -> None:
        super().__init__()
        filters = librosa.filters.mel(sr=self.sample_rate, n_fft=WINDOW, n_mels=BANDS)
        self.register_buffer("filters", torch.from_numpy(filters), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        self.lstm = nn.LSTM(BANDS, SIZE, num_layers=3, batch_first=True)
        self.linear = nn.Linear(SIZE, SIZE)

    def forward(self, audio: Tensor) -> Tensor:
        starts = partials(audio.shape[1])
        missing = (starts[-1] + PARTIAL_FRAMES) * HOP - audio.shape[1]
        mel = self.spectrogram(F.pad(louder(audio), (0, max(0, missing))))
        parts = torch.stack([mel[:, start : start + PARTIAL_FRAMES] for start in starts], dim=1)
        _, (hidden, _) = self.lstm(parts.flatten(0, 1))
        embeddings = F.normalize(self.linear(hidden[-1]).relu(), dim=1)
        return F.normalize(embeddings.reshape(len(audio), -1, SIZE).mean(dim=1), dim=1)

    def spectrogram(self, audio: Tensor) -> Tensor:
        """[sounds, samples] -> mel power, without a logarithm [sounds, frames, 40]."""
        spectrum = torch.stft(
            audio, WINDOW, HOP, window=self.window, pad_mode="constant", return_complex=True
        )
        return (self.filters @ spectrum.abs().square()).mT


def partials(samples: int) -> list[int]:
    """Return the frames at which the partials of a sound of that length start."""
    frames = math.ceil((samples + 1) / HOP)
    starts = list(range(0, max(1, frames - PARTIAL_FRAMES + STEP_FRAMES + 1), STEP_FRAMES))
    covered = (samples - starts[-1] * HOP) / (PARTIAL_FRAMES * HOP)
    return starts[:-1] if covered < LEAST_COVERAGE and len(starts) > 1 else starts


def louder(audio: Tensor) -> Tensor:
    rms = audio.square().mean(dim=1, keepdim=True).sqrt()
    wanted = 10 ** (LOUDNESS_DBFS / 20)
    return audio * (wanted / rms.clamp_min(1e-9)).clamp_min(1.0)


def load_model(model_file_path: str = "") -> VoiceEncoder:
    """The weights in `model_file_path`; left out, those of the installed package."""
    installed = metadata.distribution("Resemblyzer").locate_file("resemblyzer/pretrained.pt")
    saved = torch.load(Path(model_file_path or str(installed)), map_location="cpu")
    model = VoiceEncoder()
    wanted = model.state_dict().keys()  # besides them, what its training loss learned
    model.load_state_dict({name: saved["model_state"][name] for name in wanted})
    return model.eval()


def get_scene_embeddings(audio: Tensor, model: VoiceEncoder) -> Tensor:
    embeddings: Tensor = model(audio)
    return embeddings
