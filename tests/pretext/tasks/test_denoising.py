"""The denoising autoencoder: noise on what is encoded, none on the target."""

from __future__ import annotations

import numpy as np
import torch

from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.tasks.autoencoder import Autoencoder, DenoisingAutoencoder

FRONTEND = FrontendConfig()


def make(**settings) -> tuple[DenoisingAutoencoder, Encoder]:
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(width=0.25), FRONTEND.bands).eval()
    config = DenoisingAutoencoder.Config(**settings)
    return DenoisingAutoencoder(config, encoder, FRONTEND).eval(), encoder


def test_target_is_the_clean_slice_bit_for_bit(rng):
    task, _ = make()
    clips = torch.randn(6, 1, 64, 32, generator=rng)  # of one slice, so there is no other
    inputs = task.draw(clips, rng)
    assert torch.equal(inputs["slice"], clips)
    plain = Autoencoder(Autoencoder.Config(), make()[1], FRONTEND)
    longer = torch.randn(6, 1, 64, 60, generator=rng)
    one, other = (t.draw(longer, torch.Generator().manual_seed(5)) for t in (task, plain))
    assert torch.equal(one["slice"], other["slice"])


def test_noise_has_the_level_that_was_drawn(rng):
    task, _ = make(mixup=0.0, noise=0.5)
    clips = torch.randn(400, 1, 64, 32, generator=rng)
    inputs = task.draw(clips, rng)
    level = (inputs["noisy"] - inputs["slice"]).flatten(1).std(dim=1)
    assert level.min() < 0.02 and 0.48 < level.max() < 0.52
    assert 0.23 < level.mean() < 0.27


def test_background_is_another_clip(rng):
    task, _ = make(mixup=0.5, noise=0.0)
    clips = torch.arange(4.0).reshape(4, 1, 1, 1).expand(4, 1, 64, 32).contiguous()
    noisy = task.draw(clips, rng)["noisy"]
    share = (noisy.exp() - clips.exp()) / (clips.exp().mean() - clips.exp())
    assert (noisy != clips).all() and share.isfinite().all()
    assert noisy[0].min() > 0 and noisy[3].max() < 3  # between the clips mixed


def test_loss_is_the_error_with_the_clean_slice(rng):
    task, encoder = make()
    inputs = task.draw(torch.randn(4, 1, 64, 40, generator=rng), rng)
    squares = []
    with torch.no_grad():
        for clean, noisy in zip(inputs["slice"], inputs["noisy"], strict=True):
            decoded = task.decoder(encoder(noisy[None]))[0].double().numpy()
            squares += [(d - c) ** 2 for d, c in zip(decoded.ravel(), clean.ravel(), strict=True)]
        np.testing.assert_allclose(task(encoder, **inputs)["loss"], np.mean(squares), rtol=1e-5)
