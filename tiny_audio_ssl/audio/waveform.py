"""Check samples before they reach an encoder: one rule and one limit for every way in.

A waveform is float, mono, 16 kHz, with full scale at -1..1. Samples beyond full scale are kept as
they are up to `LOUDEST`: float recordings and resampled ones have them. Beyond that the scale must
be another one. Works on NumPy arrays and on tensors, without importing PyTorch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tiny_audio_ssl.audio.constants import DIGITAL_SILENCE_PEAK
from tiny_audio_ssl.errors import UserError

Waveform = npt.NDArray[np.float32]

LOUDEST = 8.0  # 18 dB above full scale; integers saved as floats reach 128 or more
LOWEST_RATE_HZ = 1000
MOST_CHANNELS = 32  # a second axis this short, behind a longer one, is of channels
CANCELLED = 0.1  # of the energy, 1 / channels, that the mean of independent channels keeps
SHORTEST_OFFSET_S = 0.025  # what is shorter than a window of the front-end may be half a wave
_EVERY = 13  # frame whose channels are compared
_FEWEST = 100  # compared frames


def peak_of(samples: Any) -> float:
    """Return the largest absolute value of an array or a tensor; NaN if it has one."""
    return float(max(samples.max(), -samples.min()))


def half_range(samples: Any) -> float:
    """Return the peak that samples have without a constant offset."""
    return float(samples.max() - samples.min()) / 2


def range_problem(peak: float) -> str | None:
    """Return why samples with this peak can't be used, and what to do; None if they can."""
    if not math.isfinite(peak):
        return "NaN or infinite samples; expected numbers in -1..1"
    if peak > LOUDEST:
        return (
            f"samples reach {peak:.6g}, expected -1..1 (up to {LOUDEST:g} is taken as it is); "
            "divide integers saved as floats by 32768, or lower the volume"
        )
    return None


def full_scale_of(waveform: Waveform) -> float:
    """Return what the largest 16-bit integer has to stand for: 1, or a greater power of two."""
    if (peak := peak_of(waveform)) <= 1:
        return 1.0
    return float(2 ** math.ceil(math.log2(peak)))


def check(samples: Any, *shapes: str, may_be_empty: bool = False) -> None:
    """Check the shape and range of float samples, in an array or a tensor.

    Args:
        shapes: what is expected, such as "[samples]" or "[batch, samples]"; the number of names is
            the number of dimensions.
        may_be_empty: whether no samples are taken too.

    Raises `UserError`: another number of dimensions, no samples, channels as the last axis, NaN,
    infinity, or samples beyond `LOUDEST`.
    """
    shape = list(samples.shape)
    expected = " or ".join(shapes)
    empty = 0 in shape
    if len(shape) not in [name.count(",") + 1 for name in shapes] or (empty and not may_be_empty):
        raise UserError(f"waveform of shape {shape}; expected {expected}, mono and not empty")
    if len(shape) == 2 and shape[1] <= MOST_CHANNELS < shape[0]:
        raise UserError(
            f"waveform of shape {shape}, which looks like [samples, channels]; expected {expected}:"
            " average the channels with waveform.mean(1), or turn the axes with waveform.T"
        )
    if not empty and (problem := range_problem(peak_of(samples))):
        raise UserError(f"waveform: {problem}")


def as_waveform(
    samples: npt.ArrayLike, *shapes: str, pcm16: bool = False, may_be_empty: bool = False
) -> Waveform:
    """Return checked samples as a float32 array of the same shape.

    Args:
        shapes: as in `check`.
        pcm16: whether 16-bit integers are taken too, as microphones give them.
        may_be_empty: whether no samples are taken too.

    Raises `UserError`: what `check` raises, and samples that are masked or not floats.
    """
    if np.ma.is_masked(samples):  # `asarray` would bring back what the mask hides
        raise UserError(
            "waveform has masked samples; expected all of them: fill them, with waveform.filled(0)"
        )
    try:
        array = np.asarray(samples)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged lists, tensors with gradients
        raise UserError(
            f"waveform is not an array ({error}); expected floats, {' or '.join(shapes)}"
        ) from error
    if pcm16 and array.dtype == np.int16:
        array = array.astype(np.float32) / np.float32(32768)
    if not np.issubdtype(array.dtype, np.floating):
        raise UserError(
            f"waveform of {array.dtype}; expected floats in -1..1{' or int16' if pcm16 else ''}: "
            "divide int16 samples by 32768"
        )
    check(array, *shapes, may_be_empty=may_be_empty)
    return array.astype(np.float32)


def check_rate(sample_rate_hz: float) -> None:
    """Raise `UserError` for a sample rate below `LOWEST_RATE_HZ`, or one that is not a number."""
    if not LOWEST_RATE_HZ <= sample_rate_hz < math.inf:
        raise UserError(
            f"a sample rate of {sample_rate_hz} Hz; expected {LOWEST_RATE_HZ} or more, e.g. 44100"
        )


class Levels:
    """Whether the channels of a recording cancel each other, and whether it is silent.

    Both are judged without a constant offset, which no one hears. Blocks are added in order.
    """

    def __init__(self, channels: int, sample_rate_hz: int) -> None:
        self._low, self._high = math.inf, -math.inf
        self._frames = 0
        self._fewest = SHORTEST_OFFSET_S * sample_rate_hz
        self._compared = 0
        self._sums = np.zeros(channels + 1)  # of each channel, and of their mean
        self._squares = np.zeros(channels + 1)

    def add(self, block: Waveform, mono: Waveform) -> None:
        """Add `block` [frames, channels] and its mean [frames]."""
        self._low = min(self._low, float(mono.min()))
        self._high = max(self._high, float(mono.max()))
        self._frames += len(mono)
        if block.shape[1] > 1 and block.shape[1] == len(self._sums) - 1:
            some = np.column_stack([block[::_EVERY], mono[::_EVERY]]).astype(np.float64)
            self._compared += len(some)
            self._sums += some.sum(axis=0)
            self._squares += np.square(some).sum(axis=0)

    @property
    def silent(self) -> bool:
        if self._frames < self._fewest:
            return max(self._high, -self._low) < DIGITAL_SILENCE_PEAK
        return (self._high - self._low) / 2 < DIGITAL_SILENCE_PEAK

    @property
    def cancelled(self) -> bool:
        """Whether the mean keeps far less energy than the mean of independent channels would."""
        if self._compared < _FEWEST:
            return False
        *each, mean = (
            self._squares / self._compared - np.square(self._sums / self._compared)
        ).tolist()
        energy = sum(each) / len(each)
        enough: bool = mean >= CANCELLED / len(each) * energy
        return energy > DIGITAL_SILENCE_PEAK**2 and not enough
