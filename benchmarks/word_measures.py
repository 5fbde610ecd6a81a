"""The group "words" of `byproducts.py`: same-different precision of spoken words.

The words are the recordings of `keywords`, aligned by pocketsphinx as for `speech.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import alignments
from byproduct_settings import ByProducts

from tiny_audio_ssl.embedding.frames import FrameModel
from tiny_audio_ssl.evaluation.speech.frame_models import open_frame_models
from tiny_audio_ssl.evaluation.speech.items import read_items, write_items
from tiny_audio_ssl.evaluation.speech.measure import SpokenPhones, open_phones, score_words

MODELS = ("tiny", "small")
HOP_MS = 20.0


def of_words(wanted: ByProducts) -> Iterator[dict[str, Any]]:
    """Yield rows of the models of the package, their encoders with random weights, and spectra."""
    words = aligned(wanted)
    for model in open_frame_models(MODELS, readout=("last",)):
        yield row(model, words)


def row(model: FrameModel, words: SpokenPhones) -> dict[str, Any]:
    """Return the row of a model, whose words are told apart across speakers."""
    score = score_words(model, words, HOP_MS, ("across",)).same_different["across"]
    return {
        "system": model.name,
        "same_different_precision": round(score.precision, 4),
        "chance": round(score.chance, 4),
        "pairs": score.pairs,
    }


def aligned(wanted: ByProducts) -> SpokenPhones:
    """Return the words by known speakers, aligned unless the files are there."""
    manifest = wanted.data / "keywords" / "meta.csv"
    phones, words, chosen = (
        wanted.out / f"keywords-{name}.item" for name in ("phones", "words", "known-speakers")
    )
    if not chosen.exists():
        wanted.out.mkdir(parents=True, exist_ok=True)
        alignments.main(alignments.Alignments(manifest, phones, words=words))
        # A recording without a speaker counts as one by a speaker of its own.
        write_items(chosen, [item for item in read_items(words) if item.speaker != item.file])
    return open_phones(chosen, manifest.parent)
