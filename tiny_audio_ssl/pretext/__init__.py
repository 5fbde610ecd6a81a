"""PRETEXTS: the self-supervised tasks by name."""

from __future__ import annotations

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.pretext.audio2vec import Audio2VecCBoW, Audio2VecSkipGram
from tiny_audio_ssl.pretext.base import Drawn, Pretext
from tiny_audio_ssl.pretext.temporal_gap import TemporalGap

PRETEXTS: dict[str, type[Pretext]] = {
    "temporal-gap": TemporalGap,
    "audio2vec-cbow": Audio2VecCBoW,
    "audio2vec-skipgram": Audio2VecSkipGram,
}


def pretext_class(name: str) -> type[Pretext]:
    """The task of that name; an unknown name is a `UserError` that lists the known ones."""
    try:
        return PRETEXTS[name]
    except KeyError:
        raise UserError(
            f"pretext task {name!r} is not known; choose from {', '.join(PRETEXTS)}"
        ) from None


__all__ = ["PRETEXTS", "Drawn", "Pretext", "pretext_class"]
