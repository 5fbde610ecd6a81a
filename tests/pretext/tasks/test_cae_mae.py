"""CAE and MAE: kinds of clips, each term by hand, and what a gradient may not reach."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.tasks import FRONTEND, make_task
from torch import Tensor

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext.configs.cae_mae import CaeMaeConfig

SMALL = {"slice_ms": 175, "latent_weight": 0.3, "cycle_weight": 0.7, "silence_weight": 0.2}


def noise(rng: torch.Generator, clips: int) -> Tensor:
    return 0.1 * torch.randn(clips, FRONTEND.samples(20), generator=rng)


def drawn(rng: torch.Generator, kinds: list[int] | None = None):
    task, encoder = make_task("cae-mae", **SMALL, kinds=kinds is not None)
    clips = noise(rng, len(kinds or range(5)))
    batch = clips if kinds is None else {"waveforms": clips, "kind": torch.tensor(kinds)}
    return task, encoder, task.inputs(LogMel(), batch, rng)


def test_without_kinds_noise_is_added_to_half_of_the_clips(rng):
    task, _ = make_task("cae-mae", **SMALL)
    clips = noise(rng, 5)
    inputs = task.draw(clips, torch.Generator().manual_seed(4))
    assert inputs["kind"].tolist() == [0, 0, 1, 1, 1, 2, 2, 2]
    clean, mixture, added = inputs["wav"].split([2, 3, 3])
    level_db = 10 * ((mixture - added).square().sum(1) / added.square().sum(1)).log10()
    assert ((level_db > -5.1) & (level_db < 15.1)).all()
    pieces = clips.unfold(1, clean.shape[1], 1).flatten(0, 1)
    for wav in (*clean, *(mixture - added)):
        assert (pieces - wav).abs().amax(dim=1).min() < 1e-6


def mse(first: Tensor, second: Tensor | float) -> float:
    return float((first - second).square().double().mean())


def test_each_term_by_hand(rng):
    task, encoder, inputs = drawn(rng, [0, 1, 2, 0, 1, -1])
    with torch.no_grad():
        found = float(task(encoder, **inputs)["loss"])
        logmel, added = inputs["logmel"], inputs["latent_noise"]
        x, n = logmel[[0, 3]], added[[0, 3]]
        h = task.clean.encode(x)
        total = mse(task.clean.decoder(h + n), x) + 0.3 * mse(h, 0)
        y, n = logmel[[1, 2, 4, 5]], added[[1, 2, 4, 5]]
        h = task.latent(encoder, y)[0]
        again = task.clean.encode(task.clean.decoder(h))
        total += mse(task.decoder(h + n), y) + 0.3 * (mse(h, 0) + mse(again, 0))
        total += 0.7 * (mse(task.decoder(again), y) + mse(again, h))
        above = task.clean.decoder(h[1:2]) - y[1:2]
        total += 0.2 * float(above.exp().add(1).log().mean())
    np.testing.assert_allclose(found, total, rtol=1e-4)


def test_mixtures_leave_the_clean_autoencoder_as_it_is(rng):
    task, encoder, inputs = drawn(rng, [1, 1, 2, 2])
    task.train()
    before = {name: value.clone() for name, value in task.clean.state_dict().items()}
    task(encoder, **inputs)["loss"].backward()
    assert all(parameter.grad is None for parameter in task.clean.parameters())
    after = task.clean.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert any(parameter.grad.any() for parameter in encoder.parameters())


def test_clean_clips_train_the_clean_autoencoder_alone(rng):
    task, encoder, inputs = drawn(rng, [0, 0, 1, 1])
    clean, added = inputs["logmel"][:2], inputs["latent_noise"][:2]
    task.of_clean(clean, added).backward()
    assert any(parameter.grad is not None for parameter in task.clean.parameters())
    assert all(parameter.grad is None for parameter in encoder.parameters())


@pytest.mark.parametrize("kinds", [[0, 0, 0], [1, 1], [2, 2]])
def test_batches_of_one_kind_give_a_loss(kinds, rng):
    task, encoder, inputs = drawn(rng, kinds)
    assert task(encoder, **inputs)["loss"].isfinite()


def test_levels_are_in_order():
    with pytest.raises(UserError, match="expected the smaller one first"):
        CaeMaeConfig(min_snr_db=10, max_snr_db=0)


def test_product_brings_the_mixture_down_to_what_is_decoded(rng):
    """Each band of each frame has the gain sqrt(min(1, clean power / power of the mixture))."""
    task, encoder = make_task("cae-mae", **SMALL)
    frontend = LogMel().fit([noise(rng, 4)])
    product = task.product(frontend, encoder)
    assert (product.name, product.takes) == ("enhanced", "waveform")
    wav = noise(rng, 2)[:, : FRONTEND.samples(16)]
    with torch.no_grad():
        logmel = frontend(wav)
        decoded = task.clean.decoder(task.latent(encoder, logmel)[0])
        power, clean = (
            (x[:, 0] / frontend.inverse_std[:, 0] + frontend.mean[:, 0]).exp()
            for x in (logmel, decoded)
        )
        gains = (clean / power).clamp_max(1).sqrt()
        expected = task.masks.waveforms(task.masks.stft(wav), gains[:, None])[:, 0]
        torch.testing.assert_close(product.module(wav), expected, rtol=1e-3, atol=1e-5)
        assert not product.module(torch.zeros(1, 4000)).any()
