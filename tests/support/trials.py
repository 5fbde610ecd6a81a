"""Trials of a search that were never run."""

from __future__ import annotations

from tiny_audio_ssl.evaluation.search.trials import Figure, Trial


def trial(number, weights, accuracy, test=0.5):
    """A trial without its run."""
    return Trial(number, weights, 10, 1.0, Figure(accuracy, 0.0, 1.0), Figure(test, 0.0, 1.0))
