"""Crops stay inside their recording; windows cover all of it."""

from __future__ import annotations

import numpy as np
import torch

from tiny_audio_ssl.evaluation.finetuning.crops import Crops, LabeledPart, all_windows


def test_crops_are_of_the_recording_and_zeros_follow_a_short_one(ramps):
    crops = Crops(LabeledPart(ramps, np.array([5, 6, 7]), 8), samples=1000, size=3, seed=0)
    waves, labels = crops.step(0)
    assert sorted(labels.tolist()) == [5, 6, 7]  # each recording once before one comes again
    assert torch.equal(crops.step(0)[0], waves)
    rows = dict(zip(labels.tolist(), waves, strict=True))
    ramp = torch.arange(1, 2501) / 4096
    assert torch.equal(rows[5], torch.cat([ramp[:500], torch.zeros(500)]))
    assert torch.equal(rows[6], ramp[:1000])
    starts = set()
    for step in range(20):
        waves, labels = crops.step(step)
        wave = waves[labels.tolist().index(7)]
        starts.add(start := round(float(wave[0]) * 4096) - 1)
        assert torch.equal(wave, ramp[start : start + 1000])
    assert len(starts) > 10


def test_windows_cover_the_whole_recording(ramps):
    ((waves, clips),) = all_windows(ramps, 1000)
    assert clips.tolist() == [0, 1, 2, 2, 2]
    starts = (waves[:, 0] * 4096 - 1).round().int().tolist()
    assert starts == [0, 0, 0, 1000, 1500]  # the last ends with the recording
    assert not waves[0, 500:].any()
