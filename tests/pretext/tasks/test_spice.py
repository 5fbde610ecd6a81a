"""SPICE: slices shifted by bands, its three losses, the scale in Hz, what silence gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel, log_of
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.models.mel_spectrum import mel_spectrum
from tiny_audio_ssl.pretext.configs.spice import SpiceConfig
from tiny_audio_ssl.pretext.parts.pitch import harmonic_tones
from tiny_audio_ssl.pretext.tasks.spice import Spice, with_more_bands
from tiny_audio_ssl.training.config import PretrainConfig

FRONTEND = SpiceConfig.wants


def make(**settings) -> tuple[Spice, Encoder]:
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(width=0.25), FRONTEND.bands).eval()
    return Spice(SpiceConfig(slices=3, **settings), encoder, FRONTEND).eval(), encoder


def waves(rng: torch.Generator) -> Tensor:
    return 0.1 * torch.randn(4, FRONTEND.samples(9), generator=rng)


def test_slices_are_cut_from_one_spectrum(rng):
    task, _ = make()
    clips = waves(rng)
    inputs = task.draw(clips, rng, mean=2.0, inverse_std=0.5)
    spectrum = mel_spectrum(with_more_bands(FRONTEND, 8))(clips)
    logs = (log_of(spectrum).transpose(0, 1) - 2) / 2  # [clips, 136, 9]
    lowest = LogMel(FRONTEND)(clips)[:, 0]
    torch.testing.assert_close(2 * logs[:, :128] + 2, lowest, rtol=0, atol=1e-3)
    windows = logs.unfold(1, 128, 1).unfold(2, 3, 1)  # [clips, first band, first frame, 128, 3]
    for row, shift in enumerate(inputs["shift"].tolist()):
        place = []
        for name in ("first", "second"):
            difference = (windows[row // 3] - inputs[name][row, 0]).abs().amax(dim=(2, 3))
            band, frame = divmod(int(difference.argmin()), difference.shape[1])
            assert difference[band, frame] < 1e-5
            place.append((band, frame))
        assert place[1][0] - place[0][0] == shift and place[0][1] == place[1][1]


def test_losses_are_those_of_the_paper(rng):
    task, encoder = make(pitch_weight=100.0, reconstruction_weight=0.5)
    inputs = task.draw(waves(rng), rng)
    with torch.no_grad():
        found = task(encoder, **inputs)["loss"].item()
        first, second = (
            [task.head(z[None], z[None]) for z in encoder(inputs[name])]
            for name in ("first", "second")
        )
        total, band = 0.0, 1 / 128
        for row, ((y1, c1), (y2, c2)) in enumerate(zip(first, second, strict=True)):
            error = abs(float(y1 - y2) - band * float(inputs["shift"][row]))
            limit = band / 4
            huber = error**2 / 2 if error <= limit else limit * (error - limit / 2)
            rebuilt = 0.0
            for name, y in (("first", y1), ("second", y2)):
                wanted = inputs[name][row].flatten()
                rebuilt += float((task.decoder(y[:, None])[0] - wanted).square().mean())
            unsure = sum((1 - float(c) - error / band) ** 2 for c in (c1, c2))
            total += 100 * huber + 0.5 * rebuilt + unsure
    np.testing.assert_allclose(found, total / len(first), rtol=1e-4)


def test_confidence_does_not_train_the_encoder(rng):
    task, encoder = make()
    inputs = task.draw(waves(rng), rng)
    embedding = task(encoder, **inputs)["embedding"]
    _, confidence = task.head(embedding, embedding.detach())
    (gradient,) = torch.autograd.grad(confidence.sum(), embedding, allow_unused=True)
    assert gradient is None


class Ear(nn.Module):
    """An encoder that hears the pitch: embeddings whose first number is the loudest band."""

    def forward(self, slices: Tensor) -> Tensor:
        bands = torch.arange(slices.shape[2]).float()
        weights = (8 * slices[:, 0, :, 1]).softmax(dim=1)
        return torch.stack([weights @ bands / slices.shape[2], torch.zeros(len(slices))], dim=1)


def heard_by_an_ear() -> tuple[Spice, LogMel]:
    """A task whose y is a sigmoid of the loudest band, so that the slope has to be fitted."""
    task, _ = make()
    task.head.pitch, task.head.confidence = nn.Linear(2, 1), nn.Linear(2, 1)
    with torch.no_grad():
        task.head.pitch.weight.copy_(torch.tensor([[4.0, 0.0]]))
        task.head.pitch.bias.fill_(-2.0)
    return task, LogMel(FRONTEND)


def test_scale_in_hz_is_fitted_on_made_tones():
    task, frontend = heard_by_an_ear()
    product = task.product(frontend, Ear())
    hz = torch.tensor([110.0, 220.0, 440.0])
    with torch.no_grad():
        found, _ = product.module(frontend(harmonic_tones(hz, FRONTEND.samples(5))))
    assert found.shape == (3, 3)
    cents = 1200 * (found / hz[:, None]).log2().abs()
    assert cents.max() < 120  # a sigmoid is no line


def test_silence_has_a_pitch_without_confidence():
    task, encoder = make()
    frontend = LogMel(FRONTEND)
    product = task.product(frontend, encoder)
    sounds = torch.zeros(3, FRONTEND.samples(4))
    sounds[1] = 10 ** (-100 / 20)  # less than the least step of 16 bits
    sounds[2] = harmonic_tones(torch.tensor([440.0]), sounds.shape[1]) * 50  # then clipped
    with torch.no_grad():
        hz, confidence = product.module(frontend(sounds.clamp(-1, 1)))
    assert hz.isfinite().all() and (hz > 0).all()
    assert (confidence[:2] == 0).all() and (confidence[2] > 0.1).all() and confidence.max() <= 1


def test_product_describes_its_outputs():
    task, encoder = make()
    product = task.product(LogMel(FRONTEND), encoder)
    assert (product.name, product.takes) == ("pitch", "mel")
    assert [output.name for output in product.outputs] == ["pitch_hz", "confidence"]
    assert "2560 samples from sample 256 k" in product.outputs[0].meaning


def test_runs_have_its_front_end_by_default():
    config = PretrainConfig("spice")
    assert config.frontend == FRONTEND and config.encoder.slice_frames == 3
    assert PretrainConfig().changed(task="spice").frontend == FRONTEND
    assert config.changed(task="cola").frontend == FrontendConfig()
    given = FrontendConfig(bands=40)
    assert PretrainConfig(frontend=given).changed(task="spice").frontend == given


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale": "mel"}, "give --frontend.scale log and --frontend.normalize all"),
        ({"normalize": "band"}, "it was given log and band"),
        ({"max_hz": 7900.0}, "8 bands above 7900 Hz end at"),
    ],
)
def test_other_front_ends_are_refused(changes, message):
    frontend = replace(FRONTEND, **changes)
    encoder = Encoder(EncoderConfig(width=0.25), frontend.bands)
    with pytest.raises(UserError, match=message):
        Spice(SpiceConfig(), encoder, frontend)


def test_slice_must_fit_in_its_clip():
    with pytest.raises(UserError, match="must not be longer than its clip"):
        SpiceConfig(slice_ms=1000, clip_ms=500)
