"""The hyper-parameters of the tasks. Imports no PyTorch: the command line offers them."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.audio.constants import WINDOW_MS
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig


@dataclass(frozen=True)
class PretextConfig:
    """Every hyper-parameter of a task, with units in the names.

    Derive a frozen dataclass from it, with a docstring below each field: the command line shows it.
    """

    def clip_frames(self, frontend: FrontendConfig) -> int:
        """Return the log-mel frames that one clip must have."""
        raise NotImplementedError

    def slice_frames(self, frontend: FrontendConfig) -> int:
        """Return the log-mel frames that the encoder is given at a time."""
        raise NotImplementedError

    def length_option(self) -> str:
        """Name the option that lowers `clip_frames`, for the error about short recordings."""
        raise NotImplementedError


@dataclass(frozen=True)
class PairsConfig(PretextConfig):
    """The lengths of two slices of one clip."""

    clip_ms: float = 875.0
    """Length of the clip that both slices come from; it bounds their distance in time."""
    slice_ms: float = 335.0
    """Length of a slice."""

    def __post_init__(self) -> None:
        if not 0 < self.slice_ms < self.clip_ms:
            raise UserError(
                f"slice_ms {self.slice_ms} of clip_ms {self.clip_ms}; a slice must be shorter "
                "than its clip, or both slices of a clip are the same"
            )

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return max(self.slice_frames(frontend) + 1, frontend.frames_of_ms(self.clip_ms))

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.slice_ms)

    def length_option(self) -> str:
        return "--pretext.clip-ms (and --pretext.slice-ms below it)"


@dataclass(frozen=True)
class TemporalGapConfig(PairsConfig):
    """Hyper-parameters of the temporal gap."""

    hidden: int = 64
    """Units of the hidden layer."""


@dataclass(frozen=True)
class ColaConfig(PairsConfig):
    """Hyper-parameters of COLA."""

    projection_dim: int = 512
    """Size of the layer between embedding and similarity."""
    mixup: float = 0.0
    """Largest share of another clip that is mixed into a slice; 0, as in the paper, mixes none."""
    resize: bool = False
    """Cut a random part of bands and frames and stretch it to the slice's size."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.projection_dim < 1 or not 0 <= self.mixup < 1:
            raise UserError(
                f"cola: projection_dim {self.projection_dim}, mixup {self.mixup}; expected "
                "projection_dim >= 1 and mixup from 0 to less than 1"
            )


@dataclass(frozen=True)
class TripletConfig(PairsConfig):
    """Hyper-parameters of the triplet loss."""

    margin: float = 0.2
    """Least difference, 0 to 4, between the squared distances to the negative and the positive."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.margin < 4:
            raise UserError(f"triplet: margin {self.margin}; expected more than 0, less than 4")


@dataclass(frozen=True)
class Audio2VecConfig(PretextConfig):
    """Hyper-parameters of both forms of Audio2Vec."""

    slice_ms: float = 175.0
    """Length N of a slice."""
    gap_ms: float = 0.0
    """Gap G between two slices."""
    context: int = 2
    """Number P of slices before the middle one, and as many after it."""

    def __post_init__(self) -> None:
        if self.slice_ms <= 0 or self.gap_ms < 0 or self.context < 1:
            raise UserError(
                f"audio2vec: slice_ms {self.slice_ms}, gap_ms {self.gap_ms}, context "
                f"{self.context}; expected slice_ms > 0, gap_ms >= 0, context >= 1"
            )

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.slice_ms)

    def stride_frames(self, frontend: FrontendConfig) -> int:
        """Return the frames from the start of one slice to the start of the next."""
        return self.slice_frames(frontend) + round(self.gap_ms / frontend.hop_ms)

    def clip_frames(self, frontend: FrontendConfig) -> int:
        stride = self.stride_frames(frontend)
        return 2 * self.context * stride + self.slice_frames(frontend)

    def length_option(self) -> str:
        return "--pretext.slice-ms, --pretext.gap-ms or --pretext.context"


@dataclass(frozen=True)
class AutoencoderConfig(PretextConfig):
    """Hyper-parameters of the autoencoder."""

    slice_ms: float = 335.0
    """Length N of a slice, and of the clip that it comes from."""

    def __post_init__(self) -> None:
        if self.slice_ms <= 0:
            raise UserError(f"autoencoder: slice_ms {self.slice_ms}; expected more than 0")

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.slice_ms)

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return self.slice_frames(frontend)

    def length_option(self) -> str:
        return "--pretext.slice-ms"


@dataclass(frozen=True)
class ByolAConfig(PretextConfig):
    """Hyper-parameters of BYOL-A."""

    slice_ms: float = WINDOW_MS
    """Length of the slice that both views are made of."""
    mixup: float = 0.2
    """Largest share of another clip of the batch that is mixed in as background."""
    smallest_crop: float = 0.6
    """Least height and width of the random crop that is resized, relative to the slice."""
    largest_crop: float = 1.5
    """Greatest height and width of the crop; the part outside the slice is empty."""
    fade: float = 1.0
    """Largest value of the line over time that is added, in standard deviations of the log-mel."""
    hidden: int = 512
    """Hidden units of projector and predictor (4096 in the paper, for a much larger encoder)."""
    projection: int = 128
    """Outputs of projector and predictor (256 in the paper)."""
    momentum: float = 0.99
    """Share that the moving average keeps at the first step; it rises to 1 along a cosine."""

    def __post_init__(self) -> None:
        if self.slice_ms <= 0 or self.hidden < 1 or self.projection < 1:
            raise UserError(
                f"byol-a: slice_ms {self.slice_ms}, hidden {self.hidden}, projection "
                f"{self.projection}; each must be positive"
            )
        if not (0 <= self.mixup <= 1 and self.fade >= 0 and 0 <= self.momentum <= 1):
            raise UserError(
                f"byol-a: mixup {self.mixup}, fade {self.fade}, momentum {self.momentum}; "
                "expected mixup and momentum in 0..1, fade >= 0"
            )
        if not 0 < self.smallest_crop <= self.largest_crop:
            raise UserError(
                f"byol-a: crops from {self.smallest_crop} to {self.largest_crop} of a slice; "
                "expected 0 < smallest_crop <= largest_crop"
            )

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return self.slice_frames(frontend)

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.slice_ms)

    def length_option(self) -> str:
        return "--pretext.slice-ms"


@dataclass(frozen=True)
class DistillationConfig(PretextConfig):
    """Hyper-parameters of distillation."""

    teacher: str = "tiny_audio_ssl.embedding.mel_statistics"
    """Module with the HEAR API. One that is not installed is found through PYTHONPATH=FOLDER. The
    default, statistics of the log-mel, needs no weights and teaches little."""
    weights: str | None = None
    """Path that is passed to the teacher's `load_model`, if it takes one."""
    clip_ms: float = WINDOW_MS
    """Length of the clips that teacher and encoder are given."""
    mix: float = 0.5
    """Share of the clips that are mixed with another clip."""

    def __post_init__(self) -> None:
        if self.clip_ms <= 0 or not 0 <= self.mix <= 1:
            raise UserError(
                f"distillation: clip_ms {self.clip_ms}, mix {self.mix}; expected clip_ms > 0 "
                "and mix in 0..1"
            )

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.clip_ms)

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return self.clip_frames(frontend)

    def length_option(self) -> str:
        return "--pretext.clip-ms"
