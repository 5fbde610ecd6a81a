from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.frontend import LOG_OFFSET, LogMel, at_gain
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.models.mel_spectrum import SAMPLES_AT_ONCE, DenseMel, FactoredMel, mel_spectrum


def noise(rng: torch.Generator, *shape: int) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=rng)


def test_agrees_with_torchaudio(torchaudio, rng):
    config = FrontendConfig()
    reference = torchaudio.transforms.MelSpectrogram(
        config.sample_rate_hz,
        n_fft=config.fft_size,
        win_length=config.window,
        hop_length=config.hop,
        f_min=config.min_hz,
        f_max=config.max_hz,
        n_mels=config.bands,
        center=False,
    )
    time = torch.arange(32_000) / config.sample_rate_hz
    tone = 0.5 * torch.sin(2 * torch.pi * 440 * time)
    waveform = torch.stack([noise(rng, 32_000), tone])
    # torchaudio centers the window inside the transform's length, ours begins with it.
    margin = (config.fft_size - config.window) // 2
    expected = torch.log(reference(F.pad(waveform, (margin, margin))) + LOG_OFFSET)
    frames = config.frames(waveform.shape[1])
    difference = (LogMel(config)(waveform)[:, 0] - expected[..., :frames]).abs()
    assert difference[0].max() < 1e-4  # of a natural logarithm
    # Far from the tone there is nothing but float32's rounding, close to the logarithm's offset.
    assert difference[1].max() < 5e-3


def slow_mel(config: FrontendConfig, waveform: np.ndarray) -> np.ndarray:
    """Frame by frame, band by band, in float64: `[samples]` -> `[bands, frames]`"""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(config.window) / config.window)
    hz = np.arange(config.fft_size // 2 + 1) * config.sample_rate_hz / config.fft_size
    low, high = (2595 * math.log10(1 + f / 700) for f in (config.min_hz, config.max_hz))
    edges_hz = 700 * (10 ** (np.linspace(low, high, config.bands + 2) / 2595) - 1)
    mel = np.zeros((config.bands, config.frames(len(waveform))))
    for frame in range(mel.shape[1]):
        start = frame * config.hop
        windowed = hann * waveform[start : start + config.window]
        power = np.abs(np.fft.rfft(windowed, config.fft_size)) ** 2
        for band in range(config.bands):
            triangle = np.interp(hz, edges_hz[band : band + 3], [0, 1, 0], 0, 0)
            mel[band, frame] = triangle @ power
    return mel


@pytest.mark.parametrize(
    ("settings", "form", "strands"),
    [
        ({}, FactoredMel, 16),
        ({"window_ms": 32, "hop_ms": 8, "bands": 40}, FactoredMel, 16),
        (
            {"window_ms": 64, "hop_ms": 16, "bands": 96, "min_hz": 0, "max_hz": 8000},
            FactoredMel,
            16,
        ),
        ({"window_ms": 20, "hop_ms": 12.5, "bands": 7}, FactoredMel, 8),
        ({"window_ms": 10, "hop_ms": 20, "bands": 80}, FactoredMel, 16),
        ({"window_ms": 2, "hop_ms": 1, "bands": 4}, FactoredMel, 16),
        ({"window_ms": 25, "hop_ms": 10.1}, DenseMel, None),
        ({"window_ms": 25, "hop_ms": 2}, DenseMel, None),
    ],
)
@pytest.mark.parametrize("spare", [0, 1, 333])
def test_both_forms_agree_with_a_slow_reference(settings, form, strands, spare, rng):
    config = FrontendConfig(**settings)
    spectrum = mel_spectrum(config)
    assert type(spectrum) is form and getattr(spectrum, "strands", None) == strands
    waveform = noise(rng, 1, config.samples(5) + spare)
    expected = slow_mel(config, waveform[0].double().numpy())
    for found in (spectrum(waveform), DenseMel(config)(waveform)):
        assert found.shape == (config.bands, 1, config.frames(waveform.shape[1]))
        np.testing.assert_allclose(found[:, 0], expected, rtol=1e-4, atol=1e-6 * expected.max())


def test_large_batch_is_taken_in_parts(rng):
    waveform = noise(rng, 5, SAMPLES_AT_ONCE // 3)
    frontend = LogMel()
    alone = torch.cat([frontend(row[None]) for row in waveform])
    torch.testing.assert_close(frontend(waveform), alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("spare", [1, 159, 77_777])
def test_long_clip_in_blocks_of_frames_is_the_same_to_the_bit(spare, rng, monkeypatch):
    waveform = noise(rng, 2, SAMPLES_AT_ONCE + spare)
    spectrum = mel_spectrum(FrontendConfig())
    blocks = list(spectrum._blocks(waveform))
    found = spectrum(waveform)
    monkeypatch.setattr("tiny_audio_ssl.models.mel_spectrum.FRAMES_AT_ONCE", waveform.shape[1])
    assert torch.equal(found, spectrum(waveform))
    lengths = {block.shape[1] // 160 for block in blocks}
    assert len(blocks) > 1 and max(lengths) - min(lengths) <= 1


def test_batched_equals_single(rng):
    waveform = noise(rng, 4, 16_000)
    frontend = LogMel()
    together = frontend(waveform)
    alone = torch.cat([frontend(row[None]) for row in waveform])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


def test_frames_and_samples_are_inverse():
    config = FrontendConfig()
    assert config.frames(15_600) == 96 == config.frames_of_ms(975)
    assert config.samples(96) == 15_600 and config.ms(96) == 975
    assert config.frames(config.samples(7) - 1) == 6
    assert LogMel(config)(torch.zeros(1, 15_600)).shape == (1, 1, 64, 96)


def test_fit_gives_zero_mean_and_unit_variance(rng):
    batches = [noise(rng, 8, 16_000) * level for level in (0.1, 1, 3)]
    frontend = LogMel().fit(batches)
    bands = torch.cat([frontend(batch) for batch in batches]).transpose(0, 2).flatten(1)
    torch.testing.assert_close(bands.mean(1), torch.zeros(64), rtol=0, atol=1e-3)
    torch.testing.assert_close(bands.std(1), torch.ones(64), rtol=0, atol=1e-3)


def test_state_holds_only_the_statistics():
    assert set(LogMel().state_dict()) == {"mean", "inverse_std"}


def test_silent_corpus_is_not_divided_by_zero():
    frontend = LogMel().fit([torch.zeros(2, 16_000)])
    assert frontend(torch.zeros(1, 16_000)).abs().max() == 0


@pytest.mark.parametrize(
    "wrong", [{"max_hz": 9000.0}, {"min_hz": 8000.0}, {"bands": 0}, {"hop_ms": 0.0}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UserError):
        FrontendConfig(**wrong)


def test_fit_without_waveforms_is_an_error():
    with pytest.raises(UserError, match="no waveforms"):
        LogMel().fit([])


def test_log_mel_at_another_level(rng):
    waves = 0.1 * torch.randn(3, 4000, generator=rng) * torch.tensor([[1.0], [0.01], [0.0]])
    gains_db = torch.tensor([-20.0, 10.0, 5.0])
    found = at_gain(LogMel()(waves), gains_db[:, None, None, None])
    expected = LogMel()(waves * 10 ** (gains_db[:, None] / 20))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
