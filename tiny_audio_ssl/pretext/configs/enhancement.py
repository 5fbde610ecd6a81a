"""The settings of the tasks that enhance sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.pretext.configs.masks import MaskConfig
from tiny_audio_ssl.utils.ranges import Range, check_ascending, check_numbers

KIND = "kind"  # the manifest column
KINDS = ("speech", "noise")
SNR_DB = Range(-60, 60)
Objective = Literal["si-sdr", "log-mel"]


@dataclass(frozen=True)
class NoiseConfig(MaskConfig):
    """Hyper-parameters of the noise that is added to recordings."""

    min_snr_db: float = -5.0
    """Minimum signal-to-noise ratio of a recording and the noise that is added to it."""
    max_snr_db: float = 15.0
    """Maximum signal-to-noise ratio of a recording and the noise that is added to it."""
    kinds: bool = False
    """Use the manifest column `kind`: recordings marked `noise` are added to those marked `speech`.
    Default: colored noise and other recordings are added to every recording."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, min_snr_db=SNR_DB, max_snr_db=SNR_DB)
        check_ascending(self, "min_snr_db", "max_snr_db")

    def class_lists(self) -> dict[str, tuple[str, ...]]:
        return {KIND: KINDS} if self.kinds else {}

    def columns_option(self) -> str:
        return "--pretext.kinds"


@dataclass(frozen=True)
class SpeechEnhancementConfig(NoiseConfig):
    """Hyper-parameters of speech enhancement."""

    objective: Objective = "si-sdr"
    """Objective. `si-sdr`: the scale-invariant signal-to-distortion ratio of the waveform;
    `log-mel`: the squared error of the masked log-mel."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.objective not in get_args(Objective):
            raise UserError(
                f"speech-enhancement: objective {self.objective!r}; expected "
                f"{' or '.join(get_args(Objective))}"
            )


@dataclass(frozen=True)
class PseudoSeConfig(NoiseConfig):
    """Hyper-parameters of PseudoSE."""

    min_snr_db: float = -5.0
    """Minimum ratio of a noisy recording to the noise that is added to it."""
    max_snr_db: float = 5.0
    """Maximum ratio of a noisy recording to the noise that is added to it."""
    purify: str = ""
    """Folder of a `segmental-snr` run, which estimates how noisy each part of a recording is;
    cleaner parts then count more (data purification). Default: all parts count equally."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.purify, str):
            raise UserError(f"purify is {self.purify!r}; expected the folder of a run")


@dataclass(frozen=True)
class ContrastiveMixturesConfig(PseudoSeConfig):
    """Hyper-parameters of contrastive mixtures."""

    positive: float = 0.1
    """Weight of the term that pulls together the estimates of one recording with two noises."""
    negative: float = 0.001
    """Weight of the term that keeps the estimates of two recordings with one noise as far apart as
    the recordings are."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, positive=Range(0), negative=Range(0))
