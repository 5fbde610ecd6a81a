"""The settings of wav2vec."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.pretext.configs.predictive import PredictiveConfig
from tiny_audio_ssl.utils.ranges import COUNT, check_numbers


@dataclass(frozen=True)
class Wav2vecConfig(PredictiveConfig):
    """Hyper-parameters of wav2vec. The paper predicts 12 steps of 10 ms, and has 9 layers."""

    layers: int = 4
    """Causal convolutions of the context network, with kernels of 2, 3, 4, ... steps."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, layers=COUNT)
