"""Settings and goals of single tasks for the contract tests."""

from __future__ import annotations

from typing import Any

from support.tasks import PHONES
from torch.nn.functional import binary_cross_entropy

from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext import PRETEXTS
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.testing import Goal
from tiny_audio_ssl.testing.pretext_case import SMALL, PretextCase

STEPS = {"steps": 6, "distances": 2, "size": 32, "negatives": 2}
MASKED = {"steps": 6, "size": 64, "layers": 2}
HIDDEN = {"steps": 8, "size": 32, "span_steps": 5}
WITHOUT_WORDS = {"aligned": False, "clip_ms": 975.0, "slice_ms": 175.0, "context": 1, "hidden": 64}
MASKS = {"slice_ms": 175.0, "slices": 1}
SETTINGS: dict[str, dict[str, Any]] = {
    "cpc": STEPS,
    "cpc2": {**STEPS, "distorted": 0.0},  # distortions hear the whole clip
    "wav2vec": STEPS,
    "dapc": {"size": 2, "hidden": 32, "layers": 1},
    "mockingjay": MASKED,
    "audio-albert": MASKED,
    "tera": MASKED,
    "hubert": {**HIDDEN, "clusters": (2,)},
    "seqrq-ae": {"steps": 8, "size": 32, "entries": 32},
    "spice": {"slices": 2, "hidden": 32},
    "cae-mae": {"slice_ms": 135},
    "cdpam": {"slice_ms": 175, "temperature": 0.2, "hidden": 64, "projection": 32},
    "analysis-by-synthesis": {"clip_ms": 175, "slices": 2},
    "vq-wav2vec": {**STEPS, "entries": 8},
    "pase": {"steps": 6, "size": 32, "hidden": 64, "gap_ms": 40.0, "sequence": 2},
    "pase-plus": {"steps": 6, "size": 32, "hidden": 64, "frames": 2, "gap_ms": 40.0},
    "speech2vec-cbow": WITHOUT_WORDS,
    "speech2vec-skipgram": WITHOUT_WORDS,
    "wav2vec-u": {"text": str(PHONES), "steps": 8, "size": 32, "text_phones": 5},
    "wav2vec-c": {**HIDDEN, "entries": 8, "distractors": 4},
    "wav2vec2": {**HIDDEN, "entries": 8, "distractors": 4},
    "speech-enhancement": MASKS,
    "pseudo-se": MASKS,
    "contrastive-mixtures": MASKS,
    "segmental-snr": MASKS,
    "separation": MASKS,
    "mixit": MASKS,
}
"""Hyper-parameters where the defaults would take more than 3 s of CPU, or need more than sound."""

GOALS: dict[str, Goal] = {
    # in dB, where noise is told from noise; ideal masks gain 1 to 4 dB
    "speech-enhancement": Goal("loss", at_most=-5.8),
    "pseudo-se": Goal("loss", at_most=-1.0),
    "contrastive-mixtures": Goal("loss", at_most=-2.5),
    "separation": Goal("loss", at_most=0.35),
    "mixit": Goal("loss", at_most=-6.9),
    # of noise, whose waveform and spectrum can't be predicted from 32 numbers
    "pase": Goal("loss/mfcc", at_most=2.0),
    "pase-plus": Goal("loss/mfcc", at_most=2.0),
    "wav2vec-u": Goal("penalty", at_most=0.2),  # its loss is that of a game
}
"""Values that training on one batch has to reach where half the loss says nothing."""

LEVELS = ("min_snr_db", "max_snr_db")
NEGATIVE: dict[str, tuple[str, ...]] = {
    "speech-enhancement": LEVELS,
    "pseudo-se": LEVELS,
    "contrastive-mixtures": LEVELS,
    "segmental-snr": LEVELS,
    "cae-mae": LEVELS,
}
"""Hyper-parameters for which -1 is a fair value."""

PREDICTIVE = {
    "audio2vec-cbow",
    "audio2vec-skipgram",
    "cpc",
    "cpc2",
    "wav2vec",
    "dapc",
    "mockingjay",
    "audio-albert",
    "tera",
    "hubert",
    "speech2vec-cbow",
    "speech2vec-skipgram",
    "vq-wav2vec",
    "wav2vec-c",
    "wav2vec2",
}
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
        NEGATIVE.get(task, ()),
        frontend=PRETEXTS[task].Config.wants,
        settings=SETTINGS.get(task, {}),
        goal=GOALS.get(task),
    )
