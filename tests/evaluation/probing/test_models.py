"""Models to probe: log-mel statistics, random weights, and who may have weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import tiny_audio_ssl
from tiny_audio_ssl import UserError
from tiny_audio_ssl.evaluation.probing.models import LogMelStatistics, open_model


def test_log_mel_statistics_are_mean_and_deviation(rng):
    waves = 0.1 * torch.randn(2, 16_000, generator=rng)
    model = LogMelStatistics()
    logmel = model.model.frontend(waves)[:, 0]
    expected = torch.cat([logmel.mean(2), logmel.std(2, correction=0)], dim=1)
    np.testing.assert_allclose(model.embed(waves.numpy()), expected, rtol=1e-5)
    assert model.embed(np.zeros((1, 10), np.float32)).shape == (1, model.dim)


def test_random_weights_keep_the_front_end(run):
    trained, untrained = open_model(run), open_model(f"random:{run}")
    assert untrained.name == "random weights" and untrained.identity != trained.identity
    assert untrained.identity == open_model(f"random:{run}").identity
    own, other = trained.model.state_dict(), untrained.model.state_dict()
    assert all(torch.equal(own[k], other[k]) for k in own if k.startswith("frontend"))
    assert any(not torch.equal(own[k], other[k]) for k in own if k.startswith("encoder"))


def test_identity_knows_settings_that_the_weights_do_not_show(run):
    one, other = tiny_audio_ssl.load(run), tiny_audio_ssl.load(run)
    config = replace(one.model.encoder.config, slice_frames=20)
    other.model.encoder.config = config
    assert one.identity == tiny_audio_ssl.load(run).identity != other.identity


def test_weights_are_for_hear_modules():
    with pytest.raises(UserError, match="hear:package"):
        open_model("logmel", "weights.pt")
