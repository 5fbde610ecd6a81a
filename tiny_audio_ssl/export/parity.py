"""Compare an artifact in its own runtime with the eager model, on real windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    "fp32": 60.0, "fp16": 30.0, "int8-weights": 20.0, "int8": 20.0,
}  # fmt: skip
HIGHEST_SNR_DB = 200.0  # no difference at all; infinity is not JSON
OWN = "own"  # the kind of sound that the artifact was calibrated on


@dataclass(frozen=True)
class Parity:
    """The difference between the embeddings of an artifact and of the eager model."""

    windows: int  # of the first kind of sound
    max_abs_error: float
    mean_cosine: float
    min_cosine: float
    snr_db: float  # of the centered embeddings: what all share does not distinguish sounds
    min_snr_db: float  # the limit
    kinds_snr_db: Mapping[str, float]  # the same, by kind of sound

    @property
    def ok(self) -> bool:
        return self.snr_db >= self.min_snr_db  # not so for NaN

    def as_json(self) -> dict[str, Any]:
        figures = {k: _or_none(v) for k, v in asdict(self).items() if k != "kinds_snr_db"}
        kinds = {kind: _or_none(snr_db) for kind, snr_db in self.kinds_snr_db.items()}
        return figures | {"kinds_snr_db": kinds, "ok": self.ok}


def run_singly(run: RunAll, inputs: Tensor) -> list[Tensor]:
    """Run inputs [B, ...] one at a time, as a phone does; return all outputs [B, ...]."""
    rows = [run(np.ascontiguousarray(row[None].numpy())) for row in inputs]
    return [torch.from_numpy(np.concatenate(outputs)) for outputs in zip(*rows, strict=True)]


def compare(
    found: Tensor, expected: Tensor, min_snr_db: float, learned: int | None = None
) -> Parity:
    """Compare embeddings [B, D] with those expected, of one kind of sound. See `compare_kinds`."""
    return compare_kinds({OWN: (found, expected)}, min_snr_db, learned)


def compare_kinds(
    kinds: Mapping[str, tuple[Tensor, Tensor]], min_snr_db: float, learned: int | None = None
) -> Parity:
    """Compare embeddings [B, D] with those expected [B, D], by kind of sound.

    The signal is what is expected less its mean over the windows of its kind; the noise is the
    difference. The ratio is that of the learned part, the first `learned` dimensions, if it is
    lower than that of all: the log-mel's statistics are exact in every form, and would hide the
    rest.

    Raises `UserError` with fewer than two windows of a kind, which have no such signal.
    """
    for _, expected in kinds.values():
        if len(expected) < 2:
            raise UserError(
                f"parity: {len(expected)} window to compare on, at least 2 are needed; use a "
                "shorter --window-ms, more recordings, or --no-parity"
            )
    pairs = [(found.double(), expected.double()) for found, expected in kinds.values()]
    found, expected = (torch.cat(tensors) for tensors in zip(*pairs, strict=True))
    cosine = F.cosine_similarity(found, expected, dim=1)
    return Parity(
        windows=len(pairs[0][1]),
        max_abs_error=float((found - expected).abs().max()),
        mean_cosine=float(cosine.mean()),
        min_cosine=float(cosine.min()),
        snr_db=_snr_db(pairs, learned),
        min_snr_db=min_snr_db,
        kinds_snr_db={
            kind: _snr_db([pair], learned) for kind, pair in zip(kinds, pairs, strict=True)
        },
    )


def _snr_db(pairs: Sequence[tuple[Tensor, Tensor]], learned: int | None) -> float:
    """Return the lower of the ratios of the whole embedding and of its learned part; or NaN."""
    sizes = {pairs[0][1].shape[1], learned or pairs[0][1].shape[1]}
    ratios = []
    for size in sizes:
        noise = sum(((f - e)[:, :size].square().sum() for f, e in pairs), torch.zeros(()))
        signal = sum(
            ((e - e.mean(dim=0))[:, :size].square().sum() for _, e in pairs), torch.zeros(())
        )
        ratios.append(10 * torch.log10(signal / noise) if noise != 0 else torch.tensor(torch.inf))
    lowest = torch.stack(ratios).min()  # NaN if one is
    return float(lowest.clamp(-HIGHEST_SNR_DB, HIGHEST_SNR_DB))


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value
