"""Compare an artifact in its own runtime with the eager model, on real windows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.config import Precision
from tiny_audio_ssl.export.runtimes import RunAll

MIN_SNR_DB: dict[Precision, float] = {
    "fp32": 60.0, "fp16": 30.0, "int8-weights": 20.0, "int8": 10.0,
}  # fmt: skip
HIGHEST_SNR_DB = 200.0  # no difference at all; infinity is not JSON


@dataclass(frozen=True)
class Parity:
    """How far an artifact's embeddings are from eager's."""

    windows: int
    max_abs_error: float
    mean_cosine: float
    min_cosine: float
    snr_db: float  # of the centered embeddings: what all have in common tells no sounds apart
    min_snr_db: float  # the limit

    @property
    def ok(self) -> bool:
        return self.snr_db >= self.min_snr_db  # not so for NaN

    def as_json(self) -> dict[str, Any]:
        figures = {k: None if np.isnan(v) else v for k, v in asdict(self).items()}
        return figures | {"ok": self.ok}


def run_singly(run: RunAll, inputs: Tensor) -> list[Tensor]:
    """Run inputs [B, ...] one at a time, as a phone does; return all outputs [B, ...]."""
    rows = [run(np.ascontiguousarray(row[None].numpy())) for row in inputs]
    return [torch.from_numpy(np.concatenate(outputs)) for outputs in zip(*rows, strict=True)]


def compare(found: Tensor, expected: Tensor, min_snr_db: float) -> Parity:
    """Compare embeddings [B, D] with those expected [B, D].

    The signal is what is expected less its mean over the windows; the noise is the difference.
    Raises `UserError` with fewer than two windows, which have no such signal.
    """
    if len(expected) < 2:
        raise UserError(
            f"parity: {len(expected)} window to compare on, at least 2 are needed; use a shorter "
            "--window-ms, more recordings, or --no-parity"
        )
    found, expected = found.double(), expected.double()
    noise = (found - expected).square().sum()
    signal = (expected - expected.mean(dim=0)).square().sum()
    snr_db = 10 * torch.log10(signal / noise) if noise > 0 else torch.tensor(HIGHEST_SNR_DB)
    if noise.isnan():
        snr_db = noise
    cosine = F.cosine_similarity(found, expected, dim=1)
    return Parity(
        windows=len(expected),
        max_abs_error=float((found - expected).abs().max()),
        mean_cosine=float(cosine.mean()),
        min_cosine=float(cosine.min()),
        snr_db=float(snr_db.clamp(-HIGHEST_SNR_DB, HIGHEST_SNR_DB)),
        min_snr_db=min_snr_db,
    )
