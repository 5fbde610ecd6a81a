"""What the contract tests have to know of single tasks."""

from __future__ import annotations

from typing import Any

from torch.nn.functional import binary_cross_entropy

from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext import PRETEXTS
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.testing import Goal
from tiny_audio_ssl.testing.pretext_case import SMALL, PretextCase

STEPS = {"steps": 6, "distances": 2, "size": 32, "negatives": 2}
SETTINGS: dict[str, dict[str, Any]] = {
    "cpc": STEPS,
    "cpc2": {**STEPS, "distorted": 0.0},  # distortions hear the whole clip
    "wav2vec": STEPS,
    "dapc": {"size": 4, "hidden": 32, "layers": 1},
}
"""Hyper-parameters where the defaults would take more than 3 s of CPU."""

GOALS: dict[str, Goal] = {}
"""What training on one batch has to reach where half the loss says nothing."""

PREDICTIVE = {"audio2vec-cbow", "audio2vec-skipgram", "cpc", "cpc2", "wav2vec", "dapc"}
"""Tasks that predict or reconstruct what they hide: the leak check covers them."""


def lowest_loss(inputs: Inputs) -> float:
    """Cross-entropy with a soft target ends at the target's entropy, not at zero."""
    if "gap" not in inputs:
        return 0.0
    gap = inputs["gap"].clamp(1e-6, 1 - 1e-6)
    return binary_cross_entropy(gap, gap).item()


def case_of(task: str, encoder: EncoderConfig = SMALL) -> PretextCase:
    """Return the task of that name to be checked, with its settings and goal."""
    return PretextCase(
        PRETEXTS[task],
        encoder,
        lowest_loss,
        settings=SETTINGS.get(task, {}),
        goal=GOALS.get(task),
    )
