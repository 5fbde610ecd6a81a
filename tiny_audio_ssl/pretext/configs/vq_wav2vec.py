"""The settings of vq-wav2vec."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.pretext.configs.codebooks import CodebookConfig
from tiny_audio_ssl.pretext.configs.wav2vec import Wav2vecConfig


@dataclass(frozen=True)
class VqWav2vecConfig(CodebookConfig, Wav2vecConfig):
    """Hyper-parameters of vq-wav2vec."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_codebook(self.size)
