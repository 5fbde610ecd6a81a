"""Models on the command line of the benchmarks: NAME=MODEL, with @WEIGHTS for a HEAR module.

    small=small first=runs/first "mel statistics=logmel:all" \\
        mn04_as=hear:mn04_embedding@mn04_as.safetensors
"""

from __future__ import annotations

from tiny_audio_ssl.embedding.embedder import EmbeddingModel
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing.models import open_model


def open_named(words: tuple[str, ...]) -> dict[str, EmbeddingModel]:
    """Open the models by their names, in their order.

    Raises `UserError`: a word without a name, a name given twice, no such model.
    """
    found: dict[str, EmbeddingModel] = {}
    for word in words:
        name, equals, spec = word.partition("=")
        if not (name and equals and spec):
            raise UserError(f"{word!r}: expected NAME=MODEL, as first=runs/first")
        if name in found:
            raise UserError(f"{name!r} names two models; choose another name for one of them")
        spec, _, weights = spec.partition("@")
        found[name] = open_model(spec, weights or None)
    return found
