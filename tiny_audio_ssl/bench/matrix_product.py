"""Matrix products timed beside the artifacts, to know the processor's peak (see `roofline`)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from tiny_audio_ssl.bench.roofline import MatrixProductSpeed, gflops
from tiny_audio_ssl.bench.subjects import Subject
from tiny_audio_ssl.export.to_executorch import to_executorch
from tiny_audio_ssl.export.to_onnx import to_onnx
from tiny_audio_ssl.utils.quiet import exporters_hushed

SIZES = (256, 512)  # square matrices: one fits a core's cache; the other occupies several cores
REPEATS = 5  # products of each size in a round
ARTIFACT_SIZE = 256
MODEL = "matrix product"  # in place of a model's name


def time_products() -> dict[int, list[float]]:
    """Time a few products in PyTorch with its current threads; milliseconds by matrix size."""
    return {size: _products_ms(size) for size in SIZES}


def speed_of(rounds: Sequence[Mapping[int, Sequence[float]]]) -> MatrixProductSpeed:
    """Summarize the results of `time_products` from all rounds."""
    taken = {size: [ms for found in rounds for ms in found[size]] for size in SIZES}
    small = SIZES[0]
    medians = [statistics.median(found[small]) for found in rounds]
    return MatrixProductSpeed(
        peak_gflops=max(gflops(size**3, min(ms)) for size, ms in taken.items()),
        typical_gflops=gflops(small**3, statistics.median(taken[small])),
        drift=max(medians) / min(medians),
    )


def export_product(folder: Path, suffix: str) -> Subject:
    """Write an artifact that is one matrix product, for finding a phone's peak.

    Args:
        folder: where `product.pte` or `product.onnx` is written.
        suffix: `.pte` or `.onnx`.

    Raises `UserError`: the extra of that format is not installed.
    """
    target = folder / f"product{suffix}"
    shape = (1, ARTIFACT_SIZE, ARTIFACT_SIZE)
    with exporters_hushed():
        if suffix == ".pte":
            to_executorch(_Product(), torch.zeros(shape), target)
        else:
            to_onnx(_Product(), torch.zeros(shape), target, "matrix")
    return Subject(
        model=MODEL,
        artifact=target.name,
        runtime="executorch" if suffix == ".pte" else "onnxruntime",
        precision="fp32",
        input="matrix",
        shapes=(shape,),
        window_ms=None,
        multiply_adds=ARTIFACT_SIZE**3,
        path=target,
    )


def _products_ms(size: int) -> list[float]:
    own = torch.Generator().manual_seed(0)  # the caller's random numbers stay as they were
    left, right = torch.rand(2, size, size, generator=own)
    out = torch.empty(size, size)
    took_ms = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        torch.mm(left, right, out=out)
        took_ms.append(1000 * (time.perf_counter() - begin))
    return took_ms


class _Product(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Linear(ARTIFACT_SIZE, ARTIFACT_SIZE, bias=False)

    def forward(self, matrix: Tensor) -> Tensor:
        product: Tensor = self.weight(matrix)
        return product
