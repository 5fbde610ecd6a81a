"""Timing in this process."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from tiny_audio_ssl.bench.discovery import find_subjects
from tiny_audio_ssl.bench.on_host import time_on_host
from tiny_audio_ssl.bench.settings import TimingSettings


def test_the_state_of_a_stream_is_passed_on(stream_export, monkeypatch):
    states = []

    def run(packet: np.ndarray, *state: np.ndarray) -> list[np.ndarray]:
        states.append([float(one.max()) for one in state])
        return [packet, packet, *(one + 1 for one in state)]

    monkeypatch.setattr("tiny_audio_ssl.bench.on_host.open_outputs", lambda path, threads: run)
    subject = next(s for s in find_subjects([stream_export]) if s.path)
    time_on_host([subject], TimingSettings(runs=3, rounds=1, warm_up=2))
    # The first call, which does not count, is a stream of its own.
    assert states == [[0, 0]] + [[n, n] for n in range(6)]
