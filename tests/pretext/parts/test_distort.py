"""Each distortion does what its parameter says, measured on its output."""

from __future__ import annotations

import math

import pytest
import torch

from tiny_audio_ssl.pretext.parts import distort

RATE_HZ = 16_000
SAMPLES = 15_600
DRAWN = [0.9, 1.3, 1.1]
PLAIN = [
    (distort.change_gain, [-6.0, 3.0, 0.0]),
    (distort.clip_peaks, [0.5, 0.9, 0.99]),
    (distort.shift_time, [100, -3000, 15]),
    (distort.change_speed, DRAWN),
    (distort.stretch_time, DRAWN),
    (distort.shift_pitch, [300.0, -1500.0, 40.0]),
]
"""Distortions with one parameter a clip, and parameters of three clips."""


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tone(hz, samples=SAMPLES):
    return 0.3 * torch.sin(2 * math.pi * hz * torch.arange(samples) / RATE_HZ)


def loudest_hz(wav):
    """Return the frequency of the highest peak, interpolated between the bins of a long FFT."""
    spectrum = torch.fft.rfft(wav * torch.hann_window(len(wav)), 1 << 20).abs()
    return int(spectrum.argmax()) * RATE_HZ / (1 << 20)


def power_db(wav):
    return 10 * math.log10(wav.square().mean().item())


@pytest.fixture
def wavs():
    return 0.1 * torch.randn(3, SAMPLES, generator=generator(1))


@pytest.mark.parametrize(("distortion", "drawn"), PLAIN)
def test_each_clip_of_a_batch_is_distorted_as_it_would_be_alone(distortion, drawn, wavs):
    wavs = wavs.double()  # the phase vocoder magnifies rounding errors
    before = wavs.clone()
    together = distortion(wavs, torch.tensor(drawn).double())
    assert together.shape == wavs.shape and torch.equal(wavs, before)
    for index, parameter in enumerate(drawn):
        alone = distortion(wavs[index : index + 1], torch.tensor([parameter]).double())
        torch.testing.assert_close(together[index : index + 1], alone, rtol=0, atol=1e-9)


def test_gain():
    changed = distort.change_gain(tone(440)[None], torch.tensor([-6.0]))[0]
    assert power_db(changed) == pytest.approx(power_db(tone(440)) - 6, abs=1e-4)


def test_clip_peaks_limits_the_samples_above_the_quantile(wavs):
    clipped = distort.clip_peaks(wavs, torch.tensor([0.9, 0.9, 1.0]))
    highest = clipped.abs().max(dim=1, keepdim=True).values
    at_limit = (clipped.abs() == highest).float().mean(dim=1)
    assert at_limit[:2].tolist() == pytest.approx([0.1, 0.1], abs=1e-3)
    assert torch.equal(clipped[2], wavs[2])


def test_drop_time_silences_that_part_alone(wavs):
    start, length = torch.tensor([0, 100, 15_000]), torch.tensor([800, 0, 2000])
    dropped = distort.drop_time(wavs, start, length)
    assert not dropped[0, :800].any() and torch.equal(dropped[0, 800:], wavs[0, 800:])
    assert torch.equal(dropped[1], wavs[1])
    assert not dropped[2, 15_000:].any() and torch.equal(dropped[2, :15_000], wavs[2, :15_000])


def test_shift_time_wraps_around(wavs):
    shifted = distort.shift_time(wavs, torch.tensor([5, -7, 0]))
    for index, by in enumerate([5, -7, 0]):
        assert torch.equal(shifted[index], wavs[index].roll(by))


@pytest.mark.parametrize("shape", range(distort.FADE_SHAPES))
def test_fade_rises_from_silence_and_falls_back(shape):
    one = torch.ones(1, 1000)
    gain = distort.fade(one, *map(torch.tensor, ([200], [100], [shape])))[0]
    assert gain[0].item() == pytest.approx(0, abs=1e-6) and gain[-1].item() == pytest.approx(
        0, abs=1e-6
    )
    assert (gain[:200].diff() > 0).all() and (gain[900:].diff() < 0).all()
    torch.testing.assert_close(gain[199:901], torch.ones(702))


def test_fade_shapes_differ_and_no_fade_changes_nothing():
    one, zero = torch.ones(5, 1000), torch.zeros(5)
    faded = distort.fade(one, zero + 400, zero, torch.arange(5))
    early = faded[:, 100].tolist()
    assert len({round(value, 3) for value in early}) == 5
    assert early[0] == pytest.approx(100 / 399) and early[3] == pytest.approx(
        math.sin(math.pi / 2 * 100 / 399)
    )
    assert torch.equal(distort.fade(one, zero, zero, torch.arange(5)), one)


# --- noise and rooms ----------------------------------------------------------------------------


@pytest.mark.parametrize(("slope", "octave_db"), [(0.0, 0.0), (1.0, -3.01), (2.0, -6.02)])
def test_colored_noise_falls_by_so_much_in_an_octave(slope, octave_db):
    noise = distort.colored_noise(SAMPLES, torch.full((64,), slope), generator())
    assert noise.square().mean(dim=1).tolist() == pytest.approx([1.0] * 64, rel=1e-4)
    power = torch.fft.rfft(noise).abs().square().mean(dim=0)
    hz = torch.fft.rfftfreq(SAMPLES, 1 / RATE_HZ)
    low, high = (power[(hz >= f) & (hz < 1.1 * f)].mean().log10().item() for f in (500, 4000))
    assert 10 * (high - low) / 3 == pytest.approx(octave_db, abs=0.15)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_noise_is_added_at_the_ratio(wavs, snr_db):
    for noise in (
        distort.colored_noise(SAMPLES, torch.tensor([0.0, 1.0, 2.0]), generator()),
        distort.other_clips(wavs, generator()),
    ):
        noisy = distort.add_noise(wavs, noise, torch.full((3,), snr_db))
        for clean, mixed in zip(wavs, noisy, strict=True):
            ratio_db = power_db(clean) - power_db(mixed - clean)
            assert ratio_db == pytest.approx(snr_db, abs=0.1)


def test_noise_leaves_silence_silent_and_silence_adds_no_noise(wavs):
    silent, snr_db = torch.zeros_like(wavs), torch.zeros(3)
    assert not distort.add_noise(silent, wavs, snr_db).any()
    assert torch.equal(distort.add_noise(wavs, silent, snr_db), wavs)


def test_other_clips_are_never_the_clip_itself_unless_it_is_alone(wavs):
    for seed in range(10):
        other = distort.other_clips(wavs, generator(seed))
        assert all(not torch.equal(a, b) for a, b in zip(wavs, other, strict=True))
    assert torch.equal(distort.other_clips(wavs[:1], generator()), wavs[:1])


@pytest.mark.parametrize("decay_s", [0.1, 0.4, 0.8])
def test_reverberation_decays_by_60_db_in_that_time(decay_s):
    click = torch.zeros(16, 2 * RATE_HZ)
    click[:, 0] = 1
    response = distort.reverberate(click, torch.full((16,), decay_s), generator(), 6.0)
    torch.testing.assert_close(response[:, 0], torch.ones(16))
    tail = response[:, 1:]
    assert tail.square().sum(dim=1).tolist() == pytest.approx([10**-0.6] * 16, rel=1e-3)
    left_db = 10 * tail.square().flip(1).cumsum(1).flip(1).mean(0).log10()  # Schroeder's integral
    first, last = int(0.1 * decay_s * RATE_HZ), int(0.5 * decay_s * RATE_HZ)
    slope_db = (left_db[last] - left_db[first]).item() / ((last - first) / RATE_HZ)
    assert -60 / slope_db == pytest.approx(decay_s, rel=0.05)


def test_reverberation_is_repeatable(wavs):
    first, again, other = (
        distort.reverberate(wavs, torch.full((3,), 0.3), generator(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_reject_band_removes_that_band_alone():
    both = tone(1000, RATE_HZ) + tone(3000, RATE_HZ)
    left = distort.reject_band(both[None], torch.tensor([2500.0]), torch.tensor([3500.0]))[0]
    torch.testing.assert_close(left, tone(1000, RATE_HZ), rtol=0, atol=2e-3)


# --- speed and pitch ----------------------------------------------------------------------------


def test_pitch_rises_by_the_interval():
    shifted = distort.shift_pitch(tone(440)[None], torch.tensor([300.0]))[0]
    assert loudest_hz(shifted) == pytest.approx(523.3, abs=1)
    assert abs(power_db(shifted[2000:-2000]) - power_db(tone(440))) < 0.5


@pytest.mark.parametrize("cents", [-1500.0, -700.0, 0.0, 1500.0])
def test_pitch_shift_keeps_time(cents):
    """A tone that begins in the middle still does."""
    late = torch.cat([torch.zeros(8000), tone(600, 7600)])
    shifted = distort.shift_pitch(late[None], torch.tensor([cents]))[0]
    assert loudest_hz(shifted[8000:]) == pytest.approx(600 * 2 ** (cents / 1200), rel=0.005)
    assert power_db(shifted[:7000] + 1e-9) < power_db(shifted[9000:]) - 30


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.25, 1.5])
def test_stretching_keeps_pitch_and_changes_time(factor):
    late = torch.cat([torch.zeros(4800), tone(440, SAMPLES - 4800)])
    stretched = distort.stretch_time(late[None], torch.tensor([factor]))[0]
    begins = 4800 / factor
    ends = min(SAMPLES, SAMPLES / factor)
    assert loudest_hz(stretched[int(begins) : int(ends)]) == pytest.approx(440, abs=1)
    heard = stretched.abs() > 0.1
    assert int(heard.nonzero()[0]) == pytest.approx(begins, abs=distort.FFT_SIZE)
    assert int(heard.nonzero()[-1]) == pytest.approx(ends, abs=distort.FFT_SIZE)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 2.0])
def test_speed_changes_pitch_and_time(factor):
    fast = distort.change_speed(tone(440)[None], torch.tensor([factor]))[0]
    ends = round(min(SAMPLES, SAMPLES / factor))
    assert loudest_hz(fast[:ends]) == pytest.approx(440 * factor, abs=1)
    torch.testing.assert_close(
        fast[500 : ends - 500], tone(440 * factor)[500 : ends - 500], atol=0.02, rtol=0
    )
    assert power_db(fast[ends + 200 :] + 1e-9) < -60 if ends < SAMPLES - 1000 else True


def test_nothing_is_aliased():
    """6 kHz, an octave up, is above half the rate: silence, and no tone at another frequency."""
    for shifted in (
        distort.shift_pitch(tone(6000)[None], torch.tensor([1200.0]))[0],
        distort.change_speed(tone(6000)[None], torch.tensor([2.0]))[0],
    ):
        assert power_db(shifted[1000:6000] + 1e-9) < power_db(tone(6000)) - 40


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.5])
def test_stretched_noise_loses_no_more_than_3_db(wavs, factor):
    stretched = distort.stretch_time(wavs, torch.full((3,), factor))
    heard = stretched[:, 1000 : int(min(1, 1 / factor) * SAMPLES) - 1000]
    assert -3 < power_db(heard) - power_db(wavs) < 0.5


def test_silence_stays_silence_and_a_sound_after_it_is_heard():
    late = torch.cat([torch.zeros(8000), tone(500, 7600)])[None]
    assert not distort.shift_pitch(torch.zeros(1, SAMPLES), torch.tensor([700.0])).any()
    assert power_db(distort.stretch_time(late, torch.tensor([1.01]))[0, 9000:15_000]) > -20
