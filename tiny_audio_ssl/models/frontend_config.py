"""The settings of the log-mel front-end. Imports no PyTorch: the command line offers them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.ranges import ANY, Range, check_numbers

Scale = Literal["mel", "log"]
Normalization = Literal["band", "all"]


@dataclass(frozen=True)
class FrontendConfig:
    """Settings of the log-mel, which are stored with the weights."""

    sample_rate_hz: ClassVar[int] = SAMPLE_RATE_HZ  # of every waveform; not a setting
    window_ms: float = 25.0
    """Length of a window in milliseconds."""
    hop_ms: float = 10.0
    """Time from one frame to the next in milliseconds."""
    bands: int = 64
    """Number of frequency bands."""
    min_hz: float = 60.0
    """Lower end of the lowest band in Hz."""
    max_hz: float = 7800.0
    """Upper end of the highest band in Hz; at most 8000."""
    scale: Scale = "mel"
    """Spacing of the bands. `mel`: equal distances in mel; `log`: the same number of bands per
    octave (constant Q), so that a change of pitch shifts the spectrum by bands."""
    normalize: Normalization = "band"
    """Normalization to zero mean and unit variance. `band`: for each band; `all`: over all bands
    together, which keeps shifts along the bands intact."""

    def __post_init__(self) -> None:
        a_second = Range(0, 1000, open_low=True)
        check_numbers(
            self, window_ms=a_second, hop_ms=a_second, bands=Range(1, 1024, whole=True), min_hz=ANY,
            max_hz=ANY,
        )  # fmt: skip
        for name, given, known in (
            ("scale", self.scale, get_args(Scale)),
            ("normalize", self.normalize, get_args(Normalization)),
        ):
            if given not in known:
                raise UserError(f"frontend: {name} {given!r}; choose from {', '.join(known)}")
        if not 0 <= self.min_hz < self.max_hz <= self.sample_rate_hz / 2:
            raise UserError(
                f"frontend: bands from {self.min_hz} to {self.max_hz} Hz at "
                f"{self.sample_rate_hz} Hz; expected 0 <= min_hz < max_hz <= half the rate"
            )
        if self.scale == "log" and self.min_hz == 0:
            raise UserError("frontend: min_hz 0 with scale log; expected more, such as 40")
        if self.window < 2 or self.hop < 1:
            raise UserError(
                f"frontend: window_ms {self.window_ms}, hop_ms {self.hop_ms}; expected a window of "
                "at least 2 samples and a hop of at least 1 (0.0625 ms each)"
            )

    @property
    def window(self) -> int:
        """Samples of a window (400 at 16 kHz)."""
        return round(self.window_ms * self.sample_rate_hz / 1000)

    @property
    def hop(self) -> int:
        """Samples from one frame to the next (160 at 16 kHz)."""
        return round(self.hop_ms * self.sample_rate_hz / 1000)

    @property
    def fft_size(self) -> int:
        """The smallest power of two that holds a window (512 at 16 kHz)."""
        return 1 << (self.window - 1).bit_length()

    def frames(self, samples: int) -> int:
        """Return the number of whole frames in `samples` samples; nothing is padded."""
        return max(0, (samples - self.window) // self.hop + 1)

    def samples(self, frames: int) -> int:
        """Return the minimum number of samples for `frames` frames."""
        return self.window + (frames - 1) * self.hop

    def frames_of_ms(self, duration_ms: float) -> int:
        """Return the number of frames in a duration, at least one: 975 ms are 96 frames."""
        return max(1, self.frames(round(duration_ms * self.sample_rate_hz / 1000)))

    def ms(self, frames: int) -> float:
        """Return the duration of `frames` frames, from the first sample to the last, in ms."""
        return 1000 * self.samples(frames) / self.sample_rate_hz
