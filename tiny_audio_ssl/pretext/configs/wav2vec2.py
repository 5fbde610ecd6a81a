"""The settings of wav2vec 2.0 and wav2vec-C."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.pretext.configs.codebooks import CodebookConfig
from tiny_audio_ssl.pretext.configs.masked_steps import MaskedStepsConfig
from tiny_audio_ssl.utils.ranges import COUNT, NOT_NEGATIVE, POSITIVE, check_numbers


@dataclass(frozen=True)
class Wav2vec2Config(CodebookConfig, MaskedStepsConfig):
    """Hyper-parameters of wav2vec 2.0."""

    diversity: float = 0.1
    """Weight of the diversity loss, which rewards using more entries, for `gumbel`."""
    distractors: int = 10
    """Wrong candidates for each step to predict, all of them masked steps of the same clip (100 in
    the paper, whose clips are longer and whose steps are shorter)."""
    temperature: float = 0.1
    """Divisor of the cosines."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_codebook(self.size)
        check_numbers(self, distractors=COUNT, temperature=POSITIVE)


@dataclass(frozen=True)
class Wav2vecCConfig(Wav2vec2Config):
    """Hyper-parameters of wav2vec-C."""

    diversity: float = 1.5
    """Weight of the diversity loss, which rewards using more entries, for `gumbel`."""
    consistency: float = 1.0
    """Weight of the reconstruction of the log-mel from the codebook's entries."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, consistency=NOT_NEGATIVE)
