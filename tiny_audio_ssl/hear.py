"""The HEAR 2021 API for this package's checkpoints, for any evaluation suite that uses it.

See https://hearbenchmark.com/hear-api.html and Turian et al., arXiv 2203.03022. `docs/hear.md` has
the commands.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
from tiny_audio_ssl.audio.waveform import check
from tiny_audio_ssl.embedding.frames import embed_windows, window_samples
from tiny_audio_ssl.embedding.long import embed_in_parts
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import WaveformEncoder

LONGEST_HOP_MS = 50.0  # between timestamps: the error that HEAR allows for an onset


class CheckpointModel(nn.Module):
    """A checkpoint with the attributes that HEAR requires.

    Attributes:
        sample_rate: of the audio that the model takes, in Hz.
        scene_embedding_size, timestamp_embedding_size: size of an embedding.
        hop_ms: time between two timestamps.
    """

    sample_rate = SAMPLE_RATE_HZ

    def __init__(self, encoder: WaveformEncoder) -> None:
        super().__init__()
        self.encoder = encoder.eval()
        self.scene_embedding_size = encoder.encoder.embedding_dim
        self.timestamp_embedding_size = encoder.encoder.embedding_dim
        frontend = encoder.frontend.config
        self.window = window_samples(encoder)
        self.hop_samples = max(1, math.floor(LONGEST_HOP_MS / frontend.hop_ms)) * frontend.hop
        self.hop_ms = 1000 * self.hop_samples / self.sample_rate

    def forward(self, audio: Tensor) -> Tensor:
        """Embed each whole sound: [sounds, samples], -1..1 -> [sounds, D]."""
        return embed_in_parts(self._embed, audio)

    def _embed(self, audio: Tensor) -> Tensor:
        embeddings: Tensor = self.encoder(self.encoder.frontend.padded(audio))
        return embeddings

    def windows(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Embed windows: [sounds, samples] -> [sounds, windows, D], their centers in ms [windows].

        A window is as long as the slices that the encoder was trained on. The first is centered at
        the first sample; the half before the sound is zeros.
        """
        embeddings = embed_windows(self.encoder, audio, self.window, self.hop_samples)
        centers = self.hop_ms * torch.arange(embeddings.shape[1], device=audio.device)
        return embeddings, centers


def load_model(model_file_path: str = "") -> CheckpointModel:
    """Load the last checkpoint of a run, or a checkpoint folder, to the CPU.

    Raises `UserError` if there is none.
    """
    if not model_file_path:
        raise UserError("tiny_audio_ssl.hear has no weights of its own: give a run's folder")
    return CheckpointModel(checkpoint.load(model_file_path).model)


@torch.no_grad()
def get_timestamp_embeddings(audio: Tensor, model: CheckpointModel) -> tuple[Tensor, Tensor]:
    """Embed windows around regular timestamps, at most 50 ms apart.

    Args:
        audio: [sounds, samples], float, mono, at `model.sample_rate`, with full scale at -1..1;
            of any length.

    Returns:
        embeddings float32 [sounds, timestamps, D] and timestamps float32 [sounds, timestamps] in
        ms from the start, both on the model's device.

    Raises `UserError` if `audio` is of another type, shape or range.
    """
    embeddings, centers = model.windows(checked(audio, model))
    return embeddings, centers.float().expand(len(audio), -1)


@torch.no_grad()
def get_scene_embeddings(audio: Tensor, model: CheckpointModel) -> Tensor:
    """Embed each sound as a whole, as `embed` and `probe` do; return float32 [sounds, D].

    Takes and raises the same as `get_timestamp_embeddings`.
    """
    embeddings: Tensor = model(checked(audio, model))
    return embeddings


def checked(audio: Tensor, model: CheckpointModel) -> Tensor:
    """Return audio [sounds, samples] as float32 on the model's device.

    Raises `UserError` if it is no float tensor, or `audio.waveform.check` refuses it.
    """
    if not isinstance(audio, Tensor) or not audio.is_floating_point():
        given = f"a tensor of {audio.dtype}" if isinstance(audio, Tensor) else type(audio).__name__
        raise UserError(f"audio is {given}; expected a float tensor in -1..1")
    check(audio, "[sounds, samples]")
    return audio.to(next(model.parameters()).device, torch.float32)
