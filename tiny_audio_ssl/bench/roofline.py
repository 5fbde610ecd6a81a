"""The peak of a processor: the float32 operations a second that a matrix product reaches.

A model limited by arithmetic alone, with memory always at hand, would run at this peak. It is an
upper bound for float32; int8 and fp16 may exceed it.
"""

from __future__ import annotations

from dataclasses import dataclass

CLEAN_DRIFT = 1.15  # times as long in the slowest round as in the fastest


@dataclass(frozen=True)
class MatrixProductSpeed:
    """The speed of float32 matrix products during a benchmark, in 1e9 operations a second."""

    peak_gflops: float  # the fastest of all
    typical_gflops: float  # the median of small ones, which falls on a busy or hot machine
    drift: float | None = None  # time of small ones, median of the slowest round / of the fastest


def gflops(multiply_adds: int, ms: float) -> float:
    """Return 1e9 operations a second; a multiply-add counts as two operations."""
    return 2 * multiply_adds / (1e6 * ms)
