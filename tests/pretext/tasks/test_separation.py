"""Separation: orders and assignments by brute force."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.separation import MixItConfig, SeparationConfig
from tiny_audio_ssl.pretext.parts import sound_error
from tiny_audio_ssl.pretext.tasks.separation import MixIt, Separation, best_assignment

FRONTEND = FrontendConfig()
SHORT = {"slice_ms": 175.0, "slices": 2}


def built(kind, config) -> SimpleNamespace:
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(width=0.25), FRONTEND.bands).eval()
    task = kind(config, encoder, FRONTEND).eval()
    clips = 0.1 * torch.randn(4, task.samples + 100, generator=torch.Generator().manual_seed(1))
    inputs = task.inputs(LogMel(FRONTEND), clips, torch.Generator().manual_seed(2))
    found, _ = task.estimate(encoder, inputs["logmel"], inputs["mixture"])
    return SimpleNamespace(task=task, encoder=encoder, clips=clips, inputs=inputs, found=found)


def test_mixture_is_the_sum_of_two_clips_at_drawn_levels():
    made = built(Separation, SeparationConfig(**SHORT, level_db=6))
    mixture, parts = made.inputs["mixture"], made.inputs["parts"]
    assert torch.allclose(parts.sum(dim=1), mixture)
    assert not torch.equal(parts[0, 0], parts[0, 1])
    level_db = 20 * torch.log10(parts.std(dim=2) / 0.1)
    assert level_db.abs().max() < 6.3 and level_db.std() > 1


def test_loss_takes_the_better_order():
    made = built(Separation, SeparationConfig(**SHORT))
    parts, out = made.inputs["parts"], made.task(made.encoder, **made.inputs)
    total, swapped = 0.0, 0
    for found, true in zip(made.found, parts, strict=True):
        ratio = [[float(sound_error.si_sdr(e, s, 30.0)) for s in true] for e in found]
        orders = [(ratio[0][0] + ratio[1][1]) / 2, (ratio[0][1] + ratio[1][0]) / 2]
        total += max(orders)
        swapped += orders[1] > orders[0]
    assert float(out["loss"]) == pytest.approx(-total / len(parts), abs=1e-3)
    assert float(out["swapped"]) == swapped / len(parts)
    turned = made.task(made.encoder, **{**made.inputs, "parts": parts.flip(1)})
    assert torch.allclose(turned["loss"], out["loss"], atol=1e-4)
    assert torch.allclose(turned["improvement_db"], out["improvement_db"], atol=1e-3)


def literal_mixit(sounds: np.ndarray, recordings: np.ndarray) -> tuple[float, np.ndarray]:
    """Try every assignment of sounds to two recordings."""
    best = (np.inf, np.zeros(0))
    for owners in product((0, 1), repeat=len(sounds)):
        assigned = np.array([[float(owner == i) for owner in owners] for i in (0, 1)])
        total = 0.0
        for wanted, found in zip(recordings, assigned @ sounds, strict=True):
            energy = (wanted**2).sum()
            error = ((wanted - found) ** 2).sum()
            total += 10 * np.log10((error + 1e-3 * energy) / energy)
        best = min(best, (total, assigned), key=lambda pair: pair[0])
    return best


def test_mixit_tries_every_assignment(rng):
    sounds = torch.randn(5, 3, 400, generator=rng)
    recordings = torch.randn(5, 2, 400, generator=rng)
    recordings[0, 0], recordings[0, 1] = sounds[0, 1], sounds[0, 0] + sounds[0, 2]
    found = best_assignment(sounds, recordings)
    for own, s, x in zip(found, sounds, recordings, strict=True):
        _, expected = literal_mixit(s.double().numpy(), x.double().numpy())
        assert own.tolist() == expected.tolist()
    assert found[0].tolist() == [[0, 1, 0], [1, 0, 1]]


def test_mixit_loss_and_consistency():
    made = built(MixIt, MixItConfig(**SHORT, outputs=3))
    whole = made.task.masks.inverse(made.task.masks.stft(made.inputs["mixture"]))
    assert made.found.shape[1] == 3
    assert torch.allclose(made.found.sum(dim=1), whole, atol=1e-5)
    losses = [
        literal_mixit(s.double().numpy(), x.double().numpy())[0]
        for s, x in zip(made.found.detach(), made.inputs["parts"], strict=True)
    ]
    out = made.task(made.encoder, **made.inputs)
    assert float(out["loss"]) == pytest.approx(np.mean(losses), abs=1e-2)


@pytest.mark.parametrize(
    ("kind", "config"), [(Separation, SeparationConfig(**SHORT)), (MixIt, MixItConfig(**SHORT))]
)
def test_a_sound_mixed_with_itself_and_silence(kind, config):
    made = built(kind, config)
    for clips in (made.clips[:1].expand(3, -1), torch.zeros(3, made.clips.shape[1])):
        rng = torch.Generator().manual_seed(0)
        inputs = made.task.inputs(LogMel(FRONTEND), clips, rng)
        made.task.zero_grad()
        out = made.task(made.encoder, **inputs)
        out["loss"].backward()
        assert torch.isfinite(out["loss"])
        assert all(torch.isfinite(p.grad).all() for p in made.task.parameters())
