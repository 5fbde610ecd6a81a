"""Discrete units compared with phones: PNMI, and the number of units in use.

PNMI is the share of the phones' entropy that the units explain, I(phone; unit) / H(phone), over
frames (Hsu et al., HuBERT, arXiv 2106.07447, section 5.4): 0 to 1. It rises with the number of
units, so only codebooks of one size are comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiny_audio_ssl.embedding.frames import Floats
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.speech.features import Ints, PhoneFeatures
from tiny_audio_ssl.evaluation.speech.items import Item
from tiny_audio_ssl.utils.extras import require

FITTED_FRAMES = 20_000  # number of random frames that k-means is fitted on


@dataclass(frozen=True)
class UnitScore:
    """How well discrete units fit the phones."""

    pnmi: float  # 0 to 1
    perplexity: float  # exp of the entropy of the units: 1 to `size`
    used: float  # share of the units that occur at all
    size: int  # of the codebook


def score_units(phones: Sequence[str] | NDArray[np.str_], units: Ints, size: int) -> UnitScore:
    """Score the units of frames, [frames] in 0..size-1, against the phone of each frame.

    Raises `UserError` if all frames are of one phone, so that there is nothing to explain.
    """
    kinds, phone = np.unique(np.array(phones), return_inverse=True)
    if len(kinds) < 2:
        raise UserError(f"all frames are of the phone {kinds[0]}; PNMI needs two kinds or more")
    joint = np.bincount(phone * size + units, minlength=len(kinds) * size).reshape(-1, size)
    of_phone, of_unit = joint.sum(axis=1), joint.sum(axis=0)
    shared = entropy(of_phone) + entropy(of_unit) - entropy(joint.ravel())
    return UnitScore(
        pnmi=shared / entropy(of_phone),
        perplexity=float(np.exp(entropy(of_unit))),
        used=float(np.mean(of_unit > 0)),
        size=size,
    )


def entropy(counts: Ints) -> float:
    """Return the entropy of a distribution given by counts, in nats."""
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())


def frame_phones(features: PhoneFeatures, items: Sequence[Item]) -> NDArray[np.str_]:
    """Return the phone of each frame, [frames]."""
    return np.repeat(np.array([item.phone for item in items]), features.lengths)


def clustered(frames: Floats, size: int, seed: int = 0) -> Ints:
    """Return a unit for each frame [frames, D], by k-means from a k-means++ start.

    Raises `UserError` if there are fewer frames than units.
    """
    if len(frames) < size:
        raise UserError(f"{len(frames)} frames for {size} units; choose fewer --units")
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(frames))[:FITTED_FRAMES]
    kmeans = require("sklearn.cluster", "eval").KMeans(size, n_init=1, random_state=seed)
    units: Ints = kmeans.fit(frames[chosen]).predict(frames).astype(np.int64)
    return units


def joined(ids: Floats) -> Ints:
    """Return one number for each frame's ids [frames, codebooks]: 0 and up, equal for equal ids."""
    _, number = np.unique(ids, axis=0, return_inverse=True)
    return number.ravel().astype(np.int64)
