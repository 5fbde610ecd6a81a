"""What the processor could do: the most float32 operations a second in a matrix product.

A model that computes nothing else, from memory that is always at hand, would run at this peak. It
is an upper bound for float32; int8 and fp16 may have a higher one.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from tiny_audio_ssl.export.to_executorch import to_executorch
from tiny_audio_ssl.export.to_onnx import to_onnx
from tiny_audio_ssl.utils.quiet import exporters_hushed

SIZES = (256, 512)  # square matrices: in one core's cache; and enough work for several cores
TIMES = 5  # each in a round; the best of all counts
ON_PHONE = 256


@dataclass(frozen=True)
class Products:
    """How fast matrix products were in a run, in float32 operations, 1e9 a second."""

    peak_gflops: float  # the best of all
    typical_gflops: float  # the median of small ones: how busy the machine was, and how warm


def few_products() -> dict[int, list[float]]:
    """Time a few, by PyTorch with the threads that it is set to; by size, ms."""
    return {size: _products_ms(size) for size in SIZES}


def products(rounds: Sequence[Mapping[int, Sequence[float]]]) -> Products:
    """What follows from all rounds of `few_products`."""
    taken = {size: [ms for found in rounds for ms in found[size]] for size in SIZES}
    small = SIZES[0]
    return Products(
        peak_gflops=max(gflops(size**3, min(ms)) for size, ms in taken.items()),
        typical_gflops=gflops(small**3, statistics.median(taken[small])),
    )


def gflops(multiply_adds: int, ms: float) -> float:
    """A multiply-add is two operations."""
    return 2 * multiply_adds / (1e6 * ms)


def product_multiply_adds(size: int = ON_PHONE) -> int:
    return size**3


def write_product(folder: Path, suffix: str) -> Path:
    """An artifact that is one matrix product, to find a phone's peak with. Raises `UserError`."""
    target = folder / f"product{suffix}"
    example = torch.zeros(1, ON_PHONE, ON_PHONE)
    with exporters_hushed():
        if suffix == ".pte":
            to_executorch(_Product(), example, target)
        else:
            to_onnx(_Product(), example, target, "matrix")
    return target


def _products_ms(size: int) -> list[float]:
    left, right = torch.rand(2, size, size)
    out = torch.empty(size, size)
    took_ms = []
    for _ in range(TIMES):
        begin = time.perf_counter()
        torch.mm(left, right, out=out)
        took_ms.append(1000 * (time.perf_counter() - begin))
    return took_ms


class _Product(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Linear(ON_PHONE, ON_PHONE, bias=False)

    def forward(self, matrix: Tensor) -> Tensor:
        product: Tensor = self.weight(matrix)
        return product
