"""CPC, CPC2 and wav2vec against slow, literal transcriptions of their papers, in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext import PRETEXTS

FRONTEND = FrontendConfig()
CLIPS = 3
SMALL = {"steps": 9, "distances": 3, "negatives": 4, "size": 8}


def make(task_name, **settings):
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(width=0.25), FRONTEND.bands).double().eval()
    kind = PRETEXTS[task_name]
    return kind(kind.Config(**SMALL, **settings), encoder, FRONTEND).double().eval(), encoder


def inputs_of(task, rng):
    frames = task.config.clip_frames(FRONTEND) + 7
    logmel = torch.randn(CLIPS, 1, FRONTEND.bands, frames, generator=rng, dtype=torch.float64)
    return task.draw(logmel, rng)


def vectors(task, encoder, logmel):
    """z of every slice, encoded alone, and the context network's c: [B][t] -> vectors."""
    z = []
    for b in range(CLIPS):
        slices = [logmel[b : b + 1, ..., 4 * t : 4 * t + 8] for t in range(task.config.steps)]
        z.append([task.project(encoder(part))[0] for part in slices])
    c = [task.context(torch.stack(steps)[None])[0] for steps in z]
    return z, c


def candidates(z, negatives):
    """Yield t, k (counted from 0), the right step and the wrong ones for every prediction."""
    flat = [step for clip in z for step in clip]
    for b in range(CLIPS):
        for t in range(9 - 5):
            for i, k in enumerate((3, 4, 5)):
                places = negatives[b, t, i].tolist()
                assert b * 9 + t + k not in places
                assert all(place // 9 == b for place in places)
                yield b, t, i, z[b][t + k], [flat[place] for place in places]


def numbers(values):
    return values.tolist() if isinstance(values, torch.Tensor) else values


def dot(a, b):
    return sum(x * y for x, y in zip(numbers(a), numbers(b), strict=True))


def test_cpc(rng):
    """-log exp(z' W_k c) / sum over candidates of exp(z_j' W_k c); scores divided by the size."""
    task, encoder = make("cpc")
    inputs = inputs_of(task, rng)
    out = task(encoder, **inputs)
    z, c = vectors(task, encoder, inputs["logmel"])
    losses, hits = [], {3: [], 4: [], 5: []}
    for b, t, i, right, wrong in candidates(z, inputs["negatives"]):
        w = task.ahead.weight[8 * i : 8 * (i + 1)]
        predicted = [dot(row, c[b][t]) for row in w]
        scores = [dot(step, predicted) / 8 for step in (right, *wrong)]
        losses.append(-math.log(math.exp(scores[0]) / sum(map(math.exp, scores))))
        hits[3 + i].append(scores[0] == max(scores))
    np.testing.assert_allclose(out["loss"].item(), np.mean(losses), rtol=1e-6)
    for k, found in hits.items():
        np.testing.assert_allclose(out[f"ahead/{40 * k}-ms"].item(), np.mean(found))
    np.testing.assert_allclose(out["accuracy"].item(), np.mean(list(hits.values())), rtol=1e-6)


def test_wav2vec(rng):
    """-log sigma(z' h_k(c)) - sum over negatives of log sigma(-z' h_k(c)), h_k(c) = W_k c + b_k."""
    task, encoder = make("wav2vec")
    inputs = inputs_of(task, rng)
    z, c = vectors(task, encoder, inputs["logmel"])

    def log_sigmoid(x):
        return -math.log1p(math.exp(-x))

    losses = []
    for b, t, i, right, wrong in candidates(z, inputs["negatives"]):
        w, bias = (p[8 * i : 8 * (i + 1)] for p in (task.ahead.weight, task.ahead.bias))
        h = [dot(row, c[b][t]) + offset for row, offset in zip(w, bias.tolist(), strict=True)]
        losses.append(-log_sigmoid(dot(right, h)) - sum(log_sigmoid(-dot(x, h)) for x in wrong))
    np.testing.assert_allclose(task(encoder, **inputs)["loss"].item(), np.mean(losses), rtol=1e-6)


def test_negatives_of_the_batch(rng):
    task, _ = make("cpc", negatives_from="batch")
    clips = inputs_of(task, rng)["negatives"] // 9
    assert not clips.eq(torch.arange(CLIPS)[:, None, None, None]).all()


def waveforms(rng):
    samples = FRONTEND.samples(40)
    return 0.1 * torch.randn(CLIPS, samples, generator=rng)


def heard(task, clips, rng):
    """The inputs of forward in float64, of distortions in float32."""
    inputs = task.draw(clips, rng)
    return {**inputs, "logmel": LogMel(FRONTEND).double()(inputs.pop("wav").double())}


def test_cpc2_distorts_the_past_only(rng):
    """Another distortion changes the context and leaves every step to predict as it is."""
    task, encoder = make("cpc2")
    clips = waveforms(rng)
    found = []
    for seed in (1, 2):
        inputs = heard(task, clips, torch.Generator().manual_seed(seed))
        _, past, z = task.encoded(encoder, inputs)
        found.append((task.context(past), z))
    (first, targets), (second, same_targets) = found
    assert torch.equal(targets, same_targets)
    assert (first - second).abs().amax(dim=(1, 2)).gt(1e-3).any()
    assert torch.equal(task.draw(clips, rng)["wav"][CLIPS:], clips)


def test_cpc2_silences_a_part_of_what_it_distorts(rng):
    clips = waveforms(rng)
    task, _ = make("cpc2", distorted=1.0, drop_ms=100.0)
    for row in task.distort(clips, rng):
        runs = "".join("0" if value == 0 else "1" for value in row).split("1")
        assert max(map(len, runs)) == 1600
    unchanged, _ = make("cpc2", distorted=0.0)
    assert torch.equal(unchanged.distort(clips, rng), clips)


def test_cpc2_loss_is_that_of_cpc_on_distorted_context(rng):
    task, encoder = make("cpc2")
    inputs = heard(task, waveforms(rng), rng)
    out = task(encoder, **inputs)
    _, past, z = task.encoded(encoder, inputs)
    c = task.predictor(task.network(past))
    losses = []
    for b, t, i, right, wrong in candidates(z.tolist(), inputs["negatives"]):
        predicted = [dot(row, c[b, t]) for row in task.ahead.weight[8 * i : 8 * (i + 1)]]
        scores = [dot(step, predicted) / 8 for step in (right, *wrong)]
        losses.append(-scores[0] + math.log(sum(map(math.exp, scores))))
    np.testing.assert_allclose(out["loss"].item(), np.mean(losses), rtol=1e-6)
    np.testing.assert_allclose(z.detach().mean(dim=2), 0, atol=1e-6)  # over the channels


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"distances": 30}, "clips of 22 steps: expected at least 33 steps"),
        ({"negatives_from": "moon"}, "negatives_from 'moon'; expected clip or batch"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        PRETEXTS["cpc"].Config(**settings).clip_frames(FRONTEND)


def test_cpc2_refuses_a_noise_range_upside_down():
    with pytest.raises(UserError, match="min_snr_db 30 is above max_snr_db 20"):
        PRETEXTS["cpc2"].Config(min_snr_db=30)
