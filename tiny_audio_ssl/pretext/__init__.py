"""PRETEXTS: the self-supervised tasks by name."""

from __future__ import annotations

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.pretext.audio2vec import Audio2VecCBoW, Audio2VecSkipGram
from tiny_audio_ssl.pretext.autoencoder import Autoencoder
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.byol_a import ByolA
from tiny_audio_ssl.pretext.cola import Cola
from tiny_audio_ssl.pretext.combined import Combined
from tiny_audio_ssl.pretext.distillation import Distillation
from tiny_audio_ssl.pretext.temporal_gap import TemporalGap
from tiny_audio_ssl.pretext.triplet import Triplet

PRETEXTS: dict[str, type[Pretext]] = {
    "temporal-gap": TemporalGap,
    "audio2vec-cbow": Audio2VecCBoW,
    "audio2vec-skipgram": Audio2VecSkipGram,
    "autoencoder": Autoencoder,
    "triplet": Triplet,
    "cola": Cola,
    "combined": Combined,
    "byol-a": ByolA,
    "distillation": Distillation,
}


def pretext_class(name: str) -> type[Pretext]:
    """The task of that name; an unknown name is a `UserError` that lists the known ones."""
    try:
        return PRETEXTS[name]
    except KeyError:
        raise UserError(
            f"pretext task {name!r} is not known; choose from {', '.join(PRETEXTS)}"
        ) from None


__all__ = ["PRETEXTS", "Inputs", "Pretext", "pretext_class"]
