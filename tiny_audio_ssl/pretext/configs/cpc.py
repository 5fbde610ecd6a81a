"""The settings of CPC and CPC2."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.pretext.configs.predictive import PredictiveConfig
from tiny_audio_ssl.utils.ranges import (
    COUNT,
    NOT_NEGATIVE,
    SHARE,
    Range,
    check_ascending,
    check_numbers,
)


@dataclass(frozen=True)
class CpcConfig(PredictiveConfig):
    """Hyper-parameters of CPC. The paper predicts 12 steps of 10 ms and has 128 negatives."""

    layers: int = 1
    """Layers of the GRU."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, layers=COUNT)


@dataclass(frozen=True)
class Cpc2Config(PredictiveConfig):
    """Hyper-parameters of CPC2."""

    layers: int = 2
    """Layers of the LSTM."""
    distorted: float = 0.8
    """Probability of each distortion of the past, drawn for each clip and distortion on its own."""
    pitch_cents: float = 300.0
    """Maximum shift of the pitch, up or down."""
    min_snr_db: float = 5.0
    """Minimum signal-to-noise ratio of the noise that is added."""
    max_snr_db: float = 20.0
    """Maximum signal-to-noise ratio of the noise that is added."""
    longest_decay_s: float = 0.8
    """Maximum reverberation time (decay by 60 dB) of the room; the minimum is 0.1 s."""
    drop_ms: float = 50.0
    """Length of the part that is silenced."""

    def __post_init__(self) -> None:
        super().__post_init__()
        decibels = Range(0, 100)
        check_numbers(
            self,
            layers=COUNT,
            distorted=SHARE,
            pitch_cents=Range(0, 1200),
            min_snr_db=decibels,
            max_snr_db=decibels,
            longest_decay_s=Range(0.1, 10),
            drop_ms=NOT_NEGATIVE,
        )
        check_ascending(self, "min_snr_db", "max_snr_db")
