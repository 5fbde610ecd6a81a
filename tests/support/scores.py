"""Scores that were never measured."""

from __future__ import annotations

import numpy as np

from tiny_audio_ssl.evaluation.probing.scores import Fit, Score


def score(model: str, right: int, task="t", protocol="linear", **details: str) -> Score:
    """Ten recordings of two classes in one test part, `right` of them predicted correctly."""
    truth = np.arange(10) % 2
    predicted = np.where(np.arange(10) < right, truth, 1 - truth)
    fit = Fit(0, 0, np.arange(10), predicted)
    return Score(task, model, protocol, ["a", "b"], truth, [fit], dict(details))
