"""The settings of CAE and MAE."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.pretext.configs.slices import SliceConfig
from tiny_audio_ssl.utils.ranges import NOT_NEGATIVE, Range, check_ascending, check_numbers

KIND = "kind"  # the manifest column
KINDS = ("clean", "mixture", "noise")


@dataclass(frozen=True)
class CaeMaeConfig(SliceConfig):
    """Hyper-parameters of CAE and MAE."""

    slice_ms: float = 335.0
    """Length of the slice that is encoded."""
    kinds: bool = False
    """Use the manifest column `kind`, which marks each recording as `clean`, `mixture` or `noise`.
    Default: half of the clips of a batch are clean, and noise is added to the others."""
    min_snr_db: float = -5.0
    """Minimum signal-to-noise ratio of the clips that noise is added to."""
    max_snr_db: float = 15.0
    """Maximum signal-to-noise ratio of the clips that noise is added to."""
    latent_noise: float = 1.0
    """Standard deviation of the noise on the decoders' input, the latent maps."""
    latent_weight: float = 0.01
    """Weight of the energy of the latent maps."""
    cycle_weight: float = 1.0
    """Weight of both cycle terms, of mixtures and of latent maps."""
    silence_weight: float = 1.0
    """Weight of the term that makes noise decode to a quieter sound."""

    def __post_init__(self) -> None:
        super().__post_init__()
        level_db = Range(-60, 60)
        check_numbers(
            self,
            min_snr_db=level_db,
            max_snr_db=level_db,
            latent_noise=NOT_NEGATIVE,
            latent_weight=NOT_NEGATIVE,
            cycle_weight=NOT_NEGATIVE,
            silence_weight=NOT_NEGATIVE,
        )
        check_ascending(self, "min_snr_db", "max_snr_db")

    def class_lists(self) -> dict[str, tuple[str, ...]]:
        return {KIND: KINDS} if self.kinds else {}

    def columns_option(self) -> str:
        return "--pretext.kinds"
