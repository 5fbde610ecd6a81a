"""The measures of `speech.py`: ABX and PNMI of frames, speakers and emotions of recordings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiny_audio_ssl.embedding.embedder import EmbeddingModel, Floats
from tiny_audio_ssl.embedding.frames import FrameModel
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask
from tiny_audio_ssl.evaluation.probing.protocols import evaluate
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
from tiny_audio_ssl.evaluation.speech.abx import AbxConfig, abx
from tiny_audio_ssl.evaluation.speech.features import phone_features
from tiny_audio_ssl.evaluation.speech.frame_models import SpectralFrames
from tiny_audio_ssl.evaluation.speech.measure import SpokenPhones, score_own_units
from tiny_audio_ssl.evaluation.speech.units import clustered, frame_phones, score_units

PROBES = {  # column: task of the suite
    "speaker_librispeech": "LibriSpeech speaker",
    "speaker_emodb": "EmoDB speaker",
    "emotion_emodb": "EmoDB emotion",
}
EER = {"eer_librispeech": "LibriSpeech speaker", "eer_emodb": "EmoDB speaker"}
COMPARED: dict[str, tuple[str, AbxConfig]] = {  # column: set of phones, and how it is measured
    "abx_keywords_across": ("keywords", AbxConfig("across", "any")),
    "abx_made_within": ("made", AbxConfig("within", "any")),
    "abx_made_across": ("made", AbxConfig("across", "within")),
}
Measures = dict[str, float]


class FrameStatistics:
    """Embeddings of whole recordings: mean and standard deviation of frames every 10 ms."""

    def __init__(self, model: SpectralFrames) -> None:
        self.model, self.name = model, model.name
        self.identity = f"statistics-{model.identity}"
        silence = np.zeros((1, 1600), np.float32)
        self.dim = 2 * model.frames(silence, 10.0)[0].shape[2]

    def embed(self, waves: Floats) -> Floats:
        """[B, N] -> [B, dim]."""
        found, _ = self.model.frames(waves, 10.0)
        return np.concatenate([found.mean(axis=1), found.std(axis=1)], axis=1)


def of_phones(
    model: FrameModel, sets: Mapping[str, SpokenPhones], hop_ms: float, units: int
) -> Measures:
    """Return ABX errors, and PNMI and perplexity of that many clusters, for frames at that hop."""
    found: Measures = {}
    for name, phones in sets.items():
        features = phone_features(model, phones.items, phones.recordings, hop_ms)
        for column, (of_set, config) in COMPARED.items():
            if of_set == name:
                found[column] = abx(features, phones.items, config).error
        labels = frame_phones(features, phones.items)
        score = score_units(labels, clustered(features.frames, units), units)
        found |= {f"pnmi_{name}": score.pnmi, f"perplexity_{name}": score.perplexity}
        if own := score_own_units(model, phones, hop_ms):
            found |= {f"own_pnmi_{name}": own.pnmi, f"own_perplexity_{name}": own.perplexity}
    return found


def of_voices(model: EmbeddingModel, tasks: Mapping[str, OpenedTask]) -> Measures:
    """Return equal error rates of speakers, and accuracies of linear probes."""
    store = EmbeddingStore()
    rates = {}
    for column, name in EER.items():
        task = tasks[name]
        embeddings = store.embeddings(model, task.recordings, task.contents)
        rates[column] = speaker_eer(embeddings, task.truth)
    accuracies = {
        column: evaluate(model, tasks[name], "linear", store).accuracy
        for column, name in PROBES.items()
    }
    return {**rates, **accuracies}


def speaker_eer(x: Floats, speakers: NDArray[np.int64]) -> float:
    """Return the equal error rate of "the same speaker?" over all pairs of recordings.

    The score of a pair is the cosine of its embeddings, each number standardized over all
    recordings.
    """
    standard = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
    unit = standard / np.linalg.norm(standard, axis=1, keepdims=True)
    first, second = np.triu_indices(len(x), k=1)
    scores = (unit @ unit.T)[first, second]
    same = speakers[first] == speakers[second]
    return equal_error_rate(scores[same], scores[~same])


def equal_error_rate(same: NDArray[Any], different: NDArray[Any]) -> float:
    """Return the rate at which as many of `same` are refused as of `different` are accepted.

    Where no threshold makes them equal, their mean at the nearest is returned.
    """
    thresholds = np.unique(np.concatenate([same, different]))
    refused = np.searchsorted(np.sort(same), thresholds) / len(same)  # scores below it
    accepted = 1 - np.searchsorted(np.sort(different), thresholds) / len(different)
    nearest = int(np.argmin(np.abs(refused - accepted)))
    return float((refused[nearest] + accepted[nearest]) / 2)
