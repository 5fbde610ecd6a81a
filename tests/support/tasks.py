"""Pretext tasks with fresh encoders, and clips that show where a cut came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext import PRETEXTS

FRONTEND = FrontendConfig()
SMALL = EncoderConfig(width=0.25)
PHONES = Path(__file__).with_name("phones.txt")  # a text for `wav2vec-u`


def make_task(name: str, **settings: Any) -> tuple[Any, Encoder]:
    """Return a task and a small encoder in evaluation mode; always the same."""
    torch.manual_seed(0)
    encoder = Encoder(SMALL, FRONTEND.bands).eval()
    kind = PRETEXTS[name]
    return kind(kind.Config(**settings), encoder, FRONTEND).eval(), encoder


def counting_waves(clips: int, samples: int) -> Tensor:
    """Waveforms [clips, samples] in float64 whose values name their clip and sample: 1,000,000 per
    clip and 1 per sample."""
    return 1e6 * torch.arange(clips).double()[:, None] + torch.arange(samples)


def origins(slices: Tensor) -> list[tuple[int, int]]:
    """Return clip and first sample of slices of `counting_waves`; fail unless each is one piece."""
    assert (slices.diff(dim=1) == 1).all()
    return [divmod(int(first), 1_000_000) for first in slices[:, 0].tolist()]


def logmels(clips: int, frames: int, seed: int = 1) -> Tensor:
    """Noise as log-mels [clips, 1, bands, frames], each clip with a spectrum of its own."""
    rng = torch.Generator().manual_seed(seed)
    level = torch.randn(clips, 1, FRONTEND.bands, 1, generator=rng)
    return level + 0.5 * torch.randn(clips, 1, FRONTEND.bands, frames, generator=rng)
